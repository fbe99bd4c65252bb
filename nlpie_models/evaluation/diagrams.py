"""Diagrams: SVG files that are the same to the byte whenever the numbers are, and PNGs beside them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..calibration import BINS, expected_calibration_error, reliability
from ..errors import NlpieError
from ..files import write_whole

_STYLE: Any = {"svg.hashsalt": "nlpie", "svg.fonttype": "none", "font.size": 9}
_INCHES = 4.0
_DOTS = 150


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
        raise NlpieError("a diagram needs matplotlib; run `pip install nlpie-models[plot]`") from None
    if path.suffix != ".svg":
        raise NlpieError(f"expected a path that ends in .svg, got {path}")
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
        yield figure
        with write_whole(path, overwrite=True) as temporary:
            figure.savefig(temporary, metadata={"Date": None, "Description": description})
        with write_whole(path.with_suffix(".png"), overwrite=True) as temporary:
            figure.savefig(temporary, dpi=_DOTS)


def draw_reliability(
    confidences: Sequence[float], right: Sequence[bool], path: Path, *, bins: int = BINS, title: str = ""
) -> None:
    """Draw how often answers are right beside how sure they are, and below how many are so sure.

    Guo et al., On Calibration of Modern Neural Networks (https://arxiv.org/abs/1706.04599), figure 1.

    Args:
        confidences: Probability of each answer, 0 to 1 (N,).
        right: Whether it is right (N,).
        path: The SVG file; one that is there is replaced.
        bins: Number of equally wide bins.
        title: What stands above.

    Raises:
        NlpieError: matplotlib is not installed, the path does not end in .svg, or the numbers are not as expected.
    """
    if len(confidences) != len(right):
        raise NlpieError(f"expected as many confidences as answers, got {len(confidences)} and {len(right)}")
    if bins < 1 or not all(0 <= sure <= 1 for sure in confidences):
        raise NlpieError("expected confidences of 0 to 1, and at least 1 bin")
    rows = reliability(confidences, right, bins)
    middles = [(index + 0.5) / bins for index in range(bins)]
    filled = [(mean, share) for count, mean, share in rows if count]
    with figure_of(path, width=_INCHES, height=_INCHES * 1.3) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        upper.plot([0, 1], [0, 1], color="0.6", linestyle="--", label="as sure as right")
        upper.bar(middles, [share for *_, share in rows], width=1 / bins, color="#9ecae1", edgecolor="white")
        upper.plot(*(zip(*filled, strict=True) if filled else ([], [])), "o", color="#08519c", markersize=3)
        upper.set(xlim=(0, 1), ylim=(0, 1), ylabel="share right", title=title)
        upper.legend(
            title=f"ECE {expected_calibration_error(confidences, right, bins):.3f}, n = {len(confidences)}",
            loc="upper left",
            frameon=False,
        )
        lower.bar(middles, [count for count, *_ in rows], width=1 / bins, color="0.7", edgecolor="white")
        lower.set(xlabel="confidence", ylabel="answers")
