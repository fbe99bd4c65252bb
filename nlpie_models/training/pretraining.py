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
from ..recipes import PretrainingArguments
from ..util.files import write_whole
from .masked_lm import EpochMasking, MaskedBlocks, collate_blocks, masked_lm_loss, sparse_head, sum_losses
from .runs import RunOutput, has_accelerator, supports_bf16

_NLL = "nll"


def pretrain(model: PreTrainedModel, run: "MaskedLMRun") -> dict[str, Any]:
    """Train a masked language model further and save it.

    Args:
        model: Model with a masked-language-model head; trained in place. What is frozen stays as it is.
        run: What it is trained on, and how.

    Returns:
        The record that is also written to ``pretraining.json``: arguments, tokens per second, the perplexity of each
        held-out corpus at the end, history.

    Raises:
        NlpieError: As :meth:`MaskedLMRun.train`.
    """
    trainer = partial(Trainer, model=model, compute_loss_func=masked_lm_loss)
    with sparse_head(model):
        return run.train(trainer, model, saved=model, record_name="pretraining.json")


@dataclass(frozen=True)
class MaskedLMRun:
    """One training of a masked language model: what it reads and writes, whatever its loss is.

    Attributes:
        tokenizer: The tokenizer of the model, saved with it.
        blocks: Masked blocks to train on.
        held_out: Masked blocks of each corpus to report the perplexity of.
        output: Where to write.
        arguments: The hyper-parameters.
        pad_to: Tokens to pad every batch to; by default its longest block.
    """

    tokenizer: Any
    blocks: MaskedBlocks
    held_out: Mapping[str, MaskedBlocks]
    output: RunOutput
    arguments: PretrainingArguments
    pad_to: int | None = None

    def train(
        self,
        make_trainer: Callable[..., Trainer],
        trained: nn.Module,
        *,
        saved: PreTrainedModel,
        record_name: str,
        **facts: Any,
    ) -> dict[str, Any]:
        """Train, and save a model.

        Args:
            make_trainer: Makes the Trainer from the keyword arguments that all trainings share.
            trained: The module whose parameters are trained; has the model's ``config``.
            saved: The model to save.
            record_name: File for the record in the output.
            **facts: Further values for the record.

        Returns:
            The record.

        Raises:
            NlpieError: The output, or work in progress that is not to be resumed, exists; the batch cannot be shared
                by the processes; or a tracker to report to is not installed.
        """
        arguments = self.arguments.with_steps(len(self.blocks))
        runs = self.output.open()
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
            args=_training_arguments(self.output, arguments),
            train_dataset=self.blocks,
            eval_dataset=dict(self.held_out),
            optimizers=(optimizer, schedule),
            data_collator=partial(collate_blocks, pad_token_id=self.tokenizer.pad_token_id, pad_to=self.pad_to),
            compute_metrics=_mean_loss,
            preprocess_logits_for_metrics=sum_losses,
            callbacks=[EpochMasking(self.blocks), log],
        )
        result = trainer.train(resume_from_checkpoint=self.output.last_state())
        history = [row for row in trainer.state.log_history if "loss" in row or held_out_losses(row)]
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
            with write_whole(self.output.path) as folder:
                saved.float().save_pretrained(folder)
                self.tokenizer.save_pretrained(folder)
                (folder / record_name).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        return record


def set_dropout(model: nn.Module, probability: float) -> None:
    """Set the probability of every dropout of a model; its config stays."""
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
    return [{"params": group, "lr": rate, "weight_decay": decay} for (rate, decay), group in groups.items()]


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
    last = {name: loss for row in history for name, loss in held_out_losses(row).items()}
    return {name: round(math.exp(loss), 4) for name, loss in last.items()}


def _mean_loss(evaluation: Any) -> dict[str, float]:
    """Return the mean loss of a masked token, each counted once whatever the batches are."""
    total, tokens = np.asarray(evaluation.predictions).sum(axis=0)
    return {_NLL: float(total / tokens)}


class LiveLog(TrainerCallback):
    """Appends a line of JSON to a file whenever the Trainer logs: step, loss, rate, tokens per second, held-out losses.

    The rate counts tokens that were trained on, without the time that evaluations of held-out blocks take.

    Args:
        path: The file; a resumed run appends to it.

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


def held_out_losses(row: Mapping[str, float]) -> dict[str, float]:
    """Return the mean loss of a masked token of each held-out corpus that a row of the history is about, by name."""
    ending = f"_{_NLL}"
    return {key.removeprefix("eval_").removesuffix(ending): value for key, value in row.items() if key.endswith(ending)}


def _training_arguments(output: RunOutput, arguments: PretrainingArguments) -> TrainingArguments:
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    at_once = min(arguments.device_batch, arguments.batch // processes)
    if at_once < 1 or arguments.batch % (at_once * processes):
        raise NlpieError(
            f"a batch of {arguments.batch} cannot be shared by {processes} processes that take {at_once} blocks at "
            "once; choose a multiple"
        )
    return output.trainer_arguments(
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
