"""A checkpoint that is added by one TOML is listed, shown, described on a card and loaded by its names."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from nlpie_models import get_checkpoint, list_checkpoints, load_clinical, registry
from nlpie_models.cli import main
from nlpie_models.errors import CheckpointError
from nlpie_models.util.files import sha256_of

CARDS = Path(__file__).parents[1] / "model_cards"
TOML = """
name = "tiny-ner"
summary = "Two layers that find problems, treatments and tests"
status = "published"
hub_id = "somebody/tiny-ner"
licence = "mit"
aliases = ["ner-20k"]
heads = ["ner"]
labels = ["problem", "treatment", "test"]

[architecture]
model_type = "bert"
layers = 2
hidden = 32
embedding = 32
heads = 2
feed_forward = 48
vocabulary = 126
cased = false

[weights]
file = "model.safetensors"
sha256 = "{sha256}"

[recipe]
kind = "finetuning"
data = "Invented notes"
commands = ["nlpie train finetune --start open-notes --data DATA --output tiny-ner"]

[[training_data]]
name = "Invented notes"
access = "open"
terms = "permissive"
licence = "CC0"
source = "this test"
use = "labels"
"""


@pytest.fixture
def folder(ner_folder, tmp_path, monkeypatch):
    """The files of a checkpoint on this machine, whose TOML is in the registry."""
    shutil.copytree(registry.CHECKPOINTS_FOLDER, tmp_path / "checkpoints")
    shutil.copytree(ner_folder, tmp_path / "home" / "tiny-ner")
    toml = TOML.format(sha256=sha256_of(ner_folder / "model.safetensors"))
    (tmp_path / "checkpoints" / "tiny-ner.toml").write_text(toml)
    monkeypatch.setenv("NLPIE_MODELS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(registry, "CHECKPOINTS_FOLDER", tmp_path / "checkpoints")
    registry._registry.cache_clear()
    yield tmp_path / "home" / "tiny-ner"
    registry._registry.cache_clear()


def nlpie(*arguments: object) -> str:
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return result.output


def test_it_is_listed_and_shown(folder) -> None:
    assert get_checkpoint("NER-20k") in list_checkpoints()
    [line] = [line for line in nlpie("list", "--task", "ner").splitlines() if line.startswith("tiny-ner ")]
    assert line.split() == ["tiny-ner", "ner-20k", "ner,", "embedding", "-", "here"]
    assert "Two layers that find problems" in nlpie("show", "somebody/tiny-ner")


def test_it_has_a_card(folder, tmp_path) -> None:
    cards = tmp_path / "cards"
    shutil.copytree(CARDS, cards, ignore=shutil.ignore_patterns("results", "*.svg", "*.png"))
    nlpie("card", "tiny-ner", "--cards", cards)
    card = (cards / "tiny-ner.md").read_text(encoding="utf-8")
    assert 'load_clinical("tiny-ner", task="ner")' in card
    assert "nlpie train finetune --start open-notes" in card
    assert "1 of 1 cards were up to date" in nlpie("card", "tiny-ner", "--check", "--cards", cards)


def test_it_is_loaded_by_its_names_and_verified(folder) -> None:
    pipe = load_clinical("ner-20k")
    assert pipe.checkpoint.row is get_checkpoint("tiny-ner")
    assert pipe("the patient has chest pain") == load_clinical(folder)("the patient has chest pain")
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(CheckpointError, match="tiny-ner"):
        load_clinical("tiny-ner")
