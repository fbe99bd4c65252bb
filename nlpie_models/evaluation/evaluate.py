"""Evaluating a checkpoint as users get it: whole rows in, annotations out, scored against the gold answers."""

from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..checkpoint_files import sha256_of
from ..data.labels import LabelMap, read_label_map
from ..data.rows import find_split, read_rows
from ..pipelines import ClinicalPipeline
from ..scoring import bootstrap
from .baselines import score_baselines
from .results import provenance

PROTOCOLS = {"ner": "strict spans, whole documents"}
_WHOLE_ROWS = "whole rows"


def evaluate_pipeline(
    pipe: ClinicalPipeline, data: Path, split: str, label_map: str | None = None, *, baselines: bool = False
) -> dict[str, Any]:
    """Annotate a split and score it against its gold answers.

    Args:
        pipe: A pipeline for a task that has gold answers.
        data: Folder of the data set.
        split: Split to score.
        label_map: Map from the data's labels to the model's, as ``read_label_map`` takes it; None if they agree.
        baselines: Whether to fit the majority class, and TF-IDF with logistic regression, on the training split and
            score them on the same rows.

    Returns:
        A row for :func:`nlpie_models.evaluation.results.write_result`.

    Raises:
        DataError: The split cannot be read, or the task has no gold answers.
        NlpieError: A row cannot be annotated.
    """
    task, supervision = pipe.task, pipe.task.supervised()
    labels = LabelMap(read_label_map(label_map) if label_map else {})
    path = find_split(data, split)
    rows, golds = task.read_labelled(read_rows(path), labels)
    annotations = tqdm(pipe.stream(rows), total=len(rows), unit=" rows", disable=None)
    answers = [supervision.answer(annotation) for annotation in annotations]
    scores = supervision.score(golds, answers)
    recipe = pipe.checkpoint.row.recipe if pipe.checkpoint.row else None
    trained = pipe.checkpoint.finetuning
    result = {
        "task": task.name,
        "dataset": data.name,
        "split": split,
        "protocol": PROTOCOLS.get(task.name, _WHOLE_ROWS),
        "documents": len(rows),
        "data_sha256": sha256_of(path),
        "label_map": Path(label_map).stem if label_map else None,
        "weights_sha256": sha256_of(pipe.checkpoint.weights),
        "seed": recipe.seed if recipe else trained.get("arguments", {}).get("seed"),
        "training": trained.get("arguments"),
        "settings": {name: value for name, value in pipe.settings.items() if name != "checkpoint"},
        "metric": supervision.metric,
        "scores": scores,
        "interval": bootstrap(lambda *drawn: supervision.score(*drawn)[supervision.metric], golds, answers),
    }
    if baselines:
        train = task.read_labelled(read_rows(find_split(data, "train")), labels)
        validation = task.read_labelled(read_rows(find_split(data, "validation")), labels)
        result["baselines"] = score_baselines(task, train, validation, (rows, golds))
    return {**result, **provenance()}
