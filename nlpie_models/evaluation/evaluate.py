"""Evaluating a checkpoint as users get it: whole rows in, annotations out, scored against the gold answers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..calibration import expected_calibration_error
from ..checkpoint_files import sha256_of
from ..data.labels import LabelMap, read_label_map
from ..data.rows import find_split, read_rows
from ..pipelines import ClinicalPipeline
from ..tasks import Supervision
from .results import Run, pack


def evaluate_pipeline(
    pipe: ClinicalPipeline, data: Path, split: str, label_map: str | None = None, *, metric: str | None = None
) -> Run:
    """Annotate a split and score it against its gold answers.

    Args:
        pipe: A pipeline for a task that has gold answers.
        data: Folder of the data set.
        split: Split to score.
        label_map: Map from the data's labels to the model's, as ``read_label_map`` takes it; None if they agree.
        metric: The score whose interval is wanted; the task's own by default.

    Returns:
        A run for :class:`nlpie_models.evaluation.results.Results`.

    Raises:
        DataError: The split cannot be read, or the task has no gold answers.
        NlpieError: A row cannot be annotated.
    """
    task, supervision = pipe.task, pipe.task.supervised()
    path = find_split(data, split)
    rows, golds = task.read_labelled(read_rows(path), LabelMap(read_label_map(label_map) if label_map else {}))
    stream = pipe.stream(rows)
    annotations = list(tqdm(stream, total=len(rows), desc=f"{data.name} {split}", unit=" rows", disable=None))
    pairs = [
        pair for gold, found in zip(golds, annotations, strict=True) for pair in supervision.confidences(gold, found)
    ]
    recipe = pipe.checkpoint.row.recipe if pipe.checkpoint.row else None
    trained = pipe.checkpoint.finetuning
    return {
        "split": split,
        "seed": recipe.seed if recipe else trained.get("arguments", {}).get("seed"),
        **score_answers(supervision, golds, list(map(supervision.answer, annotations)), metric),
        "ece": round(expected_calibration_error([sure for sure, _ in pairs], [right for _, right in pairs]), 4),
        "temperature": trained.get("temperature"),
        "training": trained.get("arguments"),
        "validation": trained.get("best_on_validation"),
        "settings": {name: value for name, value in pipe.settings.items() if name != "checkpoint"},
        "label_map": Path(label_map).stem if label_map else None,
        "data_sha256": {split: sha256_of(path)},
        "weights_sha256": sha256_of(pipe.checkpoint.weights),
    }


def score_answers(
    supervision: Supervision, golds: Sequence[Any], answers: Sequence[Any], metric: str | None = None
) -> dict[str, Any]:
    """Return the scores of answers, the interval of the main one, and the counts that they follow from."""
    outcomes = supervision.outcomes(golds, answers)
    return {
        "documents": len(golds),
        "scores": outcomes.scores(),
        "interval": outcomes.interval(metric or supervision.metric),
        "outcomes": pack(outcomes),
    }
