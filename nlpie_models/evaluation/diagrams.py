"""Diagrams of how much a score means."""

from collections.abc import Sequence
from pathlib import Path

from ..calibration import BINS, expected_calibration_error, reliability
from ..errors import NlpieError
from ..figures import figure_of

_INCHES = 4.0


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
