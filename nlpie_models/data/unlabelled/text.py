"""Folders of plain text, JSON lines, CSV and Parquet, gzipped or not: the formats that ``nlpie annotate`` reads."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ..files import Failure
from ..texts import has_known_format, read_documents
from ._corpus import NOT_CHOSEN, Corpus, CorpusSource, Note


def _read(path: Path, source: CorpusSource) -> Iterator[Note | Failure]:
    for item in read_documents([path], replace(source.columns, optional=tuple(source.where))):
        if isinstance(item, Failure):
            yield item
        elif any(item.row.get(column) not in values for column, values in source.where.items()):
            yield Failure(item.id, NOT_CHOSEN)
        else:
            yield Note(item.id, item.row["text"])


CORPUS = Corpus("text", "plain text, JSON lines, CSV, Parquet", ".txt, .jsonl, .csv, .parquet", has_known_format, _read)
