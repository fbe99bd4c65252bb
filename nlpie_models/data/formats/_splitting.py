"""From documents to splits: those of the source, and a held-out validation split where it has none."""

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256

from ...errors import DataError
from ._format import Item, Prepared, Source, Split

OFFICIAL = "official"
ORDER = ("train", "validation", "test")
HELD_OUT = 0.1


def assemble(
    source: Source,
    name: str,
    task: str,
    items: Mapping[str, Sequence[Item]],
    dropped: Counter[str] | None = None,
    *,
    origin: str = "as the source has it",
    unit: str = "documents",
) -> Prepared:
    """Return the set that documents make.

    Args:
        source: Where they come from.
        name: Name of the set.
        task: Its task.
        items: The documents by split. Where there is no validation split, a tenth of the training documents become it:
            those whose group has the lowest SHA-256; of one document, a tenth of its rows.
        dropped: What was left out.
        origin: Who chose the splits.
        unit: What a group is, in the plural.

    Raises:
        DataError: There is no row.
    """
    items = {split: list(items[split]) for split in ORDER if items.get(split)}
    origins = dict.fromkeys(items, origin)
    if "train" in items and "validation" not in items:
        if len(items["train"]) == 1:
            unit, items["train"] = "rows", _rows_apart(items["train"][0])
        items["train"], items["validation"] = hold_out(items["train"], HELD_OUT)
        if items["validation"]:
            origins["train"] = f"{origin}, less validation"
            origins["validation"] = f"a tenth of the training {unit}, those with the lowest SHA-256"
    made = {split: make_split(items[split], origins[split]) for split in ORDER if items.get(split)}
    splits = {name: split for name, split in made.items() if split.rows}
    if not splits:
        raise DataError(f"{source.path}: holds nothing for {name}")
    return Prepared(name, task, splits, dict(dropped or {}))


def hold_out(items: Sequence[Item], share: float) -> tuple[list[Item], list[Item]]:
    """Part items in two, the second with this share of the groups (at least one of several)."""
    groups = sorted({_group(item) for item in items}, key=lambda group: sha256(group.encode()).hexdigest())
    count = max(round(len(groups) * share), 1) if len(groups) > 1 else 0
    held = set(groups[:count])
    kept = [item for item in items if _group(item) not in held]
    return kept, [item for item in items if _group(item) in held]


def make_split(items: Sequence[Item], origin: str) -> Split:
    """Return the split that items make."""
    sentences = [item.sentences for item in items if item.sentences is not None]
    rows = [row for item in items for row in item.rows]
    return Split(rows, len({item.document for item in items}), sum(sentences) if sentences else None, origin)


def _rows_apart(item: Item) -> list[Item]:
    return [Item(item.document, [row], row["id"], None if item.sentences is None else 1) for row in item.rows]


def _group(item: Item) -> str:
    return item.group or item.document
