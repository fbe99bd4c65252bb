"""Fine-tuning a checkpoint for a task with the HF Trainer: the epoch that is best on validation is kept."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import IterableDataset
from transformers import PreTrainedModel, Trainer, TrainingArguments

from ..adapters import save_adapter
from ..checkpoint_files import LocalCheckpoint
from ..distillation.soft_targets import token_cross_entropy
from ..distillation.trainer import DistillationTrainer, Pair
from ..documents import Annotation
from ..errors import NlpieError
from ..files import write_whole
from ..tasks import TOKENS, Head, Plan, Task
from .examples import collate, make_examples
from .precision import supports_bf16
from .runs import last_whole_checkpoint, open_runs, trainer_arguments
from .starting import keep_options
from .temperature import choose_temperature, divide_logits


@dataclass(frozen=True)
class FinetuningArguments:
    """How to train; the defaults are the paper's.

    Attributes:
        epochs: Passes over the training examples.
        learning_rate: Peak of the linear schedule.
        batch: Examples in an optimizer step, over all processes.
        warmup: Share of the steps over which the rate rises.
        weight_decay: AdamW's.
        seed: Of head, dropout and order.
    """

    epochs: float = 3
    learning_rate: float = 5e-5
    batch: int = 16
    warmup: float = 0.0
    weight_decay: float = 0.01
    seed: int = 123


class InOrder(IterableDataset):
    """Examples that the Trainer leaves in their order; what can be indexed, it draws by length."""

    def __init__(self, examples: Sequence[dict[str, Any]]) -> None:
        self._examples = examples

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._examples)


@dataclass(frozen=True)
class Validation:
    """Labelled rows that are read as users will have them read, whole.

    Attributes:
        task: The task.
        plans: How each row is read.
        golds: The right answer of each row.
        head: The model's head.
        options: The task's options.
    """

    task: Task
    plans: Sequence[Plan]
    golds: Sequence[Any]
    head: Head
    options: Any

    @cached_property
    def examples(self) -> "InOrder":
        """An example for each passage, the longest first, so that batches hold little padding."""
        examples = list(make_examples(self.task, self.plans, self.golds, self.head.labels))
        return InOrder([examples[index] for index in self._order])

    @cached_property
    def _order(self) -> np.ndarray:
        lengths = [len(passage) for plan in self.plans for passage in plan.passages]
        return np.argsort(lengths, kind="stable")[::-1]

    def tuned(self, outputs: np.ndarray) -> dict[str, Any]:
        """Return the options that are best for these outputs, such as the threshold of each independent label."""
        best_options = self.task.supervised().tuned
        return best_options(self.golds, partial(self.annotate, outputs), self.options) if best_options else {}

    def annotate(self, outputs: np.ndarray, **tuned: Any) -> list[Annotation]:
        """Return the annotation of each row, given the model's padded output for each of the examples."""
        options = replace(self.options, **tuned)
        annotations, rest = [], iter(outputs[np.argsort(self._order)])
        for plan in self.plans:
            parts = []
            for index, passage in enumerate(plan.passages):
                output = next(rest)
                output = output[: len(passage)] if output.ndim == 2 else output
                parts.append(self.task.reduce(plan, index, output, self.head))
            fields = self.task.finish(plan, parts, self.head, options)
            annotations.append(Annotation(text=plan.text, coverage=plan.coverage, gives=tuple(fields), **fields))
        return annotations

    def score(self, outputs: np.ndarray) -> dict[str, float]:
        """Return the scores of the annotations, with their best options, that are single numbers."""
        annotations = self.annotate(outputs, **self.tuned(outputs))
        supervision = self.task.supervised()
        scores = supervision.outcomes(self.golds, list(map(supervision.answer, annotations))).scores()
        return {name: value for name, value in scores.items() if isinstance(value, float)}

    def confidences(self, outputs: np.ndarray) -> list[list[tuple[float, bool]]]:
        """Return what each row's annotation is sure of and whether it is right."""
        confidences_of = self.task.supervised().confidences
        annotations = self.annotate(outputs)
        return [confidences_of(gold, annotation) for gold, annotation in zip(self.golds, annotations, strict=True)]


def finetune(
    model: PreTrainedModel | Pair,
    tokenizer: Any,
    *,
    train: Sequence[dict[str, Any]],
    validation: Validation,
    output: Path,
    arguments: FinetuningArguments = FinetuningArguments(),
    adapter_of: LocalCheckpoint | None = None,
    facts: Mapping[str, Any] | None = None,
    resume: bool = False,
) -> dict[str, Any]:
    """Train a model for a task and save the epoch that is best on validation.

    What is best chosen on validation is chosen last: a temperature, kept in the head's weights, and options such as the
    thresholds of independent labels, kept in the config.

    Args:
        model: Model with a head for the task, or a pair of one and its teacher; trained in place.
        tokenizer: Saved beside it.
        train: Examples, as ``make_examples`` gives them, or with soft targets.
        validation: Labelled rows.
        output: Folder for the model, written whole at the end; work in progress goes to ``<output>.runs``.
        arguments: How to train.
        adapter_of: The base, if only what differs from it is to be saved.
        facts: What the record is to say besides.
        resume: Go on from the last epoch saved in ``<output>.runs``, if there is one.

    Returns:
        The record that is also written to ``finetuning.json``: arguments, the metric and its best value on
        validation, the temperature that the logits have been divided by, history.

    Raises:
        NlpieError: The output, or work in progress that is not to be resumed, exists, or the batch cannot be shared by
            the processes.
    """
    runs = open_runs(output, resume=resume)
    task, supervision = validation.task, validation.task.supervised()
    student: Any = model
    make_trainer: Callable[..., Trainer] = partial(
        Trainer, compute_loss_func=token_cross_entropy if task.auto_class == TOKENS else None
    )
    if isinstance(model, Pair):
        student, make_trainer = model.student, DistillationTrainer
    trainer = make_trainer(
        model=model,
        args=_training_arguments(runs, arguments, supervision.metric),
        train_dataset=train,
        eval_dataset=validation.examples,
        data_collator=partial(collate, pad_token_id=tokenizer.pad_token_id),
        compute_metrics=lambda evaluation: validation.score(np.asarray(evaluation.predictions)),
        preprocess_logits_for_metrics=lambda logits, labels: logits.float(),
    )
    # transformers takes a head's mean for a loss that knows the whole batch, and multiplies it by the processes.
    trainer.model_accepts_loss_kwargs = trainer.compute_loss_func is not None
    trainer.train(resume_from_checkpoint=last_whole_checkpoint(runs) if resume else None)
    outputs = np.asarray(trainer.predict(validation.examples).predictions)
    temperature = choose_temperature(lambda t: validation.confidences(outputs / t))
    tuned = validation.tuned(outputs / temperature)
    record = {
        "task": task.name,
        **(facts or {}),
        "arguments": asdict(arguments),
        "processes": trainer.accelerator.num_processes,
        "metric": supervision.metric,
        "best_on_validation": trainer.state.best_metric,
        "temperature": temperature,
        "history": [row for row in trainer.state.log_history if "eval_loss" in row or "loss" in row],
    }
    if trainer.is_world_process_zero():
        divide_logits(student, temperature)
        keep_options(student.config, task, student.config.task_options[task.name] | tuned)
        with write_whole(output) as folder:
            if adapter_of is None:
                student.float().save_pretrained(folder)
                tokenizer.save_pretrained(folder)
            else:
                save_adapter(student, folder, adapter_of, place=output)
            (folder / "finetuning.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return record


def _training_arguments(runs: Path, arguments: FinetuningArguments, metric: str) -> TrainingArguments:
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if arguments.batch % processes:
        raise NlpieError(f"expected a batch that {processes} processes can share equally, got {arguments.batch}")
    return trainer_arguments(
        runs,
        num_train_epochs=arguments.epochs,
        learning_rate=arguments.learning_rate,
        per_device_train_batch_size=arguments.batch // processes,
        per_device_eval_batch_size=32,
        warmup_steps=arguments.warmup,
        weight_decay=arguments.weight_decay,
        seed=arguments.seed,
        bf16=supports_bf16(),
        eval_strategy="epoch",
        save_strategy="epoch",
        load_best_model_at_end=True,
        metric_for_best_model=metric,
        greater_is_better=True,
        train_sampling_strategy="group_by_length",
        logging_strategy="epoch",
    )
