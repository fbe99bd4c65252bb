"""Evaluating a checkpoint's named entities as users get them: whole documents in, spans out."""

from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..checkpoint_files import sha256_of
from ..data.spans import find_split, read_label_map, read_span_documents
from ..pipelines import ClinicalPipeline
from .results import provenance
from .spans import bootstrap_f1, score_spans

PROTOCOL = "strict spans, whole documents"


def evaluate_ner(pipe: ClinicalPipeline, data: Path, split: str, label_map: str | None = None) -> dict[str, Any]:
    """Annotate a split and score it against its gold spans.

    Args:
        pipe: A pipeline for ``ner``.
        data: Folder of the data set.
        split: Split to score.
        label_map: Map from the data's labels to the model's, as ``read_label_map`` takes it; None if they agree.

    Returns:
        A row for :func:`nlpie_models.evaluation.results.write_result`.

    Raises:
        DataError: The split cannot be read.
    """
    documents = read_span_documents(data, split, read_label_map(label_map) if label_map else None)
    annotations = tqdm(
        pipe.stream(document.text for document in documents), total=len(documents), unit=" texts", disable=None
    )
    predicted = [[(e.start, e.end, e.label) for e in annotation.entities] for annotation in annotations]
    gold = [document.spans for document in documents]
    scores = score_spans(gold, predicted)
    return {
        "task": pipe.task.name,
        "dataset": data.name,
        "split": split,
        "protocol": PROTOCOL,
        "documents": len(documents),
        "data_sha256": sha256_of(find_split(data, split)),
        "label_map": Path(label_map).stem if label_map else None,
        "weights_sha256": sha256_of(pipe.checkpoint.folder / "model.safetensors"),
        "seed": pipe.checkpoint.row.recipe.seed if pipe.checkpoint.row and pipe.checkpoint.row.recipe else None,
        "window": pipe.window,
        "overlap": pipe.overlap,
        "scores": {label: score.to_dict() for label, score in scores.items()},
        "f1_interval": bootstrap_f1(gold, predicted),
        **provenance(),
    }
