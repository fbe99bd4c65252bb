"""Examples for token classification: a document in sentences or windows, a label at each word's first piece."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from tqdm import tqdm

from ..data.spans import SpanDocument, spans_of_words
from ..distillation.soft_targets import IGNORED, SoftTargets
from ..documents import Encoder, Encoding, plan_windows
from ..documents.bio import encode_bio

Unit = Literal["sentence", "window"]


def tag_names(labels: Iterable[str]) -> list[str]:
    """Return the BIO tags of entity labels, ``O`` first."""
    return ["O", *(f"{prefix}-{label}" for label in labels for prefix in "BI")]


@dataclass(frozen=True)
class TokenExamples:
    """Makes examples of one tokenizer and one tag set.

    Attributes:
        tokenizer: The tokenizer.
        tags: Tag of each logit.
        unit: What one example is: a sentence, or a window of about ``size`` pieces.
        size: Most pieces in an example, special tokens included.
    """

    tokenizer: Any
    tags: Sequence[str]
    unit: Unit = "sentence"
    size: int = 256

    def from_documents(self, documents: Iterable[SpanDocument]) -> Iterator[dict[str, Any]]:
        """Return ``input_ids``, hard ``labels`` (-100 but at the first piece of each word) and the ``document``."""
        index = {tag: number for number, tag in enumerate(self.tags)}
        encoder = Encoder(self.tokenizer.backend_tokenizer)
        for number, document in enumerate(documents):
            encoding = encoder.encode(document.text)
            word_tags = encode_bio(len(encoding.words), spans_of_words(encoding.words, document.spans))
            labels = np.full(len(encoding), int(IGNORED))
            seen = encoding.first_tokens >= 0
            labels[encoding.first_tokens[seen]] = [
                index[tag] for tag, kept in zip(word_tags, seen, strict=True) if kept
            ]
            yield from self._cut(number, encoding, labels)

    def from_texts(self, texts: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Return the same of unlabelled texts, with labels of 0 at first pieces as places for soft targets."""
        encoder = Encoder(self.tokenizer.backend_tokenizer)
        for number, text in enumerate(texts):
            encoding = encoder.encode(text)
            labels = np.full(len(encoding), int(IGNORED))
            labels[encoding.word_starts] = 0
            yield from self._cut(number, encoding, labels)

    def _cut(self, document: int, encoding: Encoding, labels: np.ndarray) -> Iterator[dict[str, Any]]:
        for start, stop in self._bounds(encoding):
            if (labels[start:stop] != IGNORED).any():
                ids = [self.tokenizer.cls_token_id, *encoding.input_ids[start:stop], self.tokenizer.sep_token_id]
                yield {
                    "document": document,
                    "input_ids": [int(i) for i in ids],
                    "labels": [int(IGNORED), *map(int, labels[start:stop]), int(IGNORED)],
                }

    def _bounds(self, encoding: Encoding) -> list[tuple[int, int]]:
        size = self.size - 2
        if self.unit == "window":
            windows = plan_windows(
                len(encoding),
                size,
                overlap=0,
                word_starts=encoding.word_starts,
                sentence_starts=encoding.sentence_starts,
            )
            return [(window.start, window.stop) for window in windows]
        edges = [0, *(int(start) for start in encoding.sentence_starts if 0 < start < len(encoding)), len(encoding)]
        return [(at, min(at + size, stop)) for start, stop in pairwise(edges) for at in range(start, stop, size)]


def add_soft_targets(
    examples: Sequence[dict[str, Any]],
    soft_targets: SoftTargets,
    *,
    labelled: bool,
    hard_weight: float = 0.5,
    batch_tokens: int = 4096,
) -> Iterator[dict[str, Any]]:
    """Replace each example's labels by targets (L, C) from teachers.

    Args:
        examples: Examples with hard labels, or with places for targets only.
        soft_targets: Gives the teachers' mean probabilities.
        labelled: Whether the labels are hard labels to be mixed in.
        hard_weight: Weight of the hard labels; the soft targets have the rest.
        batch_tokens: Padded tokens that go through the teachers at once.
    """
    order = sorted(range(len(examples)), key=lambda index: len(examples[index]["input_ids"]), reverse=True)
    targets: dict[int, torch.Tensor] = {}
    with tqdm(total=len(order), desc="soft targets", unit=" examples", disable=None) as bar:
        while order:
            size = max(1, batch_tokens // len(examples[order[0]]["input_ids"]))
            batch, order = order[:size], order[size:]
            padded = collate_tokens([examples[index] for index in batch])
            targets.update(zip(batch, soft_targets(padded["input_ids"], padded["attention_mask"]), strict=True))
            bar.update(len(batch))
    for index, example in enumerate(examples):
        labels = torch.tensor(example["labels"])
        mixed = targets[index][: len(labels)].clone()
        if labelled:
            hard = torch.nn.functional.one_hot(labels.clamp(min=0), mixed.shape[-1])
            mixed = hard_weight * hard + (1 - hard_weight) * mixed
        mixed[labels == IGNORED] = IGNORED
        yield {**example, "labels": mixed.half().numpy()}


def join_examples(
    examples: Iterable[dict[str, Any]], size: int, *, rng: random.Random | None = None
) -> Iterator[dict[str, Any]]:
    """Join neighbouring examples of a document into longer ones, so that a student learns to read windows.

    Their labels or targets stay those of the shorter examples, which the teachers have read one by one.

    Args:
        examples: Examples in the order of their documents.
        size: Most pieces in a joined example, special tokens included.
        rng: Draws the size of each joined example, up to ``size``; None fills every one.
    """
    joined: dict[str, Any] | None = None
    limit = size
    for example in examples:
        length = len(example["input_ids"])
        fits = joined is not None and len(joined["input_ids"]) + length - 2 <= limit
        if joined and fits and joined["document"] == example["document"]:
            joined["input_ids"] = joined["input_ids"][:-1] + example["input_ids"][1:]
            joined["labels"] = np.concatenate([joined["labels"][:-1], example["labels"][1:]])
            continue
        if joined:
            yield joined
        joined, limit = dict(example), rng.randint(1, size) if rng else size
    if joined:
        yield joined


def collate_tokens(examples: Sequence[dict[str, Any]], pad_token_id: int = 0) -> dict[str, torch.Tensor]:
    """Pad examples to the longest: ids and mask (B, L), and labels (B, L) or targets (B, L, C) with -100."""
    longest = max(len(example["input_ids"]) for example in examples)
    labels = [torch.as_tensor(np.asarray(example["labels"])) for example in examples]
    kind = torch.float32 if labels[0].is_floating_point() else torch.long
    batch = {
        "input_ids": torch.full((len(examples), longest), pad_token_id),
        "attention_mask": torch.zeros((len(examples), longest), dtype=torch.long),
        "labels": torch.full((len(examples), longest, *labels[0].shape[1:]), IGNORED, dtype=kind),
    }
    for row, example in enumerate(examples):
        length = len(example["input_ids"])
        batch["input_ids"][row, :length] = torch.as_tensor(example["input_ids"])
        batch["attention_mask"][row, :length] = 1
        batch["labels"][row, :length] = labels[row].to(kind)
    return batch
