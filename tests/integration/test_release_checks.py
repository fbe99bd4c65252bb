"""The checks before a release, with the fresh process in which a checkpoint is loaded."""

from pathlib import Path

from click.testing import CliRunner

from nlpie_models.cli import main
from nlpie_models.loading.find import ZOO_FOLDER
from nlpie_models.registry import default_checkpoint
from nlpie_models.release.smoke import try_folder

CARDS = Path(__file__).parents[2] / "model_cards"
NAME = default_checkpoint().name
CHECKS = ["safe", "files", "config", "loads", "tokenizer", "graphs", "labels", "hashes", "size", "privacy", "card"]
CHECKS += ["licence", "numbers"]


def test_the_bundled_checkpoint_is_fit_to_be_released() -> None:
    result = CliRunner().invoke(main, ["release", "check", NAME, "--cards", str(CARDS)])
    assert result.exit_code == 0, result.output
    lines = [line.split()[:2] for line in result.output.splitlines()]
    assert lines == [[name, "ok"] for name in CHECKS]
    assert (
        "in a fresh process, by load_clinical for ner, assertion and by AutoModelForTokenClassification"
        in result.output
    )


def test_transformers_has_nothing_against_a_masked_language_model_with_a_pooler() -> None:
    found = try_folder(ZOO_FOLDER / "open-base", ["fill-mask"])
    assert found.loading == ()
    assert found.same_tokens
