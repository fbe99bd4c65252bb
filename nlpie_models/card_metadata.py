"""The YAML at the head of a card, and the Hub's rules for it, checked without a network."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from huggingface_hub import EvalResult, ModelCardData
from huggingface_hub.repocard_data import model_index_to_eval_results

from .errors import UnknownName
from .evaluation.results import OWN_HEAD, Results, Run
from .registry import Checkpoint, get_checkpoint

_LIBRARY = "transformers"
PIPELINES = {
    "ner": "token-classification",
    "relation": "text-classification",
    "nli": "text-classification",
    "classification": "text-classification",
    "embedding": "feature-extraction",
    "fill-mask": "fill-mask",
}
_HUB_METRICS = {"accuracy": "accuracy"}  # every other main score of ours is a kind of F1
# Of the Hub's list (huggingface.co/docs/hub/repositories-licenses) those that a model of this zoo could have.
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
    "library_name": (_LIBRARY.__eq__, _LIBRARY),
    "pipeline_tag": (frozenset(PIPELINES.values()).__contains__, " or ".join(sorted({*PIPELINES.values()}))),
    "base_model": (_HUB_ID.fullmatch, "the name of a repository of the Hub"),
    "base_model_relation": (_RELATIONS.__contains__, " or ".join(_RELATIONS)),
    "datasets": (_HUB_ID.fullmatch, "the name of a data set, without spaces"),
    "tags": (bool, "a word"),
    "metrics": (bool, "a word"),
}


def make_metadata(row: Checkpoint, results: Sequence[Results]) -> ModelCardData:
    """Return a card's metadata.

    Args:
        row: The checkpoint's row.
        results: Its results; those of its own head on test, with the very weights of the row if it names them, become
            the model index.
    """
    sha256 = row.weights and row.weights.sha256
    own = [
        (each, run)
        for each in results
        if each.protocol == OWN_HEAD
        for run in each.test_runs()
        if not sha256 or run["weights_sha256"] == sha256
    ]
    base = _hub_base(row)
    scores: dict[str, Any] = {"eval_results": _eval_results(own), "model_name": row.name} if own else {}
    return ModelCardData(
        language="en",
        license=row.licence,
        library_name=_LIBRARY,
        pipeline_tag=PIPELINES[row.tasks[0]],
        tags=["clinical", "medical", *(["minialbert"] if row.architecture.model_type == "minialbert" else [])],
        base_model=base,
        base_model_relation=base and "finetune",
        datasets=[data.name for data in row.training_data] or None,
        metrics=sorted({_hub_metric(each.metric) for each, _ in own}) or None,
        **scores,
    )


def find_faults(metadata: Mapping[str, Any], needed: Sequence[str] = _NEEDED) -> Iterator[str]:
    """Yield what of a card's metadata the Hub would refuse or leave out."""
    for key in needed:
        if key not in metadata:
            yield f"{key}: missing"
    for key, (fits, expected) in _RULES.items():
        for each in _as_list(metadata.get(key)):
            if not (isinstance(each, str) and fits(each)):
                yield f"{key}: expected {expected}, got {each!r}"
    yield from _index_faults(metadata.get("model-index"))


def _index_faults(index: Any) -> Iterator[str]:
    if index is None:
        return
    try:
        _, results = model_index_to_eval_results(index)
    except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
        yield f"model-index: expected a name, and results each with task, dataset and metrics: {error!r}"
        return
    for each in results:
        named = (each.task_type, each.dataset_type, each.dataset_name, each.metric_type)
        if not all(isinstance(name, str) and name for name in named):
            yield f"model-index: expected types of task, data set and metric, and a name of the data set, got {named}"
        if not (isinstance(each.metric_value, int | float) and math.isfinite(each.metric_value)):
            yield f"model-index: expected a number for {each.metric_type}, got {each.metric_value!r}"


def _eval_results(measured: Sequence[tuple[Results, Run]]) -> list[EvalResult]:
    return [
        EvalResult(
            task_type=PIPELINES[each.task],
            task_name=each.task,
            dataset_type=each.dataset,
            dataset_name=each.dataset,
            dataset_split="test",
            dataset_args={"sha256": run["data_sha256"]["test"]},
            metric_type=_hub_metric(each.metric),
            metric_name=each.metric.replace("_", " "),
            metric_value=run["scores"][each.metric],
            metric_args={
                "interval_95": run["interval"],
                "seed": run["seed"],
                "weights_sha256": run["weights_sha256"],
                "versions": f"nlpie-models {run['versions']['nlpie-models']}, torch {run['versions']['torch']}",
                "command": run["command"],
            },
        )
        for each, run in measured
    ]


def _hub_base(row: Checkpoint) -> str | None:
    """Return the repository of the Hub that a checkpoint's tensors come from, if they come from one.

    A student that starts from random tensors has a teacher, and no base.
    """
    if row.base_model is None or (row.recipe and (row.recipe.student or "").partition(",")[0] == "new"):
        return None
    try:
        return get_checkpoint(row.base_model).hub_id
    except UnknownName:
        return row.base_model


def _hub_metric(name: str) -> str:
    return _HUB_METRICS.get(name, "f1")


def _as_list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]
