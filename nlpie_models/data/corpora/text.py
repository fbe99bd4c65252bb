"""Folders of plain text, JSON lines, CSV and Parquet, gzipped or not: what ``nlpie annotate`` reads as well."""

from collections.abc import Iterator
from pathlib import Path

from ..documents import Failure, read_documents
from ._corpus import Corpus, Note, Source


def _read(path: Path, source: Source) -> Iterator[Note | Failure]:
    for item in read_documents([path], source.columns):
        yield item if isinstance(item, Failure) else Note(item.id, item.row["text"])


CORPUS = Corpus("text", "plain text, JSON lines, CSV, Parquet", ".txt, .jsonl, .csv, .parquet", _read)
