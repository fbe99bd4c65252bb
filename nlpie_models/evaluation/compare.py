"""Compare checkpoints on the data sets that they share results for: differences, intervals, and shares kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from ..metrics.counts import METRICS, Outcomes, draws
from ..recipes import Distillation
from ..registry import list_checkpoints
from .efficiency import Efficiency, find_efficiency
from .results import Results, fewest_seeds, find_results, mean_of_means, suite_scores

_SAMPLES = 2000
_PERMUTATIONS = 2000
_BATCH = 100


@dataclass(frozen=True)
class Difference:
    """How much better the first of two checkpoints is on a data set.

    Attributes:
        dataset: The data set.
        metric: The score.
        scores: Mean score of both over their runs.
        interval: 95% interval of the difference, when documents and runs are drawn anew.
        p_value: Of a paired permutation test over documents: how often a difference as large arises when the answers of
            the two checkpoints are exchanged at random.
    """

    dataset: str
    metric: str
    scores: tuple[float, float]
    interval: tuple[float, float]
    p_value: float

    @property
    def difference(self) -> float:
        return self.scores[0] - self.scores[1]


@dataclass(frozen=True)
class Comparison:
    """How much better the first of two checkpoints is on several data sets.

    Attributes:
        differences: The difference on each data set.
        mean: Mean of these differences.
        interval: 95% interval of the mean, when documents and runs are drawn anew and the data sets stay.
    """

    differences: Sequence[Difference]
    mean: float
    interval: tuple[float, float]


def compare_results(first: str, second: str, *, folder: Path, protocol: str) -> Comparison:
    """Compare two checkpoints on the test splits that both were scored on by one protocol.

    Raises:
        DataError: There is no such data set, or their results are of different documents.
    """
    by_name: dict[str, dict[str, Results]] = {first: {}, second: {}}
    for results in find_results(folder):
        if results.checkpoint in by_name and results.protocol == protocol and results.test_runs():
            by_name[results.checkpoint][results.dataset] = results
    shared = sorted(by_name[first].keys() & by_name[second].keys())
    if not shared:
        known = {name: ", ".join(sorted(datasets)) or "nothing" for name, datasets in by_name.items()}
        raise DataError(
            f"no data set that both have {protocol!r} results for: "
            + "; ".join(f"{name} has {datasets}" for name, datasets in known.items())
            + "; run `nlpie evaluate` for both first, with the same --suite and --budget, or the same --protocol"
        )
    sides = [[by_name[name][dataset] for dataset in shared] for name in (first, second)]
    drawn = draw_results(sides)
    differences = list(map(_compare, *sides, drawn))
    mean = float(np.mean([difference.difference for difference in differences]))
    return Comparison(differences, mean, percentile_interval(np.subtract(*drawn.mean(axis=0))))


def _compare(first: Results, second: Results, drawn: np.ndarray) -> Difference:
    metric = first.metric
    ours, theirs = _outcomes([first, second])
    means = [float(np.mean([outcomes.score(metric) for outcomes in side])) for side in (ours, theirs)]
    return Difference(
        dataset=first.dataset,
        metric=metric,
        scores=(means[0], means[1]),
        interval=percentile_interval(np.subtract(*drawn)),
        p_value=permutation_test(ours, theirs, metric),
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
            draw_scores(_outcomes(results), results[0].metric, seed=number)
            for number, results in enumerate(zip(*sides, strict=True))
        ]
    )


def _outcomes(sides: Sequence[Results]) -> list[list[Outcomes]]:
    """Return the outcomes of the runs of each checkpoint on a data set, over the same labels."""
    hashes = {run.data_sha256["test"] for results in sides for run in results.test_runs()}
    if len(hashes) > 1:
        names = " and ".join(results.checkpoint for results in sides)
        raise DataError(f"{sides[0].dataset}: {names} were scored on different test splits; score one of them again")
    unpacked = [[run.outcomes.unpack() for run in results.test_runs()] for results in sides]
    labels = {label for side in unpacked for outcomes in side for label in outcomes.labels}
    return [[outcomes.with_labels(labels) for outcomes in side] for side in unpacked]


def draw_scores(
    sides: Sequence[Sequence[Outcomes]], metric: str, *, samples: int = _SAMPLES, seed: int = 0
) -> np.ndarray:
    """Return mean scores (sides, samples), runs and documents drawn anew, the same documents for all sides.

    Args:
        sides: Outcomes of the runs of each checkpoint, over the same documents and labels.
        metric: The score.
        samples: Number of draws.
        seed: Seed of the draws.
    """
    rng = np.random.default_rng(seed)
    drawn = []
    for weights in draws(len(sides[0][0].counts), samples, seed):
        means = []
        for side in sides:
            scores = np.stack([outcomes.resampled(metric, weights) for outcomes in side], axis=1)
            runs = rng.integers(len(side), size=scores.shape)
            means.append(np.take_along_axis(scores, runs, axis=1).mean(axis=1))
        drawn.append(means)
    return np.concatenate(drawn, axis=1)


def percentile_interval(drawn: np.ndarray) -> tuple[float, float]:
    """Return the 95% percentile interval."""
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def permutation_test(first: Sequence[Outcomes], second: Sequence[Outcomes], metric: str) -> float:
    """Return the p-value of the difference of mean scores if the answers to each document may be exchanged.

    The runs are paired in their order; those that one side has more of are left out. With few documents every exchange
    is tried.
    """
    from scipy.stats import permutation_test as permute

    runs = min(len(first), len(second))
    sides = [np.stack([outcomes.counts for outcomes in side[:runs]], axis=1) for side in (first, second)]
    documents, shape = len(sides[0]), sides[0].shape[1:]
    ours, theirs = (side.reshape(documents, -1).astype(np.float64) for side in sides)
    everything = (ours + theirs).sum(axis=0)

    def difference(left: np.ndarray, right: np.ndarray, axis: int) -> np.ndarray:
        """Return the difference of mean scores; a document's number lies above all others where it is exchanged."""
        exchanged = (left >= documents).astype(np.float64)
        counts = exchanged @ theirs + (1 - exchanged) @ ours
        scores = (METRICS[metric](side.reshape(*side.shape[:-1], *shape)) for side in (counts, everything - counts))
        return np.abs(np.subtract(*scores).mean(axis=-1))

    numbers = np.arange(documents)
    test = permute(
        (numbers, numbers + documents),
        difference,
        permutation_type="samples",
        vectorized=True,
        n_resamples=_PERMUTATIONS,
        batch=_BATCH,
        alternative="greater",
        rng=np.random.default_rng(0),
    )
    return float(test.pvalue)


@dataclass(frozen=True)
class Estimate:
    """A figure, and its 95% interval when documents and runs are drawn anew and the data sets stay."""

    value: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class ComparisonRow:
    """A teacher, a student or a peer: a general-domain checkpoint of the same architecture.

    Attributes:
        checkpoint: Name of the checkpoint.
        role: Which of the three it is, and of which checkpoint.
        seeds: Least number of seeds that a data set has.
        mean: Mean score over the suite.
        cost: Size and speed, if they were measured.
        kept: For a student, its mean score as a share of its teacher's.
        gain: Its mean score minus that of its peer, if that was measured.
    """

    checkpoint: str
    role: str
    seeds: int
    mean: Estimate
    cost: Efficiency | None
    kept: Estimate | None = None
    gain: Estimate | None = None


def compare_students(folder: Path, budget: str) -> list[ComparisonRow]:
    """Return teachers, their students and the peers of both that have results for the whole suite.

    The registry says which checkpoint is the teacher and which the peer of another.

    Args:
        folder: Folder of results; that of the efficiency files lies beside it.
        budget: Budget of the suite.

    Raises:
        DataError: A file cannot be read, or results are of different documents.
    """
    datasets, by_name = suite_scores(find_results(folder), budget)
    whole = {
        name: [results[dataset] for dataset in sorted(results)]
        for name, results in by_name.items()
        if len(results) == len(datasets)
    }
    costs = {cost.checkpoint: cost for cost in find_efficiency(folder)}
    measured = {row.name: row for row in list_checkpoints() if row.name in whole}
    teacher_of = {
        name: row.recipe.teacher
        for name, row in measured.items()
        if isinstance(row.recipe, Distillation) and row.recipe.teacher in measured
    }
    shown = sorted({*teacher_of, *teacher_of.values()}, key=lambda name: (name in teacher_of, name))
    peer_of = {name: peer for name in shown if (peer := measured[name].peer) in whole}

    def row(name: str, role: str, **estimates: Estimate | None) -> ComparisonRow:
        results = whole[name]
        return ComparisonRow(name, role, fewest_seeds(results), _mean(results), costs.get(name), **estimates)

    rows = []
    for name in shown:
        teacher, peer = teacher_of.get(name), peer_of.get(name)
        kept = _estimate(np.divide, whole[name], whole[teacher]) if teacher else None
        gain = _estimate(np.subtract, whole[name], whole[peer]) if peer else None
        rows.append(row(name, f"student of {teacher}" if teacher else "teacher", kept=kept, gain=gain))
    for peer in sorted(set(peer_of.values())):
        rows.append(row(peer, "peer of " + ", ".join(name for name in shown if peer_of.get(name) == peer)))
    return rows


def _mean(results: Sequence[Results]) -> Estimate:
    [drawn] = draw_results([results]).mean(axis=0)
    return Estimate(mean_of_means(results), percentile_interval(drawn))


def _estimate(combine: Callable[..., Any], first: Sequence[Results], second: Sequence[Results]) -> Estimate:
    """Return a combination of the mean scores of two checkpoints, such as their difference."""
    drawn = draw_results([first, second]).mean(axis=0)
    value = combine(mean_of_means(first), mean_of_means(second))
    return Estimate(float(value), percentile_interval(combine(*drawn)))
