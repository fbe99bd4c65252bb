"""What is checked before a release: the bundled checkpoint passes, and each fault is named."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from nlpie_models.checkpoint_files import BUNDLED_FOLDER, ZOO_FOLDER
from nlpie_models.cli import main
from nlpie_models.registry import TrainingData, default_checkpoint, get_checkpoint
from nlpie_models.release import find_subject
from nlpie_models.release_checks import Subject, run_checks
from nlpie_models.smoke import Smoke, try_folder

CARDS = Path(__file__).parent.parent / "model_cards"
NAME = default_checkpoint().name
CHECKS = ["safe", "files", "config", "loads", "tokenizer", "labels", "hashes", "size", "privacy", "card", "licence"]
CHECKS += ["numbers"]


@pytest.fixture
def quick(monkeypatch):
    """No fresh process: the checks of the files themselves."""
    smoke = Smoke({"ner": {}}, "AutoModelForTokenClassification", (), True)
    monkeypatch.setattr("nlpie_models.release_checks.try_folder", lambda folder, tasks: smoke)


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(BUNDLED_FOLDER / NAME, tmp_path / NAME)
    return tmp_path / NAME


def failing(subject: Subject) -> dict[str, str]:
    findings = run_checks(subject)
    assert [finding.check for finding in findings] == CHECKS
    return {finding.check: finding.detail for finding in findings if finding.outcome == "FAIL"}


def test_the_bundled_checkpoint_is_fit_to_be_released() -> None:
    result = CliRunner().invoke(main, ["release", "check", NAME, "--cards", str(CARDS)])
    assert result.exit_code == 0, result.output
    lines = [line.split()[:2] for line in result.output.splitlines()]
    assert lines == [[name, "ok"] for name in CHECKS]
    assert "in a fresh process, by load_clinical for ner and by AutoModelForTokenClassification" in result.output


def change(path: Path, **values: object) -> None:
    content = json.loads(path.read_text()) | values
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


@pytest.mark.parametrize(
    ("break_it", "check", "detail"),
    [
        (lambda folder: (folder / "optimizer.txt").write_text(""), "files", "optimizer.txt: no file of a release"),
        (lambda folder: (folder / "tokenizer_config.json").unlink(), "tokenizer", "tokenizer_config.json is missing"),
        (lambda folder: change(folder / "config.json", id2label=None, label2id=None), "labels", "have no names"),
        (lambda folder: change(folder / "config.json", note="fever " * 60), "privacy", "over 300 characters"),
        (lambda folder: change(folder / "config.json", x="/home/me/run"), "privacy", "names a path of a machine"),
        (
            lambda folder: (folder / "model.safetensors").open("ab").write(b"x"),
            "hashes",
            f"and the row says {get_checkpoint(NAME).weights.sha256}",
        ),
    ],
)
def test_faults_of_a_folder(quick, folder, break_it, check, detail) -> None:
    break_it(folder)
    assert detail in failing(find_subject(str(folder), CARDS))[check]


@pytest.mark.parametrize(
    ("changed", "check", "detail"),
    [
        ({"licence": "unknown"}, "licence", "the row states no licence"),
        ({"labels": ("problem",)}, "labels", "and its row says ['problem']"),
        (
            {"training_data": (TrainingData(name="x", licence="CC BY-NC 4.0", source="x", use="labels"),)},
            "licence",
            "apache-2.0 gives away more than its data allow: x (CC BY-NC 4.0)",
        ),
        ({"summary": "Other"}, "card", "open-mini.md is stale; run `nlpie card open-mini`"),
        ({"name": "other"}, "numbers", "no results of these very weights on a test split"),
    ],
)
def test_faults_of_a_row(quick, folder, changed, check, detail) -> None:
    assert detail in failing(Subject(folder, replace(get_checkpoint(NAME), **changed), CARDS))[check]


def test_results_of_what_was_fine_tuned_from_the_weights_count(quick) -> None:
    assert "numbers" not in failing(find_subject("open-base", CARDS))


def test_an_adapter_and_a_folder_without_a_row(quick, ner_folder, tmp_path) -> None:
    adapter = Subject(BUNDLED_FOLDER / "open-mini-cancer", get_checkpoint("open-mini-cancer"), CARDS)
    assert "`nlpie convert` joins it with its base" in failing(adapter)["config"]
    shutil.copytree(ner_folder, tmp_path / "mine")
    found = failing(find_subject(str(tmp_path / "mine"), CARDS))
    assert set(found) == {"hashes", "size", "card", "licence", "numbers"}
    assert "the registry has no checkpoint 'mine'" in found["card"]


def test_transformers_has_nothing_against_a_masked_language_model_with_a_pooler() -> None:
    found = try_folder(ZOO_FOLDER / "open-base", ["fill-mask"])
    assert found.loading == ()
    assert found.same_tokens


def test_what_transformers_complains_of(folder, monkeypatch) -> None:
    smoke = Smoke({"ner": {}}, "AutoModelForTokenClassification", ("missing classifier.weight",), False)
    monkeypatch.setattr("nlpie_models.release_checks.try_folder", lambda folder, tasks: smoke)
    found = failing(find_subject(str(folder), CARDS))
    assert "complains: missing classifier.weight" in found["loads"]
    assert "cut a sentence differently" in found["tokenizer"]
