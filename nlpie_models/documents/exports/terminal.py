"""Annotations for a terminal."""

from ..annotation import Annotation
from ..markup import printable, style


def render_lines(name: str, annotation: Annotation) -> str:
    """Return a text's name, how much of it was read, and its annotations, as lines of which the last is empty."""
    coverage = annotation.coverage
    read = f"  {coverage.characters:,} characters, {coverage.tokens:,} tokens in {coverage.windows} windows"
    lines = [f"  {line}" for _, form, value in annotation.filled() for line in form.to_terminal(value)]
    return "\n".join([style(printable(name), bold=True) + style(read, dim=True), *lines, ""])
