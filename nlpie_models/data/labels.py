"""How the labels of a data set are renamed to those of a model."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import DataError, RegistryError
from ..util.toml import read_toml


@dataclass(frozen=True)
class LabelMap:
    """How labels are renamed, and which entity labels win where spans overlap.

    Attributes:
        names: Target label by source label; labels stay as they are if it is empty. Entities whose label it lacks are
            left out; other labels that it lacks (of texts, of pairs, the types in a pair) stay.
        prefer: Entity labels that win over all others.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    prefer: Collection[str] = ()

    def rename(self, label: Any) -> str:
        """Return the new name of a label.

        Raises:
            TypeError: The label is not a text.
        """
        if not isinstance(label, str):
            raise TypeError(f"expected labels as texts (str), got {type(label).__name__}")
        return self.names.get(label, label)


@dataclass(frozen=True)
class _LabelTable:
    """What the TOML of a label map holds: source labels by target label."""

    labels: Mapping[str, Sequence[str]]


def read_label_map(name: str) -> dict[str, str]:
    """Return the target label by source label of a TOML with the table ``[labels]``: target = [sources].

    Args:
        name: A ``.toml`` file, or the name of one of the maps that are bundled, such as ``maccrobat2020``.

    Raises:
        DataError: There is no such map, it is broken, or it has a source label under two targets.
    """
    bundled = Path(__file__).parent / "label_maps"
    path = Path(name) if name.endswith(".toml") else bundled / f"{name}.toml"
    if not path.exists():
        known = ", ".join(sorted(file.stem for file in bundled.glob("*.toml")))
        raise DataError(f"no label map {name!r}: expected a .toml file or one of {known}")
    try:
        table = read_toml(_LabelTable, path).labels
    except RegistryError as error:
        raise DataError(f"expected a TOML with a table [labels] of lists; {error}") from error
    pairs = [(source, target) for target, sources in table.items() for source in sources]
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise DataError(f"{path}: a source label is under two targets")
    return mapping
