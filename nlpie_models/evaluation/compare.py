"""Comparing two checkpoints on the data sets that both have results for: the difference, and whether it is one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..scoring import METRICS, Outcomes, draws
from .results import Results, find_results, unpack

_SAMPLES = 2000
_SWAPS = 2000


@dataclass(frozen=True)
class Difference:
    """How much better the first of two checkpoints is on a data set.

    Attributes:
        dataset: The data set.
        metric: The score.
        scores: Mean score of both over their runs.
        interval: 95% interval of the difference, when documents and runs are drawn anew.
        p_value: Of a paired permutation test over documents: how often a difference as large comes about when it does
            not matter which checkpoint an answer is from.
    """

    dataset: str
    metric: str
    scores: tuple[float, float]
    interval: tuple[float, float]
    p_value: float

    @property
    def difference(self) -> float:
        return self.scores[0] - self.scores[1]

    def __str__(self) -> str:
        first, second = self.scores
        return (
            f"{self.dataset}: {self.metric} {first:.3f} and {second:.3f}, difference "
            f"{_with_interval(self.difference, self.interval)}, p = {self.p_value:.3f}{_evidence(self.interval)}"
        )


@dataclass(frozen=True)
class Comparison:
    """How much better the first of two checkpoints is on several data sets.

    Attributes:
        differences: On each of them.
        mean: Mean of these differences.
        interval: 95% interval of the mean, when documents and runs are drawn anew and the data sets stay.
    """

    differences: Sequence[Difference]
    mean: float
    interval: tuple[float, float]

    def __str__(self) -> str:
        mean = _with_interval(self.mean, self.interval) + _evidence(self.interval)
        return "\n".join([*map(str, self.differences), f"mean difference of {len(self.differences)}: {mean}"])


def _with_interval(difference: float, interval: tuple[float, float]) -> str:
    return "{:+.3f} ({:+.3f} to {:+.3f})".format(difference, *interval)


def _evidence(interval: tuple[float, float]) -> str:
    low, high = interval
    return "" if low > 0 or high < 0 else "; no evidence of a difference"


def compare_results(first: str, second: str, *, folder: Path, protocol: str) -> Comparison:
    """Compare two checkpoints on the test splits that both were scored on by one protocol.

    Raises:
        DataError: There is no such data set, or their results are of different documents.
    """
    by_name: dict[str, dict[str, Results]] = {first: {}, second: {}}
    for each in find_results(folder):
        if each.checkpoint in by_name and each.protocol == protocol and each.test_runs():
            by_name[each.checkpoint][each.dataset] = each
    shared = sorted(by_name[first].keys() & by_name[second].keys())
    if not shared:
        known = {name: ", ".join(sorted(found)) or "nothing" for name, found in by_name.items()}
        raise DataError(
            f"no data set that both have {protocol!r} results for: "
            + "; ".join(f"{name} has {sets}" for name, sets in known.items())
            + "; score both first, by their names and the same --suite and --budget, or --data and --protocol"
        )
    sides = [[by_name[name][dataset] for dataset in shared] for name in (first, second)]
    drawn = draw_results(sides)
    differences = list(map(_compare, *sides, drawn))
    mean = float(np.mean([each.difference for each in differences]))
    return Comparison(differences, mean, percentile_interval(np.subtract(*drawn.mean(axis=0))))


def _compare(first: Results, second: Results, drawn: np.ndarray) -> Difference:
    ours, theirs = _outcomes([first, second])
    return Difference(
        dataset=first.dataset,
        metric=first.metric,
        scores=(_mean(ours, first.metric), _mean(theirs, first.metric)),
        interval=percentile_interval(np.subtract(*drawn)),
        p_value=permutation_test(ours, theirs, first.metric),
    )


def draw_results(sides: Sequence[Sequence[Results]]) -> np.ndarray:
    """Return mean scores on test (data sets, sides, samples), documents and runs drawn anew (bootstrap).

    Args:
        sides: The results of each checkpoint, on the same data sets in the same order.

    Raises:
        DataError: Results on a data set are of different documents.
    """
    return np.stack(
        [
            draw_scores(_outcomes(each), each[0].metric, seed=number)
            for number, each in enumerate(zip(*sides, strict=True))
        ]
    )


def _outcomes(sides: Sequence[Results]) -> list[list[Outcomes]]:
    """Return the outcomes of the runs of each checkpoint on a data set, over the same labels."""
    hashes = {run["data_sha256"]["test"] for each in sides for run in each.test_runs()}
    if len(hashes) > 1:
        names = " and ".join(each.checkpoint for each in sides)
        raise DataError(f"{sides[0].dataset}: {names} were scored on different test splits; score one of them again")
    found = [[unpack(run["outcomes"]) for run in each.test_runs()] for each in sides]
    labels = {label for runs in found for outcomes in runs for label in outcomes.labels}
    return [[outcomes.with_labels(labels) for outcomes in runs] for runs in found]


def draw_scores(
    sides: Sequence[Sequence[Outcomes]], metric: str, *, samples: int = _SAMPLES, seed: int = 0
) -> np.ndarray:
    """Return mean scores (sides, samples), runs and documents drawn anew, the same documents for all sides.

    Args:
        sides: Outcomes of the runs of each checkpoint, over the same documents and labels.
        metric: The score.
        samples: How often to draw.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    found = []
    for weights in draws(len(sides[0][0].counts), samples, seed):
        means = []
        for side in sides:
            scores = np.stack([outcomes.resampled(metric, weights) for outcomes in side], axis=1)
            runs = rng.integers(len(side), size=scores.shape)
            means.append(np.take_along_axis(scores, runs, axis=1).mean(axis=1))
        found.append(means)
    return np.concatenate(found, axis=1)


def percentile_interval(drawn: np.ndarray) -> tuple[float, float]:
    """Return the 95% percentile interval."""
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def permutation_test(
    first: Sequence[Outcomes], second: Sequence[Outcomes], metric: str, *, swaps: int = _SWAPS, seed: int = 0
) -> float:
    """Return the p-value of the difference of mean scores if each document's answers may be swapped.

    The runs are paired in their order; those that one side has more of are left out.
    """
    pairs = list(zip(first, second, strict=False))
    rng = np.random.default_rng(seed)
    score = METRICS[metric]
    observed = abs(np.mean([a.score(metric) - b.score(metric) for a, b in pairs]))
    as_large = 0
    for _ in range(swaps):
        swapped = rng.integers(2, size=len(pairs[0][0].counts), dtype=bool)[:, None, None]
        differences = [
            score(np.where(swapped, b.counts, a.counts).sum(axis=0))
            - score(np.where(swapped, a.counts, b.counts).sum(axis=0))
            for a, b in pairs
        ]
        as_large += abs(np.mean(differences)) >= observed - 1e-12
    return (as_large + 1) / (swaps + 1)


def _mean(side: Sequence[Outcomes], metric: str) -> float:
    return float(np.mean([outcomes.score(metric) for outcomes in side]))
