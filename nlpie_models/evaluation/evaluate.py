"""Evaluating a checkpoint as users get it: whole rows in, annotations out, scored against the gold answers."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..calibration import expected_calibration_error
from ..data.labels import LabelMap, read_label_map
from ..data.rows import find_split, read_rows
from ..documents import Annotation
from ..errors import NlpieError, UnknownName
from ..files import sha256_of
from ..pipelines import ClinicalPipeline
from ..scoring import Outcomes
from ..tasks import Supervision
from .results import OWN_HEAD, SUBWORD, Run, pack
from .subwords import count_tags, tag_accuracy, tag_annotations


def evaluate_pipeline(
    pipe: ClinicalPipeline,
    data: Path,
    split: str,
    label_map: str | None = None,
    *,
    metric: str | None = None,
    protocol: str = OWN_HEAD,
) -> Run:
    """Annotate a split and score it against its gold answers.

    Args:
        pipe: A pipeline for a task that has gold answers.
        data: Folder of the data set.
        split: Split to score.
        label_map: Map from the data's labels to the model's, as ``read_label_map`` takes it; None if they agree.
        metric: The score whose interval is wanted; the task's own by default.
        protocol: ``own-head`` to score as the task does (entities as strict spans), or for entities ``subword``, as
            published numbers are scored; see :mod:`nlpie_models.evaluation.subwords`.

    Returns:
        A run for :class:`nlpie_models.evaluation.results.Results`.

    Raises:
        DataError: The split cannot be read, or the task has no gold answers.
        UnknownName: No protocol is called so.
        NlpieError: A row cannot be annotated, or the protocol is not for the task.
    """
    if protocol not in PROTOCOLS:
        raise UnknownName("protocol", protocol, PROTOCOLS)
    task, supervision = pipe.task, pipe.task.supervised()
    if protocol == SUBWORD and task.gives != "entities":
        raise NlpieError(f"the protocol {SUBWORD} is for entities, and {task.name} gives {task.gives}")
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
        **PROTOCOLS[protocol](pipe, golds, annotations, metric or supervision.metric),
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
    return _summarise(supervision.outcomes(golds, answers), metric or supervision.metric)


def _score_annotations(
    pipe: ClinicalPipeline, golds: Sequence[Any], annotations: Sequence[Annotation], metric: str
) -> dict[str, Any]:
    supervision = pipe.task.supervised()
    return score_answers(supervision, golds, list(map(supervision.answer, annotations)), metric)


def _score_subwords(
    pipe: ClinicalPipeline, golds: Sequence[Any], annotations: Sequence[Annotation], metric: str
) -> dict[str, Any]:
    wanted, found = tag_annotations(pipe.reader.encoder, golds, annotations)
    summary = _summarise(Outcomes.of(list(map(count_tags, wanted, found))), metric)
    return {**summary, "scores": {**summary["scores"], "accuracy": tag_accuracy(wanted, found)}}


def _summarise(outcomes: Outcomes, metric: str) -> dict[str, Any]:
    return {
        "documents": len(outcomes.counts),
        "scores": outcomes.scores(),
        "interval": outcomes.interval(metric),
        "outcomes": pack(outcomes),
    }


PROTOCOLS: dict[str, Callable[[ClinicalPipeline, Sequence[Any], Sequence[Annotation], str], dict[str, Any]]] = {
    OWN_HEAD: _score_annotations,
    SUBWORD: _score_subwords,
}
"""Scores of annotations beside gold answers, by name of the protocol."""
