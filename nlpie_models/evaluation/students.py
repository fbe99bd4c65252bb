"""Students beside their teacher and their general peers: what each costs, scores, keeps and gains."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..registry import list_checkpoints
from .compare import draw_results, percentile_interval
from .efficiency import Efficiency, find_costs
from .results import Results, fewest_seeds, find_results, mean_score, suite_scores


@dataclass(frozen=True)
class Estimate:
    """A figure, and its 95% interval when documents and runs are drawn anew and the data sets stay."""

    value: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Standing:
    """A teacher, a student or a peer.

    Attributes:
        checkpoint: Its name.
        role: Which of these it is, and whose.
        seeds: How many the data sets have at the least.
        mean: Its mean score over the suite.
        cost: What it costs, if that was measured.
        kept: A student's share of its teacher's mean score.
        gain: How much better its mean score is than its peer's, if that was measured.
    """

    checkpoint: str
    role: str
    seeds: int
    mean: Estimate
    cost: Efficiency | None
    kept: Estimate | None = None
    gain: Estimate | None = None


def find_students(folder: Path, budget: str) -> list[Standing]:
    """Return teachers, their students and the peers of both that have results for the whole suite.

    Whose student a checkpoint is, and what its peer is, says its row in the registry.

    Args:
        folder: Folder of results; that of the efficiency files lies beside it.
        budget: The suite's.

    Raises:
        DataError: A file cannot be read, or results are of different documents.
    """
    sets, by_name = suite_scores(list(find_results(folder)), budget)
    whole = {
        name: [found[each] for each in sorted(found)] for name, found in by_name.items() if len(found) == len(sets)
    }
    costs = {each.checkpoint: each for each in find_costs(folder)}
    measured = {row.name: row for row in list_checkpoints() if row.name in whole}
    teacher_of = {
        name: row.recipe.teacher for name, row in measured.items() if row.recipe and row.recipe.teacher in measured
    }
    shown = sorted({*teacher_of, *teacher_of.values()}, key=lambda name: (name in teacher_of, name))
    peer_of = {name: peer for name in shown if (peer := measured[name].peer) in whole}

    standings = []
    for name in shown:
        teacher, peer = teacher_of.get(name), peer_of.get(name)
        kept = _estimate(np.divide, whole[name], whole[teacher]) if teacher else None
        gain = _estimate(np.subtract, whole[name], whole[peer]) if peer else None
        role = f"student of {teacher}" if teacher else "teacher"
        standings.append(
            Standing(name, role, fewest_seeds(whole[name]), _mean(whole[name]), costs.get(name), kept, gain)
        )
    for peer in sorted(set(peer_of.values())):
        role = "peer of " + ", ".join(name for name in shown if peer_of.get(name) == peer)
        standings.append(Standing(peer, role, fewest_seeds(whole[peer]), _mean(whole[peer]), costs.get(peer)))
    return standings


def _mean(results: Sequence[Results]) -> Estimate:
    [drawn] = draw_results([results]).mean(axis=0)
    return Estimate(_mean_score(results), percentile_interval(drawn))


def _estimate(combine: Callable[..., Any], own: Sequence[Results], other: Sequence[Results]) -> Estimate:
    """Return what the mean scores of two checkpoints give together, such as their difference."""
    drawn = draw_results([own, other]).mean(axis=0)
    return Estimate(float(combine(_mean_score(own), _mean_score(other))), percentile_interval(combine(*drawn)))


def _mean_score(results: Sequence[Results]) -> float:
    return float(np.mean(list(map(mean_score, results))))
