"""What of a uniform folder may be passed on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ReleaseError
from ..hazards import find_hazards
from .rows import list_splits, read_rows
from .sets import KnownSet

_FIRST_SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Candidate:
    """A set of a uniform folder.

    Attributes:
        name: Name of its folder.
        known: What is known of it, if anything is.
        splits: Its files by split, in the order train, validation, test, others.
        rows: How many rows a split has; counted only where the set may be passed on.
    """

    name: str
    known: KnownSet | None
    splits: Mapping[str, Path]
    rows: Mapping[str, int] = field(default_factory=dict)

    @property
    def refusal(self) -> str | None:
        """Why it is not passed on; None if it is."""
        if self.known is None:
            return "no licence is declared for it"
        return None if self.known.release else f"licence: {self.known.licence}"


def find_candidates(folder: Path, known: Mapping[str, KnownSet]) -> list[Candidate]:
    """Return the sets of a uniform folder, by name; every row of those that may be passed on has been read.

    Raises:
        DataError: A row cannot be read.
        ReleaseError: A set that may be passed on holds a secret, or a link that leads out of it.
    """
    found = []
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        splits = dict(sorted(list_splits(place).items(), key=lambda item: _rank(item[0])))
        candidate = Candidate(place.name, known.get(place.name), splits)
        if splits and candidate.refusal is None:
            for hazard in find_hazards(place):
                raise ReleaseError(f"{place} is not passed on: {hazard.what}")
            rows = {split: sum(1 for _ in read_rows(path)) for split, path in splits.items()}
            candidate = Candidate(candidate.name, candidate.known, splits, rows)
        found += [candidate] if splits else []
    return found


def _rank(split: str) -> tuple[int, str]:
    return (_FIRST_SPLITS.index(split) if split in _FIRST_SPLITS else len(_FIRST_SPLITS), split)
