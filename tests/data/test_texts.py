"""Reading documents: formats, and failures that stay with their document."""

import gzip
import json
import re

import pandas
import pytest

from nlpie_models.data.files import Failure
from nlpie_models.data.texts import Columns, Document, find_texts, read_documents, read_texts
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


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("latin.txt", "caf\xe9".encode("latin-1"), "not UTF-8 at byte 3; convert the file"),
        ("broken.jsonl", b'{"text": "a"}\n{"text": \n{"text": "c"}\n', "not a JSON line"),
        ("column.csv", b"note,chest pain\nchest pain,b\n", "no column 'text' among its 2 columns; see --text-column"),
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
