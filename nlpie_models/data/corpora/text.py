"""Folders of plain text, JSON lines, CSV and Parquet, gzipped or not: what ``nlpie annotate`` reads as well."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ..documents import Failure, read_documents
from ._corpus import NOT_CHOSEN, Corpus, Note, Source


def _read(path: Path, source: Source) -> Iterator[Note | Failure]:
    for item in read_documents([path], replace(source.columns, more=tuple(source.where))):
        if isinstance(item, Failure):
            yield item
        elif any(item.row.get(column) not in values for column, values in source.where.items()):
            yield Failure(item.id, NOT_CHOSEN)
        else:
            yield Note(item.id, item.row["text"])


CORPUS = Corpus("text", "plain text, JSON lines, CSV, Parquet", ".txt, .jsonl, .csv, .parquet", _read)
