"""Forgetting: what a checkpoint gained and lost in a training, in ``model_cards/forgetting/<name>.json``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..loading.local import LocalCheckpoint
from .compare import Comparison, compare_results
from .figures import figure_of
from .results import Provenance, provenance, read_record, write_record

FOLDER = "forgetting"
_BETTER, _WORSE = "#08519c", "#a63603"


@dataclass(frozen=True)
class Change:
    """A figure before and after a training.

    Attributes:
        what: Name of the text, or of the data set.
        metric: ``perplexity`` (lower is better), ``cosine of vectors`` or the name of a score (higher is better).
        before: The figure before.
        after: The figure after.
        interval: 95% interval of the difference; None for a text.
        size: Masked tokens of the text; None for vectors and scores.
        sha256: Hashes of the files of the text.
    """

    what: str
    metric: str
    before: float
    after: float
    interval: tuple[float, float] | None = None
    size: int | None = None
    sha256: tuple[str, ...] = ()


@dataclass(frozen=True)
class Forgetting:
    """What a checkpoint gained and lost in a training.

    Attributes:
        before: Name of the checkpoint that the training started from.
        after: Name of the checkpoint that came out.
        protocol: Budget by which both were fine-tuned and scored.
        perplexities: Perplexity of the masked tokens of each text.
        vectors: Mean cosine of the vectors of each text with those before.
        scores: Score on each data set.
        mean: Mean change of the scores.
        interval: 95% interval of the mean change.
        provenance: Versions, hardware, command.
    """

    before: str
    after: str
    protocol: str
    perplexities: tuple[Change, ...]
    vectors: tuple[Change, ...]
    scores: tuple[Change, ...]
    mean: float
    interval: tuple[float, float]
    provenance: Provenance

    def path(self, folder: Path) -> Path:
        """Return the file of this report beside a folder of results."""
        return folder.parent / FOLDER / f"{self.after}.json"


def report_forgetting(
    before: LocalCheckpoint,
    after: LocalCheckpoint,
    texts: Mapping[str, str],
    *,
    names: tuple[str, str],
    results: Path,
    protocol: str,
) -> Forgetting:
    """Measure perplexities and vectors, look up scores, and write the report: JSON, SVG and PNG.

    Args:
        before: The start. It needs a masked-language-model head, which may have been trained alone.
        after: The checkpoint that came out.
        texts: Held-out file, glob or folder of each kind of text, by name.
        names: Names of the two in the folder of results.
        results: Folder of results, which must hold both.
        protocol: Budget of the suite that both were scored by.

    Raises:
        CheckpointError: A model has no masked-language-model head, or the tokenizers differ.
        DataError: A text cannot be read, or there are no results to compare.
    """
    from .perplexity import compare_vectors, measure_perplexity

    compared = compare_results(*reversed(names), folder=results, protocol=protocol)
    measured = measure_perplexity([before, after], texts)
    command = [before.short_name, after.short_name, *(word for name in texts for word in ("--text", f"{name}=PATH"))]
    command += [] if before.short_name == names[0] else ["--scores-of", names[0]]
    report = Forgetting(
        before=names[0],
        after=names[1],
        protocol=protocol,
        perplexities=tuple(
            Change(
                text.name,
                "perplexity",
                before=text.perplexities[0],
                after=text.perplexities[1],
                size=text.masked_tokens,
                sha256=text.sha256,
            )
            for text in measured
        ),
        vectors=tuple(
            Change(name, "cosine of vectors", before=1.0, after=cosine)
            for name, cosine in compare_vectors(before, after, texts).items()
        ),
        scores=_changes(compared),
        mean=compared.mean,
        interval=compared.interval,
        provenance=provenance("nlpie", "forgetting", *command),
    )
    path = report.path(results)
    write_record(path, report)
    draw_forgetting(report, path.with_suffix(".svg"))
    return report


def _changes(compared: Comparison) -> tuple[Change, ...]:
    return tuple(
        Change(found.dataset, found.metric, before=found.scores[1], after=found.scores[0], interval=found.interval)
        for found in compared.differences
    )


def find_forgetting(results: Path) -> list[Forgetting]:
    """Read the reports beside a folder of results.

    Raises:
        DataError: A file is not a report.
    """
    paths = sorted((results.parent / FOLDER).glob("*.json"))
    return [read_record(Forgetting, path, "a forgetting report") for path in paths]


def draw_forgetting(report: Forgetting, path: Path) -> None:
    """Draw the perplexity of each text and the change of each score.

    Args:
        report: The report.
        path: The SVG file; a PNG is written beside it.

    Raises:
        NlpieError: matplotlib is not installed.
    """
    with figure_of(path, width=8.0, height=3.6) as figure:
        left, right = figure.subplots(1, 2)
        for place, change in enumerate(report.perplexities):
            left.plot([change.before, change.after], [place, place], color="0.8", zorder=0)
            left.scatter(change.before, place, facecolor="white", edgecolor="0.4")
            left.scatter(change.after, place, color=_BETTER if change.after < change.before else _WORSE)
        left.set_yticks(range(len(report.perplexities)), [change.what for change in report.perplexities])
        left.set(xscale="log", xlabel="perplexity of a masked token: before ○, after ●")
        for place, change in enumerate(_with_mean(report)):
            low, high = change.interval or (0.0, 0.0)
            colour = _BETTER if low > 0 else _WORSE if high < 0 else "0.4"
            right.plot([low, high], [place, place], color=colour)
            right.scatter(change.after - change.before, place, color=colour)
        right.axvline(0, color="0.8", zorder=0)
        right.set_yticks(range(len(report.scores) + 1), [change.what for change in _with_mean(report)])
        right.set(xlabel="change of the score, 95%")
        for axes in (left, right):
            axes.invert_yaxis()
            axes.spines[["top", "right"]].set_visible(False)


def _with_mean(report: Forgetting) -> Sequence[Change]:
    return [*report.scores, Change("mean", "mean", 0.0, report.mean, report.interval)]
