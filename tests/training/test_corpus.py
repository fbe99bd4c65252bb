"""Preparing a corpus: what is written, what is counted, what stays out, and how much memory it takes."""

import hashlib
import json

import datasets
import numpy as np
import pytest
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from nlpie_models.data.unlabelled import CorpusSource, get_corpus
from nlpie_models.data.unlabelled.cleaning import Cleaning
from nlpie_models.errors import DataError, NlpieError
from nlpie_models.training import corpus as corpus_module
from nlpie_models.training.corpus import CorpusRecipe, open_corpus, prepare_corpus

WORDS = [
    "the",
    "patient",
    "has",
    "chest",
    "pain",
    "and",
    "fever",
    "no",
    "of",
    "with",
    "was",
    "given",
    "aspirin",
    "for",
    "a",
]
NOTES = [
    "The patient has chest pain and fever.",
    "the patient has\nchest pain, and fever",  # the first again
    "",
    "No fever [SEP] was given \ud800 aspirin.",
    "A CT scan of the patient denies fever. " * 9,
]


@pytest.fixture
def notes(tmp_path):
    path = tmp_path / "notes.jsonl"
    path.write_text("".join(json.dumps({"id": f"n{i}", "text": text}) + "\n" for i, text in enumerate(NOTES)))
    return path


def prepare(path, tokenizer, *, name="text", store=None, **recipe):
    recipe = CorpusRecipe(**{"block": 16, "held_out": 0.0} | recipe)
    return prepare_corpus(
        get_corpus(name), CorpusSource((str(path),)), tokenizer, store or path.parent / "store", recipe
    )


def test_blocks_and_receipt(notes, tokenizer) -> None:
    prepared = prepare(notes, tokenizer)
    blocks = prepared.open()
    texts = ["".join(tokenizer.convert_ids_to_tokens(ids)[1:-1]).replace("##", "") for ids in blocks["input_ids"]]
    assert texts[0] == "thepatienthaschestpainandfever."
    assert texts[1] == "nofever[sep]wasgivenaspirin.", "a special token in a text is text"
    assert "".join(texts[2:]) == NOTES[-1].lower().replace(" ", "")
    assert list(blocks["length"]) == [len(ids) for ids in blocks["input_ids"]]
    receipt = prepared.receipt
    assert receipt["documents"] == {"read": 5, "train": 3, "validation": 0}
    assert receipt["skipped"] == {"no text": {"count": 1, "first": "n2"}}
    assert receipt["duplicates"] == {"exact": 1, "near": 0}
    assert receipt["blocks"]["train"] == len(blocks)
    assert receipt["tokens"] == sum(len(ids) - 2 for ids in blocks["input_ids"])
    assert "pain" not in json.dumps(receipt)


def test_blocks_are_memory_mapped_and_nothing_else_is_written(notes, tokenizer, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    prepared = prepare(notes, tokenizer)
    dataset = prepared.open()
    assert dataset.cache_files == [{"filename": str(prepared.folder / "train.arrow")}]
    assert sorted(path.name for path in prepared.folder.iterdir()) == [
        "receipt.json",
        "train.arrow",
        "validation.arrow",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.jsonl", "store"]
    assert [path.name for path in (tmp_path / "store").iterdir()] == [prepared.folder.name]


def test_the_same_is_not_prepared_twice(notes, tokenizer, monkeypatch) -> None:
    first = prepare(notes, tokenizer)
    with monkeypatch.context() as patch:
        patch.setattr(corpus_module, "_write_blocks", None)
        notes.rename(notes.with_name("renamed.jsonl"))
        renamed = notes.with_name("renamed.jsonl")
        tokenizer("a note", truncation=True, padding="max_length", max_length=8)  # leaves its mark on the tokenizer
        assert prepare(renamed, tokenizer).folder == first.folder
    others = [
        prepare(renamed, tokenizer, block=8),
        prepare(renamed, tokenizer, pack=True),
        prepare(renamed, tokenizer, cleaning=Cleaning(lines="keep")),
        prepare(renamed, tokenizer, cleaning=None),
        prepare(renamed, tokenizer, duplicates=None),
        prepare(renamed, tokenizer, held_out=0.5),
    ]
    renamed.write_text('{"text": "another"}\n')
    others.append(prepare(renamed, tokenizer))
    assert len({other.folder for other in [first, *others]}) == len(others) + 1
    assert open_corpus(first.folder).receipt == first.receipt


def test_the_same_bytes_every_time(notes, tokenizer, tmp_path) -> None:
    digests = [
        hashlib.sha256((prepare(notes, tokenizer, store=tmp_path / place).folder / "train.arrow").read_bytes()).digest()
        for place in ("one", "two")
    ]
    assert digests[0] == digests[1]


def test_packed_blocks_are_full(notes, tokenizer) -> None:
    blocks = prepare(notes, tokenizer, pack=True, block=8).open()["input_ids"]
    assert {len(ids) for ids in blocks[:-1]} <= {7, 8}
    assert any(tokenizer.sep_token_id in ids[1:-1] for ids in blocks)


def test_patients_and_texts_are_on_one_side(tmp_path, tokenizer) -> None:
    header = "note_id,subject_id,hadm_id,note_type,note_seq,charttime,storetime,text\n"
    rows = [f"{n}-DS-{n},{n % 40},,DS,1,,,patient {n} of {n % 40}\n" for n in range(200)]
    (tmp_path / "discharge.csv").write_text(header + "".join(rows))
    prepared = prepare(tmp_path / "discharge.csv", tokenizer, name="mimic-iv-note", held_out=0.3, duplicates=1)
    sides = [{ids[-3:-1].tobytes() for ids in prepared.open(split)["input_ids"]} for split in ("train", "validation")]
    counts = prepared.receipt["documents"]
    assert counts["train"] + counts["validation"] == 200
    assert 20 < counts["validation"] < 100
    texts = [
        {tokenizer.decode(ids).split(" of ")[1] for ids in prepared.open(split)["input_ids"]}
        for split in ("train", "validation")
    ]
    assert not texts[0] & texts[1]
    assert all(sides)


def test_a_long_note_is_encoded_in_parts_as_if_whole(notes, tokenizer, monkeypatch) -> None:
    whole = prepare(notes, tokenizer, store=notes.parent / "whole").open()["input_ids"]
    monkeypatch.setattr(corpus_module, "_PIECE", 10)
    parts = prepare(notes, tokenizer, store=notes.parent / "parts").open()["input_ids"]
    assert all(map(np.array_equal, whole, parts))
    assert len(whole) == len(parts)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_broken_off_it_leaves_nothing(notes, tokenizer, monkeypatch, error) -> None:
    def fail(*_) -> None:
        raise error

    monkeypatch.setattr(corpus_module._BlockWriter, "write", fail)
    with pytest.raises(error):
        prepare(notes, tokenizer)
    assert list((notes.parent / "store").iterdir()) == []


BAD = {
    "empty rows": ("a.csv", 'text\n\n""\n  \nfever\n', {"no text": 2}),
    "broken quoting": ("a.csv", 'id,text\n1,"open\n2,"good"\n3,fever\n', {"not CSV: broken quoting": 1}),
    "other lengths": ("a.csv", "id,text\n1,a,b\n2,fever\n3\n4,pain\n", {"not CSV: broken quoting": 2}),
    "not JSON": ("a.jsonl", '{"text": "fever"}\n{"text": \n[]\n', {"not a JSON line": 1, "expected a JSON object": 1}),
    "no gzip": ("a.jsonl.gz", '{"text": "fever"}\n', {"cannot be read": 1}),
    "not UTF-8": ("a.txt", b"caf\xe9", {"not UTF-8; convert": 1}),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_read_is_counted(tmp_path, tokenizer, name) -> None:
    file, content, expected = BAD[name]
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "good.txt").write_text("chest pain")
    receipt = prepare(folder, tokenizer, store=tmp_path / "store").receipt
    skipped = {reason: counted["count"] for reason, counted in receipt["skipped"].items()}
    assert len(skipped) == len(expected)
    assert all(any(reason.startswith(start) for reason in skipped) for start in expected)
    assert sum(skipped.values()) == sum(expected.values())
    assert receipt["documents"]["train"] >= 1


def test_nothing_left_says_why(tmp_path, tokenizer) -> None:
    (tmp_path / "a.jsonl").write_text('{"note": "fever"}\n{"text": ""}\n')
    with pytest.raises(DataError, match=r"no document to train on: no text under 'text'.*: 1 \(first .*a.jsonl:1\)"):
        prepare(tmp_path / "a.jsonl", tokenizer)
    assert not list((tmp_path / "store").iterdir())


def test_a_missing_column_is_refused_before_anything_is_written(tmp_path, tokenizer) -> None:
    (tmp_path / "a.csv").write_text("text\nfever\n")
    (tmp_path / "b.csv").write_text("note\nfever\n")
    with pytest.raises(DataError, match=r"b\.csv: no column 'text' among its 1 columns"):
        prepare(tmp_path, tokenizer, store=tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_wrong_arguments(notes, tokenizer) -> None:
    with pytest.raises(NlpieError, match="blocks of at least 3 tokens"):
        CorpusRecipe(block=2)
    with pytest.raises(NlpieError, match="held-out share"):
        CorpusRecipe(held_out=1)
    bare = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE({"a": 0}, [])))
    with pytest.raises(NlpieError, match=r"expected a fast tokenizer with \[CLS\] and \[SEP\]"):
        prepare(notes, bare)
    with pytest.raises(DataError, match="has no blocks for validation; splits there: train"):
        prepare(notes, tokenizer).open("validation")
    with pytest.raises(DataError, match="expected a prepared corpus"):
        open_corpus(notes.parent)
