"""Models that a training starts from: a checkpoint with the head that the training needs, kept or new."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..architectures.minialbert import ClassifierPooling, MiniAlbertPreTrainedModel
from ..distillation.pairing import check_tokenizers
from ..distillation.students import with_new_head
from ..engines.torch import default_device
from ..errors import CheckpointError, MissingHead
from ..loading.find import open_folder
from ..loading.local import ENCODER, MASKED_LM, LocalCheckpoint
from ..loading.models import load_model, load_tokenizer
from ..recipes import Tune
from ..tasks import SEQUENCES, Task
from ..tasks.serving import served_tasks

_RAREST = 1e-4


@dataclass(frozen=True)
class HeadPlan:
    """The head that a model is to have, and how a pipeline is to use it.

    Attributes:
        task: The task that it serves.
        labels: Label of each logit.
        multi_label: Whether the labels are independent of each other.
        window: Tokens that the pipeline is to read together; kept in the config as ``window_tokens``.
        options: Options of the task; kept in the config.
        shares: The share of the training rows that have each label, if the labels are independent. The bias of a new
            head starts from them; it would otherwise first learn that labels are rare, at the encoder's expense.
        classifier_pooling: What a head for whole texts reads, in architectures with a choice (``cls``, ``mean`` or
            ``pair`` in MiniALBERT); by default what the checkpoint's config says.
    """

    task: Task
    labels: Sequence[str]
    multi_label: bool
    window: int
    options: Mapping[str, Any]
    shares: Sequence[float] = ()
    classifier_pooling: ClassifierPooling | None = None


def start_model(checkpoint: LocalCheckpoint, head: HeadPlan, *, seed: int, tune: Tune = "all") -> tuple[Any, Any]:
    """Return a model with a head for a task that starts from a checkpoint, and its tokenizer.

    Args:
        checkpoint: The checkpoint. Its head is kept if it is of the same kind, with these labels and this pooling; any
            other is replaced by a new one.
        head: The head that the model is to have.
        seed: Seed of the weights of a new head.
        tune: What is to be trained with the head; the rest is frozen.

    Raises:
        CheckpointError: The checkpoint cannot be loaded, reads fewer tokens than the window, or has no such part to
            tune or no such pooling for the task.
    """
    if checkpoint.base:
        raise CheckpointError(f"{checkpoint.name} is an adapter: start from what `nlpie convert` makes of it")
    tokenizer = load_tokenizer(checkpoint)
    model = _same_head(checkpoint, head) or _new_head(checkpoint, head, seed)
    limit = min(model.config.max_position_embeddings, tokenizer.model_max_length)
    if head.window > limit:
        raise CheckpointError(f"{checkpoint.name} reads {limit} tokens at most; got a window of {head.window}")
    model.config.window_tokens = head.window
    keep_options(model.config, head.task, head.options)
    _freeze(model, tune)
    return model, tokenizer


def keep_options(config: Any, task: Task, options: Mapping[str, Any]) -> None:
    """Put a task and its options into a config, from which ``load_clinical`` takes them."""
    config.task_options = {task.name: dict(options)}


def _freeze(model: Any, tune: Tune) -> None:
    if tune == "adapters":
        try:
            model.train_adapters_only()
        except (AttributeError, ValueError) as error:
            raise CheckpointError(f"{type(model).__name__} has no adapters to tune; tune its last-layer") from error
    elif tune == "layers" and isinstance(model, MiniAlbertPreTrainedModel):
        model.freeze_embeddings()
    elif tune != "all":
        layers = getattr(getattr(model.base_model, "encoder", None), "layer", None)
        if layers is None:
            raise CheckpointError(f"{type(model).__name__} has no separate layers; tune layers or all")
        model.base_model.embeddings.requires_grad_(False)
        if tune == "last-layer":
            layers[:-1].requires_grad_(False)


def _same_head(checkpoint: LocalCheckpoint, head: HeadPlan) -> Any:
    if checkpoint.auto_class != head.task.auto_class:
        return None
    model = load_model(checkpoint, head.task.auto_class)
    same_labels = list(model.config.id2label.values()) == list(head.labels)
    same_kind = head.task.auto_class != SEQUENCES or model.config.problem_type == _problem_type(head)
    same_pooling = head.classifier_pooling in (None, getattr(model.config, "classifier_pooling", None))
    return model if same_labels and same_kind and same_pooling else None


def _problem_type(head: HeadPlan) -> str:
    return f"{'multi' if head.multi_label else 'single'}_label_classification"


def _new_head(checkpoint: LocalCheckpoint, head: HeadPlan, seed: int) -> Any:
    encoder = load_model(checkpoint, ENCODER)
    config = encoder.config
    config.id2label = dict(enumerate(head.labels))
    config.label2id = {label: index for index, label in enumerate(head.labels)}
    if head.task.auto_class == SEQUENCES:
        config.problem_type = _problem_type(head)
    if head.classifier_pooling:
        if not hasattr(config, "classifier_pooling"):
            raise CheckpointError(f"{type(encoder).__name__} has no choice of pooling; leave classifier_pooling out")
        config.classifier_pooling = head.classifier_pooling
    compares = head.task.auto_class == SEQUENCES and getattr(config, "classifier_pooling", None) == "pair"
    if compares and len(head.task.inputs) != 2:
        raise CheckpointError(
            f"classifier_pooling pair compares two texts, and {head.task.name} reads one; choose cls or mean"
        )
    model = with_new_head(encoder, head.task.auto_class, seed)
    if head.shares:
        with torch.no_grad():
            head_layer(model).bias.copy_(torch.logit(torch.tensor(head.shares), eps=_RAREST))
    return model


def start_masked_lm(checkpoint: LocalCheckpoint, *, seed: int, counts: np.ndarray | None = None) -> tuple[Any, Any]:
    """Return a model with a masked-language-model head that starts from a checkpoint, and its tokenizer.

    Args:
        checkpoint: The checkpoint. Its head is kept if it has one; a new one shares the weights of the embeddings.
        seed: Seed of the other weights of a new head.
        counts: How often each piece occurs in the corpus (V,). The bias of a new head starts from these frequencies,
            so that it need not learn them.

    Raises:
        CheckpointError: The checkpoint cannot be loaded.
    """
    tokenizer = load_tokenizer(checkpoint)
    if checkpoint.auto_class == MASKED_LM:
        return load_model(checkpoint, MASKED_LM), tokenizer
    model = with_new_head(load_model(checkpoint, ENCODER), MASKED_LM, seed)
    if counts is not None:
        with torch.no_grad():
            seen = torch.as_tensor(counts, dtype=torch.float32) + 1.0
            model.get_output_embeddings().bias.copy_((seen / seen.sum()).log())
    return model, tokenizer


def head_layer(model: Any) -> Any:
    """Return the linear layer whose output is a model's logits."""
    body = set(model.base_model.modules())
    *_, last = (
        module
        for module in model.modules()
        if module not in body and getattr(module, "out_features", None) == model.config.num_labels
    )
    return last


def load_teachers(folders: Sequence[Path], task: Task, *, student: str, tokenizer: Any) -> list[Any]:
    """Load teachers that are fine-tuned for a task and share the student's tokenizer.

    Args:
        folders: Folders of the teachers.
        task: The task.
        student: Name of the student, for errors.
        tokenizer: Tokenizer of the student.

    Raises:
        WrongPair: A teacher has another tokenizer than the student.
        MissingHead: A teacher is not fine-tuned for the task.
    """
    teachers = []
    for folder in folders:
        teacher = open_folder(folder)
        check_tokenizers(student, teacher.name, tokenizer, load_tokenizer(teacher))
        served = served_tasks(teacher)
        if task.name not in served:
            raise MissingHead(
                f"student {student} is to learn {task.name} from teacher {teacher.name}, which has no head for it (it "
                f"serves: {', '.join(served)}); fine-tune the teacher for {task.name} first"
            )
        teachers.append(load_model(teacher, task.auto_class).to(default_device()))
    return teachers
