"""Quality, speed and size of the checkpoints in one picture: measured here, or published and marked so."""

import hashlib
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import NlpieError
from ..figures import figure_of, name_discs
from ..registry import get_checkpoint
from ..strict_toml import read_toml
from .efficiency import find_costs
from .results import find_results, mean_score, suite_scores

FIGURE = "quality.svg"
_BUDGET = "quick"
_PUBLISHED_ON = ("bc2gm", "subword")
_MEASURED = {"facecolor": "#08519c", "edgecolor": "#08519c", "label": "measured here"}
_PUBLISHED = {"facecolor": "white", "edgecolor": "0.45", "label": "published, not measured here"}


@dataclass(frozen=True)
class Point:
    """One checkpoint in a panel.

    Attributes:
        name: The checkpoint.
        across: Notes per second, or millions of parameters.
        score: Mean score.
        megabytes: Size of the weights; None where it does not show.
        measured: Whether the score was measured here; else it was published.
    """

    name: str
    across: float
    score: float
    megabytes: float | None = None
    measured: bool = True


@dataclass(frozen=True)
class PublishedScore:
    """A score that others have published."""

    checkpoint: str
    dataset: str
    protocol: str
    score: float
    source: str


@dataclass(frozen=True)
class PublishedScores:
    """``published.toml``."""

    scores: tuple[PublishedScore, ...]


def speed_points(folder: Path) -> list[Point]:
    """Return the checkpoints with results for the whole suite and an efficiency file, by name."""
    costs = {each.checkpoint: each for each in find_costs(folder)}
    sets, by_name = suite_scores(list(find_results(folder)), _BUDGET)
    return [
        Point(
            name,
            costs[name].stream_notes_per_second,
            float(np.mean([mean_score(each) for each in found.values()])),
            costs[name].weight_bytes / 1e6,
        )
        for name, found in sorted(by_name.items())
        if name in costs and len(found) == len(sets)
    ]


def size_points(folder: Path) -> list[Point]:
    """Return the checkpoints with scores by the authors' protocol, published ones included."""
    costs = {each.checkpoint: each for each in find_costs(folder)}
    measured = [
        Point(each.checkpoint, costs[each.checkpoint].encoder_parameters / 1e6, mean_score(each))
        for each in find_results(folder)
        if (each.dataset, each.protocol) == _PUBLISHED_ON and each.checkpoint in costs
    ]
    published = read_toml(PublishedScores, Path(__file__).with_name("published.toml")).scores
    return measured + [
        Point(row.name, row.architecture.parameters / 1e6, each.score, measured=False)
        for each in published
        if (each.dataset, each.protocol) == _PUBLISHED_ON
        and (row := get_checkpoint(each.checkpoint)).architecture.parameters
    ]


def is_current(path: Path, folder: Path) -> bool:
    """Whether the figure shows what a folder of results holds now."""
    return path.exists() and _fingerprint(speed_points(folder), size_points(folder)) in path.read_text(encoding="utf-8")


def draw_quality(folder: Path, path: Path) -> None:
    """Draw the figure as SVG and, beside it, as PNG.

    Args:
        folder: Folder of results; that of the efficiency files lies beside it.
        path: The SVG file; one that is there is replaced.

    Raises:
        NlpieError: matplotlib or adjustText is not installed, or nothing has both a score and a speed.
    """
    speeds, sizes = speed_points(folder), size_points(folder)
    if not speeds:
        raise NlpieError("there is nothing to draw: no checkpoint has results for a whole suite and an efficiency file")
    with figure_of(path, width=9.0, height=4.0, description=_fingerprint(speeds, sizes)) as figure:
        left, right = figure.subplots(1, 2)
        _scatter(left, speeds)
        left.set(xlabel="notes per second (CPU)", ylabel="mean score", title="Open suite, quick; area: MB of weights")
        _scatter(right, sizes)
        right.set(xlabel="parameters (millions)", ylabel="F1 of word pieces", title="BC2GM, the authors' protocol")
        right.legend(frameon=False, loc="lower right")


def _scatter(axes: Any, points: Sequence[Point]) -> None:
    looks = [_MEASURED if point.measured else _PUBLISHED for point in points]
    discs = axes.scatter(
        [point.across for point in points],
        [point.score for point in points],
        s=[_area(point) for point in points],
        facecolor=[look["facecolor"] for look in looks],
        edgecolor=[look["edgecolor"] for look in looks],
        alpha=0.8,
    )
    for look in (_MEASURED, _PUBLISHED):
        if look in looks:
            axes.scatter([], [], **look)
    axes.margins(0.25)
    axes.spines[["top", "right"]].set_visible(False)
    name_discs(axes, discs, [point.name for point in points])


def _area(point: Point) -> float:
    """Return the area of a point's disc, in square points."""
    return 6 * (point.megabytes or 8)


def _fingerprint(*panels: Sequence[Point]) -> str:
    content = repr([[astuple(point) for point in panel] for panel in panels])
    return hashlib.sha256(content.encode()).hexdigest()
