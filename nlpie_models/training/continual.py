"""Continual learning from prepared corpora: a new head first, then the whole model, anchored where that is wished."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from ..checkpoint_files import MASKED_LM, LocalCheckpoint
from .distilling import make_anchored, train_pair
from .mix import Mix
from .pretraining import MaskedLMRun, PretrainingArguments, pretrain
from .starting import start_masked_lm


def continue_pretraining(
    start: LocalCheckpoint,
    mix: Mix,
    *,
    output: Path,
    arguments: PretrainingArguments,
    head_steps: int = 0,
    head_learning_rate: float = 1e-3,
    anchor: LocalCheckpoint | None = None,
    whole_words: bool = False,
    resume: bool = False,
) -> dict[str, Any]:
    """Train a checkpoint further as a masked language model and save it.

    Args:
        start: Where it starts; without a language-model head it gets a new one.
        mix: The blocks.
        output: Folder for the model; work in progress goes to ``<output>.runs`` and ``<output>.head``.
        arguments: How to train.
        head_steps: Steps in which a new head is trained alone before.
        head_learning_rate: Their peak rate.
        anchor: An encoder, such as the start itself, whose sentence vectors are kept by the ``sentence`` objective.
        whole_words: Whether whole words are masked.
        resume: Go on from the last checkpoint.

    Returns:
        The record; see :func:`nlpie_models.training.pretraining.pretrain`, and with an anchor
        :func:`nlpie_models.training.distilling.distil`.

    Raises:
        NlpieError: The output, or work in progress that is not to be resumed, exists; the mix or the batch cannot be;
            or start and anchor do not go together.
    """
    head = output.with_name(f"{output.name}.head")
    if resume and head.exists():
        start = LocalCheckpoint(head)
    counts = None
    if start.auto_class != MASKED_LM:
        counts = count_pieces(mix.blocks(arguments.seed), start.config["vocab_size"])
    model, tokenizer = start_masked_lm(start, seed=arguments.seed, counts=counts)
    train, held_out = mix.masked(tokenizer, arguments, whole_words=whole_words)
    if counts is not None and head_steps:
        model.base_model.requires_grad_(False)
        first = replace(
            arguments,
            steps=head_steps,
            learning_rate=head_learning_rate,
            warmup_steps=head_steps // 10,
            layer_decay=1.0,
        )
        pretrain(model, tokenizer, train=train, held_out=held_out, output=head, arguments=first, resume=resume)
        model.base_model.requires_grad_(True)
    if anchor is None:
        return pretrain(
            model, tokenizer, train=train, held_out=held_out, output=output, arguments=arguments, resume=resume
        )
    pair = make_anchored(model, tokenizer, anchor, seed=arguments.seed)
    run = MaskedLMRun(tokenizer, train, held_out, output, arguments)
    return train_pair(pair, run, record_name="pretraining.json", resume=resume, anchor=anchor.short_name)


def count_pieces(blocks: datasets.Dataset, vocabulary: int) -> np.ndarray:
    """Return how often each piece of a vocabulary stands in blocks (V,)."""
    counts = np.zeros(vocabulary, dtype=np.int64)
    for batch in blocks.iter(batch_size=1000):
        counts += np.bincount(np.concatenate(batch["input_ids"]), minlength=vocabulary)
    return counts
