"""Fine-tuning a token classifier with the HF Trainer: the best epoch on validation is kept."""

import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2
from transformers import PreTrainedModel, Trainer, TrainingArguments, set_seed

from ..distillation.soft_targets import IGNORED, token_cross_entropy
from ..errors import NlpieError
from ..files import write_whole
from .precision import has_accelerator, supports_bf16
from .token_examples import collate_tokens


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


def finetune(
    model: PreTrainedModel,
    tokenizer: Any,
    *,
    train: Sequence[dict[str, Any]],
    validation: Sequence[dict[str, Any]],
    output: Path,
    arguments: FinetuningArguments = FinetuningArguments(),
    resume: bool = False,
) -> dict[str, Any]:
    """Train a token classifier and save the epoch that is best on validation.

    Args:
        model: Token classifier; trained in place.
        tokenizer: Saved beside it.
        train: Examples with hard labels or soft targets, as ``token_examples`` makes them.
        validation: Examples with hard labels.
        output: Folder for the model, written whole at the end; work in progress goes to ``<output>.runs``.
        arguments: How to train.
        resume: Go on from the last epoch saved in ``<output>.runs``, if there is one.

    Returns:
        The record that is also written to ``finetuning.json``: arguments, best validation F1, history.

    Raises:
        NlpieError: The output exists, or the batch cannot be shared by the processes.
    """
    runs = output.with_name(f"{output.name}.runs")
    if output.exists():
        raise NlpieError(f"{output} exists already; choose another --output or remove it")
    set_seed(arguments.seed)
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if arguments.batch % processes:
        raise NlpieError(f"expected a batch that {processes} processes can share equally, got {arguments.batch}")
    training = TrainingArguments(
        output_dir=str(runs),
        num_train_epochs=arguments.epochs,
        learning_rate=arguments.learning_rate,
        per_device_train_batch_size=arguments.batch // processes,
        per_device_eval_batch_size=32,
        warmup_steps=arguments.warmup,
        weight_decay=arguments.weight_decay,
        seed=arguments.seed,
        bf16=supports_bf16(),
        use_cpu=not has_accelerator(),
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model="f1",
        train_sampling_strategy="group_by_length",
        remove_unused_columns=False,
        report_to="none",
        logging_strategy="epoch",
        dataloader_pin_memory=has_accelerator(),
    )
    tags = list(model.config.id2label.values())  # type: ignore[union-attr]
    trainer = Trainer(
        model=model,
        args=training,
        train_dataset=train,
        eval_dataset=validation,
        data_collator=partial(collate_tokens, pad_token_id=tokenizer.pad_token_id),
        compute_loss_func=token_cross_entropy,
        compute_metrics=partial(_span_f1, tags=tags),
        preprocess_logits_for_metrics=lambda logits, labels: logits.argmax(-1),
    )
    trainer.train(resume_from_checkpoint=_last_whole_checkpoint(runs) if resume else None)
    record = {
        "arguments": asdict(arguments),
        "best_validation_f1": trainer.state.best_metric,
        "history": [row for row in trainer.state.log_history if "eval_f1" in row or "loss" in row],
    }
    if trainer.is_world_process_zero():
        with write_whole(output) as folder:
            model.float().save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            (folder / "finetuning.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return record


def _last_whole_checkpoint(runs: Path) -> str | None:
    """Return the newest checkpoint that was written to its end, if any: the Trainer writes the state last."""
    folders = sorted(runs.glob("checkpoint-*"), key=lambda folder: int(folder.name.partition("-")[2]), reverse=True)
    for folder in folders:
        with contextlib.suppress(OSError, json.JSONDecodeError):
            json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
            return str(folder)
    return None


def _span_f1(evaluation: Any, tags: Sequence[str]) -> dict[str, float]:
    """Strict span F1 over the words of the validation examples."""
    predicted, gold = [], []
    for row, labels in zip(evaluation.predictions, evaluation.label_ids, strict=True):
        counted = np.flatnonzero(labels != IGNORED)
        predicted.append([tags[row[index]] for index in counted])
        gold.append([tags[labels[index]] for index in counted])
    return {"f1": float(f1_score(gold, predicted, mode="strict", scheme=IOB2))}
