"""Figures: SVG files that are the same to the byte whenever the numbers are, and PNGs beside them."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from ..errors import NlpieError
from ..registry import get_checkpoint
from ..util.files import write_whole
from ..util.toml import read_toml
from .efficiency import find_efficiency
from .results import find_results, mean_of_means, suite_scores
from .suites import read_suite

QUALITY = "quality.svg"
_STYLE: Any = {"svg.hashsalt": "nlpie", "svg.fonttype": "none", "font.size": 9}
_DOTS = 150
_ROUNDS = 200
_PUBLISHED_ON = ("bc2gm", "subword")
_MEASURED = {"facecolor": "#08519c", "edgecolor": "#08519c", "label": "measured here"}
_PUBLISHED = {"facecolor": "white", "edgecolor": "0.45", "label": "published, not measured here"}
_MISSING = "a diagram needs matplotlib and adjustText; run `pip install nlpie-models[release]`"


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


def _name_discs(axes: Any, discs: Any, names: Sequence[str]) -> None:
    """Write a name beside each disc of a scatter, apart from the others. Call it last, as new limits move names.

    Args:
        axes: The axes of the scatter.
        discs: The N discs that ``axes.scatter`` returned.
        names: Names of the discs, in their order (N,).

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


def draw_losses(history: Sequence[Mapping[str, float]], path: Path) -> None:
    """Draw the loss of the training and of each held-out corpus, as SVG and PNG.

    Args:
        history: The history of a pretraining's record.
        path: The SVG file.

    Raises:
        NlpieError: matplotlib is not installed.
    """
    from ..training.pretraining import held_out_losses

    curves: dict[str, list[tuple[float, float]]] = {}
    for row in history:
        losses = {"training": row["loss"]} if "loss" in row else held_out_losses(row)
        for name, loss in losses.items():
            curves.setdefault(name, []).append((row["step"], loss))
    with figure_of(path, width=6.0, height=4.0) as figure:
        axes = figure.subplots()
        for name, points in curves.items():
            axes.plot(*zip(*points, strict=True), marker="o", markersize=3, label=name)
        axes.set(xlabel="step", ylabel="loss of a masked token (nats)")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)


@dataclass(frozen=True)
class Point:
    """One checkpoint in a panel of the figure of quality, speed and size.

    Attributes:
        name: Name of the checkpoint.
        across: Notes per second, or millions of parameters.
        score: Mean score.
        megabytes: Size of the weights, which the area of the disc shows; None for a disc of one size.
        measured: Whether the score was measured by this package; else others published it.
    """

    name: str
    across: float
    score: float
    megabytes: float | None = None
    measured: bool = True


@dataclass(frozen=True)
class PublishedScore:
    """A score that others published."""

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
    costs = {cost.checkpoint: cost for cost in find_efficiency(folder)}
    datasets, by_name = suite_scores(find_results(folder), read_suite("open").default_budget)
    return [
        Point(
            name,
            costs[name].stream_notes_per_second,
            mean_of_means(found.values()),
            costs[name].weight_bytes / 1e6,
        )
        for name, found in sorted(by_name.items())
        if name in costs and len(found) == len(datasets)
    ]


def size_points(folder: Path) -> list[Point]:
    """Return the checkpoints with scores by the authors' protocol, published ones included."""
    costs = {cost.checkpoint: cost for cost in find_efficiency(folder)}
    measured = [
        Point(found.checkpoint, round(costs[found.checkpoint].encoder_parameters / 1e6, 2), found.mean_score())
        for found in find_results(folder)
        if (found.dataset, found.protocol) == _PUBLISHED_ON and found.checkpoint in costs
    ]
    published = read_toml(PublishedScores, Path(__file__).with_name("published.toml")).scores
    return measured + [
        Point(row.name, round(row.architecture.parameters / 1e6, 2), found.score, measured=False)
        for found in published
        if (found.dataset, found.protocol) == _PUBLISHED_ON
        and (row := get_checkpoint(found.checkpoint)).architecture.parameters
    ]


def is_current(path: Path, folder: Path) -> bool:
    """Return whether the figure of quality shows what a folder of results holds now."""
    return path.exists() and _fingerprint(speed_points(folder), size_points(folder)) in path.read_text(encoding="utf-8")


def draw_quality(folder: Path, path: Path) -> None:
    """Draw the mean scores of checkpoints beside their speed and size.

    Args:
        folder: Folder of results; that of the efficiency files lies beside it.
        path: The SVG file; a PNG is written beside it.

    Raises:
        NlpieError: matplotlib or adjustText is not installed.
    """
    speeds, sizes = speed_points(folder), size_points(folder)
    with figure_of(path, width=9.0, height=4.0, description=_fingerprint(speeds, sizes)) as figure:
        left, right = figure.subplots(1, 2)
        _scatter(left, speeds)
        left.set(xlabel="notes per second (CPU)", ylabel="mean score", title="Open suite; area: MB of weights")
        _scatter(right, sizes)
        right.set(xlabel="parameters (millions)", ylabel="F1 of word pieces", title="BC2GM, the authors' protocol")
        right.legend(frameon=False, loc="lower right")


def _scatter(axes: Any, points: Sequence[Point]) -> None:
    if not points:
        axes.text(0.5, 0.5, "not measured yet", ha="center", va="center", transform=axes.transAxes)
        return
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
    _name_discs(axes, discs, [point.name for point in points])


def _area(point: Point) -> float:
    """Return the area of a point's disc, in square points."""
    return 6 * (point.megabytes or 8)


def _fingerprint(*panels: Sequence[Point]) -> str:
    content = repr([[astuple(point) for point in panel] for panel in panels])
    return hashlib.sha256(content.encode()).hexdigest()
