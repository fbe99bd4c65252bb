"""Score a checkpoint as users get it: whole rows in, annotations out, compared with the gold answers."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..data.labels import LabelMap, read_label_map
from ..data.pairs import related_spans
from ..data.rows import find_split, read_rows
from ..documents import Annotation
from ..documents.assertion.labels import without_assertions
from ..errors import DataError, NlpieError, UnknownName
from ..metrics.calibration import expected_calibration_error
from ..metrics.counts import Outcomes, count_spans, overlap_scores
from ..metrics.subwords import count_tags, tag_accuracy, tag_annotations
from ..pipelines import ClinicalPipeline
from ..tasks import Row, Task
from ..util.files import sha256_of
from .results import FROM_TEXT, OWN_HEAD, SUBWORD, Run, provenance


def evaluate_pipeline(
    pipe: ClinicalPipeline,
    data: Path,
    split: str,
    label_map: str | None = None,
    *,
    metric: str | None = None,
    protocol: str = OWN_HEAD,
    command: Sequence[object] = (),
) -> Run:
    """Annotate a split and score it against its gold answers.

    Args:
        pipe: A pipeline for a task that has gold answers.
        data: Folder of the data set.
        split: Split to score.
        label_map: Map from the data's labels to the model's, as ``read_label_map`` takes it; None if they agree.
        metric: The main score, whose interval is computed; the task's own by default.
        protocol: ``own-head`` to score as the task does (entities as strict spans); for entities ``subword``, as
            published numbers are scored, see :mod:`nlpie_models.metrics.subwords`; for relations ``from-text``, with
            the entities that the pipeline finds in whole notes: a true positive has both spans and the label.
        command: The words of the command that measures the run again, for its provenance.

    Raises:
        DataError: The split cannot be read, the task has no gold answers, or the checkpoint knows none of the labels.
        UnknownName: There is no such protocol.
        NlpieError: A row cannot be annotated, or the protocol is not for the task.
    """
    if protocol not in PROTOCOLS:
        raise UnknownName("protocol", protocol, PROTOCOLS)
    task, chosen = pipe.task.supervised(), PROTOCOLS[protocol]
    if chosen.field not in (None, task.field):
        raise NlpieError(f"the protocol {protocol} is for {chosen.field}, and the field of {task.name} is {task.field}")
    path = find_split(data, split)
    rows, golds = chosen.read(task, path, LabelMap(read_label_map(label_map) if label_map else {}))
    _check_labels(str(path), chosen.labels(task, golds), task.predictable_labels(pipe.head.labels))
    stream = pipe.stream(rows)
    annotations = list(tqdm(stream, total=len(rows), desc=f"{data.name} {split}", unit=" rows", disable=None))
    pairs = zip(golds, annotations, strict=True)
    answers = [answer for gold, annotation in pairs for answer in chosen.confidences(task, gold, annotation)]
    recipe = pipe.checkpoint.row.recipe if pipe.checkpoint.row else None
    trained = pipe.checkpoint.finetuning
    return chosen.score(
        pipe,
        golds,
        annotations,
        metric or task.metric,
        split=split,
        seed=recipe.arguments.get("seed") if recipe else trained.get("arguments", {}).get("seed"),
        ece=round(
            expected_calibration_error([confidence for confidence, _ in answers], [correct for _, correct in answers]),
            4,
        ),
        temperature=trained.get("temperature"),
        training=trained.get("arguments"),
        validation=trained.get("best_on_validation"),
        settings={name: value for name, value in pipe.settings.items() if name != "checkpoint"},
        label_map=Path(label_map).stem if label_map else None,
        data_sha256={split: sha256_of(path)},
        weights_sha256=sha256_of(pipe.checkpoint.weights),
        provenance=provenance(*command),
    )


def _check_labels(where: str, gold: set[str], known: set[str]) -> None:
    """Refuse gold labels of which a checkpoint knows none, and warn of those that it does not know."""
    unknown = ", ".join(sorted(gold - known))
    message = (
        f"{where}: the checkpoint knows no {unknown}; it knows {', '.join(sorted(known))}; --label-map renames labels"
    )
    if gold and gold.isdisjoint(known):
        raise DataError(message)
    if unknown:
        warnings.warn(message, stacklevel=3)


def _score_annotations(
    pipe: ClinicalPipeline, golds: Sequence[Any], annotations: Sequence[Annotation], metric: str, **facts: Any
) -> Run:
    predictions = list(map(pipe.task.predicted_of, annotations))
    run = Run.of(pipe.task.outcomes(golds, predictions), metric, **facts)
    if pipe.task.name != "ner":
        return run
    return replace(
        run, scores={**run.scores, **overlap_scores([without_assertions(spans) for spans in golds], predictions)}
    )


def _score_subwords(
    pipe: ClinicalPipeline, golds: Sequence[Any], annotations: Sequence[Annotation], metric: str, **facts: Any
) -> Run:
    plain = [without_assertions(spans) for spans in golds]
    gold_tags, predicted_tags = tag_annotations(pipe.reader.encoder, plain, annotations)
    run = Run.of(Outcomes.of(list(map(count_tags, gold_tags, predicted_tags))), metric, **facts)
    return replace(run, scores={**run.scores, "accuracy": tag_accuracy(gold_tags, predicted_tags)})


def _read_rows(task: Task, path: Path, labels: LabelMap) -> tuple[list[Row], list[Any]]:
    return task.read_labelled(read_rows(path), labels)


def _read_notes(task: Task, path: Path, labels: LabelMap) -> tuple[list[Row], list[Any]]:
    """Return the texts of whole notes, and the relations of each: the offsets of head and tail, and the label."""
    rows: list[Row] = []
    golds = []
    for where, row in read_rows(path):
        try:
            golds.append([(head, tail, labels.rename(label)) for head, tail, label in related_spans(row)])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{where}: expected a whole note with entities and relations: {error}") from None
        rows.append({"text": row["text"]})
    return rows, golds


def _found_relations(annotation: Annotation) -> list[Any]:
    return [
        ((found.head.start, found.head.end), (found.tail.start, found.tail.end), found.label)
        for found in annotation.relations
    ]


def _row_labels(task: Task, golds: Sequence[Any]) -> set[str]:
    return task.gold_labels(golds)


def _relation_labels(task: Task, golds: Sequence[Any]) -> set[str]:
    return task.gold_labels([label for relations in golds for *_, label in relations])


def _row_confidences(task: Task, gold: Any, annotation: Annotation) -> list[tuple[float, bool]]:
    return task.confidences(gold, annotation)


def _relation_confidences(task: Task, gold: Any, annotation: Annotation) -> list[tuple[float, bool]]:
    pairs = zip(annotation.relations, _found_relations(annotation), strict=True)
    return [(relation.score, found in gold) for relation, found in pairs]


def _score_relations(
    pipe: ClinicalPipeline, golds: Sequence[Any], annotations: Sequence[Annotation], metric: str, **facts: Any
) -> Run:
    return Run.of(Outcomes.of(list(map(count_spans, golds, map(_found_relations, annotations)))), metric, **facts)


@dataclass(frozen=True)
class Protocol:
    """How a split is read and scored.

    Attributes:
        score: Makes a run of gold answers and annotations.
        field: The field of annotations that it is for; None for all.
        read: Returns the rows of a file and their gold answers.
        labels: Returns the labels of gold answers.
        confidences: Returns the confidence of each prediction of an annotation, and whether it is correct.
    """

    score: Callable[..., Run]
    field: str | None = None
    read: Callable[[Task, Path, LabelMap], tuple[list[Row], list[Any]]] = _read_rows
    labels: Callable[[Task, Sequence[Any]], set[str]] = _row_labels
    confidences: Callable[[Task, Any, Annotation], list[tuple[float, bool]]] = _row_confidences


PROTOCOLS = {
    OWN_HEAD: Protocol(_score_annotations),
    SUBWORD: Protocol(_score_subwords, "entities"),
    FROM_TEXT: Protocol(_score_relations, "relations", _read_notes, _relation_labels, _relation_confidences),
}
