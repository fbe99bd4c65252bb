"""Tags of sub-words by hand, and the protocol of the published numbers over a pipeline."""

import json

import numpy as np
import pytest
import seqeval.metrics as seqeval

from nlpie_models import load_clinical
from nlpie_models.documents import Encoder
from nlpie_models.errors import NlpieError, UnknownName
from nlpie_models.evaluation.score import evaluate_pipeline
from nlpie_models.metrics.hf import SpanF1, SubwordF1
from nlpie_models.metrics.subwords import find_protocol_words, tag_annotations, tag_subwords

TEXT = "chest ache, no x-ray"  # pieces: chest a ##c ##h ##e , no x - r ##a ##y


@pytest.fixture(scope="module")
def encoder(tokenizer) -> Encoder:
    return Encoder(tokenizer.backend_tokenizer)


def test_each_piece_has_the_tag_of_its_word(encoder) -> None:
    encoding = encoder.encode(TEXT)
    assert len(encoding) == 12
    spans = [(0, 10, "problem"), (15, 20, "test")]
    assert tag_subwords(encoding, spans) == [
        "B-problem",
        *["I-problem"] * 4,  # a ##c ##h ##e
        *["O", "O"],
        *["B-test", "I-test"],  # x -
        *["I-test"] * 3,  # r ##a ##y
    ]


def test_each_piece_of_a_first_word_begins_an_entity(encoder) -> None:
    tags = tag_subwords(encoder.encode("ache has chest pain"), [(0, 8, "problem"), (9, 19, "test")])
    assert tags == [*["B-problem"] * 4, "I-problem", "B-test", "I-test"]
    short = tag_subwords(encoder.encode("ache has chest pain"), [(0, 4, "problem"), (9, 19, "test")])
    scores = SubwordF1().compute(predictions=[short], references=[tags])
    assert scores["labels"]["problem"] == {
        "precision": 0.75,
        "recall": 0.75,
        "f1": 0.75,
        "tp": 3,
        "predicted": 4,
        "gold": 4,
    }
    assert scores["f1"] == 0.8
    assert scores["accuracy"] == pytest.approx(6 / 7, abs=1e-4)


def test_words_are_between_blanks_and_cut_at_gold_entities(encoder) -> None:
    text = " 12mg,\tx-ray\n"
    assert find_protocol_words(text).tolist() == [[1, 6], [7, 12]]
    gold = [(1, 5, "dose"), (7, 12, "test")]
    words = find_protocol_words(text, gold)
    assert words.tolist() == [[1, 5], [5, 6], [7, 12]]
    encoding = encoder.encode(text)
    assert tag_subwords(encoding, gold, words) == [*["B-dose"] * 4, "O", *["B-test"] * 5]
    assert tag_subwords(encoding, [(9, 12, "test")], words) == [*["O"] * 5, *["B-test"] * 5]
    assert find_protocol_words("").shape == (0, 2)
    assert tag_subwords(encoder.encode(""), []) == []


def test_an_entity_begins_with_its_first_word_that_has_a_piece(encoder) -> None:
    text = "chest \u200b pain"  # the tokenizer drops the zero-width space
    words = np.array([[0, 5], [6, 7], [8, 12]])
    assert tag_subwords(encoder.encode(text), [(0, 5, "a"), (6, 12, "a")], words) == ["B-a", "B-a"]


def test_the_longest_of_spans_that_overlap_is_tagged(encoder) -> None:
    assert tag_subwords(encoder.encode("chest pain"), [(0, 5, "a"), (0, 10, "b")]) == ["B-b", "I-b"]


@pytest.fixture
def data(tmp_path):
    rows = [
        {"text": "the patient has chest pain, ache", "entities": [{"start": 16, "end": 26, "label": "problem"}]},
        {"text": "no fever", "entities": []},
        {"tokens": ["x-ray", "denies"], "ner_tags": ["B-test", "O"]},
    ]
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "test.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def test_a_pipeline_is_scored_by_the_protocol(ner_folder, data) -> None:
    pipe = load_clinical(ner_folder)
    run = evaluate_pipeline(pipe, data, "test", protocol="subword")
    golds = [[(16, 26, "problem")], [], [(0, 5, "test")]]
    texts = ["the patient has chest pain, ache", "no fever", "x-ray denies"]
    gold, found = tag_annotations(pipe.reader.encoder, golds, pipe(texts))
    assert gold[2] == [*["B-test"] * 5, "O"]
    for name in ("precision", "recall", "f1", "accuracy"):
        expected = getattr(seqeval, f"{name}_score")(
            gold, found, **({} if name == "accuracy" else {"zero_division": 0})
        )
        assert run.scores[name] == pytest.approx(expected, abs=1e-4)
    assert run.labels["test"].gold == 5
    adapter = SubwordF1().compute(predictions=found, references=gold, interval="f1")
    assert {name: adapter[name] for name in run.scores} == run.scores
    assert adapter["interval"] == run.interval
    assert adapter["labels"] == {label: vars(score) for label, score in run.labels.items()}

    strict = evaluate_pipeline(pipe, data, "test")
    spans = [[{"start": start, "end": end, "label": label} for start, end, label in document] for document in golds]
    entities = [found.entities for found in pipe(texts)]
    adapter = SpanF1().compute(predictions=entities, references=spans)
    relaxed = SpanF1().compute(predictions=entities, references=spans, mode="relaxed")
    adapter |= {f"overlap_{name}": relaxed[name] for name in ("precision", "recall", "f1")}
    assert {name: adapter[name] for name in strict.scores} == strict.scores
    assert adapter["labels"] == {label: vars(score) for label, score in strict.labels.items()}
    assert strict.labels["test"].gold == 1
    assert strict.ece == run.ece


def test_protocols_that_cannot_be(ner_folder, head_folder, data) -> None:
    with pytest.raises(UnknownName, match="Unknown protocol 'pieces'"):
        evaluate_pipeline(load_clinical(ner_folder), data, "test", protocol="pieces")
    with pytest.raises(NlpieError, match="subword is for entities, and the field of classification is classification"):
        evaluate_pipeline(
            load_clinical(head_folder("classification"), "classification"), data, "test", protocol="subword"
        )
