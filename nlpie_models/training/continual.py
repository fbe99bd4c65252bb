"""Continual learning on prepared corpora: first a new head alone, then the whole model, anchored if asked for."""

from dataclasses import replace
from typing import Any

import datasets
import numpy as np

from ..loading.find import open_folder
from ..loading.local import MASKED_LM, LocalCheckpoint
from ..recipes import ContinualArguments
from .distilling import make_anchored, train_pair
from .heads import start_masked_lm
from .mix import TrainingMix
from .pretraining import MaskedLMRun, pretrain
from .runs import RunOutput


def continue_pretraining(
    start: LocalCheckpoint,
    mix: TrainingMix,
    *,
    output: RunOutput,
    arguments: ContinualArguments,
    anchor: LocalCheckpoint | None = None,
) -> dict[str, Any]:
    """Train a checkpoint further as a masked language model and save it.

    Args:
        start: The checkpoint; without a language-model head it gets a new one.
        mix: The blocks.
        output: Where to write; a new head that is trained alone goes to ``<output>.head``.
        arguments: The hyper-parameters.
        anchor: An encoder, such as the start itself, whose sentence vectors are kept by the ``sentence`` objective.

    Returns:
        The record; see :func:`nlpie_models.training.pretraining.pretrain`, and with an anchor
        :func:`nlpie_models.training.distilling.distil`.

    Raises:
        NlpieError: The output, or work in progress that is not to be resumed, exists; the mix holds nothing to train or
            to evaluate on; processes cannot share the batch; or start and anchor do not go together.
    """
    head_output = replace(output, path=output.path.with_name(f"{output.path.name}.head"))
    if output.resume and head_output.path.exists():
        start = open_folder(head_output.path)
    counts = None
    if start.auto_class != MASKED_LM:
        counts = count_pieces(mix.blocks(arguments.seed), start.config["vocab_size"])
    model, tokenizer = start_masked_lm(start, seed=arguments.seed, counts=counts)
    train, held_out = mix.masked(tokenizer, arguments)
    run = MaskedLMRun(tokenizer, train, held_out, output, arguments)
    if counts is not None and arguments.head_steps:
        head_arguments = replace(
            arguments,
            steps=arguments.head_steps,
            learning_rate=arguments.head_learning_rate,
            warmup_steps=arguments.head_steps // 10,
            layer_decay=1.0,
        )
        model.base_model.requires_grad_(False)
        pretrain(model, replace(run, output=head_output, arguments=head_arguments))
        model.base_model.requires_grad_(True)
    if anchor is None:
        return pretrain(model, run)
    pair = make_anchored(model, tokenizer, anchor, seed=arguments.seed)
    return train_pair(pair, run, record_name="pretraining.json", anchor=anchor.short_name)


def count_pieces(blocks: datasets.Dataset, vocabulary: int) -> np.ndarray:
    """Return how often each piece of a vocabulary occurs in blocks (V,)."""
    counts = np.zeros(vocabulary, dtype=np.int64)
    for batch in blocks.iter(batch_size=1000):
        counts += np.bincount(np.concatenate(batch["input_ids"]), minlength=vocabulary)
    return counts
