"""NER scores on 17 notes for which the output of a published checkpoint is on record, of that output and of others.

The published checkpoint is trained on records under a data-use agreement and has to be downloaded, but a user has
published what it predicted. That run stopped reading long notes, so each output is scored on the whole notes, and on
each note up to the end of the last recorded span. The guidelines of the gold spans leave out a leading determiner
("the", "his", "some"), which the guidelines of i2b2-2010 include, so it is taken off every predicted span.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ...data.labels import LabelMap
from ...data.rows import find_split, read_rows
from ...data.spans import Span
from ...errors import DataError, NlpieError
from ...loading.find import BUNDLED_FOLDER
from ...metrics.counts import Outcomes, count_spans, overlap_scores
from ...pipelines import load_clinical
from ...tasks import get_task
from ...util.files import sha256_of
from ...util.toml import read_toml
from ..results import provenance
from . import Benchmark

FOLDER = BUNDLED_FOLDER / "recorded"
WHOLE, READ = "whole notes", "as far as the record reads"
_SPLIT = "test"


@dataclass(frozen=True, kw_only=True)
class RecordedOutput:
    """What ``recorded.toml`` says of the recorded output.

    Attributes:
        checkpoint: Name of the checkpoint whose output it is.
        spans: File of the predicted spans, a row a span with ``document``, ``start``, ``end`` and ``label``.
        repository: Address of the repository that published them.
        commit: Its commit.
        file: The file in it.
        date: Month of the publication.
        pipeline: What predicted the spans.
        published_spans: Number of spans in the file, some of which could not be placed in the notes.
        determiners: Words that are taken off the start of a predicted span.
    """

    checkpoint: str
    spans: str
    repository: str
    commit: str
    file: str
    date: str
    pipeline: str
    published_spans: int
    determiners: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the output among those of checkpoints that this package loads."""
        return f"{self.checkpoint} (recorded)"


def measure(checkpoints: Sequence[str | None], command: Sequence[object], folder: Path = FOLDER) -> Benchmark:
    """Score the recorded output, and the entities that checkpoints find.

    Args:
        checkpoints: Names or folders of checkpoints for NER; None for the default of the package.
        command: Words of the command that measures this again.
        folder: The notes, the recorded spans and ``recorded.toml``.

    Raises:
        DataError: A file cannot be read.
        NlpieError: A checkpoint cannot be loaded, or two have one name.
    """
    record = read_toml(RecordedOutput, folder / "recorded.toml")
    notes = find_split(folder, _SPLIT)
    rows, _ = get_task("ner").read_labelled(read_rows(notes), LabelMap())
    golds = [[(span["start"], span["end"], span["label"]) for span in row["entities"]] for row in rows]
    recorded = _read_spans(folder / record.spans, [row["id"] for row in rows])
    outputs, weights = {record.name: recorded}, {}
    for checkpoint in checkpoints:
        pipe = load_clinical(checkpoint, "ner")
        name = pipe.checkpoint.short_name
        if name in outputs:
            raise NlpieError(f"two checkpoints are called {name}; score one of them, or rename its folder")
        stream = tqdm(pipe.stream(rows), total=len(rows), desc=name, unit=" notes", disable=None)
        outputs[name] = [list(pipe.task.predicted_of(annotation)) for annotation in stream]
        weights[name] = sha256_of(pipe.checkpoint.weights)
    limits = [max((end for _, end, _ in spans), default=0) for spans in recorded]
    results = {}
    for name, spans in outputs.items():
        predicted = [_without_determiners(row["text"], found, record) for row, found in zip(rows, spans, strict=True)]
        results[f"{name}, {WHOLE}"] = _scores(golds, predicted)
        results[f"{name}, {READ}"] = _scores(*(list(map(_spans_to, side, limits)) for side in (golds, predicted)))
    return Benchmark(
        settings={
            "documents": len(rows),
            "recorded": record.checkpoint,
            "recorded_spans": sum(map(len, recorded)),
            **{name: value for name, value in vars(record).items() if name not in ("checkpoint", "spans")},
            "outputs": list(outputs),
            "weights_sha256": weights,
            "data_sha256": {_SPLIT: sha256_of(notes), record.spans: sha256_of(folder / record.spans)},
        },
        results=results,
        provenance=provenance(*command),
    )


def _read_spans(path: Path, documents: Sequence[str]) -> list[list[Span]]:
    """Return the recorded spans of each document.

    Raises:
        DataError: The file cannot be read, or has a span of another document.
    """
    spans: dict[str, list[Span]] = {document: [] for document in documents}
    for where, row in read_rows(path):
        if row["document"] not in spans:
            raise DataError(f"{where}: a span of the document {row['document']!r}, which is not among the notes")
        spans[row["document"]].append((row["start"], row["end"], row["label"]))
    return list(spans.values())


def _without_determiners(text: str, spans: Sequence[Span], record: RecordedOutput) -> list[Span]:
    """Return spans that start after their leading determiners; a span of nothing else stays as it is."""
    leading = re.compile(rf"(?:(?:{'|'.join(record.determiners)})\s+)+(?=\S)", re.IGNORECASE)
    return [
        (match.end() if (match := leading.match(text, start, end)) else start, end, label)
        for start, end, label in spans
    ]


def _spans_to(spans: Sequence[Span], limit: int) -> list[Span]:
    return [span for span in spans if span[1] <= limit]


def _scores(golds: Sequence[Sequence[Span]], predicted: Sequence[Sequence[Span]]) -> dict[str, Any]:
    outcomes = Outcomes.of(list(map(count_spans, golds, predicted)))
    scores, (low, high) = outcomes.scores(), outcomes.interval("f1")
    return {
        **{name: scores[name] for name in ("precision", "recall", "f1")},
        "low": low,
        "high": high,
        **overlap_scores(golds, predicted),
        "predicted": sum(map(len, predicted)),
        "gold": sum(map(len, golds)),
    }
