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
        raise DataError(f"no data set that both have {protocol!r} results for: {known}")
    compared = [
        _compare(by_name[first][dataset], by_name[second][dataset], seed=number)
        for number, dataset in enumerate(shared)
    ]
    differences, drawn = zip(*compared, strict=True)
    mean = float(np.mean([each.difference for each in differences]))
    return Comparison(differences, mean, _interval(np.mean(drawn, axis=0)))


def _compare(first: Results, second: Results, seed: int) -> tuple[Difference, np.ndarray]:
    """Return the difference on a data set, and draws of it."""
    hashes = {run["data_sha256"]["test"] for each in (first, second) for run in each.test_runs()}
    if len(hashes) > 1:
        raise DataError(f"{first.dataset}: the two were scored on different test splits; score one of them again")
    ours, theirs = ([unpack(run["outcomes"]) for run in each.test_runs()] for each in (first, second))
    labels = {label for outcomes in (*ours, *theirs) for label in outcomes.labels}
    ours, theirs = ([outcomes.with_labels(labels) for outcomes in side] for side in (ours, theirs))
    drawn = draw_differences(ours, theirs, first.metric, seed=seed)
    difference = Difference(
        dataset=first.dataset,
        metric=first.metric,
        scores=(_mean(ours, first.metric), _mean(theirs, first.metric)),
        interval=_interval(drawn),
        p_value=permutation_test(ours, theirs, first.metric),
    )
    return difference, drawn


def draw_differences(
    first: Sequence[Outcomes], second: Sequence[Outcomes], metric: str, *, samples: int = _SAMPLES, seed: int = 0
) -> np.ndarray:
    """Return differences of mean scores (samples,), documents and runs drawn anew (bootstrap).

    Args:
        first: Outcomes of the runs of one checkpoint, over the same documents and labels as those of the other.
        second: Those of the other.
        metric: The score.
        samples: How often to draw.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    found = []
    for weights in draws(len(first[0].counts), samples, seed):
        means = []
        for side in (first, second):
            scores = np.stack([outcomes.resampled(metric, weights) for outcomes in side], axis=1)
            runs = rng.integers(len(side), size=scores.shape)
            means.append(np.take_along_axis(scores, runs, axis=1).mean(axis=1))
        found.append(means[0] - means[1])
    return np.concatenate(found)


def _interval(drawn: np.ndarray) -> tuple[float, float]:
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
