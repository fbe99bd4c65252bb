"""Examples: the passages of labelled rows with their targets, padded into batches."""

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from ..distillation.soft_targets import SoftTargets
from ..tasks import Plan, Task
from ..util.targets import IGNORED
from .target_store import TargetStore


def make_examples(
    task: Task, plans: Sequence[Plan], golds: Sequence[Any], labels: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Return an example for each passage of each row.

    Args:
        task: The task, which says what the targets are.
        plans: How each row is read.
        golds: The gold answer of each row.
        labels: Label of each logit.

    Returns:
        Dicts of ``input_ids`` (L,), ``token_type_ids`` (L,) for a pair, ``labels`` (the target of the passage), and
        ``document``, the number of the row.
    """
    targets_of = task.supervised().targets
    for document, (plan, gold) in enumerate(zip(plans, golds, strict=True)):
        for passage, target in zip(plan.passages, targets_of(plan, gold, labels), strict=True):
            example = {"document": document, "input_ids": passage.input_ids, "labels": target}
            if passage.token_type_ids is not None:
                example["token_type_ids"] = passage.token_type_ids
            yield example


def add_soft_targets(
    examples: Sequence[dict[str, Any]],
    soft_targets: SoftTargets,
    *,
    labelled: bool,
    hard_weight: float = 0.5,
    store: TargetStore | None = None,
    batch_tokens: int = 4096,
) -> Iterator[dict[str, Any]]:
    """Replace each example's labels by targets (L, C) from teachers.

    Args:
        examples: Examples with labels of tokens, which are gold labels or mere places for targets.
        soft_targets: Computes the mean probabilities of the teachers.
        labelled: Whether the labels are gold labels, to be mixed in.
        hard_weight: Weight of the gold labels; the soft targets have the rest.
        store: Where targets are taken from, and those that it lacks are kept.
        batch_tokens: Most tokens, padding included, that the teachers read at once.
    """
    passages = [np.asarray(example["input_ids"]) for example in examples]
    kept = [store.get(passage) if store else None for passage in passages]
    targets = {index: torch.from_numpy(rows).float() for index, rows in enumerate(kept) if rows is not None}
    order = sorted(set(range(len(examples))) - set(targets), key=lambda index: len(passages[index]), reverse=True)
    with tqdm(total=len(order), desc="soft targets", unit=" examples", disable=None) as bar:
        while order:
            size = max(1, batch_tokens // len(passages[order[0]]))
            batch, order = order[:size], order[size:]
            padded = collate([examples[index] for index in batch])
            for index, rows in zip(batch, soft_targets(padded["input_ids"], padded["attention_mask"]), strict=True):
                targets[index] = rows[: len(passages[index])].clone()
                if store:
                    store.add(passages[index], targets[index].numpy())
            bar.update(len(batch))
    if store:
        store.save()
    for index, example in enumerate(examples):
        labels = torch.tensor(example["labels"])
        mixed = targets[index].clone()
        if labelled:
            hard = torch.nn.functional.one_hot(labels.clamp(min=0), mixed.shape[-1])
            mixed = hard_weight * hard + (1 - hard_weight) * mixed
        mixed[labels == IGNORED] = IGNORED
        yield {**example, "labels": mixed.half().numpy()}


def join_examples(
    examples: Iterable[dict[str, Any]], size: int, *, rng: random.Random | None = None
) -> Iterator[dict[str, Any]]:
    """Join neighbouring examples of a document into longer ones, so that a student learns to read windows.

    Labels (L,) and targets (L, C) stay those of the shorter examples, which the teachers have read one by one.

    Args:
        examples: Examples in the order of their documents.
        size: Most pieces in a joined example, special tokens included.
        rng: Draws the size of each joined example, up to ``size``; None fills every example.
    """
    joined: dict[str, Any] | None = None
    limit = size
    for example in examples:
        length = len(example["input_ids"])
        fits = joined is not None and len(joined["input_ids"]) + length - 2 <= limit
        if joined and fits and joined["document"] == example["document"]:
            joined["input_ids"] = np.concatenate([joined["input_ids"][:-1], example["input_ids"][1:]])
            joined["labels"] = np.concatenate([joined["labels"][:-1], example["labels"][1:]])
            continue
        if joined:
            yield joined
        joined, limit = dict(example), rng.randint(1, size) if rng else size
    if joined:
        yield joined


def collate(examples: Sequence[dict[str, Any]], pad_token_id: int = 0) -> dict[str, torch.Tensor]:
    """Pad examples to the longest and stack them.

    Returns:
        ``input_ids``, ``attention_mask`` and, for pairs, ``token_type_ids`` (B, L); and ``labels``: for tokens (B, L)
        or (B, L, C) with -100 at padding, for whole passages (B,) or (B, C).
    """
    ids = [torch.as_tensor(example["input_ids"]) for example in examples]
    batch = {
        "input_ids": _pad(ids, pad_token_id),
        "attention_mask": _pad([torch.ones_like(row) for row in ids], 0),
    }
    if "token_type_ids" in examples[0]:
        batch["token_type_ids"] = _pad([torch.as_tensor(example["token_type_ids"]) for example in examples], 0)
    labels = [torch.as_tensor(example["labels"]) for example in examples]
    per_token = labels[0].dim() == 2 or (labels[0].dim() == 1 and not labels[0].is_floating_point())
    stacked = _pad(labels, IGNORED) if per_token else torch.stack(labels)
    return {**batch, "labels": stacked.float() if stacked.is_floating_point() else stacked.long()}


def _pad(rows: Sequence[torch.Tensor], value: float) -> torch.Tensor:
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True, padding_value=value)
