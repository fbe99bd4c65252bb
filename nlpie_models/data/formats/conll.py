"""CoNLL: a token a line, first column the token and last one its tag, a blank line after each sentence.

Columns are parted by tabs, or by blanks if there is no tab. Tags may be BIO, IOB1, IOBES or BILOU. A row is a sentence,
its tokens joined by blanks. ``-DOCSTART-`` begins a document; a file without is one document. Splits are told by the
names of files or folders (train, dev, test).
"""

from collections.abc import Iterator
from pathlib import Path

from ...errors import DataError
from ._files import find_by_split, read_lines
from ._format import Format, Item, Prepared, Row, Source
from ._splitting import assemble
from ._tags import read_tag, tagged_row

_SUFFIXES = {".conll", ".iob", ".iob2", ".bio", ".tsv", ".txt"}
_DOCUMENT = "-DOCSTART-"


def _read(source: Source) -> list[Prepared]:
    items: dict[str, list[Item]] = {}
    for split, paths in find_by_split(source, _SUFFIXES).items():
        for path in source.progress(paths):
            items.setdefault(split, []).extend(_read_file(path, source))
    return [assemble(source, "conll-ner", "ner", items)]


def _read_file(path: Path, source: Source) -> Iterator[Item]:
    rows: list[Row] = []
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
                yield Item(f"{path.stem}-{documents}", rows, sentences=len(rows))
            documents, rows = documents + 1, []
        elif line.strip():
            columns = columns or len(fields)
            if len(fields) != columns or columns < 2 or not fields[0].strip():
                raise DataError(f"{where}: expected {max(columns, 2)} columns, of which the first is a token")
            tokens.append(fields[0])
            tags.append(read_tag(fields[-1].strip(), where))


FORMAT = Format("conll", "CoNLL columns: entities as BIO, IOB1, IOBES or BILOU tags", _read)
