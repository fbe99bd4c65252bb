"""Evaluating a checkpoint's named entities as users get them: whole documents in, spans out."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..data.spans import find_split, read_span_documents
from ..pipelines import ClinicalPipeline
from .results import provenance
from .spans import score_spans

PROTOCOL = "strict spans, whole documents"


def evaluate_ner(
    pipe: ClinicalPipeline, data: Path, split: str, labels: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Annotate a split and score it against its gold spans.

    Args:
        pipe: A pipeline for ``ner``.
        data: Folder of the data set.
        split: Split to score.
        labels: Data label to model label; None if they agree.

    Returns:
        A row for :func:`nlpie_models.evaluation.results.write_result`.

    Raises:
        DataError: The split cannot be read.
    """
    documents = read_span_documents(data, split, labels)
    annotations = tqdm(
        pipe.stream(document.text for document in documents), total=len(documents), unit=" texts", disable=None
    )
    predicted = [[(e.start, e.end, e.label) for e in annotation.entities] for annotation in annotations]
    scores = score_spans([document.spans for document in documents], predicted)
    return {
        "task": pipe.task.name,
        "dataset": data.name,
        "split": split,
        "protocol": PROTOCOL,
        "documents": len(documents),
        "data_sha256": hashlib.sha256(find_split(data, split).read_bytes()).hexdigest(),
        "settings": pipe.settings,
        "scores": {label: score.to_dict() for label, score in scores.items()},
        **provenance(),
    }
