"""The checkpoint that ships in the package, on real notes."""

import re

import pytest
import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

from nlpie_models import load_clinical
from nlpie_models.data.demo import DEMO_NOTES
from nlpie_models.loading.find import BUNDLED_FOLDER
from nlpie_models.loading.local import ADAPTER_FILE, LocalCheckpoint
from nlpie_models.registry import default_checkpoint

NOTES = {path.name: path.read_bytes().decode() for path in sorted(DEMO_NOTES.glob("*.txt"))}
FOLDER = BUNDLED_FOLDER / default_checkpoint().name


@pytest.fixture(scope="module")
def pipe():
    return load_clinical(device="cpu")


def test_finds_problems_treatments_and_tests(pipe) -> None:
    annotation = pipe("She was given aspirin for pneumonia. An MRI was normal.")
    assert {entity.text: entity.label for entity in annotation.entities} == {
        "aspirin": "treatment",
        "pneumonia": "problem",
        "MRI": "test",
    }
    assert min(entity.score for entity in annotation.entities) > 1 / 3


@pytest.mark.parametrize("name", NOTES)
def test_example_notes_are_read_to_the_last_character(pipe, name) -> None:
    text = NOTES[name]
    for variant in (text, text.replace("\n", "\r\n"), "\ufeff\x00" + text):
        annotation = pipe(variant)
        assert annotation.coverage.characters == len(variant)
        assert annotation.entities
        for entity in annotation.entities:
            assert variant[entity.start : entity.end] == entity.text
            assert not re.search(r"^\s|\s$", entity.text)
            assert not re.match(r"\w\w", variant[max(0, entity.start - 1) : entity.start + 1]) or entity.start == 0
            assert not re.match(r"\w\w", variant[entity.end - 1 : entity.end + 1])


def test_one_example_note_is_longer_than_2000_tokens(pipe) -> None:
    assert len(NOTES) >= 5
    assert max(pipe(text).coverage.tokens for text in NOTES.values()) > 2000


def test_alone_in_a_list_and_in_a_stream(pipe) -> None:
    texts = list(NOTES.values())
    alone = [pipe(text) for text in texts]
    assert pipe(texts) == alone
    assert list(pipe.stream(reversed(texts))) == alone[::-1]


def test_last_entity_of_a_long_note_is_found_where_transformers_stops(pipe) -> None:
    filler = NOTES["mtsamples-1298.txt"]
    note = f"{filler}\n{filler}\nFinally she was given aspirin."
    annotation = pipe(note)
    assert annotation.coverage.tokens > 4000
    assert (annotation.entities[-1].text, annotation.entities[-1].end) == ("aspirin", len(note) - 1)

    theirs = pipeline("token-classification", model=str(FOLDER), aggregation_strategy="first", device="cpu")(note)
    assert theirs[-1]["end"] < len(note) / 4


def test_is_an_ordinary_transformers_checkpoint(pipe) -> None:
    model = AutoModelForTokenClassification.from_pretrained(FOLDER)
    labels = [model.config.id2label[index] for index in range(model.config.num_labels)]
    assert labels[:3] == ["O", "B-problem/conditional", "I-problem/conditional"]
    assert labels[-4:] == ["B-test", "I-test", "B-treatment", "I-treatment"]
    assert model.dtype == torch.float32
    assert len(AutoTokenizer.from_pretrained(FOLDER)) == model.config.vocab_size
    row = default_checkpoint().architecture
    assert (row.layers, row.hidden, row.vocabulary) == (
        model.config.num_hidden_layers,
        model.config.hidden_size,
        model.config.vocab_size,
    )
    assert sum(weight.numel() for weight in model.base_model.parameters()) == row.parameters


def test_size_and_no_path_of_a_machine() -> None:
    files = list(FOLDER.iterdir())
    assert sum(path.stat().st_size for path in files) < 25_000_000
    configs = [path.read_text() for path in files if "config" in path.name]
    assert len(configs) == 2
    assert not any(re.search(r'"(/|[A-Z]:)[\w.-]+[/\\]', config) for config in configs)


def test_a_second_load_gives_the_same(pipe) -> None:
    text = NOTES["mtsamples-88.txt"]
    assert load_clinical("open-notes", "ner", device="cpu")(text) == pipe(text)


@pytest.mark.parametrize(
    ("task", "row", "field"),
    [
        ("relation", {"text": "He takes lisinopril for hypertension."}, "relations"),
        ("nli", {"premise": "He denies chest pain.", "hypothesis": "He reports chest pain."}, "classification"),
        ("classification", {"text": "adenocarcinoma of the colon"}, "classification"),
        ("embedding", {"text": "No fever."}, "embedding"),
    ],
)
def test_without_a_name_there_is_a_model_for_each_task(task, row, field) -> None:
    pipe = load_clinical(task=task, device="cpu")
    annotation = pipe(row)
    assert annotation.fields[-1] == field
    if task == "relation":
        assert {entity.text for entity in annotation.entities} >= {"lisinopril", "hypertension"}


@pytest.mark.parametrize("folder", [path.parent for path in sorted(BUNDLED_FOLDER.glob(f"*/{ADAPTER_FILE}"))])
def test_a_bundled_adapter_shares_the_tensors_of_the_default(folder) -> None:
    assert LocalCheckpoint(folder).base["name"] == default_checkpoint().name
    assert sum(path.stat().st_size for path in folder.iterdir()) < 10_000_000
