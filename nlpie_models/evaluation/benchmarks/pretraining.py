"""Tokens per second of the continual-learning recipe, beside bare PyTorch loops with the same model and batch.

The first loop is what one writes by hand: logits of every token, the model's loss. The second computes logits only
where there is something to predict, as the recipe does. All three mask the same blocks, clip gradients and step AdamW
with a linear schedule, in turn. The ratio is what counts.
"""

import copy
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.utils.data import DataLoader, RandomSampler
from tqdm import tqdm
from transformers import get_scheduler

from ...data.unlabelled import CorpusSource, get_corpus
from ...loading.find import find_checkpoint
from ...loading.models import load_tokenizer
from ...recipes import PretrainingArguments
from ...training.corpus import CorpusRecipe, prepare_corpus
from ...training.heads import start_masked_lm
from ...training.masked_lm import MaskedBlocks, collate_blocks, masked_lm_loss, sparse_head
from ...training.pretraining import MaskedLMRun, pretrain
from ...training.runs import RunOutput
from ..results import provenance
from . import Benchmark

_BLOCK = 128
_RECIPE = "the recipe"


def measure(
    notes: str,
    *,
    checkpoint: str | None,
    batch: int,
    steps: int,
    rounds: int,
    bf16: bool,
    command: Sequence[object],
) -> Benchmark:
    """Time the recipe and the two loops.

    Args:
        notes: File, glob or folder of text to train on.
        checkpoint: Name or folder of the model; None for the default of the package.
        batch: Blocks of 128 tokens (fewer if the model reads fewer) a step.
        steps: Steps of a round.
        rounds: Rounds of each; the median counts.
        bf16: Compute in bfloat16; else in float32.
        command: Words of the command that measures this again.
    """
    start = find_checkpoint(checkpoint)
    tokenizer = load_tokenizer(start)
    block = min(_BLOCK, start.config["max_position_embeddings"])
    model, _ = start_masked_lm(start, seed=1)
    arguments = PretrainingArguments(steps=steps, batch=batch, device_batch=batch, evaluate_every=steps, bf16=bf16)
    with tempfile.TemporaryDirectory(prefix="nlpie-pretraining-") as folder:
        corpus = prepare_corpus(
            get_corpus("text"),
            CorpusSource((notes,)),
            tokenizer,
            Path(folder),
            CorpusRecipe(block, pack=True, held_out=0.0),
        )
        blocks = MaskedBlocks(corpus.open(), tokenizer, multiple_of=batch)
        one = MaskedBlocks(corpus.open().select(range(1)), tokenizer, fixed=True)

        def recipe() -> float:
            output = RunOutput(Path(tempfile.mkdtemp(dir=folder)) / "model")
            run = MaskedLMRun(tokenizer, blocks, {"one": one}, output, arguments)
            return pretrain(copy.deepcopy(model), run)["tokens_per_second"]

        contenders: dict[str, Callable[[], float]] = {
            _RECIPE: recipe,
            "bare loop": lambda: _bare_loop(copy.deepcopy(model), blocks, arguments, steps, sparse=False),
            "bare loop, logits of masked tokens only": lambda: _bare_loop(
                copy.deepcopy(model), blocks, arguments, steps, sparse=True
            ),
        }
        speeds: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in tqdm(range(rounds), desc="rounds", disable=None):
            for name, run in contenders.items():
                speeds[name].append(run())
    ours = median(speeds[_RECIPE])
    return Benchmark(
        settings={
            "checkpoint": start.short_name,
            "batch": batch,
            "block": block,
            "precision": "bfloat16" if bf16 else "float32",
            "steps": steps,
            "rounds": rounds,
        },
        results={
            name: {"tokens_per_second": round(median(found)), "recipe_is_times_this": round(ours / median(found), 3)}
            for name, found in speeds.items()
        },
        provenance=provenance(*command),
    )


def _bare_loop(model: Any, blocks: MaskedBlocks, arguments: PretrainingArguments, steps: int, *, sparse: bool) -> float:
    """Train as one does without a library, and return the tokens per second."""
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=arguments.learning_rate, weight_decay=arguments.weight_decay)
    schedule = get_scheduler("linear", optimizer, 0, steps)
    sampler = RandomSampler(blocks, num_samples=steps * arguments.batch)  # type: ignore[arg-type]
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
