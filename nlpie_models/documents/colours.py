"""Colours of labels: the same label has the same colour in every text, page and terminal."""

from zlib import crc32

_TERMINAL = ("red", "yellow", "green", "cyan", "blue", "magenta")  # every 60 degrees of hue


def label_hue(label: str) -> int:
    """Return the hue of a label, in degrees."""
    return crc32(label.encode(errors="replace")) % 360


def label_terminal_colour(label: str) -> str:
    """Return the terminal colour nearest to a label's hue."""
    return _TERMINAL[round(label_hue(label) / 60) % len(_TERMINAL)]
