"""Rows of tables: quoting as RFC 4180 has it, and broken rows that do not take the next ones along."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpie_models.data import tables
from nlpie_models.data.files import NOT_UTF8, as_text
from nlpie_models.data.tables import BROKEN, read_csv_rows, read_json_lines
from nlpie_models.errors import DataError

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


def read(content: bytes | str) -> list:
    content = content.encode() if isinstance(content, str) else content
    return list(read_csv_rows(as_text(io.BytesIO(content)))[1])


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=6))
def test_what_is_written_is_read(rows) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("a", "b", "c"), *rows])
    assert [tuple(cells.values()) for _, cells in read(file.getvalue())] == rows


def test_lines_are_those_where_rows_begin() -> None:
    assert read('a,b\n1,"x\ny"\n\n2,z\n') == [(2, {"a": "1", "b": "x\ny"}), (5, {"a": "2", "b": "z"})]


@pytest.mark.parametrize(
    ("broken", "line"),
    [
        ('2,"never closed\nmore of it\nand more\n', 3),
        ('2,"never closed, ""quoted""\n\n', 3),
        ('2,"closed" too early\n', 3),
        ("2,unquoted, comma\n", 3),
        ("2\n", 3),
    ],
)
@pytest.mark.parametrize("after", ['3,"good"\n4,good\n', '3,"good ""one"""\n4,"good"\n', "3,good\n4,good\n"])
def test_a_broken_row_counts_once_and_the_next_are_read(broken, line, after) -> None:
    rows = read(f'a,b\n1,"good"\n{broken}{after}')
    assert [row for row in rows if isinstance(row[1], str)] == [(line, BROKEN)]
    assert [cells["a"] for _, cells in rows if isinstance(cells, dict)] == ["1", "3", "4"]


def test_the_last_quote_of_a_file_is_never_closed() -> None:
    rows = read('a,b\n1,"open\n' + "2,good\n" * 1000)
    assert rows[0] == (2, BROKEN)
    assert len(rows) == 1001


def test_a_row_without_end_is_given_up(monkeypatch) -> None:
    monkeypatch.setattr(tables, "LONGEST", 1000)
    rows = read('a,b\n1,"open\n' + "2,good\n" * 1000)
    assert rows[0] == (2, BROKEN)
    assert len(rows) == 1001


def test_other_encodings_stay_with_their_row() -> None:
    rows = read(b"a,b\n1,caf\xe9\n2,caf\xc3\xa9\n")
    assert rows == [(2, NOT_UTF8), (3, {"a": "2", "b": "café"})]


def test_a_header_that_is_not_csv() -> None:
    with pytest.raises(DataError, match="its header is not CSV"):
        read('a,"b\n1,2\n')


def test_json_lines_are_objects_in_utf8() -> None:
    lines = [b'\xef\xbb\xbf{"a": "caf\xc3\xa9"}\r\n', b" \n", b'{"a": "caf\xe9"}\n', b"[]\n", '{"a": 1}', b"{"]
    assert list(read_json_lines(lines)) == [
        (1, {"a": "café"}),
        (3, NOT_UTF8),
        (4, "expected a JSON object"),
        (5, {"a": 1}),
        (6, "not a JSON line (Expecting property name enclosed in double quotes)"),
    ]


@pytest.mark.parametrize("line", ["[" * 100_000, "1" * 5000])
def test_json_that_python_refuses(line) -> None:
    [(_, fault)] = read_json_lines([line])
    assert fault == "not a JSON line (nested too deeply, or a number that is too long)"
