"""Tagged tokens as rows: BIO, IOB1 (B- only where spans of one label touch), IOBES and BILOU."""

import re
from collections.abc import Sequence

from ...documents.bio import decode_bio
from ...errors import DataError
from ._files import take_label
from ._format import Row

_TAG = re.compile(r"([BIESLU])-(.+)")
_AS_BIO = {"S": "B", "U": "B", "E": "I", "L": "I"}


def read_tag(tag: str, where: str) -> str:
    """Return a tag as one of BIO, which decodes to the same spans as IOB1 too.

    Raises:
        DataError: It is no tag.
    """
    match = _TAG.fullmatch(tag)
    if match is None and tag != "O":
        raise DataError(f"{where}: expected O, or a tag such as B-problem (prefixes B, I, E, S, L, U)")
    return f"{_AS_BIO.get(match[1], match[1])}-{take_label(match[2], where)}" if match else tag


def tagged_row(name: str, tokens: Sequence[str], tags: Sequence[str]) -> Row:
    """Return tokens, joined by blanks, and their tags of BIO as a row."""
    starts = [0]
    for token in tokens:
        starts.append(starts[-1] + len(token) + 1)
    entities = [
        {"start": starts[first], "end": starts[stop] - 1, "label": label} for first, stop, label in decode_bio(tags)
    ]
    return {"id": name, "text": " ".join(tokens), "entities": entities}
