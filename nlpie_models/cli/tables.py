"""Tables for a terminal."""

from collections.abc import Collection, Sequence

import click


def align(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Return rows as lines of aligned columns, two blanks apart.

    Args:
        rows: Rows of as many cells each, which ``click.style`` may have coloured.
        right: Indices of the columns that are aligned to the right, such as numbers; the others are to the left.
    """
    widths = [max(len(click.unstyle(cell)) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(_pad(row[i], width, i in right) for i, width in enumerate(widths)).rstrip() for row in rows]


def _pad(cell: str, width: int, right: bool) -> str:
    blanks = " " * (width - len(click.unstyle(cell)))
    return blanks + cell if right else cell + blanks
