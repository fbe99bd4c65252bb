"""What is checked before a release: each fault is named."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from nlpie_models import load_clinical
from nlpie_models.loading.find import BUNDLED_FOLDER
from nlpie_models.registry import TrainingData, default_checkpoint, get_checkpoint
from nlpie_models.release.card_metadata import find_loading_faults
from nlpie_models.release.cards import list_rows_with_cards, make_card
from nlpie_models.release.checks import run_checks
from nlpie_models.release.plan import Subject, find_subject, stage
from nlpie_models.release.smoke import Smoke

CARDS = Path(__file__).parents[2] / "model_cards"
NAME = default_checkpoint().name
CHECKS = ["safe", "files", "config", "loads", "tokenizer", "graphs", "labels", "hashes", "size", "privacy", "card"]
CHECKS += ["licence", "numbers"]

NON_COMMERCIAL = TrainingData(
    name="x", access="open", terms="restrictive", licence="CC BY-NC 4.0", source="x", use="labels"
)


@pytest.fixture
def quick(monkeypatch):
    """No fresh process: the checks of the files themselves."""
    smoke = Smoke({"ner": {}}, "AutoModelForTokenClassification", (), True)
    monkeypatch.setattr("nlpie_models.release.plan.try_folder", lambda folder, tasks: smoke)


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(BUNDLED_FOLDER / NAME, tmp_path / NAME)
    return tmp_path / NAME


def failing(subject: Subject) -> dict[str, str]:
    findings = run_checks(subject)
    assert [finding.check for finding in findings] == CHECKS
    return {finding.check: finding.detail for finding in findings if finding.outcome == "FAIL"}


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
            {"training_data": (NON_COMMERCIAL,)},
            "licence",
            "apache-2.0 permits more than the training data do: x (CC BY-NC 4.0)",
        ),
        ({"summary": "Other"}, "card", "open-notes.md is stale; run `nlpie card open-notes`"),
        ({"name": "other"}, "numbers", "no results of these very weights on a test split"),
    ],
)
def test_faults_of_a_row(quick, folder, changed, check, detail) -> None:
    assert detail in failing(Subject(folder, replace(get_checkpoint(NAME), **changed), CARDS))[check]


def test_the_hash_of_another_file_is_no_hash_of_a_converted_one(quick, folder) -> None:
    row = get_checkpoint(NAME)
    subject = Subject(folder, replace(row, weights=replace(row.weights, file="pytorch_model.bin")), CARDS)
    assert "take sha256 out of the row" in failing(subject)["hashes"]


def test_results_of_what_was_fine_tuned_from_the_weights_count(quick) -> None:
    assert "numbers" not in failing(find_subject("open-small", CARDS))


def test_an_adapter_is_released_joined_with_its_base(quick) -> None:
    subject = find_subject("open-notes-cancer", CARDS)
    assert not failing(subject)
    text = "adenocarcinoma of the colon"
    with stage(subject, "org/cancer") as folder:
        assert {"model.safetensors", "tokenizer.json"} < {path.name for path in folder.iterdir()}
        assert not (folder / "adapter.safetensors").exists()
        model = AutoModelForSequenceClassification.from_pretrained(folder)
        with torch.no_grad():
            logits = model(**AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")).logits[0]
    scores = load_clinical("open-notes-cancer", "classification", device="cpu")(text).scores
    assert list(scores.values()) == pytest.approx(logits.softmax(-1).tolist(), abs=1e-5)


def test_a_folder_without_a_row(quick, ner_folder, tmp_path) -> None:
    shutil.copytree(ner_folder, tmp_path / "mine")
    found = failing(find_subject(str(tmp_path / "mine"), CARDS))
    assert set(found) == {"hashes", "size", "card", "licence", "numbers"}
    assert "the registry has no checkpoint 'mine'" in found["card"]


@pytest.mark.parametrize(
    ("card", "fault"),
    [
        ("---\nlibrary_name: transformers\n---\npip install nlpie-models", "library_name is 'transformers', and"),
        ("---\nlibrary_name: nlpie-models\n---\nJust load it.", "it does not say `pip install nlpie-models`"),
        ("pip install nlpie-models", "library_name is None"),
        ("---\nlicense: [mit\n---\npip install nlpie-models", "its head is no YAML"),
        (
            "---\nlicense: mit\n---\n",
            "transformers alone does not know minialbert: write nlpie-models; it does not say",
        ),
    ],
)
def test_a_card_that_leads_to_transformers_alone(quick, folder, tmp_path, card, fault) -> None:
    (folder / "README.md").write_text(card)
    assert "card" not in failing(find_subject(str(folder), CARDS))  # it is no MiniALBERT
    encoder = tmp_path / "open-mini-encoder"
    shutil.copytree(Path(__file__).parents[2] / "zoo" / "open-mini-encoder", encoder)
    (encoder / "README.md").write_text(card)
    assert fault in failing(find_subject(str(encoder), CARDS))["card"]


@pytest.mark.parametrize("row", [row for row in list_rows_with_cards() if row.architecture.model_type == "minialbert"])
def test_our_cards_of_minialbert_say_what_to_install(row) -> None:
    assert not [*find_loading_faults(make_card(row, CARDS), "minialbert")]


def test_what_transformers_complains_of(folder, monkeypatch) -> None:
    smoke = Smoke({"ner": {}}, "AutoModelForTokenClassification", ("missing classifier.weight",), False, 0.25)
    monkeypatch.setattr("nlpie_models.release.plan.try_folder", lambda folder, tasks: smoke)
    found = failing(find_subject(str(folder), CARDS))
    assert "complains: missing classifier.weight" in found["loads"]
    assert "cut a sentence differently" in found["tokenizer"]
    assert "differs by 0.25 from the model's" in found["graphs"]
