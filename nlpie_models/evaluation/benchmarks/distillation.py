"""Steps per second and memory of distillation, beside a re-creation of the published way to train the same students.

The published way keeps the teacher inside the trained module and always computes the logits of every token, all hidden
states and all attention maps of both models, whatever the loss reads. Both ways run under the same HF Trainer, on the
same masked blocks, with the same objective (which the tests hold to the authors' figures), optimizer and precision.
Each is measured in a new process, and the ratio is what counts. Dropout is off, so that both have one loss. Run as a
module, this file is that process.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn
from tqdm import tqdm
from transformers import Trainer, TrainerCallback

from ...data.unlabelled import CorpusSource, get_corpus
from ...distillation.trainer import DistillationTrainer, Pair
from ...errors import NlpieError
from ...loading.find import find_checkpoint
from ...loading.local import LocalCheckpoint
from ...loading.models import load_tokenizer
from ...recipes import DistillationArguments, PretrainingArguments
from ...training.corpus import CorpusRecipe, prepare_corpus
from ...training.distilling import make_pair
from ...training.masked_lm import MaskedBlocks, collate_blocks, sparse_head
from ...training.pretraining import MaskedLMRun
from ...training.runs import RunOutput
from ...util.process import call_fresh, peak_memory
from ...util.targets import IGNORED
from ..results import provenance
from . import Benchmark

_BLOCK = 128
OURS, PUBLISHED = "ours", "published way"
_SEED = 1
_TOLERANCE = 1e-4
_NARROW = {"hidden": 312, "heads": 12, "feed_forward": 1200}
STUDENTS: dict[str, dict[str, Any]] = {
    "distilbert": {"student": "layers", "student_options": {"every": 2}},
    "tinybert": {"student": "new", "student_options": {"layers": 3, **_NARROW}},
    "layerwise": {"student": "minialbert", "student_options": {"embedding": 128}},
}
"""A student for each published objective; TinyBERT's has 3 layers, as 4 do not divide the 6 of open-base."""


class PublishedWay(nn.Module):
    """Student, teacher and objective in one module that computes everything."""

    def __init__(self, pair: Pair) -> None:
        super().__init__()
        self.student = pair.student
        self.objective = pair.objective
        self.teacher = pair.teacher.model
        for model in (self.student, self.teacher):
            model.config._attn_implementation = "eager"

    @property
    def config(self) -> Any:
        """The student's."""
        return self.student.config

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor, predicted: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        asked = {"attention_mask": attention_mask, "output_hidden_states": True, "output_attentions": True}
        outputs = self.student(input_ids, **asked)
        with torch.no_grad():
            taught = self.teacher(input_ids, **asked)
        parts = self.objective(outputs, taught, {"attention_mask": attention_mask, "labels": labels})
        loss = torch.stack(list(parts.values())).sum()
        return {"loss": loss} if self.training else {"loss": loss, "logits": outputs.logits[labels != IGNORED]}


class Clock(TrainerCallback):
    """A clock for the steps after the first, during which no checkpoint is written."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        control.should_save = False
        self.ends.append(time.perf_counter())

    def rate(self) -> float:
        """Return the steps per second."""
        return (len(self.ends) - 1) / (self.ends[-1] - self.ends[0])


def measure(
    notes: str,
    *,
    teacher: str,
    objectives: Sequence[str],
    batch: int,
    steps: int,
    rounds: int,
    bf16: bool,
    command: Sequence[object],
) -> Benchmark:
    """Time both ways of distilling a student by each objective.

    Args:
        notes: File, glob or folder of text to train on.
        teacher: Name or folder of the teacher.
        objectives: Names of objectives, of those of ``STUDENTS``.
        batch: Blocks of 128 tokens a step.
        steps: Steps of a round; the first is not timed.
        rounds: Rounds of each way; the median counts.
        bf16: Compute in bfloat16; else in float32.
        command: Words of the command that measures this again.

    Raises:
        NlpieError: The two ways have different losses, so that they are not the same training, or one of them failed.
    """
    checkpoint = find_checkpoint(teacher)
    request = {"notes": notes, "teacher": teacher, "batch": batch, "steps": steps, "bf16": bf16}
    results: dict[str, dict[str, Any]] = {}
    for objective in tqdm(objectives, desc="objectives", disable=None):
        figures: dict[str, list[dict[str, float]]] = {OURS: [], PUBLISHED: []}
        for _ in range(rounds):
            for way, measured in figures.items():
                printed = call_fresh(__name__, request | {"objective": objective, "way": way}, "distil a student")
                measured.append(json.loads(printed.splitlines()[-1]))
        results |= {f"{objective}, {way}": row for way, row in _compare(figures).items()}
    return Benchmark(
        settings={
            "teacher": checkpoint.short_name,
            "batch": batch,
            "block": _block(checkpoint),
            "precision": "bfloat16" if bf16 else "float32",
            "steps": steps,
            "rounds": rounds,
        },
        results=results,
        provenance=provenance(*command),
    )


def _compare(figures: dict[str, list[dict[str, float]]]) -> dict[str, dict[str, float]]:
    rates = {way: median(row["steps_per_second"] for row in rows) for way, rows in figures.items()}
    losses = {way: rows[0]["first_loss"] for way, rows in figures.items()}
    if abs(losses[OURS] - losses[PUBLISHED]) > _TOLERANCE * max(1.0, abs(losses[PUBLISHED])):
        raise NlpieError(f"expected the same loss of both ways, got {losses}")
    return {
        way: {
            "steps_per_second": round(rates[way], 3),
            "peak_megabytes": round(median(row["peak_bytes"] for row in rows) / 1e6),
            "first_loss": losses[way],
            "mean_loss": rows[0]["mean_loss"],
            "times_the_published_speed": round(rates[way] / rates[PUBLISHED], 3),
        }
        for way, rows in figures.items()
    }


def _measure_one(
    objective: str, way: str, notes: str, teacher: str, batch: int, steps: int, bf16: bool
) -> dict[str, float]:
    """Train one student in one way and return its speed, its memory and its losses."""
    arguments = PretrainingArguments(
        steps=steps, batch=batch, device_batch=batch, learning_rate=1e-4, evaluate_every=steps, seed=_SEED, bf16=bf16
    )
    checkpoint = find_checkpoint(teacher)
    pair = make_pair(checkpoint, DistillationArguments(objective=objective, seed=_SEED, **STUDENTS[objective]))
    for module in [*pair.modules(), *pair.teacher.model.modules()]:
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    with tempfile.TemporaryDirectory() as folder:
        run = _prepare(Path(folder), checkpoint, notes, arguments)
        clock = Clock()
        if way == PUBLISHED:
            trained: nn.Module = PublishedWay(pair)
            first = _first_loss(trained, run)
            record = _train(partial(Trainer, model=trained), trained, pair, run, clock)
        else:
            with sparse_head(pair.student), sparse_head(pair.teacher.model):
                first = _first_loss(pair, run)
                record = _train(partial(DistillationTrainer, model=pair), pair, pair, run, clock)
    on_gpu = torch.cuda.is_available()
    return {
        "steps_per_second": clock.rate(),
        "peak_bytes": torch.cuda.max_memory_allocated() if on_gpu else peak_memory(),
        "first_loss": first,
        "mean_loss": record["loss"],
    }


def _block(checkpoint: LocalCheckpoint) -> int:
    return min(_BLOCK, checkpoint.config["max_position_embeddings"])


def _prepare(folder: Path, checkpoint: LocalCheckpoint, notes: str, arguments: PretrainingArguments) -> MaskedLMRun:
    tokenizer = load_tokenizer(checkpoint)
    block = _block(checkpoint)
    recipe = CorpusRecipe(block, pack=True, held_out=0.0)
    corpus = prepare_corpus(get_corpus("text"), CorpusSource((notes,)), tokenizer, folder, recipe).open()
    blocks = MaskedBlocks(corpus, tokenizer, seed=_SEED, multiple_of=arguments.batch)
    one = MaskedBlocks(corpus.select(range(1)), tokenizer, fixed=True)
    return MaskedLMRun(tokenizer, blocks, {"one": one}, RunOutput(folder / "model"), arguments, pad_to=block)


def _first_loss(module: nn.Module, run: MaskedLMRun) -> float:
    """Return the loss of the first blocks in float32, before any step."""
    batch = collate_blocks(
        [run.blocks[index] for index in range(run.arguments.batch)], run.tokenizer.pad_token_id, run.pad_to
    )
    with torch.no_grad():
        outputs = module.train()(**batch)
    return float(outputs["loss"] if "loss" in outputs else sum(outputs["parts"].values()))


def _train(
    make_trainer: Callable[..., Trainer], trained: nn.Module, pair: Pair, run: MaskedLMRun, clock: Clock
) -> dict[str, Any]:
    def make(**options: Any) -> Trainer:
        trainer = make_trainer(**options)
        trainer.add_callback(clock)
        return trainer

    return run.train(make, trained, saved=pair.student, record_name="distillation.json")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure_one(**json.load(sys.stdin))) + "\n")
