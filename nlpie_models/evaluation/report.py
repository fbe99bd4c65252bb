"""Results and efficiency as Markdown tables, kept between markers in a document."""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, UnknownName
from .baselines import BASELINES
from .compare import draw_results, percentile_interval
from .efficiency import Efficiency, find_costs
from .forgetting import Change, Forgetting, find_forgetting
from .results import ALL_ROWS, OWN_HEAD, Results, fewest_seeds, find_results, mean_score, suite_scores
from .students import Estimate, Standing, find_students
from .suites import list_suites

_END = "<!-- end of results -->"
_MARKED = re.compile(rf"(?P<start><!-- results: (?P<kind>[^\n]*?) -->\n).*?(?P<end>{_END})", re.DOTALL)


def render_tables(text: str, folder: Path) -> str:
    """Put the tables of a folder of results between a Markdown text's markers for them.

    A table stands between ``<!-- results: KIND -->`` and ``<!-- end of results -->``. What ``nlpie benchmark`` has
    measured is read from the folder ``efficiency`` beside that of the results.

    Raises:
        DataError: The text has no such markers, or a file is not a results file.
        UnknownName: There is no such kind of table.
    """
    kinds = _tables()

    def render(found: re.Match[str]) -> str:
        kind = found["kind"]
        if kind not in kinds:
            raise UnknownName("table of results", kind, kinds)
        find, table = kinds[kind]
        return found["start"] + table(list(find(folder))) + found["end"]

    text, tables = _MARKED.subn(render, text)
    if not tables:
        raise DataError(f"expected lines <!-- results: KIND --> and {_END} to put a table between, and found none")
    return text


def ner_table(results: Sequence[Results]) -> str:
    """Return a line a checkpoint with its own head, data set and split: strict P, R and F1, and F1 per label."""
    rows = [(each, run) for each in results if each.protocol == OWN_HEAD and each.task == "ner" for run in each.runs]
    labels = sorted({label for _, run in rows for label in run["scores"]["labels"]})
    heads = ["checkpoint", "data", "split", "P", "R", "F1", "95%", *(f"F1 {label}" for label in labels), "ECE"]
    lines = []
    for each, run in rows:
        scores = run["scores"]
        by_label = (scores["labels"].get(label, {}).get("f1") for label in labels)
        ratios = [f"{scores[key]:.3f}" for key in ("precision", "recall", "f1")]
        cells = [each.checkpoint, each.dataset, run["split"], *ratios, _interval(run["interval"])]
        lines.append([*cells, *("" if f1 is None else f"{f1:.3f}" for f1 in by_label), f"{run['ece']:.3f}"])
    return markdown_table(heads, 3, lines)


def task_table(results: Sequence[Results]) -> str:
    """Return a line a checkpoint with its own head and data set: its mean over seeds on test beside the baselines'."""
    baselines = {(each.checkpoint, each.dataset): each for each in results if each.protocol == ALL_ROWS}
    heads = ["task", "data", "checkpoint", "metric", "score", "95%", "seeds", "ECE"]
    heads += ["TF-IDF + LR", "majority", "beats both"]
    lines = []
    for each in sorted(results, key=lambda each: (each.task, each.dataset, each.checkpoint)):
        known = {name: baselines[name, each.dataset] for name in BASELINES if (name, each.dataset) in baselines}
        if each.protocol != OWN_HEAD or not known or not each.test_runs():
            continue
        runs, score = each.test_runs(), mean_score(each)
        interval = runs[0]["interval"] if len(runs) == 1 else percentile_interval(draw_results([[each]]))
        others = {name: found.test_runs()[0]["scores"][each.metric] for name, found in known.items()}
        best = max(others.values())
        verdict = "yes" if interval[0] > best else "**no**" if score <= best else "not surely"
        cells = [each.task, each.dataset, each.checkpoint, each.metric.replace("_", " "), f"{score:.3f}"]
        values = [f"{others[name]:.3f}" if name in others else "" for name in ("tfidf-lr", "majority")]
        ece = f"{np.mean([run['ece'] for run in runs]):.3f}"
        lines.append([*cells, _interval(interval), str(len(runs)), ece, *values, verdict])
    return markdown_table(heads, 4, lines)


def suite_table(results: Sequence[Results], budget: str) -> str:
    """Return a line a checkpoint: its mean score over the seeds on each set of the suite, and the mean of them all."""
    sets, by_name = suite_scores(results, budget)
    lines = []
    for name, found in sorted(by_name.items(), key=lambda item: (item[0] in BASELINES, item[0])):
        cells = [f"{mean_score(found[dataset]):.3f}" if dataset in found else "" for dataset in sets]
        whole = len(found) == len(sets)
        mean = f"{np.mean([mean_score(each) for each in found.values()]):.3f}" if whole else ""
        lines.append([name, *cells, mean, "" if name in BASELINES else str(fewest_seeds(found.values()))])
    return markdown_table(["checkpoint", *sets, "mean", "seeds"], 1, lines)


def efficiency_table(measured: Sequence[Efficiency]) -> str:
    """Return a line a checkpoint and machine: size, arithmetic of a full window, start, speed and memory."""
    heads = ["checkpoint", "task", "measured on", "parameters", "MB on disk", "GMACs (tokens)", "cold start, s"]
    heads += ["notes/s one by one", "notes/s batched", "tokens/s batched", "p50, ms", "p95, ms", "peak MB (import)"]
    lines = []
    for each in measured:
        made = each.provenance
        device = "" if made["device"] == "cpu" else f", {made['device']}"
        base = "" if each.base_folder_bytes is None else f" + base {each.base_folder_bytes / 1e6:.1f}"
        lines.append(
            [
                each.checkpoint,
                each.task,
                f"{made['cpu']}, threads: {made['threads']}{device}",
                _millions(each.parameters),
                f"{each.folder_bytes / 1e6:.1f}{base}",
                f"{each.window_macs / 1e9:.2f} ({each.window_tokens})",
                f"{each.cold_start_seconds:.1f}",
                f"{each.single_notes_per_second:.2f}",
                f"{each.stream_notes_per_second:.2f}",
                f"{each.stream_tokens_per_second:.0f}",
                f"{each.latency_p50_ms:.0f}",
                f"{each.latency_p95_ms:.0f}",
                f"{each.peak_bytes / 1e6:.0f} ({each.import_peak_bytes / 1e6:.0f})",
            ]
        )
    return markdown_table(heads, 3, lines)


def forgetting_table(reports: Sequence[Forgetting]) -> str:
    """Return a line a text and a data set: perplexity, vectors, score before and after a training, and the change."""
    lines = []
    for report in reports:
        for change in report.perplexities:
            ratio = f"{change.after / change.before - 1:+.0%}"
            lines.append([report.after, report.before, *_forgetting_cells(change, 2), ratio, ""])
        for change in (*report.vectors, *report.scores):
            difference = f"{change.after - change.before:+.3f}"
            lines.append(
                [report.after, report.before, *_forgetting_cells(change, 3), difference, _bounds(change.interval)]
            )
        lines.append(
            [report.after, report.before, "mean", "score", "", "", f"{report.mean:+.3f}", _bounds(report.interval)]
        )
    return markdown_table(
        ["checkpoint", "start", "text or data", "measure", "before", "after", "change", "95%"], 4, lines
    )


def students_table(standings: Sequence[Standing]) -> str:
    """Return a line a checkpoint: cost and mean score, a student's share of its teacher's, and the gain over a peer."""
    if not standings:
        return "No student has been measured on the whole suite yet.\n"
    heads = ["checkpoint", "is", "parameters", "MB on disk", "notes/s batched", "seeds", "mean", "95%"]
    heads += ["of the teacher's", "95%", "over its peer", "95%"]
    lines = []
    for each in standings:
        estimates = ((each.mean, ".3f"), (each.kept, ".1%"), (each.gain, "+.3f"))
        cells = [cell for estimate, form in estimates for cell in _estimate_cells(estimate, form)]
        lines.append([each.checkpoint, each.role, *_cost_cells(each.cost), str(each.seeds), *cells])
    return markdown_table(heads, 2, lines)


def _cost_cells(cost: Efficiency | None) -> list[str]:
    if cost is None:
        return ["", "", ""]
    return [_millions(cost.parameters), f"{cost.folder_bytes / 1e6:.1f}", f"{cost.stream_notes_per_second:.2f}"]


def _millions(parameters: int) -> str:
    return f"{parameters / 1e6:.1f}M"


def _estimate_cells(estimate: Estimate | None, form: str) -> list[str]:
    if estimate is None:
        return ["", ""]
    low, high = estimate.interval
    return [f"{estimate.value:{form}}", f"{low:{form}} to {high:{form}}"]


def _forgetting_cells(change: Change, digits: int) -> list[str]:
    figures = (f"{figure:.{digits}f}" for figure in (change.before, change.after))
    return [change.what, change.metric.replace("_", " "), *figures]


def _bounds(interval: tuple[float, float] | None) -> str:
    return "{:+.3f} to {:+.3f}".format(*interval) if interval else ""


def _tables() -> dict[str, tuple[Callable[[Path], Iterable[Any]], Callable[[Sequence[Any]], str]]]:
    """Return how each kind of table is found and made."""
    budgets = [budget for suite in list_suites() for budget in suite.budgets]
    return {
        "ner": (find_results, ner_table),
        "tasks": (find_results, task_table),
        **{f"suite {budget}": (find_results, partial(suite_table, budget=budget)) for budget in budgets},
        "efficiency": (find_costs, efficiency_table),
        "students": (partial(find_students, budget="quick"), students_table),
        "forgetting": (find_forgetting, forgetting_table),
    }


def _interval(interval: Sequence[float]) -> str:
    return "{:.3f} to {:.3f}".format(*interval)


def markdown_table(heads: list[str], left: int, rows: list[list[str]]) -> str:
    """Return a Markdown table.

    Args:
        heads: Heads of the columns.
        left: How many of them, from the first, are aligned to the left; the others to the right.
        rows: The cells.
    """
    lines = [heads, ["---"] * left + ["---:"] * (len(heads) - left), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"
