"""The YAML at the head of a card, and the rules of the Hub for it, which are checked without a network."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData
from huggingface_hub.repocard_data import model_index_to_eval_results
from yaml import YAMLError

from ..architectures import ARCHITECTURES
from ..errors import UnknownName
from ..evaluation.results import OWN_HEAD, Results, Run
from ..recipes import Distillation
from ..registry import Checkpoint, get_checkpoint
from ..tasks import get_task, list_tasks

_LIBRARIES = ("transformers", "nlpie-models")
_INSTALL = "pip install nlpie-models"
_HUB_METRICS = {"accuracy": "accuracy"}  # every other main score is a kind of F1
# Of the list of the Hub (huggingface.co/docs/hub/repositories-licenses), the licences that a checkpoint could have.
_LICENCE_NAMES = """
apache-2.0 mit bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear isc cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0
cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0
cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 gpl gpl-2.0 gpl-3.0 agpl-3.0 lgpl lgpl-2.1 lgpl-3.0 mpl-2.0
openrail bigscience-openrail-m unlicense unknown other
"""
_LICENCES = _LICENCE_NAMES.split()
_RELATIONS = ("finetune", "adapter", "merge", "quantized")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_NEEDED = ("license", "language", "library_name", "pipeline_tag")
_RULES: dict[str, tuple[Callable[[str], Any], str]] = {
    "license": (_LICENCES.__contains__, "an identifier of the Hub, such as mit"),
    "language": (_LANGUAGE.fullmatch, "a code of ISO 639, such as en"),
    "library_name": (_LIBRARIES.__contains__, " or ".join(_LIBRARIES)),
    "pipeline_tag": (lambda tag: tag in _pipelines(), "the Hub's pipeline of a task, such as token-classification"),
    "base_model": (_HUB_ID.fullmatch, "the name of a repository of the Hub"),
    "base_model_relation": (_RELATIONS.__contains__, " or ".join(_RELATIONS)),
    "tags": (bool, "a word"),
    "metrics": (bool, "a word"),
}


def make_metadata(row: Checkpoint, results: Sequence[Results]) -> ModelCardData:
    """Return a card's metadata.

    Args:
        row: The checkpoint's row.
        results: Its results. Those of its own head on test splits become the model index; where the row states the
            hash of the weights, only those of these weights.
    """
    sha256 = row.weights and row.weights.sha256
    measured = [
        (part, run)
        for part in results
        if part.protocol == OWN_HEAD
        for run in part.test_runs()
        if not sha256 or run.weights_sha256 == sha256
    ]
    base = _hub_base(row)
    is_custom = row.architecture.model_type in ARCHITECTURES
    scores: dict[str, Any] = {}
    if measured:
        scores = {"eval_results": _eval_results(measured), "model_name": row.name}
    return ModelCardData(
        language="en",
        license=row.licence,
        library_name=_LIBRARIES[is_custom],  # the Hub shows how to load with this library; transformers alone cannot
        pipeline_tag=get_task(row.tasks[0]).hub_pipeline,
        tags=["clinical", "medical", *([row.architecture.model_type] if is_custom else [])],
        base_model=base,
        base_model_relation=base and "finetune",
        metrics=sorted({_hub_metric(part.metric) for part, _ in measured}) or None,
        **scores,
    )


def find_metadata_faults(metadata: Mapping[str, Any], needed: Sequence[str] = _NEEDED) -> Iterator[str]:
    """Yield the faults of a card's metadata, which the Hub would refuse or ignore.

    Args:
        metadata: The metadata.
        needed: Keys that must be there.
    """
    for key in needed:
        if key not in metadata:
            yield f"{key}: missing"
    for key, (fits, expected) in _RULES.items():
        for value in _as_list(metadata.get(key)):
            if not (isinstance(value, str) and fits(value)):
                yield f"{key}: expected {expected}, got {value!r}"
    yield from _index_faults(metadata.get("model-index"))


def find_loading_faults(card: str, model_type: str) -> Iterator[str]:
    """Yield what in a card would lead its readers to load a model with transformers alone, which does not know it.

    Args:
        card: The whole card.
        model_type: The model's type in ``config.json``; a type of transformers has no such faults.
    """
    if model_type not in ARCHITECTURES:
        return
    expected = _LIBRARIES[True]
    try:
        library = ModelCard(card, ignore_metadata_errors=True).data.get("library_name")
    except YAMLError as error:
        yield f"its head is no YAML: {error}"
        return
    if library != expected:
        yield f"library_name is {library!r}, and transformers alone does not know {model_type}: write {expected}"
    if _INSTALL not in card:
        yield f"it does not say `{_INSTALL}`"


def _index_faults(index: Any) -> Iterator[str]:
    if index is None:
        return
    try:
        _, results = model_index_to_eval_results(index)
    except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
        yield f"model-index: expected a name, and results each with task, dataset and metrics: {error!r}"
        return
    for result in results:
        named = (result.task_type, result.dataset_type, result.dataset_name, result.metric_type)
        if not all(isinstance(name, str) and name for name in named):
            yield f"model-index: expected types of task, data set and metric, and a name of the data set, got {named}"
        if not (isinstance(result.metric_value, int | float) and math.isfinite(result.metric_value)):
            yield f"model-index: expected a number for {result.metric_type}, got {result.metric_value!r}"


def _eval_results(measured: Sequence[tuple[Results, Run]]) -> list[EvalResult]:
    return [
        EvalResult(
            task_type=get_task(part.task).hub_pipeline,
            task_name=part.task,
            dataset_type=part.dataset,
            dataset_name=part.dataset,
            dataset_split="test",
            dataset_args={"sha256": run.data_sha256["test"]},
            metric_type=_hub_metric(part.metric),
            metric_name=part.metric.replace("_", " "),
            metric_value=run.scores[part.metric],
            metric_args={
                "interval_95": list(run.interval),
                "seed": run.seed,
                "weights_sha256": run.weights_sha256,
                "versions": ", ".join(f"{name} {run.provenance.versions[name]}" for name in ("nlpie-models", "torch")),
                "command": run.provenance.command,
            },
        )
        for part, run in measured
    ]


def _hub_base(row: Checkpoint) -> str | None:
    """Return the Hub repository that the tensors of a checkpoint started from; None if they did not.

    A student that starts from random tensors has a teacher, and no base.
    """
    if row.base_model is None or (isinstance(row.recipe, Distillation) and row.recipe.starts_from_random):
        return None
    try:
        return get_checkpoint(row.base_model).hub_id
    except UnknownName:
        return row.base_model


def _pipelines() -> set[str]:
    return {task.hub_pipeline for task in list_tasks()}


def _hub_metric(name: str) -> str:
    return _HUB_METRICS.get(name, "f1")


def _as_list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]
