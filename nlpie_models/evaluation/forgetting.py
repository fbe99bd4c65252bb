"""What a checkpoint has gained and forgotten by being trained further: perplexities, vectors and scores."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..checkpoint_files import LocalCheckpoint
from ..errors import DataError
from ..figures import figure_of
from ..files import write_whole
from .compare import Comparison, compare_results
from .results import provenance

FOLDER = "forgetting"
_BETTER, _WORSE = "#08519c", "#a63603"


@dataclass(frozen=True)
class Change:
    """A figure before and after.

    Attributes:
        what: The text, or the data set.
        metric: ``perplexity`` (less is better), the cosine of vectors or the score (more is better).
        before: The figure before.
        after: The figure after.
        interval: 95% interval of a score's difference.
        size: Masked tokens of a text.
        sha256: Hash of the files of a text.
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
    """The report.

    Attributes:
        before: Name of the checkpoint that the training started from.
        after: Name of what it became.
        protocol: Budget by which both were fine-tuned and scored.
        perplexities: Of each text.
        vectors: The cosine of each text's vectors with those before.
        scores: On each data set.
        mean: Mean change of the scores.
        interval: Its 95% interval.
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
    provenance: dict[str, Any]

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
        before: The start, with a masked-language-model head; if it had none, with one that was trained alone.
        after: What it became.
        texts: Held-out file, glob or folder of each kind of text, by name.
        names: Names of both in the folder of results.
        results: Folder of results, which must hold both by the protocol.
        protocol: Budget of a suite.

    Raises:
        CheckpointError: A model has no masked-language-model head, or the tokenizers differ.
        DataError: A text cannot be read, or there are no results to compare.
    """
    from .perplexity import measure_perplexity
    from .vectors import compare_vectors

    compared = compare_results(*reversed(names), folder=results, protocol=protocol)
    measured = measure_perplexity([before, after], texts)
    given = [before.short_name, after.short_name, *(word for name in texts for word in ("--text", f"{name}=PATH"))]
    given += [] if before.short_name == names[0] else ["--scores-of", names[0]]
    report = Forgetting(
        before=names[0],
        after=names[1],
        protocol=protocol,
        perplexities=tuple(
            Change(
                each.text,
                "perplexity",
                before=each.values[0],
                after=each.values[1],
                size=each.predicted,
                sha256=each.sha256,
            )
            for each in measured
        ),
        vectors=tuple(
            Change(name, "cosine of vectors", before=1.0, after=cosine)
            for name, cosine in compare_vectors(before, after, texts).items()
        ),
        scores=_changes(compared),
        mean=compared.mean,
        interval=compared.interval,
        provenance=provenance("nlpie", "forgetting", *given),
    )
    path = report.path(results)
    with write_whole(path, overwrite=True) as temporary:
        temporary.write_text(json.dumps(asdict(report), indent=1) + "\n", encoding="utf-8")
    draw_forgetting(report, path.with_suffix(".svg"))
    return report


def _changes(compared: Comparison) -> tuple[Change, ...]:
    return tuple(
        Change(each.dataset, each.metric, before=each.scores[1], after=each.scores[0], interval=each.interval)
        for each in compared.differences
    )


def find_forgetting(results: Path) -> list[Forgetting]:
    """Read the reports beside a folder of results.

    Raises:
        DataError: A file is not a report.
    """
    return [_read(path) for path in sorted((results.parent / FOLDER).glob("*.json"))]


def _read(path: Path) -> Forgetting:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        for key in ("perplexities", "vectors", "scores"):
            content[key] = tuple(Change(**change) for change in content[key])
        return Forgetting(**content)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path} is not a forgetting report: {error}") from error


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
