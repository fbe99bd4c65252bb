"""How far a training has turned a model's vectors of texts."""

from collections.abc import Mapping
from functools import partial

import torch
from torch.utils.data import DataLoader
from tqdm import tqdm

from ..checkpoint_files import ENCODER, LocalCheckpoint, load_model, load_tokenizer
from ..distillation.losses import mean_vectors, vector_cosine
from ..engines import default_device
from .perplexity import read_blocks

_BATCH = 16


@torch.inference_mode()
def compare_vectors(
    before: LocalCheckpoint, after: LocalCheckpoint, texts: Mapping[str, str], *, block: int = 128, most: int = 512
) -> dict[str, float]:
    """Return the mean cosine of two encoders' mean vectors of the same blocks of each text: 1 if none has turned.

    Args:
        before: One encoder.
        after: Another of the same width, which cuts texts as the first does.
        texts: File, glob or folder of each text, by name.
        block: Tokens that are read together.
        most: Blocks of a text that are compared: the first.

    Raises:
        CheckpointError: A model cannot be loaded.
        DataError: There is no such text, or it is empty.
    """
    tokenizer = load_tokenizer(before)
    models = [load_model(each, ENCODER).to(default_device()).eval() for each in (before, after)]
    found = {}
    for name, path in texts.items():
        with read_blocks(path, tokenizer, block) as blocks:
            chosen = blocks.select(range(min(most, len(blocks)))).select_columns("input_ids")
            batches = DataLoader(chosen, _BATCH, collate_fn=partial(tokenizer.pad, return_tensors="pt"))  # type: ignore[arg-type]
            turned = 0.0
            for batch in tqdm(batches, desc=f"{name}: vectors", unit=" batches", disable=None):
                given = batch.to(models[0].device)
                vectors = [mean_vectors(model(**given).last_hidden_state, given["attention_mask"]) for model in models]
                turned += float(vector_cosine(*vectors)) * len(vectors[0])
            found[name] = round(1.0 - turned / len(chosen), 4)
    return found
