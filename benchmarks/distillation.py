"""Steps per second and memory of distillation, against a re-creation of the published way to train the same students.

The published way keeps the teacher inside the trained module and always computes the logits of every token, all hidden
states and all attention maps of both models, whatever the loss reads. Both ways run under the same HF Trainer, on the
same masked blocks, with the same objective (which the tests hold to the authors' figures), optimizer and precision;
each measure is a process of its own, and what counts is the ratio. Dropout is off, so that both have one loss.
"""

import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import click
import torch
from torch import nn
from tqdm import tqdm
from transformers import Trainer, TrainerCallback

from nlpie_models.checkpoint_files import LocalCheckpoint, find_checkpoint, load_tokenizer
from nlpie_models.data.corpora import Source, get_corpus
from nlpie_models.distillation.contract import IGNORED
from nlpie_models.distillation.trainer import DistillationTrainer, Pair
from nlpie_models.evaluation.fresh_process import peak_memory
from nlpie_models.tasks import get_task
from nlpie_models.training.corpus import Recipe, prepare_corpus
from nlpie_models.training.distilling import Method, make_pair
from nlpie_models.training.masked_lm import sparse_head
from nlpie_models.training.masking import MaskedBlocks, collate_blocks
from nlpie_models.training.pretraining import MaskedLMRun, PretrainingArguments

BLOCK = 128
OURS, PUBLISHED = "ours", "published way"
SEED = 1
TOLERANCE = 1e-4
NARROW = {"hidden": 312, "heads": 12, "feed_forward": 1200}
STUDENTS = {
    "distilbert": Method("distilbert", "layers", student_options={"every": 2}),
    "tinybert": Method("tinybert", "new", student_options={"layers": 3, **NARROW}),
    "layerwise": Method("layerwise", "minialbert", student_options={"embedding": 128}),
}
"""A student of each published objective; TinyBERT's of 3 layers, as 4 do not divide the 6 of open-base."""


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
    """Times the steps after the first; no checkpoint is written in between."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        control.should_save = False
        self.ends.append(time.perf_counter())

    def rate(self) -> float:
        """Return the steps per second."""
        return (len(self.ends) - 1) / (self.ends[-1] - self.ends[0])


@click.command(context_settings={"show_default": True})
@click.argument("notes")
@click.option("--teacher", default="open-base", help="The teacher: a name or a folder.")
@click.option("--objective", "objectives", type=click.Choice(list(STUDENTS)), multiple=True, help="All by default.")
@click.option("--batch", default=16, help="Blocks of 128 tokens a step.")
@click.option("--steps", default=20, help="Steps of a round; the first is not timed.")
@click.option("--rounds", default=3, help="Rounds of each; the median counts.")
@click.option("--bf16", is_flag=True, help="Compute in bfloat16; in float32 by default.")
@click.option("--output", default="benchmarks/distillation.json", type=click.Path(path_type=Path))
@click.option("--measure", type=(str, str), hidden=True, help="Objective and way: measure it here and print it.")
def main(
    notes: str,
    teacher: str,
    objectives: tuple[str, ...],
    batch: int,
    steps: int,
    rounds: int,
    bf16: bool,
    output: Path,
    measure: tuple[str, str] | None,
) -> None:
    """Time both ways on the blocks of NOTES (a file, glob or folder) and write the figures to a JSON file."""
    arguments = PretrainingArguments(
        steps=steps, batch=batch, device_batch=batch, learning_rate=1e-4, evaluate_every=steps, seed=SEED, bf16=bf16
    )
    if measure:
        click.echo(json.dumps(measure_one(*measure, notes, teacher, arguments)))
        return
    given = [notes, "--teacher", teacher, "--batch", str(batch), "--steps", str(steps), *["--bf16"] * bf16]
    results = {}
    for objective in tqdm(objectives or STUDENTS, desc="objectives", disable=None):
        found: dict[str, list[dict[str, Any]]] = {OURS: [], PUBLISHED: []}
        for _ in range(rounds):
            for way, rows in found.items():
                command = [sys.executable, __file__, *given, "--measure", objective, way]
                printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
                rows.append(json.loads(printed.splitlines()[-1]))
        results[objective] = compare(found)
    record = {
        "teacher": find_checkpoint(teacher, get_task("embedding"), None).short_name,
        "batch": batch,
        "block": BLOCK,
        "precision": "bfloat16" if bf16 else "float32",
        "steps": steps,
        "rounds": rounds,
        "results": results,
        "torch": torch.__version__,
        "hardware": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }
    output.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    click.echo(json.dumps(results, indent=2))


def compare(found: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return the figures of both ways.

    Raises:
        ClickException: Their losses differ, so they are not the same training.
    """
    rates = {way: median(row["steps_per_second"] for row in rows) for way, rows in found.items()}
    losses = {way: rows[0]["first_loss"] for way, rows in found.items()}
    if abs(losses[OURS] - losses[PUBLISHED]) > TOLERANCE * max(1.0, abs(losses[PUBLISHED])):
        raise click.ClickException(f"expected one loss of both ways, got {losses}")
    rows = {
        way: {
            "steps_per_second": round(rates[way], 3),
            "peak_megabytes": round(median(row["peak_bytes"] for row in found[way]) / 1e6),
            "first_loss": losses[way],
            "mean_loss": found[way][0]["mean_loss"],
        }
        for way in found
    }
    return {**rows, "ours_is_times_faster": round(rates[OURS] / rates[PUBLISHED], 3)}


def measure_one(
    objective: str, way: str, notes: str, teacher: str, arguments: PretrainingArguments
) -> dict[str, float]:
    """Train one student in one way and return its speed, its memory and its losses."""
    checkpoint = find_checkpoint(teacher, get_task("embedding"), None)
    pair = make_pair(checkpoint, STUDENTS[objective], seed=SEED)
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


def _prepare(folder: Path, checkpoint: LocalCheckpoint, notes: str, arguments: PretrainingArguments) -> MaskedLMRun:
    tokenizer = load_tokenizer(checkpoint)
    recipe = Recipe(BLOCK, pack=True, held_out=0.0)
    corpus = prepare_corpus(get_corpus("text"), Source((notes,)), tokenizer, folder, recipe).open()
    blocks = MaskedBlocks(corpus, tokenizer, seed=SEED, multiple_of=arguments.batch)
    one = MaskedBlocks(corpus.select(range(1)), tokenizer, fixed=True)
    return MaskedLMRun(tokenizer, blocks, {"one": one}, folder / "model", arguments, pad_to=BLOCK)


def _first_loss(module: nn.Module, run: MaskedLMRun) -> float:
    """Return the loss of the first blocks in float32, before any step."""
    batch = collate_blocks(
        [run.blocks[index] for index in range(run.arguments.batch)], run.tokenizer.pad_token_id, BLOCK
    )
    with torch.no_grad():
        outputs = module.train()(**batch)
    return float(outputs["loss"] if "loss" in outputs else sum(outputs["parts"].values()))


def _train(
    make_trainer: Callable[..., Trainer], trained: nn.Module, pair: Pair, run: MaskedLMRun, clock: Clock
) -> dict[str, Any]:
    def make(**given: Any) -> Trainer:
        trainer = make_trainer(**given)
        trainer.add_callback(clock)
        return trainer

    return run.train(make, trained, saved=pair.student, record_name="distillation.json", resume=False)


if __name__ == "__main__":
    main()
