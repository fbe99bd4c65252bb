"""Rows of labelled data sets in the house layout: a folder with a file of JSON lines a split, gzipped or not."""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from ..documents.bio import decode_bio
from ..errors import DataError
from .files import open_file
from .tables import read_json_lines

LabelledRow = dict[str, Any]
"""The fields of a row, JSON-ready."""


def find_split(folder: Path, split: str) -> Path:
    """Return the file of a split.

    Raises:
        DataError: The folder has no such split; the message lists those it has.
    """
    splits = list_splits(folder)
    if split not in splits:
        raise DataError(f"{folder} has no {split}.jsonl[.gz]; splits there: {', '.join(splits) or 'none'}")
    return splits[split]


def list_splits(folder: Path) -> dict[str, Path]:
    """Return the files of a data set by split; the gzipped one where there are two."""
    suffixes = (".jsonl", ".jsonl.gz")
    return {path.name.removesuffix(suffix): path for suffix in suffixes for path in sorted(folder.glob(f"*{suffix}"))}


def read_rows(path: Path) -> Iterator[tuple[str, LabelledRow]]:
    """Yield the rows of a split, one at a time, with their places (``file:line``).

    A row of ``tokens`` and ``ner_tags`` without a ``text`` gets the tokens joined by blanks, and ``entities``.

    Raises:
        DataError: A line is not a JSON object in UTF-8, or the file is damaged.
    """
    number = 1
    try:
        with open_file(path) as file:
            for number, row in read_json_lines(file):
                if isinstance(row, str):
                    raise DataError(row)
                yield f"{path}:{number}", _with_text(row)
    except DataError as error:
        raise DataError(f"{path}:{number}: {error}") from error


def join_tokens(tokens: Sequence[str], tags: Sequence[str]) -> tuple[str, list[LabelledRow]]:
    """Return tokens joined by blanks, and the entities that their BIO tags make, as spans of characters."""
    ends = list(accumulate(len(token) + 1 for token in tokens))
    entities = [
        {"start": ends[first] - len(tokens[first]) - 1, "end": ends[stop - 1] - 1, "label": label}
        for first, stop, label in decode_bio(tags)
    ]
    return " ".join(tokens), entities


def _with_text(row: LabelledRow) -> LabelledRow:
    if "text" in row or "tokens" not in row:
        return row
    tokens, tags = row["tokens"], row.get("ner_tags", [])
    if not (isinstance(tags, list) and isinstance(tokens, list) and all(isinstance(token, str) for token in tokens)):
        raise DataError("expected tokens as a list of texts, and ner_tags as a list")
    if len(tokens) != len(tags):
        raise DataError(f"expected as many ner_tags as tokens, got {len(tags)} and {len(tokens)}")
    if not all(isinstance(tag, str) for tag in tags):
        raise DataError("expected ner_tags as texts, such as B-problem")
    text, entities = join_tokens(tokens, tags)
    return {**row, "text": text, "entities": entities}
