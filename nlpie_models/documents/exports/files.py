"""The formats in which the annotations of many texts are written, by suffix."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from ...errors import NlpieError
from ..annotation import Annotation
from .brat import write_brat
from .html import write_html
from .tables import write_csv, write_jsonl, write_parquet

BRAT = "brat"
EXPORTS: Mapping[str, Callable[[Iterable[tuple[str, Annotation]], Path], None]] = {
    ".jsonl": write_jsonl,
    ".csv": write_csv,
    ".parquet": write_parquet,
    ".html": write_html,
    BRAT: write_brat,
}
"""Writers of named annotations into a path that does not exist yet, by suffix; BRAT's is a folder."""


def format_of(path: Path) -> str:
    """Return the export format of a path: its suffix; without one, a BRAT folder.

    Raises:
        NlpieError: No export writes this suffix.
    """
    if path.suffix in EXPORTS:
        return path.suffix
    if path.name and not path.suffix:
        return BRAT
    raise NlpieError(f"cannot write to {str(path)!r}; use one of {', '.join(EXPORTS)}, or a folder for BRAT")
