"""Tokens per second of the continual-learning recipe against bare PyTorch loops: same model, batch and precision.

The first loop is what one writes by hand: logits of every token, the model's own loss. The second computes logits only
where there is something to predict, as the recipe does. All three mask the same blocks, clip gradients and step AdamW
with a linear schedule, in turn; what counts is the ratio.
"""

import copy
import json
import platform
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from statistics import median
from typing import Any

import click
import torch
from torch.utils.data import DataLoader, RandomSampler
from tqdm import tqdm
from transformers import get_scheduler

from nlpie_models.checkpoint_files import find_checkpoint, load_tokenizer
from nlpie_models.data.corpora import Source, get_corpus
from nlpie_models.tasks import get_task
from nlpie_models.training.corpus import Recipe, prepare_corpus
from nlpie_models.training.masked_lm import masked_lm_loss, sparse_head
from nlpie_models.training.masking import MaskedBlocks, collate_blocks
from nlpie_models.training.pretraining import PretrainingArguments, pretrain
from nlpie_models.training.starting import start_masked_lm

BLOCK = 128
RECIPE = "the recipe"


@click.command(context_settings={"show_default": True})
@click.argument("notes")
@click.option("--checkpoint", default="open-mini", help="The model: a name or a folder.")
@click.option("--batch", default=16, help="Blocks of 128 tokens a step.")
@click.option("--steps", default=40, help="Steps of a round.")
@click.option("--rounds", default=3, help="Rounds of each; the median counts.")
@click.option("--bf16", is_flag=True, help="Compute in bfloat16; in float32 by default.")
@click.option("--output", default="benchmarks/pretraining.json", type=click.Path(path_type=Path))
def main(notes: str, checkpoint: str, batch: int, steps: int, rounds: int, bf16: bool, output: Path) -> None:
    """Time all three on the blocks of NOTES (a file, glob or folder) and write the figures to a JSON file."""
    start = find_checkpoint(checkpoint, get_task("embedding"), None)
    tokenizer = load_tokenizer(start)
    model, _ = start_masked_lm(start, seed=1)
    arguments = PretrainingArguments(steps=steps, batch=batch, device_batch=batch, evaluate_every=steps, bf16=bf16)
    with tempfile.TemporaryDirectory() as folder:
        corpus = prepare_corpus(
            get_corpus("text"), Source((notes,)), tokenizer, Path(folder), Recipe(BLOCK, pack=True, held_out=0.0)
        )
        blocks = MaskedBlocks(corpus.open(), tokenizer, multiple_of=batch)
        one = MaskedBlocks(corpus.open().select(range(1)), tokenizer, fixed=True)

        def recipe() -> float:
            output = Path(tempfile.mkdtemp(dir=folder)) / "model"
            trained = copy.deepcopy(model)
            record = pretrain(
                trained, tokenizer, train=blocks, held_out={"one": one}, output=output, arguments=arguments
            )
            return record["tokens_per_second"]

        contenders: dict[str, Callable[[], float]] = {
            RECIPE: recipe,
            "bare loop": lambda: _bare_loop(copy.deepcopy(model), blocks, arguments, sparse=False),
            "bare loop, logits of masked tokens only": lambda: _bare_loop(
                copy.deepcopy(model), blocks, arguments, sparse=True
            ),
        }
        speeds: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in tqdm(range(rounds), desc="rounds", disable=None):
            for name, run in contenders.items():
                speeds[name].append(run())
    ours = median(speeds[RECIPE])
    rows = {
        name: {"tokens_per_second": round(median(found)), "recipe_is_times_this": round(ours / median(found), 3)}
        for name, found in speeds.items()
    }
    record = {
        "checkpoint": start.short_name,
        "batch": batch,
        "block": BLOCK,
        "precision": "bfloat16" if bf16 else "float32",
        "steps": steps,
        "rounds": rounds,
        "results": rows,
        "torch": torch.__version__,
        "hardware": f"{platform.machine()}, {torch.get_num_threads()} threads",
    }
    output.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    click.echo(json.dumps(rows, indent=2))


def _bare_loop(model: Any, blocks: MaskedBlocks, arguments: PretrainingArguments, *, sparse: bool) -> float:
    """Train as one does without a library, and return the tokens per second."""
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=arguments.learning_rate, weight_decay=arguments.weight_decay)
    schedule = get_scheduler("linear", optimizer, 0, arguments.steps)
    sampler = RandomSampler(blocks, num_samples=arguments.steps * arguments.batch)  # type: ignore[arg-type]
    batches = DataLoader(blocks, arguments.batch, sampler=sampler, collate_fn=collate_blocks)  # type: ignore[arg-type]
    tokens, start = 0, time.perf_counter()
    with sparse_head(model) if sparse else nullcontext():
        for batch in batches:
            tokens += batch["input_ids"].numel()
            with torch.autocast("cpu", torch.bfloat16, enabled=bool(arguments.bf16)):
                if sparse:
                    labels = batch.pop("labels")
                    loss = masked_lm_loss(model(**batch), labels)
                else:
                    del batch["predicted"]
                    loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
    return tokens / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
