"""Annotations as HTML: entities coloured in the running text, with a legend; everything escaped."""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from html import escape
from importlib.resources import files

from .annotation import Annotation
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
    pieces, end = [], 0
    for entity in annotation.entities:
        pieces.append(_escape(annotation.text[end : entity.start]))
        title = f"{entity.label}, score {entity.score:.2f}"
        pieces.append(
            f'<mark style="--hue:{label_hue(entity.label)}" title="{escape(title)}">{_escape(entity.text)}'
            f"<small>{escape(entity.label)}</small></mark>"
        )
        end = entity.end
    pieces.append(_escape(annotation.text[end:]))
    counts = Counter(entity.label for entity in annotation.entities)
    legend = "".join(
        f'<li><mark style="--hue:{label_hue(label)}">{escape(label)}</mark> {count}</li>'
        for label, count in sorted(counts.items())
    )
    coverage = annotation.coverage
    read = f"{coverage.characters:,} of {len(annotation.text):,} characters read in {coverage.windows} windows"
    return (
        f'<section class="nlpie"><ul>{legend}<li class="nlpie-coverage">{read}</li></ul>'
        f"<div>{''.join(pieces)}</div></section>"
    )


def _escape(text: str) -> str:
    """Escape markup and make what HTML cannot hold visible: NUL and lone surrogates become U+FFFD."""
    return "".join("\ufffd" if char == "\0" or "\ud800" <= char <= "\udfff" else char for char in escape(text))
