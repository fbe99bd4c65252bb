"""Rows of labelled data sets in the uniform JSON-lines layout, a folder with a file for each split."""

import gzip
import json
import zlib
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

from ..documents.bio import decode_bio
from ..errors import DataError


def find_split(folder: Path, split: str) -> Path:
    """Return the file of a split.

    Raises:
        DataError: There is none; lists the splits that there are.
    """
    splits = list_splits(folder)
    if split not in splits:
        raise DataError(f"{folder} has no {split}.jsonl[.gz]; splits there: {', '.join(splits) or 'none'}")
    return splits[split]


def list_splits(folder: Path) -> dict[str, Path]:
    """Return the files of a data set by split; the gzipped one where there are two."""
    suffixes = (".jsonl", ".jsonl.gz")
    return {path.name.removesuffix(each): path for each in suffixes for path in sorted(folder.glob(f"*{each}"))}


def read_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Read JSON lines with where they stand (``file:line``).

    A row of ``tokens`` and ``ner_tags`` without a ``text`` gets the tokens joined by blanks, and ``entities``.

    Raises:
        DataError: A line that is not a JSON object, or a damaged file.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opened(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                where = f"{path}:{number}"
                yield where, _with_text(parse_row(line, where), where)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"{path}:{number + 1}: cannot be read: {error}") from error


def parse_row(line: str, where: str) -> dict[str, Any]:
    """Read one JSON line.

    Raises:
        DataError: It is not a JSON object.
    """
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{where}: not a JSON line ({getattr(error, 'msg', 'nested too deeply')})") from None
    if not isinstance(row, dict):
        raise DataError(f"{where}: expected a JSON object")
    return row


def _with_text(row: dict[str, Any], where: str) -> dict[str, Any]:
    if "text" in row or "tokens" not in row:
        return row
    tokens, tags = row["tokens"], row.get("ner_tags", [])
    if not (isinstance(tags, list) and isinstance(tokens, list) and all(isinstance(token, str) for token in tokens)):
        raise DataError(f"{where}: expected tokens as a list of texts, and ner_tags as a list")
    if len(tokens) != len(tags):
        raise DataError(f"{where}: expected as many ner_tags as tokens, got {len(tags)} and {len(tokens)}")
    if not all(isinstance(tag, str) for tag in tags):
        raise DataError(f"{where}: expected ner_tags as texts, such as B-problem, and got numbers perhaps")
    ends = list(accumulate(len(token) + 1 for token in tokens))
    entities = [
        {"start": ends[first] - len(tokens[first]) - 1, "end": ends[stop - 1] - 1, "label": label}
        for first, stop, label in decode_bio(tags)
    ]
    return {**row, "text": " ".join(tokens), "entities": entities}
