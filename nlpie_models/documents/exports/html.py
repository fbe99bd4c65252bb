"""Annotations as HTML: entities coloured in the running text, with a legend; everything escaped."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from functools import cache
from html import escape as escape_markup
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from ..fields import Entity
from ..fields.entities import mark_entity
from ..markup import escape, mark

if TYPE_CHECKING:
    from ..annotation import Annotation


def render_fragment(annotation: "Annotation") -> str:
    """Return one text as an HTML fragment with its own style."""
    return f"<style>{_style()}</style>{_render_text(annotation)}"


def render_page(annotations: Iterable[tuple[str, "Annotation"]], *, title: str = "Annotations") -> Iterator[str]:
    """Yield a self-contained page of named texts, piece by piece."""
    yield (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
        f"<title>{escape_markup(title)}</title><style>{_style()}</style></head>"
        f'<body class="nlpie-page"><h1>{escape_markup(title)}</h1>'
    )
    for name, annotation in annotations:
        yield f"<h2>{escape(name)}</h2>{_render_text(annotation)}"
    yield "</body></html>\n"


def write_html(named: Iterable[tuple[str, "Annotation"]], path: Path) -> None:
    """Write a page of named texts."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(render_page(named))


@cache
def _style() -> str:
    return (files(__package__) / "html.css").read_text(encoding="utf-8")


def _render_text(annotation: "Annotation") -> str:
    counts = Counter(entity.label for entity in annotation.entities)
    legend = "".join(f"<li>{mark(escape(label), label)} {count}</li>" for label, count in sorted(counts.items()))
    coverage = annotation.coverage
    windows = "1 window" if coverage.windows == 1 else f"{coverage.windows:,} windows"
    read = f"{coverage.characters:,} of {len(annotation.text):,} characters read in {windows}"
    hypothesis = f"<p><b>Hypothesis</b> {escape(annotation.hypothesis)}</p>" if annotation.hypothesis else ""
    above, below = (
        "".join(form.to_html(value) for _, form, value in annotation.filled() if form.above_text == is_above)
        for is_above in (True, False)
    )
    return (
        f'<section class="nlpie"><ul>{legend}<li class="nlpie-coverage">{read}</li></ul>'
        f"{above}{hypothesis}<div>{''.join(_marked_text(annotation.text, annotation.entities))}</div>"
        f"{below}</section>"
    )


def _marked_text(text: str, entities: list[Entity]) -> Iterator[str]:
    """Yield the text in pieces, each within the marks of all the entities that cover it."""
    edges = sorted({0, len(text), *(edge for entity in entities for edge in (entity.start, entity.end))})
    following = deque(sorted(entities, key=lambda entity: (entity.start, -entity.end)))
    covering = list[Entity]()
    for start, end in pairwise(edges):
        covering = [entity for entity in covering if entity.end > start]
        while following and following[0].start == start:
            covering.append(following.popleft())
        piece = escape(text[start:end])
        for entity in reversed(covering):
            piece = mark_entity(entity, piece, named=entity.end == end)
        yield piece
