"""The one policy of files: what is found in a folder, what is decoded how, and long texts in pieces."""

import gzip
import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpie_models.data.files import Failure, cut_text, decode, find_files, open_file, suffix_of
from nlpie_models.errors import DataError


@given(st.text() | st.text("a \n"), st.integers(1, 20))
def test_nothing_is_lost_and_pieces_begin_with_white_space(text, size) -> None:
    pieces = list(cut_text(text, size))
    assert "".join(pieces) == text
    assert all(size <= len(piece) <= 2 * size for piece in pieces[:-1])
    for before, piece in pairwise(pieces):
        assert piece[0].isspace() or len(before) == 2 * size


def test_hidden_files_and_what_archivers_leave_are_passed_over_in_a_folder(tmp_path) -> None:
    for name in ("b.txt", "sub/a.txt", "sub/._a.txt", ".hidden/c.txt", "__MACOSX/sub/a.txt", "picture.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text("fever")

    def find(path: str) -> list[str]:
        found = find_files([f"{tmp_path}{path}"], lambda path: path.suffix == ".txt", ".txt")
        return [file.relative_to(tmp_path).as_posix() for file in found]

    assert find("") == ["b.txt", "sub/a.txt"]
    assert find("/.hidden") == find("/.hidden/*.txt") == [".hidden/c.txt"]
    assert find("/sub/._a.txt") == ["sub/._a.txt"]


def test_links_are_followed_once_and_what_leads_nowhere_is_a_failure(tmp_path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "a.txt").write_text("fever")
    (tmp_path / "notes" / "sub").mkdir(parents=True)
    (tmp_path / "notes" / "b.txt").write_text("cough")
    links = {"c.txt": "b.txt", "far": "../far", "gone.txt": "absent.txt", "loop.txt": "loop.txt", "sub/up": ".."}
    for name, target in {**links, ".hidden": "absent"}.items():
        (tmp_path / "notes" / name).symlink_to(target)
    os.mkfifo(tmp_path / "notes" / "pipe.txt")
    found = find_files([str(tmp_path / "notes")], lambda path: path.suffix == ".txt", ".txt")
    assert [_name(item, tmp_path / "notes") for item in found] == [
        "b.txt",
        "c.txt",
        "far/a.txt",
        "gone.txt: cannot be read: No such file or directory",
        "loop.txt: cannot be read: Too many levels of symbolic links",
        "pipe.txt: cannot be read: neither a file nor a folder",
    ]


def test_a_pattern_goes_through_links_and_not_round(tmp_path) -> None:
    (tmp_path / "notes" / "sub").mkdir(parents=True)
    (tmp_path / "notes" / "sub" / "a.txt").write_text("fever")
    for name, target in (("more", "sub"), ("round", "."), ("sub/up", ".."), ("gone.txt", "absent")):
        (tmp_path / "notes" / name).symlink_to(target)
    fits = lambda path: path.suffix == ".txt"  # noqa: E731

    def find(pattern: str) -> list[str]:
        return [_name(item, tmp_path) for item in find_files([f"{tmp_path}/{pattern}"], fits, ".txt")]

    gone = "notes/gone.txt: cannot be read: No such file or directory"
    assert find("notes/**/*.txt") == find("notes/**") == [gone, "notes/more/a.txt", "notes/sub/a.txt"]
    assert find("notes/gone.txt") == find("notes/*.txt") == [gone]
    assert find("notes/**/s?b") == [gone, "notes/sub/a.txt"]
    assert find("**/more/*.t[xyz]t") == [gone, "notes/more/a.txt"]
    assert find("notes/round/**/a.txt")[1:] == ["notes/round/more/a.txt", "notes/round/sub/a.txt"]
    assert find("notes/../notes/**/a.txt")[1:] == ["notes/../notes/more/a.txt", "notes/../notes/sub/a.txt"]
    with pytest.raises(DataError, match="nothing to read at"):
        find("absent/**/*.txt")


@pytest.mark.parametrize("pattern", ["", "/**/*.txt", "/*/*/c.txt", "/*"])
def test_a_folder_that_may_not_be_read_is_a_failure(pattern, tmp_path, monkeypatch) -> None:
    (tmp_path / "a.txt").write_text("fever")
    locked = tmp_path / "locked" / "ward"
    locked.mkdir(parents=True)
    for lists in ("listdir", "scandir"):  # root may read everything, so a mode would not lock it
        plain = getattr(os, lists)

        def refuse(path: object = ".", plain=plain):
            if Path(os.fsdecode(path)) == locked:
                raise PermissionError(13, "Permission denied", str(path))
            return plain(path)

        monkeypatch.setattr(os, lists, refuse)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != locked)
    found = find_files([f"{tmp_path}{pattern}"], lambda path: path.suffix == ".txt", ".txt")
    assert "locked/ward: cannot be read: Permission denied" in [_name(item, tmp_path) for item in found]


def _name(item: Path | Failure, folder: Path) -> str:
    if isinstance(item, Failure):
        return f"{Path(item.id).relative_to(folder).as_posix()}: {item.message}"
    return item.relative_to(folder).as_posix()


@pytest.mark.parametrize(("name", "suffix"), [("a.CSV.gz", ".csv"), ("a.b.Txt", ".txt"), ("a.gz", ""), ("-", "")])
def test_the_suffix_is_that_of_what_a_gzip_file_holds(name, suffix) -> None:
    assert suffix_of(Path(name)) == suffix


def test_decoding() -> None:
    assert decode("\ufeffcaf\xe9".encode()) == ("caf\xe9", "utf-8")
    assert decode(b"caf\xe9", ("cp1252", "latin-1")) == ("caf\xe9", "cp1252")
    assert decode(b"\x81", ("cp1252", "latin-1")) == ("\x81", "latin-1")
    with pytest.raises(DataError, match=r"^not UTF-8 at byte 3; convert the file, for example with `iconv"):
        decode(b"caf\xe9")


def test_opening(tmp_path) -> None:
    (tmp_path / "a.txt.GZ").write_bytes(gzip.compress(b"fever"))
    with open_file(tmp_path / "a.txt.GZ") as file:
        assert file.read() == b"fever"
    (tmp_path / "a.gz").write_bytes(b"fever")
    for name, message in (("a.gz", "cannot be read: a damaged gzip file"), ("b", "cannot be read: No such file")):
        with pytest.raises(DataError, match=message), open_file(tmp_path / name) as file:
            file.read()
