"""Perplexity of masked language models: e to the mean loss of a masked token (pseudo-likelihood is not computed)."""

import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import torch
from torch.utils.data import DataLoader
from tqdm import tqdm

from ..checkpoint_files import MASKED_LM, LocalCheckpoint, load_model, load_tokenizer
from ..data.corpora import Source, find_source_files, get_corpus
from ..engines import default_device
from ..errors import CheckpointError
from ..files import sha256_of
from ..training.corpus import Recipe, prepare_corpus
from ..training.masked_lm import IGNORED, sparse_head, sum_losses
from ..training.masking import MaskedBlocks, collate_blocks

_CORPUS = "text"
_BATCH = 16
_SEED = 0


@dataclass(frozen=True)
class Perplexity:
    """How well masked tokens of a text are guessed.

    Attributes:
        text: Name of the text.
        sha256: Hash of its files.
        predicted: Masked tokens.
        values: Perplexity of each model.
    """

    text: str
    sha256: tuple[str, ...]
    predicted: int
    values: tuple[float, ...]


def measure_perplexity(
    checkpoints: Sequence[LocalCheckpoint], texts: Mapping[str, str], *, block: int = 128
) -> list[Perplexity]:
    """Measure the perplexity of models that share a tokenizer, on the same masked tokens of each text.

    Args:
        checkpoints: Checkpoints with a masked-language-model head.
        texts: File, glob or folder of each text, by name.
        block: Tokens that are read together.

    Raises:
        CheckpointError: One has no such head, or their tokenizers differ: perplexities of other tokens do not compare.
        DataError: There is no such text, or it is empty.
    """
    for checkpoint in checkpoints:
        if checkpoint.auto_class != MASKED_LM:
            raise CheckpointError(
                f"{checkpoint.name} has no masked-language-model head; train one with `nlpie train continue "
                "--head-steps`, which writes OUTPUT.head before it trains the rest"
            )
    first, *others = [load_tokenizer(checkpoint) for checkpoint in checkpoints]
    for checkpoint, other in zip(checkpoints[1:], others, strict=True):
        if other.get_vocab() != first.get_vocab():
            raise CheckpointError(
                f"{checkpoints[0].name} and {checkpoint.name} cut text into different tokens, so that their "
                "perplexities do not compare; give checkpoints with one vocabulary"
            )
    models = [load_model(checkpoint, MASKED_LM).to(default_device()).eval() for checkpoint in checkpoints]
    found = []
    for name, path in texts.items():
        files = find_source_files(get_corpus(_CORPUS), Source((path,)))
        with read_blocks(path, first, block) as blocks:
            masked = MaskedBlocks(blocks, first, seed=_SEED, fixed=True)
            losses = [_mean_loss(model, masked, first, name) for model in models]
        values = tuple(round(math.exp(loss), 4) for loss, _ in losses)
        found.append(Perplexity(name, tuple(map(sha256_of, files)), losses[0][1], values))
    return found


@contextmanager
def read_blocks(path: str, tokenizer: Any, block: int) -> Iterator[datasets.Dataset]:
    """Give the blocks of a text, prepared as corpora are, for as long as they are wanted.

    Args:
        path: File, glob or folder.
        tokenizer: What cuts it.
        block: Most tokens in a block.

    Raises:
        DataError: There is no such text, or it is empty.
    """
    with tempfile.TemporaryDirectory(prefix="nlpie-text-") as store:
        recipe = Recipe(block=block, held_out=0.0)
        yield prepare_corpus(get_corpus(_CORPUS), Source((path,)), tokenizer, Path(store), recipe).open()


@torch.inference_mode()
def _mean_loss(model: Any, blocks: MaskedBlocks, tokenizer: Any, name: str) -> tuple[float, int]:
    """Return the mean loss of the masked tokens, in nats, and their number."""
    batches = DataLoader(
        blocks,  # type: ignore[arg-type]  # has a length
        batch_size=_BATCH,
        collate_fn=partial(collate_blocks, pad_token_id=tokenizer.pad_token_id),
    )
    total, tokens = 0.0, 0
    with sparse_head(model):
        for batch in tqdm(batches, desc=name, unit=" batches", disable=None):
            labels = batch.pop("labels").to(model.device)
            logits = model(**{key: value.to(model.device) for key, value in batch.items()}).logits
            total += float(sum_losses(logits, labels)[:, 0].double().sum())
            tokens += int((labels != IGNORED).sum())
    return total / tokens, tokens
