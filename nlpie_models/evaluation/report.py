"""Measured numbers as Markdown tables, kept between markers in a document."""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, UnknownName
from .benchmarks import Benchmark, find_benchmark
from .benchmarks.recorded import READ, WHOLE
from .compare import ComparisonRow, Estimate, compare_students, draw_results, percentile_interval
from .efficiency import Efficiency, find_efficiency
from .forgetting import Change, Forgetting, find_forgetting
from .results import ALL_ROWS, OWN_HEAD, Results, fewest_seeds, find_results, mean_of_means, suite_scores
from .suites import list_suites, read_suite

_END = "<!-- end of results -->"
_MARKED = re.compile(rf"(?P<start><!-- results: (?P<kind>[^\n]*?) -->\n).*?(?P<end>{_END})", re.DOTALL)
_INTERVAL = "95% interval"
_ENGINE_COLUMNS = {
    "times_transformers": ".2f",
    "short_text_ms": ".1f",
    "cold_start_seconds": ".2f",
    "cold_start_peak_megabytes": ",",
    "same_entities": ".1%",
}
"""How the figures of an engine are written, by their keys in the benchmark ``annotate``."""


def render_tables(text: str, folder: Path) -> str:
    """Put tables between a Markdown text's markers for them.

    A table stands between ``<!-- results: KIND -->`` and ``<!-- end of results -->``.

    Args:
        text: The text.
        folder: Folder of results; those of other measurements lie beside it.

    Raises:
        DataError: The text has no such markers, or a file of a measurement cannot be read.
        UnknownName: There is no such kind of table.
    """
    kinds = _tables()

    def render(marked: re.Match[str]) -> str:
        kind = marked["kind"]
        if kind not in kinds:
            raise UnknownName("table of results", kind, kinds)
        find, table = kinds[kind]
        return marked["start"] + table(list(find(folder))) + marked["end"]

    text, tables = _MARKED.subn(render, text)
    if not tables:
        raise DataError(f"expected lines <!-- results: KIND --> and {_END} to put a table between, and found none")
    return text


def _tables() -> dict[str, tuple[Callable[[Path], Iterable[Any]], Callable[[Sequence[Any]], str]]]:
    """Return how the content of each kind of table is found, and how the table is made of it."""
    budgets = [budget for suite in list_suites() for budget in suite.budgets]
    return {
        "ner": (find_results, ner_table),
        "tasks": (find_results, task_table),
        **{f"suite {budget}": (find_results, partial(suite_table, budget=budget)) for budget in budgets},
        "efficiency": (find_efficiency, efficiency_table),
        "students": (partial(compare_students, suite=read_suite("open")), students_table),
        "forgetting": (find_forgetting, forgetting_table),
        "recorded": (partial(find_benchmark, name="recorded"), recorded_table),
        "engines": (partial(find_benchmark, name="annotate"), engines_table),
    }


def ner_table(results: Sequence[Results]) -> str:
    """Return a row for each NER checkpoint, data set and split: strict scores, F1 by label and F1 by overlap."""
    runs = [
        (found, run) for found in results if found.protocol == OWN_HEAD and found.task == "ner" for run in found.runs
    ]
    labels = sorted({label for _, run in runs for label in run.labels})
    heads = ["checkpoint", "data set", "split", "precision", "recall", "F1", _INTERVAL]
    heads += [*(f"F1 {label}" for label in labels), "F1 by overlap", "calibration error"]
    rows = []
    for found, run in runs:
        ratios = [f"{run.scores[name]:.3f}" for name in ("precision", "recall", "f1")]
        by_label = [f"{run.labels[label].f1:.3f}" if label in run.labels else "" for label in labels]
        cells = [found.checkpoint, found.dataset, run.split, *ratios, _interval(run.interval, ".3f")]
        overlap = f"{run.scores['overlap_f1']:.3f}" if "overlap_f1" in run.scores else ""
        rows.append([*cells, *by_label, overlap, f"{run.ece:.3f}"])
    return markdown_table(heads, 3, rows)


def task_table(results: Sequence[Results]) -> str:
    """Return a row for each checkpoint with its own head and data set: its score on test beside the baselines'."""
    baselines = {(found.checkpoint, found.dataset): found for found in results if found.protocol == ALL_ROWS}
    heads = ["task", "data set", "checkpoint", "metric", "score", _INTERVAL, "seeds", "calibration error"]
    heads += ["TF-IDF + LR", "majority class", "better than both"]
    rows = []
    for found in sorted(results, key=lambda found: (found.task, found.dataset, found.checkpoint)):
        known = {name: baselines.get((name, found.dataset)) for name in ("tfidf-lr", "majority")}
        scores = {name: given.mean_score() for name, given in known.items() if given}
        if found.protocol != OWN_HEAD or not scores or not found.test_runs():
            continue
        runs, score, best = found.test_runs(), found.mean_score(), max(scores.values())
        interval = runs[0].interval if len(runs) == 1 else percentile_interval(draw_results([[found]]))
        verdict = "yes" if interval[0] > best else "**no**" if score <= best else "unclear"
        rows.append(
            [
                found.task,
                found.dataset,
                found.checkpoint,
                _metric_name(found.metric),
                f"{score:.3f}",
                _interval(interval, ".3f"),
                str(len(runs)),
                f"{np.mean([run.ece for run in runs]):.3f}",
                *(f"{scores[name]:.3f}" if name in scores else "" for name in known),
                verdict,
            ]
        )
    return markdown_table(heads, 4, rows)


def suite_table(results: Sequence[Results], budget: str) -> str:
    """Return a row for each checkpoint: its mean score over the seeds on each data set, and their mean."""
    datasets, by_name = suite_scores(results, budget)
    if not datasets:
        return f"No checkpoint has been measured with the budget `{budget}` yet.\n"
    baselines = {found.checkpoint for found in results if found.protocol == ALL_ROWS}
    rows = []
    for name, found in sorted(by_name.items(), key=lambda item: (item[0] in baselines, item[0])):
        scores = [f"{found[dataset].mean_score():.3f}" if dataset in found else "" for dataset in datasets]
        mean = f"{mean_of_means(found.values()):.3f}" if len(found) == len(datasets) else ""
        rows.append([name, *scores, mean, "" if name in baselines else str(fewest_seeds(found.values()))])
    return markdown_table(["checkpoint", *datasets, "mean", "seeds"], 1, rows)


def efficiency_table(measured: Sequence[Efficiency]) -> str:
    """Return a row for each checkpoint: size, arithmetic of a full window, start, speed and memory."""
    heads = ["checkpoint", "task", "machine", "parameters", "MB on disk", "GMACs of a window (tokens)", "cold start, s"]
    heads += ["notes/s, one by one", "notes/s, batched", "tokens/s, batched", "median ms", "95th percentile ms"]
    heads += ["peak MB (import)"]
    rows = []
    for cost in measured:
        made = cost.provenance
        device = "" if made.device == "cpu" else f", {made.device}"
        base = "" if cost.base_folder_bytes is None else f" + base {cost.base_folder_bytes / 1e6:.1f}"
        rows.append(
            [
                cost.checkpoint,
                cost.task,
                f"{made.cpu}, threads: {made.threads}{device}, {made.engine}",
                _millions(cost.parameters),
                f"{cost.folder_bytes / 1e6:.1f}{base}",
                f"{cost.window_macs / 1e9:.2f} ({cost.window_tokens})",
                f"{cost.cold_start_seconds:.1f}",
                f"{cost.single_notes_per_second:.2f}",
                f"{cost.stream_notes_per_second:.2f}",
                f"{cost.stream_tokens_per_second:.0f}",
                f"{cost.latency_p50_ms:.0f}",
                f"{cost.latency_p95_ms:.0f}",
                f"{cost.peak_bytes / 1e6:.0f} ({cost.import_peak_bytes / 1e6:.0f})",
            ]
        )
    return markdown_table(heads, 3, rows)


def students_table(students: Sequence[ComparisonRow]) -> str:
    """Return a row for each checkpoint: cost, mean score, share of the teacher's, gain over its peer, what it beats."""
    if not students:
        return "No student has been measured on the whole suite yet.\n"
    heads = ["checkpoint", "role", "parameters", "MB on disk", "notes/s, batched", "seeds", "mean score", _INTERVAL]
    heads += ["share of the teacher's mean", _INTERVAL, "gain over the peer", _INTERVAL, "better than"]
    rows = []
    for row in students:
        estimates = ((row.mean, ".3f"), (row.kept, ".1%"), (row.gain, "+.3f"))
        cells = [cell for estimate, form in estimates for cell in _estimate_cells(estimate, form)]
        rows.append(
            [row.checkpoint, row.role, *_cost_cells(row.cost), str(row.seeds), *cells, ", ".join(row.better_than)]
        )
    return markdown_table(heads, 2, rows)


def forgetting_table(reports: Sequence[Forgetting]) -> str:
    """Return a row for each text and data set: perplexity, vectors, score before and after a training, the change."""
    rows = []
    for report in reports:
        names = [report.after, report.before]
        for change in report.perplexities:
            rows.append([*names, *_change_cells(change, 2), f"{change.after / change.before - 1:+.0%}", ""])
        for change in (*report.vectors, *report.scores):
            interval = _interval(change.interval, "+.3f") if change.interval else ""
            rows.append([*names, *_change_cells(change, 3), f"{change.after - change.before:+.3f}", interval])
        rows.append([*names, "mean", "score", "", "", f"{report.mean:+.3f}", _interval(report.interval, "+.3f")])
    heads = ["checkpoint", "trained from", "text or data set", "measure", "before", "after", "change", _INTERVAL]
    return markdown_table(heads, 4, rows)


def recorded_table(benchmarks: Sequence[Benchmark]) -> str:
    """Return a row for each output on notes with a recorded output: scores on whole notes, and as far as that reads."""
    heads = ["output"]
    for part in (WHOLE, READ):
        heads += [f"strict F1, {part}", "precision, recall", "overlap F1"]
    rows = []
    for found in benchmarks:
        for name in found.settings["outputs"]:
            row = [name]
            for part in (WHOLE, READ):
                scores = found.results[f"{name}, {part}"]
                row.append(f"{scores['f1']:.3f} ({_interval((scores['low'], scores['high']), '.3f')})")
                row += [f"{scores['precision']:.3f}, {scores['recall']:.3f}", f"{scores['overlap_f1']:.3f}"]
            rows.append(row)
    return markdown_table(heads, 1, rows)


def engines_table(benchmarks: Sequence[Benchmark]) -> str:
    """Return a row for each engine and for transformers' pipeline: speed, the time of a short text, a start."""
    heads = ["engine", "notes/s", "tokens/s", "times transformers", "short text, ms", "cold start, s", "peak MB then"]
    heads.append("same entities as torch")
    rows = []
    for found in benchmarks:
        for name, figures in found.results.items():
            cells = [f"{figures['notes_per_second']:.2f}", f"{figures['tokens_per_second']:,}"]
            for key, form in _ENGINE_COLUMNS.items():
                value = figures.get(key)
                cells.append("" if value is None else format(value, form))
            rows.append([name, *cells])
    return markdown_table(heads, 1, rows)


def markdown_table(heads: list[str], left: int, rows: list[list[str]]) -> str:
    """Return a Markdown table.

    Args:
        heads: Heads of the columns.
        left: Number of columns, from the first, that are aligned to the left; the others are aligned to the right.
        rows: The cells.
    """
    lines = [heads, ["---"] * left + ["---:"] * (len(heads) - left), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _change_cells(change: Change, digits: int) -> list[str]:
    figures = (f"{figure:.{digits}f}" for figure in (change.before, change.after))
    return [change.what, _metric_name(change.metric), *figures]


def _cost_cells(cost: Efficiency | None) -> list[str]:
    if cost is None:
        return ["", "", ""]
    return [_millions(cost.parameters), f"{cost.folder_bytes / 1e6:.1f}", f"{cost.stream_notes_per_second:.2f}"]


def _estimate_cells(estimate: Estimate | None, form: str) -> list[str]:
    return [f"{estimate.value:{form}}", _interval(estimate.interval, form)] if estimate else ["", ""]


def _interval(interval: tuple[float, float], form: str) -> str:
    low, high = interval
    return f"{low:{form}} to {high:{form}}"


def _millions(parameters: int) -> str:
    return f"{parameters / 1e6:.1f}M"


def _metric_name(metric: str) -> str:
    return metric.replace("_", " ").replace("f1", "F1")
