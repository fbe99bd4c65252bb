"""Continued masked-language-model training (continual learning) with the HF Trainer."""

import json
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel, Trainer, TrainerCallback, TrainingArguments, get_scheduler

from ..errors import NlpieError
from ..figures import figure_of
from ..files import write_whole
from .masked_lm import masked_lm_loss, sparse_head, sum_losses
from .masking import MaskAnew, MaskedBlocks, collate_blocks
from .precision import has_accelerator, supports_bf16
from .runs import last_whole_checkpoint, open_runs, trainer_arguments

_NLL = "nll"


@dataclass(frozen=True)
class PretrainingArguments:
    """How to train.

    Attributes:
        steps: Optimizer steps.
        batch: Blocks in an optimizer step, over all processes and accumulated batches.
        device_batch: Blocks that a process takes at once.
        learning_rate: Peak of the linear schedule, of the last layer and of the head.
        layer_decay: What the rate is multiplied by from each layer to the one below it.
        warmup_steps: Steps over which the rate rises.
        weight_decay: AdamW's.
        dropout: While training, in the place of the model's own, which the saved config keeps. One pass over a text
            learns nothing by heart, and without dropout it is faster and, in ALBERT, better
            (https://arxiv.org/abs/1909.11942, section 4.8).
        evaluate_every: Steps between two looks at the held-out blocks, and between two checkpoints.
        seed: Of the order and of dropout.
        bf16: Whether to compute in bfloat16; by default where the hardware does.
    """

    steps: int
    batch: int = 32
    device_batch: int = 8
    learning_rate: float = 5e-5
    layer_decay: float = 1.0
    warmup_steps: int = 0
    weight_decay: float = 0.01
    dropout: float | None = None
    evaluate_every: int = 500
    seed: int = 123
    bf16: bool | None = None


def pretrain(
    model: PreTrainedModel,
    tokenizer: Any,
    *,
    train: MaskedBlocks,
    held_out: Mapping[str, MaskedBlocks],
    output: Path,
    arguments: PretrainingArguments,
    resume: bool = False,
) -> dict[str, Any]:
    """Train a masked language model further and save it.

    Args:
        model: Model with a masked-language-model head; trained in place. What is frozen stays as it is.
        tokenizer: Saved beside it.
        train: Masked blocks.
        held_out: Masked blocks of each corpus to report the perplexity of, always masked the same way.
        output: Folder for the model, written whole at the end; work in progress, with a log, goes to ``<output>.runs``.
        arguments: How to train.
        resume: Go on from the last checkpoint in ``<output>.runs``, if there is one.

    Returns:
        The record that is also written to ``pretraining.json``: arguments, tokens per second, the perplexity of each
        held-out corpus at the end, history.

    Raises:
        NlpieError: The output, or work in progress that is not to be resumed, exists, or the batch cannot be shared by
            the processes.
    """
    trainer = partial(Trainer, model=model, compute_loss_func=masked_lm_loss)
    run = MaskedLMRun(tokenizer, train, held_out, output, arguments)
    with sparse_head(model):
        return run.train(trainer, model, saved=model, record_name="pretraining.json", resume=resume)


@dataclass(frozen=True)
class MaskedLMRun:
    """What trainings of a masked language model have in common, whatever the loss.

    Attributes:
        tokenizer: Saved beside the model.
        blocks: Masked blocks to train on.
        held_out: Masked blocks of each corpus to report the perplexity of.
        output: Folder for the model, written whole at the end; work in progress goes to ``<output>.runs``.
        arguments: How to train.
        pad_to: Tokens to pad every batch to; by default its longest block.
    """

    tokenizer: Any
    blocks: MaskedBlocks
    held_out: Mapping[str, MaskedBlocks]
    output: Path
    arguments: PretrainingArguments
    pad_to: int | None = None

    def train(
        self,
        make_trainer: Callable[..., Trainer],
        trained: nn.Module,
        *,
        saved: PreTrainedModel,
        record_name: str,
        resume: bool,
        **facts: Any,
    ) -> dict[str, Any]:
        """Train, and save a model.

        Args:
            make_trainer: Makes the Trainer, given what is the same for all.
            trained: All that is trained; has the model's ``config``.
            saved: The model.
            record_name: File for the record in the output.
            resume: Go on from the last checkpoint, if there is one.
            **facts: What else the record is to say.

        Returns:
            The record.

        Raises:
            NlpieError: The output, or work in progress that is not to be resumed, exists, or the batch cannot be
                shared by the processes.
        """
        output, arguments = self.output, self.arguments
        runs = open_runs(output, resume=resume)
        if arguments.dropout is not None:
            set_dropout(saved, arguments.dropout)
        if not has_accelerator():
            saved.set_attn_implementation("eager")  # torch's fused attention has a slow backward pass on CPUs
        optimizer = torch.optim.AdamW(
            parameter_groups(trained, arguments), lr=arguments.learning_rate, weight_decay=arguments.weight_decay
        )
        schedule = get_scheduler("linear", optimizer, arguments.warmup_steps, arguments.steps)
        log = LiveLog(runs / "log.jsonl")
        trainer = make_trainer(
            args=_training_arguments(runs, arguments),
            train_dataset=self.blocks,
            eval_dataset=dict(self.held_out),
            optimizers=(optimizer, schedule),
            data_collator=partial(collate_blocks, pad_token_id=self.tokenizer.pad_token_id, pad_to=self.pad_to),
            compute_metrics=_mean_loss,
            preprocess_logits_for_metrics=sum_losses,
            callbacks=[MaskAnew(self.blocks), log],
        )
        result = trainer.train(resume_from_checkpoint=last_whole_checkpoint(runs) if resume else None)
        history = [row for row in trainer.state.log_history if "loss" in row or _held_out_losses(row)]
        record = {
            **facts,
            "arguments": asdict(arguments),
            "processes": trainer.accelerator.num_processes,
            "loss": result.training_loss,
            "tokens_per_second": round(median(log.rates)) if log.rates else None,
            "perplexity": perplexities(history),
            "history": history,
        }
        if trainer.is_world_process_zero():
            with write_whole(output) as folder:
                saved.float().save_pretrained(folder)
                self.tokenizer.save_pretrained(folder)
                (folder / record_name).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
            draw_losses(history, runs / "loss.svg")
        return record


def set_dropout(model: nn.Module, probability: float) -> None:
    """Let every dropout of a model drop with a probability from now on; its config stays."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = probability


def parameter_groups(model: nn.Module, arguments: PretrainingArguments) -> list[dict[str, Any]]:
    """Return the trained parameters in groups, each with its learning rate; biases and norms have no weight decay.

    A layer's rate is that of the one above times ``layer_decay``; the embeddings lie below all layers.
    """
    config: Any = model.config
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            rate = arguments.learning_rate * arguments.layer_decay ** _depth(name, config.num_hidden_layers)
            decay = arguments.weight_decay if parameter.dim() > 1 else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": found, "lr": rate, "weight_decay": decay} for (rate, decay), found in groups.items()]


def _depth(name: str, layers: int) -> int:
    """Return how many layers lie above a parameter."""
    parts = name.split(".")
    if "embeddings" in parts:
        return layers
    for before, part in pairwise(parts):
        if before == "layer" and part.isdigit():
            return layers - 1 - int(part)
    return 0


def perplexities(history: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the last perplexity of each held-out corpus: e to the mean loss of a masked token."""
    last = {name: loss for row in history for name, loss in _held_out_losses(row).items()}
    return {name: round(math.exp(loss), 4) for name, loss in last.items()}


def _mean_loss(evaluation: Any) -> dict[str, float]:
    """Return the mean loss of a masked token, each counted once whatever the batches are."""
    total, tokens = np.asarray(evaluation.predictions).sum(axis=0)
    return {_NLL: float(total / tokens)}


class LiveLog(TrainerCallback):
    """Appends a line of JSON to a file whenever the Trainer logs: step, loss, rate, tokens per second, held-out losses.

    Tokens are those that were trained on; the time that looks at held-out blocks take is left out.

    Args:
        path: The file; a resumed run goes on with it.

    Attributes:
        rates: Tokens per second from each line to the next.
    """

    def __init__(self, path: Path) -> None:
        self.rates: list[float] = []
        self._path = path
        self._seen = (0.0, 0.0)

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._seen = time.monotonic(), state.num_input_tokens_seen

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        if state.is_world_process_zero and logs:
            now = time.monotonic()
            row = {"step": state.global_step, **logs}
            if "loss" in logs:
                before, tokens = self._seen
                self.rates.append((state.num_input_tokens_seen - tokens) / max(now - before, 1e-9))
                row["tokens_per_second"] = round(self.rates[-1])
            self._seen = now, state.num_input_tokens_seen
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


def draw_losses(history: Sequence[Mapping[str, float]], path: Path) -> None:
    """Draw the loss of the training and of each held-out corpus, as SVG and PNG.

    Args:
        history: The Trainer's log.
        path: The SVG file.

    Raises:
        NlpieError: matplotlib is not installed.
    """
    curves: dict[str, list[tuple[float, float]]] = {}
    for row in history:
        found = {"training": row["loss"]} if "loss" in row else _held_out_losses(row)
        for name, loss in found.items():
            curves.setdefault(name, []).append((row["step"], loss))
    with figure_of(path, width=6.0, height=4.0) as figure:
        axes = figure.subplots()
        for name, points in curves.items():
            axes.plot(*zip(*points, strict=True), marker="o", markersize=3, label=name)
        axes.set(xlabel="step", ylabel="loss of a masked token (nats)")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)


def _held_out_losses(row: Mapping[str, float]) -> dict[str, float]:
    ending = f"_{_NLL}"
    return {key.removeprefix("eval_").removesuffix(ending): value for key, value in row.items() if key.endswith(ending)}


def _training_arguments(runs: Path, arguments: PretrainingArguments) -> TrainingArguments:
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    at_once = min(arguments.device_batch, arguments.batch // processes)
    if at_once < 1 or arguments.batch % (at_once * processes):
        raise NlpieError(
            f"a batch of {arguments.batch} cannot be shared by {processes} processes that take {at_once} blocks at "
            "once; choose a multiple"
        )
    return trainer_arguments(
        runs,
        max_steps=arguments.steps,
        per_device_train_batch_size=at_once,
        per_device_eval_batch_size=arguments.device_batch,
        gradient_accumulation_steps=arguments.batch // (at_once * processes),
        seed=arguments.seed,
        bf16=supports_bf16() if arguments.bf16 is None else arguments.bf16,
        eval_strategy="steps",
        eval_steps=arguments.evaluate_every,
        save_strategy="steps",
        save_steps=arguments.evaluate_every,
        logging_steps=min(50, arguments.evaluate_every),
        include_num_input_tokens_seen="non_padding",
    )
