"""``nlpie data``: what is written, what is shown, and what is refused."""

import gzip
import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from nlpie_models.cli import main
from nlpie_models.data.labelled import list_formats
from nlpie_models.data.rows import find_split, read_rows
from nlpie_models.data.unlabelled import list_corpora

HERE = Path(__file__).parent
SAMPLES, EXPECTED = HERE / "samples", HERE / "expected"
OUR_WORDS = {"twice", "hospital"}  # of "given twice" and of the label HOSPITAL


def run(*arguments, code=0):
    result = CliRunner().invoke(main, ["data", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


def test_formats_are_listed() -> None:
    shown = run("formats")
    names = {"labelled": list_formats(), "unlabelled": list_corpora()}
    listed = [(kind, entry.name) for kind, entries in names.items() for entry in entries]
    assert [tuple(line.split()[:2]) for line in shown.splitlines()] == listed
    assert "MedNLI: inference between clinical sentences" in shown


@pytest.mark.parametrize("name", [entry.name for entry in list_formats()])
def test_prepare_writes_the_rows_and_a_receipt_without_text(name, tmp_path) -> None:
    shown = run("prepare", name, SAMPLES / name, tmp_path)
    expected = json.loads((EXPECTED / f"{name}.json").read_text(encoding="utf-8"))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(expected["sets"])
    for entry, content in expected["sets"].items():
        files = {path.name for path in (tmp_path / entry).iterdir()}
        assert files == {"receipt.json", *(f"{split}.jsonl.gz" for split in content["rows"])}
        for split, rows in content["rows"].items():
            assert [row for _, row in read_rows(find_split(tmp_path / entry, split))] == rows
        receipt = json.loads((tmp_path / entry / "receipt.json").read_text())
        assert receipt["dropped"] == content["dropped"]
        assert receipt["notes"] == expected["notes"]
        assert {split: counts["rows"] for split, counts in receipt["splits"].items()} == {
            split: len(rows) for split, rows in content["rows"].items()
        }
        assert f"wrote {tmp_path / entry}" in shown
        for reason, count in content["dropped"].items():
            assert f"dropped: {reason}: {count}" in shown
        told = json.dumps(receipt) + shown
        texts = " ".join(str(row.get("text") or row["premise"]) for rows in content["rows"].values() for row in rows)
        words = set(re.findall(r"[a-zé]{5,}", texts.lower()))
        assert words
        assert words & set(re.findall(r"[a-zé]{5,}", told.lower())) <= OUR_WORDS


def test_the_receipt_of_i2b2_2010_in_full(tmp_path) -> None:
    shown = run("prepare", "i2b2-2010", SAMPLES / "i2b2-2010", tmp_path)
    receipt = json.loads((tmp_path / "i2b2-2010-ner" / "receipt.json").read_text())
    assert receipt["splits"]["validation"] == {
        "origin": "a tenth of the training documents, those with the lowest SHA-256",
        "documents": 1,
        "sentences": 4,
        "rows": 1,
        "labels": {"problem": 2, "test": 1, "treatment": 1},
    }
    assert (receipt["task"], receipt["format"], receipt["source"]) == ("ner", "i2b2-2010", "i2b2-2010")
    assert re.search(r"^             train  validation  test$", shown, re.M)
    assert re.search(r"^sentences        1           4     2$", shown, re.M)
    assert re.search(r"^  problem        2           2     2$", shown, re.M)
    assert "train: official, less validation\n" in shown


def test_the_same_source_gives_the_same_bytes(tmp_path) -> None:
    for number in (1, 2):
        run("prepare", "n2c2-2018", SAMPLES / "n2c2-2018", tmp_path / str(number))
    files = sorted(path.relative_to(tmp_path / "1") for path in (tmp_path / "1").rglob("*.*") if path.is_file())
    assert len(files) == 8
    for path in files:
        assert (tmp_path / "1" / path).read_bytes() == (tmp_path / "2" / path).read_bytes()


def test_datasets_reads_what_is_written(tmp_path) -> None:
    datasets = pytest.importorskip("datasets")
    run("prepare", "i2b2-2012", SAMPLES / "i2b2-2012", tmp_path)
    files = {path.name.split(".")[0]: str(path) for path in (tmp_path / "i2b2-2012-ner").glob("*.gz")}
    loaded = datasets.load_dataset("json", data_files=files, cache_dir=tmp_path / "cache")
    assert {split: len(rows) for split, rows in loaded.items()} == {"train": 1, "validation": 1, "test": 1}
    assert loaded["test"][0]["entities"] == [{"start": 1, "end": 8, "label": "PROBLEM"}]


def test_sets_are_not_overwritten_unasked_and_all_or_none_is_written(tmp_path) -> None:
    run("prepare", "i2b2-2010", SAMPLES / "i2b2-2010", tmp_path)
    shutil.rmtree(tmp_path / "i2b2-2010-ner")
    assert "i2b2-2010-re exists already; add --overwrite" in run(
        "prepare", "i2b2-2010", SAMPLES / "i2b2-2010", tmp_path, code=1
    )
    assert not (tmp_path / "i2b2-2010-ner").exists()
    (tmp_path / "i2b2-2010-re" / "old.jsonl.gz").write_bytes(gzip.compress(b""))
    run("prepare", "i2b2-2010", SAMPLES / "i2b2-2010", tmp_path, "--overwrite")
    assert not (tmp_path / "i2b2-2010-re" / "old.jsonl.gz").exists()


def test_a_set_never_replaces_its_source(tmp_path) -> None:
    shutil.copytree(SAMPLES / "mednli", tmp_path / "mednli")
    shown = run("prepare", "mednli", tmp_path / "mednli", tmp_path, "--overwrite", code=1)
    assert "holds the source; choose another destination" in shown
    assert len(list((tmp_path / "mednli").iterdir())) == 3


def test_a_broken_source_writes_nothing(tmp_path) -> None:
    source = Path(shutil.copytree(SAMPLES / "mednli", tmp_path / "source"))
    (source / "mli_dev_v1.jsonl").write_text("{")
    shown = run("prepare", "mednli", source, tmp_path / "out", code=1)
    assert "mli_dev_v1.jsonl:1: not a JSON line" in shown
    assert not (tmp_path / "out").exists()


def test_named_columns(tmp_path) -> None:
    (tmp_path / "notes.csv").write_text("NOTE,KIND\nmelanoma,malignant\nasthma,no\n")
    arguments = ("prepare", "icn", tmp_path / "notes.csv", tmp_path / "out")
    assert "see --column text=NAME" in run(*arguments, code=1)
    run(*arguments, "--column", "text=NOTE", "--column", "label=KIND")
    assert (tmp_path / "out" / "icn" / "receipt.json").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["mednly", "a", "b"], 1, "Did you mean 'mednli'"),
        (["mednli", "nowhere", "b"], 1, "nowhere: no such file or folder"),
        (["mednli", SAMPLES, "b", "--column", "text=x"], 1, "mednli has no column 'text' to be named; it has: none"),
        (["icn", SAMPLES, "b", "--column", "text"], 2, "expected FIELD=NAME, such as text=note"),
    ],
)
def test_mistaken_commands(arguments, code, message, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in run("prepare", *arguments, code=code)
