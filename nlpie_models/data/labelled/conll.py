"""CoNLL: a line for every token, its first column the token and its last the tag, and a blank line after a sentence.

Columns are separated by tabs, or by blanks in a line without tabs. Tags may be BIO, IOB1, IOBES or BILOU. A row is a
sentence, its tokens joined by blanks. ``-DOCSTART-`` begins a document; a file without it is one document. Splits
follow from the names of files or folders (train, dev, test).
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...errors import DataError
from ..rows import LabelledRow, join_tokens
from ._files import find_by_split, read_lines, take_label
from ._format import DocumentRows, Format, LabelledSource, PreparedSet, assemble

_SUFFIXES = {".conll", ".iob", ".iob2", ".bio", ".tsv", ".txt"}
_DOCUMENT = "-DOCSTART-"
_TAG = re.compile(r"([BIESLU])-(.+)")
_AS_BIO = {"S": "B", "U": "B", "E": "I", "L": "I"}


def read_tag(tag: str, where: str) -> str:
    """Return a tag of BIO, IOB1 (B- only where spans of one label touch), IOBES or BILOU as one that decodes as BIO.

    Raises:
        DataError: It is no such tag.
    """
    match = _TAG.fullmatch(tag)
    if match is None and tag != "O":
        raise DataError(f"{where}: expected O, or a tag such as B-problem (prefixes B, I, E, S, L, U)")
    return f"{_AS_BIO.get(match[1], match[1])}-{take_label(match[2], where)}" if match else tag


def tagged_row(name: str, tokens: Sequence[str], tags: Sequence[str]) -> LabelledRow:
    """Return tokens with their tags, from :func:`read_tag`, as a row of entities."""
    text, entities = join_tokens(tokens, tags)
    return {"id": name, "text": text, "entities": entities}


def _read(source: LabelledSource) -> list[PreparedSet]:
    documents: dict[str, list[DocumentRows]] = {}
    for split, paths in find_by_split(source, _SUFFIXES).items():
        for path in source.progress(paths):
            documents.setdefault(split, []).extend(_read_file(path, source))
    return [assemble(source, "conll-ner", "ner", documents)]


def _read_file(path: Path, source: LabelledSource) -> Iterator[DocumentRows]:
    rows: list[LabelledRow] = []
    tokens: list[str] = []
    tags: list[str] = []
    columns, documents, sentences = 0, 0, 0
    for where, line in [*read_lines(path, source.notes), (str(path), _DOCUMENT)]:
        fields = line.rstrip().split("\t") if "\t" in line else line.split()
        begins = bool(fields) and fields[0].strip() == _DOCUMENT
        if (begins or not line.strip()) and tokens:
            rows.append(tagged_row(f"{path.stem}-{sentences}", tokens, tags))
            sentences, tokens, tags = sentences + 1, [], []
        if begins:
            if rows:
                yield DocumentRows(f"{path.stem}-{documents}", rows, sentences=len(rows))
            documents, rows = documents + 1, []
        elif line.strip():
            columns = columns or len(fields)
            if len(fields) != columns or columns < 2 or not fields[0].strip():
                raise DataError(f"{where}: expected {max(columns, 2)} columns, of which the first is a token")
            tokens.append(fields[0])
            tags.append(read_tag(fields[-1].strip(), where))


FORMAT = Format("conll", "CoNLL columns: entities as BIO, IOB1, IOBES or BILOU tags", _read)
