"""Sets that are known by name: their task, where they are from, and whether they may be passed on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import RegistryError
from ..strict_toml import read_toml

KNOWN_SETS = Path(__file__).parent / "sets.toml"


@dataclass(frozen=True, kw_only=True)
class SetRelease:
    """On what terms a set may be passed on.

    Attributes:
        licence: Its licence, as the Hub calls it.
        cite: Whom to cite.
        changes: What was done to it, as licences want to have it said.
    """

    licence: str
    cite: str
    changes: str


@dataclass(frozen=True, kw_only=True)
class KnownSet:
    """A set.

    Attributes:
        name: Name of its folder.
        task: The task that its rows are for; ``corpus`` if they are texts alone.
        licence: What its publisher states, in words.
        source: Repository of GitHub that it is from.
        release: On what terms it may be passed on; None if nobody has said that it may.
    """

    name: str
    task: Literal["ner", "relation", "nli", "classification", "corpus"]
    licence: str
    source: str
    release: SetRelease | None = None


@dataclass(frozen=True, kw_only=True)
class KnownSets:
    """A TOML of them."""

    sets: tuple[KnownSet, ...]


def read_known_sets(path: Path = KNOWN_SETS) -> dict[str, KnownSet]:
    """Read what is known of sets, by their names.

    Raises:
        RegistryError: Not such a TOML, or a set that is in it twice.
    """
    rows = read_toml(KnownSets, path).sets
    known = {row.name: row for row in rows}
    if len(known) != len(rows):
        raise RegistryError(f"{path.name}: a set is named twice")
    return known
