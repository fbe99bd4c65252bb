"""Maps from a data set's labels to a model's."""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import DataError


@dataclass(frozen=True)
class LabelMap:
    """How labels are renamed, and which entity labels win.

    Attributes:
        names: Source label to target label. Without it labels stay as they are; with it, entities with another label
            are left out, and other labels (of texts, pairs and the types in a pair) stay.
        prefer: Entity labels that win over others where spans overlap.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    prefer: Collection[str] = ()

    def rename(self, label: Any) -> str:
        """Return a label's name.

        Raises:
            TypeError: It is not a text, but a number perhaps.
        """
        if not isinstance(label, str):
            raise TypeError(f"expected labels as texts (str), got {type(label).__name__}")
        return self.names.get(label, label)


def read_label_map(name: str) -> dict[str, str]:
    """Read a TOML of target labels, each with the list of its source labels, into source label -> target label.

    Args:
        name: A file, or the name of one of the maps in ``label_maps/``, such as ``maccrobat2020``.

    Raises:
        DataError: Not such a file, or a source label under two targets.
    """
    bundled = Path(__file__).parent / "label_maps"
    path = Path(name) if name.endswith(".toml") else bundled / f"{name}.toml"
    if not path.exists():
        known = ", ".join(sorted(file.stem for file in bundled.glob("*.toml")))
        raise DataError(f"no label map {name!r}: give a .toml file or one of {known}")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))["labels"]
        pairs = [(source, target) for target, sources in table.items() for source in sources]
    except (OSError, tomllib.TOMLDecodeError, KeyError, AttributeError) as error:
        raise DataError(f"{path}: expected a TOML with a table [labels] of lists: {error}") from error
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise DataError(f"{path}: a source label stands under two targets")
    return mapping
