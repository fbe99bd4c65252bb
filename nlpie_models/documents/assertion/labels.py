"""Labels that say an assertion as well, such as ``problem/negated``, for models that learn the two together."""

from collections.abc import Iterable

from .rules import ASSERTIONS

PRESENT = "present"
"""What a label says of an entity to which none of the assertions applies."""


def join_label(label: str, assertion: str | None) -> str:
    """Return the label of an entity with its assertion."""
    return f"{label}/{assertion}" if assertion else label


def split_label(joined: str) -> tuple[str, str | None]:
    """Split ``problem/negated`` into ("problem", "negated"); a label without an assertion stays whole, with None."""
    label, slash, assertion = joined.rpartition("/")
    return (label, assertion) if slash and assertion in (*ASSERTIONS, PRESENT) else (joined, None)


def without_assertions(spans: Iterable[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Return spans (start, end, label) labelled as entities are: what their labels say of assertions is left out."""
    return [(start, end, split_label(label)[0]) for start, end, label in spans]
