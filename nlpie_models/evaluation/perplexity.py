"""How models read held-out text: perplexity of masked tokens, and how far a training has moved mean vectors.

Perplexity is e to the mean loss of a masked token; pseudo-likelihood is not computed.
"""

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

from ..data.unlabelled import CorpusSource, find_source_files, get_corpus
from ..distillation.losses import mean_vectors, vector_cosine
from ..engines.torch import default_device
from ..errors import CheckpointError
from ..loading.local import ENCODER, MASKED_LM, LocalCheckpoint
from ..loading.models import load_model, load_tokenizer
from ..training.corpus import CorpusRecipe, prepare_corpus
from ..training.masked_lm import MaskedBlocks, collate_blocks, sparse_head, sum_losses
from ..util.files import sha256_of
from ..util.targets import IGNORED

_CORPUS = "text"
_BATCH = 16
_SEED = 0


@dataclass(frozen=True)
class TextPerplexity:
    """How well models predict the masked tokens of a text.

    Attributes:
        name: Name of the text.
        sha256: Hashes of its files.
        masked_tokens: Number of masked tokens.
        perplexities: Perplexity of each model.
    """

    name: str
    sha256: tuple[str, ...]
    masked_tokens: int
    perplexities: tuple[float, ...]


def measure_perplexity(
    checkpoints: Sequence[LocalCheckpoint], texts: Mapping[str, str], *, block: int = 128
) -> list[TextPerplexity]:
    """Measure the perplexity of models that share a tokenizer, on the same masked tokens of each text.

    Args:
        checkpoints: Checkpoints with a masked-language-model head.
        texts: File, glob or folder of each text, by name.
        block: Tokens of a block, which a model reads at once.

    Raises:
        CheckpointError: A checkpoint has no such head, or the tokenizers differ, so that perplexities do not compare.
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
    measured = []
    for name, path in texts.items():
        files = find_source_files(get_corpus(_CORPUS), CorpusSource((path,)))
        with read_blocks(path, first, block) as blocks:
            masked = MaskedBlocks(blocks, first, seed=_SEED, fixed=True)
            losses = [_mean_loss(model, masked, first, name) for model in models]
        values = tuple(round(math.exp(loss), 4) for loss, _ in losses)
        measured.append(TextPerplexity(name, tuple(map(sha256_of, files)), losses[0][1], values))
    return measured


@torch.inference_mode()
def compare_vectors(
    before: LocalCheckpoint, after: LocalCheckpoint, texts: Mapping[str, str], *, block: int = 128, most: int = 512
) -> dict[str, float]:
    """Return, for each text, the mean cosine of two encoders' mean vectors of its blocks: 1 if no vector has moved.

    Args:
        before: One encoder.
        after: Another encoder of the same width and tokenizer.
        texts: File, glob or folder of each text, by name.
        block: Tokens of a block, which a model reads at once.
        most: Most blocks of a text, from the first.

    Raises:
        CheckpointError: A model cannot be loaded.
        DataError: There is no such text, or it is empty.
    """
    tokenizer = load_tokenizer(before)
    models = [load_model(encoder, ENCODER).to(default_device()).eval() for encoder in (before, after)]
    cosines = {}
    for name, path in texts.items():
        with read_blocks(path, tokenizer, block) as blocks:
            chosen = blocks.select(range(min(most, len(blocks)))).select_columns("input_ids")
            batches = DataLoader(chosen, _BATCH, collate_fn=partial(tokenizer.pad, return_tensors="pt"))  # type: ignore[arg-type]
            distance = 0.0
            for batch in tqdm(batches, desc=f"{name}: vectors", unit=" batches", disable=None):
                inputs = batch.to(models[0].device)
                vectors = [
                    mean_vectors(model(**inputs).last_hidden_state, inputs["attention_mask"]) for model in models
                ]
                distance += float(vector_cosine(*vectors)) * len(vectors[0])
            cosines[name] = round(1.0 - distance / len(chosen), 4)
    return cosines


@contextmanager
def read_blocks(path: str, tokenizer: Any, block: int) -> Iterator[datasets.Dataset]:
    """Give the blocks of a text, prepared as corpora are, until the context ends.

    Args:
        path: File, glob or folder.
        tokenizer: Tokenizer of the model that reads the blocks.
        block: Most tokens in a block.

    Raises:
        DataError: There is no such text, or it is empty.
    """
    with tempfile.TemporaryDirectory(prefix="nlpie-text-") as store:
        recipe = CorpusRecipe(block=block, held_out=0.0)
        yield prepare_corpus(get_corpus(_CORPUS), CorpusSource((path,)), tokenizer, Path(store), recipe).open()


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
