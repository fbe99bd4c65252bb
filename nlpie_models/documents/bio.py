"""BIO tags to spans of words."""

from collections.abc import Container, Sequence


def split_tag(tag: str) -> tuple[str, str]:
    """Split ``B-problem`` into ("B", "problem") and ``O`` into ("O", ""); a bare label counts as I-."""
    if tag == "O":
        return "O", ""
    prefix, dash, label = tag.partition("-")
    return (prefix, label) if dash and prefix in {"B", "I"} else ("I", tag)


def decode_bio(tags: Sequence[str], edges: Container[int] = ()) -> list[tuple[int, int, str]]:
    """Return the (first, one past last, label) spans of a tag sequence.

    A B- tag always opens a span. An I- tag continues one of the same label and otherwise opens one: the repair that
    conlleval and seqeval's default mode make. A span ends before each of the ``edges``, indices of tags.
    """
    spans = []
    first, open_label = 0, ""
    for index, tag in enumerate(tags):
        if tag == "O" and not open_label:
            continue
        prefix, label = split_tag(tag)
        if prefix == "I" and label == open_label and index not in edges:
            continue
        if open_label:
            spans.append((first, index, open_label))
        first, open_label = index, label
    if open_label:
        spans.append((first, len(tags), open_label))
    return spans


def encode_bio(words: int, spans: Sequence[tuple[int, int, str]]) -> list[str]:
    """Return the tags of spans of words (first, one past last, label) that do not overlap."""
    tags = ["O"] * words
    for first, stop, label in spans:
        tags[first:stop] = [f"B-{label}", *[f"I-{label}"] * (stop - first - 1)]
    return tags
