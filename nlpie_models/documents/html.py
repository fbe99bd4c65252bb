"""Annotations as HTML: entities coloured in the running text, with a legend; everything escaped."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from functools import cache
from html import escape
from importlib.resources import files
from itertools import pairwise

from .annotation import Annotation, Entity
from .colours import label_hue


def render_fragment(annotation: Annotation) -> str:
    """Return one text as an HTML fragment that brings its own style."""
    return f"<style>{_style()}</style>{_render_text(annotation)}"


def render_page(annotations: Iterable[tuple[str, Annotation]], *, title: str = "Annotations") -> Iterator[str]:
    """Return a self-contained page of named texts, piece by piece."""
    yield (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{_style()}</style></head>"
        f'<body class="nlpie-page"><h1>{escape(title)}</h1>'
    )
    for name, annotation in annotations:
        yield f"<h2>{_escape(name)}</h2>{_render_text(annotation)}"
    yield "</body></html>\n"


@cache
def _style() -> str:
    return (files(__package__) / "html.css").read_text(encoding="utf-8")


def _render_text(annotation: Annotation) -> str:
    counts = Counter(entity.label for entity in annotation.entities)
    legend = "".join(f"<li>{_mark(_escape(label), label)} {count}</li>" for label, count in sorted(counts.items()))
    coverage = annotation.coverage
    windows = "1 window" if coverage.windows == 1 else f"{coverage.windows:,} windows"
    read = f"{coverage.characters:,} of {len(annotation.text):,} characters read in {windows}"
    hypothesis = f"<p><b>Hypothesis</b> {_escape(annotation.hypothesis)}</p>" if annotation.hypothesis else ""
    return (
        f'<section class="nlpie"><ul>{legend}<li class="nlpie-coverage">{read}</li></ul>'
        f"{_render_scores(annotation)}{hypothesis}<div>{''.join(_marked_text(annotation))}</div>"
        f"{_render_relations(annotation)}</section>"
    )


def _marked_text(annotation: Annotation) -> Iterator[str]:
    """Return the text in pieces, each within the marks of all the entities that cover it."""
    text, entities = annotation.text, sorted(annotation.entities, key=lambda entity: (entity.start, -entity.end))
    edges = sorted({0, len(text), *(edge for entity in entities for edge in (entity.start, entity.end))})
    following, covering = deque(entities), list[Entity]()
    for start, end in pairwise(edges):
        covering = [entity for entity in covering if entity.end > start]
        while following and following[0].start == start:
            covering.append(following.popleft())
        piece = _escape(text[start:end])
        for entity in reversed(covering):
            piece = _mark_entity(entity, piece, named=entity.end == end)
        yield piece


def _mark_entity(entity: Entity, piece: str, *, named: bool) -> str:
    says = [entity.label, *([entity.assertion] if entity.assertion else [])]
    name = f"<small>{_escape(', '.join(says))}</small>" if named else ""
    return _mark(piece + name, entity.label, f"{', '.join(says)}, score {entity.score:.2f}", entity.assertion)


def _mark(content: str, label: str, title: str | None = None, assertion: str | None = None) -> str:
    attributes = f' title="{_escape(title)}"' if title else ""
    attributes += f' class="nlpie-{escape(assertion)}"' if assertion else ""
    return f'<mark style="--hue:{label_hue(label)}"{attributes}>{content}</mark>'


def _render_scores(annotation: Annotation) -> str:
    """Return the labels of a classification, best first, each with a bar as long as its score."""
    if annotation.classification is None:
        return ""
    ordered = sorted(annotation.scores.items(), key=lambda item: -item[1])
    lines = "".join(
        f"<tr{' class=nlpie-predicted' if label in annotation.labels else ''}><th>{_escape(label)}</th>"
        f'<td><meter value="{score:.4f}"></meter> {score:.2f}</td></tr>'
        for label, score in ordered
    )
    return f"<table>{lines}</table>"


def _render_relations(annotation: Annotation) -> str:
    lines = "".join(
        f"<tr><td>{_mark_entity(relation.head, _escape(relation.head.text), named=True)}</td>"
        f"<th>{_escape(relation.label)} \N{RIGHTWARDS ARROW}</th>"
        f"<td>{_mark_entity(relation.tail, _escape(relation.tail.text), named=True)}</td>"
        f"<td>{relation.score:.2f}</td></tr>"
        for relation in annotation.relations
    )
    return f"<table>{lines}</table>" if lines else ""


def _escape(text: str) -> str:
    """Escape markup and make what HTML cannot hold visible: NUL and lone surrogates become U+FFFD."""
    return "".join("\ufffd" if char == "\0" or "\ud800" <= char <= "\udfff" else char for char in escape(text))
