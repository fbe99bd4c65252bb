"""Texts and labels made fit for a file, an HTML page and a terminal; a label has the same colour everywhere."""

import re
from html import escape as escape_markup
from typing import Any
from zlib import crc32

_SURROGATE = re.compile("[\ud800-\udfff]")
_TERMINAL = ("red", "yellow", "green", "cyan", "blue", "magenta")  # every 60 degrees of hue


def label_hue(label: str) -> int:
    """Return the hue of a label, in degrees."""
    return crc32(label.encode(errors="replace")) % 360


def encodable(text: str) -> str:
    """Replace lone surrogates, which no file in UTF-8 can hold, one for one."""
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


def escape(text: str) -> str:
    """Escape markup and make what HTML cannot hold visible: NUL and lone surrogates become U+FFFD."""
    return encodable(escape_markup(text)).replace("\0", "\ufffd")


def mark(content: str, label: str, title: str | None = None, name: str | None = None) -> str:
    """Return an HTML mark in a label's colour.

    Args:
        content: HTML inside the mark.
        label: The label.
        title: Text that is shown when the pointer rests on the mark.
        name: What the style sheet calls marks of this kind, after ``nlpie-``.
    """
    attributes = f' title="{escape(title)}"' if title else ""
    attributes += f' class="nlpie-{escape_markup(name)}"' if name else ""
    return f'<mark style="--hue:{label_hue(label)}"{attributes}>{content}</mark>'


def printable(text: str) -> str:
    """Put a text on one line and disarm control characters, which a terminal would obey."""
    return "".join(char if char.isprintable() else "\ufffd" for char in " ".join(text.split()))


def style(text: str, **styles: Any) -> str:
    """Return a text in terminal styles, those of ``click.style``, which is imported when a text is first shown."""
    from click import style

    return style(text, **styles)


def paint(text: str, label: str, *, bold: bool = False) -> str:
    """Return a text for a terminal in the colour nearest to a label's hue."""
    return style(text, fg=_TERMINAL[round(label_hue(label) / 60) % len(_TERMINAL)], bold=bold or None)
