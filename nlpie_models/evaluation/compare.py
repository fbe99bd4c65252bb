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
from .suites import Suite

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
        kept: Its mean score as a share of the teacher's; None for the teacher itself.
        gain: Its mean score minus that of its peer, if that was measured.
        better_than: The checkpoints of the table whose mean score is lower, where the 95% interval of the difference
            lies above 0.
    """

    checkpoint: str
    role: str
    seeds: int
    mean: Estimate
    cost: Efficiency | None
    kept: Estimate | None = None
    gain: Estimate | None = None
    better_than: tuple[str, ...] = ()


def compare_students(folder: Path, suite: Suite) -> list[ComparisonRow]:
    """Return the teachers, their students and the peers of both that have results for the whole suite.

    The registry says which checkpoint a student learnt from and which one is the peer of another. Shares are those of
    the suite's teacher if it was measured, else those of the checkpoint that the student learnt from. All scores are
    drawn together, the same documents for every checkpoint (paired bootstrap).

    Args:
        folder: Folder of results; that of the efficiency files lies beside it.
        suite: The suite; its default budget is read.

    Raises:
        DataError: A file cannot be read, or results are of different documents.
    """
    datasets, by_name = suite_scores(find_results(folder), suite.default_budget)
    whole = {name: results for name, results in by_name.items() if len(results) == len(datasets)}
    measured = {row.name: row for row in list_checkpoints() if row.name in whole}
    teacher_of = {
        name: teacher
        for name, row in measured.items()
        if isinstance(row.recipe, Distillation) and (teacher := row.recipe.teacher.rpartition("/")[2]) in whole
    }
    top = suite.teacher if suite.teacher in whole else None
    encoders = set(measured) if top else {*teacher_of, *teacher_of.values()}
    shown = [top] if top else []
    shown += sorted(encoders - {top}, key=lambda name: (name in teacher_of, name))
    peer_of = {name: peer for name in shown if name in measured and (peer := measured[name].peer) in whole}
    peers = sorted(set(peer_of.values()) - set(shown))
    if not shown:
        return []
    names = [*shown, *peers]
    means = {name: mean_of_means(whole[name].values()) for name in names}
    drawn = draw_results([[whole[name][dataset] for dataset in datasets] for name in names]).mean(axis=0)
    samples = dict(zip(names, drawn, strict=True))
    costs = {cost.checkpoint: cost for cost in find_efficiency(folder)}

    def estimate(combine: Callable[..., Any], *of: str) -> Estimate:
        value = combine(*(means[name] for name in of))
        return Estimate(float(value), percentile_interval(combine(*(samples[name] for name in of))))

    def role(name: str) -> str:
        if name in teacher_of:
            return f"student of {teacher_of[name]}"
        if name == top or name in teacher_of.values():
            return "teacher"
        return (
            "peer of " + ", ".join(other for other in shown if peer_of.get(other) == name)
            if name in peers
            else "encoder"
        )

    def row(name: str) -> ComparisonRow:
        teacher = top or teacher_of.get(name)
        peer = peer_of.get(name)
        return ComparisonRow(
            name,
            role(name),
            fewest_seeds(whole[name].values()),
            estimate(np.positive, name),
            costs.get(name),
            kept=estimate(np.divide, name, teacher) if teacher and teacher != name else None,
            gain=estimate(np.subtract, name, peer) if peer else None,
            better_than=tuple(
                other for other in names if other != name and estimate(np.subtract, name, other).interval[0] > 0
            ),
        )

    return [row(name) for name in names]
