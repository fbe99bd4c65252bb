"""Reading documents: formats, and failures that stay with their document."""

import csv
import gzip
import json
import re

import pandas
import pyarrow.parquet
import pytest

from nlpie_models import Annotation
from nlpie_models.data.files import Failure
from nlpie_models.data.texts import Columns, Document, find_texts, is_export, read_documents, read_texts
from nlpie_models.documents.exports.files import EXPORTS
from nlpie_models.errors import DataError

ROWS = [{"id": "a", "text": "chest pain\r\n"}, {"id": "b", "text": 'fever, "quoted"\n'}]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "note.txt").write_bytes("\ufeffcafé\r\n".encode())
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    (tmp_path / "rows.jsonl").write_text(lines + "\n")
    (tmp_path / "sub" / "rows.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    pandas.DataFrame(ROWS).to_csv(tmp_path / "rows.csv", index=False)
    pandas.DataFrame(ROWS).to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "picture.png").write_bytes(b"")
    return tmp_path


def test_all_formats_of_a_folder(folder) -> None:
    files = find_texts([str(folder)])
    assert [path.name for path in files] == ["note.txt", "rows.csv", "rows.jsonl", "rows.parquet", "rows.jsonl.gz"]
    documents = list(read_documents(files))
    assert documents[0] == Document(str(folder / "note.txt"), {"text": "café\r\n"})
    assert [document.row["text"] for document in documents[1:]] == [row["text"] for row in ROWS] * 4
    assert [document.id for document in documents[1:3]] == ["a", "b"]


def test_globs_and_repetitions(folder) -> None:
    assert [path.name for path in find_texts([f"{folder}/*.csv", f"{folder}/rows.csv"])] == ["rows.csv"]
    with pytest.raises(DataError, match="nothing to read at"):
        find_texts([f"{folder}/*.docx"])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_may_have_another_delimiter(tmp_path, delimiter) -> None:
    table = pandas.DataFrame([{"id": "a", "text": 'pain; fever, "both" |\n'}, {"id": "b", "text": ""}])
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL):
        table.to_csv(tmp_path / "t.csv", sep=delimiter, index=False, quoting=quoting, encoding="utf-8-sig")
        read = list(read_documents([tmp_path / "t.csv"]))
        assert read == [Document("a", {"text": 'pain; fever, "both" |\n'}), Document("b", {"text": ""})]


def test_one_column_of_texts_needs_no_delimiter(tmp_path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"text\nfever; pain\n"))
    assert [item.row for item in read_documents([tmp_path / "t.csv.gz"])] == [{"text": "fever; pain"}]


def test_text_that_parquet_holds_as_bytes(tmp_path) -> None:
    texts = pyarrow.array([b"caf\xc3\xa9", b"\xef\xbb\xbffever", b"caf\xe9", None], pyarrow.binary())
    pyarrow.parquet.write_table(pyarrow.table({"id": [b"1", b"2", b"3", b"4"], "text": texts}), tmp_path / "t.parquet")
    first, second, *failed = read_documents([tmp_path / "t.parquet"])
    assert [first, second] == [Document("1", {"text": "café"}), Document("2", {"text": "fever"})]
    assert [item.message[:9] for item in failed] == ["not UTF-8", "no text u"]


def test_exports_are_told_from_tables_of_notes(folder) -> None:
    annotation = Annotation.from_dict(
        "chest pain", {"coverage": {"characters": 10, "tokens": 2, "windows": 1, "truncated": False}, "entities": []}
    )
    for kind in (".csv", ".jsonl", ".parquet"):
        EXPORTS[kind]([("a", annotation)], folder / f"export{kind}")
        assert is_export(folder / f"export{kind}")
        assert not is_export(folder / f"rows{kind}")
    (folder / "both.jsonl").write_text(json.dumps({"id": "a", "text": "fever", **annotation.to_dict()}))
    (folder / "broken.jsonl").write_text("{")
    (folder / "blank.csv").write_text("")
    names = {path.name for path in find_texts([str(folder)])}
    assert {"both.jsonl", "broken.jsonl", "blank.csv"} < names
    assert not any(name.startswith("export") for name in names)
    assert find_texts([str(folder / "export.csv")]) == [folder / "export.csv"]


def test_no_column_is_an_id_where_pandas_left_a_gap(tmp_path) -> None:
    table = pandas.DataFrame({"id": [float("nan"), 2.5], "text": ["a", "b"]})
    table.to_parquet(tmp_path / "t.parquet")
    (tmp_path / "t.jsonl").write_text('{"id": NaN, "text": "a"}\n{"id": null, "text": "b"}\n')
    read = [item.id for item in read_documents([tmp_path / "t.parquet", tmp_path / "t.jsonl"])]
    assert read == [f"{tmp_path}/t.parquet:1", "2.5", f"{tmp_path}/t.jsonl:1", f"{tmp_path}/t.jsonl:2"]


def test_an_id_of_zero_is_an_id_and_suffixes_have_no_case(tmp_path) -> None:
    (tmp_path / "A.JSONL").write_text('{"id": 0, "text": "a"}\n{"id": "", "text": "b"}\n')
    read = list(read_documents(find_texts([str(tmp_path)])))
    assert [document.id for document in read] == ["0", f"{tmp_path}/A.JSONL:2"]


def test_read_texts_stops_at_the_first_failure(folder) -> None:
    assert len(list(read_texts([str(folder / "*.jsonl"), str(folder / "*.csv")]))) == 4
    (folder / "bad.jsonl").write_text("{")
    with pytest.raises(DataError, match=r"bad.jsonl:1: not a JSON line"):
        list(read_texts([str(folder / "bad.jsonl")]))


def test_other_columns(tmp_path) -> None:
    (tmp_path / "t.csv").write_text("NOTE,KEY\nchest pain,7\n")
    read = list(read_documents([tmp_path / "t.csv"], Columns(text="NOTE", id="KEY")))
    assert read == [Document("7", {"text": "chest pain"})]


def test_two_columns_of_one_name_in_parquet(tmp_path) -> None:
    table = pyarrow.Table.from_arrays([pyarrow.array(["fever"]), pyarrow.array(["cough"])], names=["text", "text"])
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    [failure] = read_documents([tmp_path / "t.parquet"])
    assert failure == Failure(f"{tmp_path}/t.parquet", "cannot be read: two columns are called 'text'; rename one")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("latin.txt", "caf\xe9".encode("latin-1"), "not UTF-8 at byte 3; convert the file"),
        ("broken.jsonl", b'{"text": "a"}\n{"text": \n{"text": "c"}\n', "not a JSON line"),
        ("column.csv", b"note,chest pain\nchest pain,b\n", "no column 'text' among its 2 columns; see --text-column"),
        ("twice.csv", b"id,text,text\n1,chest pain,b\n", "^cannot be read: two columns are called 'text'"),
        ("ids.csv", b"id;id;text\n1;2;chest pain\n", "^cannot be read: two columns are called 'id'"),
        ("twice.jsonl", b'{"text": "chest pain", "text": "b"}\n', "a key is given twice"),
        ("array.jsonl", b'[{"text": "chest pain"}]\n', "expected a JSON object"),
        ("wide.csv", "id,text\n1,chest pain\n".encode("utf-16"), "^its header is not UTF-8; convert the file"),
        ("number.jsonl", b'{"text": 3}\n', "no text under 'text'; see --text-column"),
        ("deep.jsonl", b"[" * 200_000 + b"\n", "not a JSON line"),
        ("flate.txt.gz", gzip.compress(b"chest pain " * 99, mtime=0)[:20] + b"\xff" * 30, "cannot be read"),
        ("damaged.txt.gz", gzip.compress(b"chest pain", mtime=0)[:-6], "cannot be read"),
        ("not.parquet", b"PAR1 no", "cannot be read"),
        ("empty.pdf", b"", "unknown format '.pdf'"),
    ],
)
def test_failures_name_the_place_and_the_rest_goes_on(tmp_path, name, content, message) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "good.txt").write_text("fever")
    read = list(read_documents([tmp_path / name, tmp_path / "good.txt"]))
    (failure,) = [item for item in read if isinstance(item, Failure)]
    assert name in failure.id
    assert re.search(message, failure.message)
    assert "chest pain" not in failure.message
    assert read[-1] == Document(str(tmp_path / "good.txt"), {"text": "fever"})
