"""Figures: SVG files that are the same to the byte whenever the numbers are, and PNGs beside them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import NlpieError
from .files import write_whole

_STYLE: Any = {"svg.hashsalt": "nlpie", "svg.fonttype": "none", "font.size": 9}
_DOTS = 150
_ROUNDS = 200
_MISSING = "a diagram needs matplotlib and adjustText; run `pip install nlpie-models[plot]`"


@contextmanager
def figure_of(path: Path, *, width: float, height: float, description: str | None = None) -> Iterator[Any]:
    """Give a matplotlib figure to draw on, and write it when the block ends well, as SVG and beside it as PNG.

    Args:
        path: The SVG file; one that is there is replaced.
        width: Inches.
        height: Inches.
        description: What the SVG's metadata say of it.

    Raises:
        NlpieError: matplotlib is not installed, or the path does not end in .svg.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise NlpieError(_MISSING) from None
    if path.suffix != ".svg":
        raise NlpieError(f"expected a path that ends in .svg, got {path}")
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
        yield figure
        with write_whole(path, overwrite=True) as temporary:
            figure.savefig(temporary, metadata={"Date": None, "Description": description})
        with write_whole(path.with_suffix(".png"), overwrite=True) as temporary:
            figure.savefig(temporary, dpi=_DOTS)


def name_discs(axes: Any, discs: Any, names: Sequence[str]) -> None:
    """Write a name beside each disc of a scatter, apart from the others; to be called last, as limits move names.

    Args:
        axes: The axes that the scatter is on.
        discs: What ``axes.scatter`` returned, N discs.
        names: Of the discs, in their order (N,).

    Raises:
        NlpieError: adjustText is not installed.
    """
    try:
        from adjustText import adjust_text
    except ImportError:
        raise NlpieError(_MISSING) from None
    texts = [
        axes.text(*at, name, ha="center", va="center") for at, name in zip(discs.get_offsets(), names, strict=True)
    ]
    line = {"arrowstyle": "-", "color": "0.45", "linewidth": 0.6}
    adjust_text(texts, objects=discs, ax=axes, expand=(1.1, 1.4), iter_lim=_ROUNDS, arrowprops=line)
