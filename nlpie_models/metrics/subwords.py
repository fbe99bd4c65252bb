"""The protocol of the published numbers: F1 over tags of sub-words, for the annotations of any pipeline.

The authors of the published checkpoints (https://arxiv.org/abs/2302.04725) copy the tag of a word, ``B-`` included, to
every piece of it, and score the pieces with seqeval. This is not the F1 of strict spans, and neither bounds the other:

- Each piece of the first word of an entity is an entity of its own, as all of them carry ``B-``; the last of them also
  takes the words that follow. A word that a vocabulary cuts into five pieces weighs five times what a short one does.
- So an entity can be correct in part, and a score depends on the vocabulary: two checkpoints with different tokenizers
  have different scores even if their annotations are the same.
- A word is what stands between blanks, cut also where a gold entity begins or ends, as in the preparation of the
  authors' data (https://github.com/facebookresearch/bio-lm). A predicted entity in a part of a word is one of the word.

Here a pipeline's entities are tagged in that way. Two differences from the authors' scripts remain. There each piece
has a prediction, here each word. There a line is a sequence, of which tokens beyond 512 count neither as missed nor as
predicted; here a row is a sequence, and all of it counts.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from ..data.spans import Span, resolve_overlaps, spans_of_words
from ..documents import Annotation, Encoder, Encoding
from ..documents.bio import encode_bio
from ..errors import NlpieError
from .counts import Count, count_spans

Tags = list[str]
_BETWEEN_BLANKS = re.compile(r"\S+")


def find_protocol_words(text: str, gold: Iterable[Span] = ()) -> np.ndarray:
    """Return the start and end of what the protocol takes for a word (W, 2); see the module.

    Args:
        text: The text.
        gold: The gold entities, spans of characters.
    """
    edges = sorted({edge for start, end, _ in gold for edge in (start, end)})
    words = [
        word
        for start, end in (match.span() for match in _BETWEEN_BLANKS.finditer(text))
        for word in pairwise([start, *edges[bisect_right(edges, start) : bisect_left(edges, end)], end])
    ]
    return np.array(words, dtype=np.int64).reshape(-1, 2)


def tag_subwords(encoding: Encoding, spans: Iterable[Span], words: np.ndarray | None = None) -> Tags:
    """Return the tag of each piece of a text (T,): that of the word that it begins in.

    Args:
        encoding: The text and its pieces.
        spans: Entities, spans of characters; of those that overlap the longest is tagged.
        words: Start and end of each word (W, 2), in order; those of the encoding by default.
    """
    words = encoding.words if words is None else words
    owners = np.searchsorted(words[:, 0], encoding.offsets[:, 0], side="right") - 1
    # A word without a piece has no tag, and an entity begins with its first word that has one.
    seen, places = np.unique(owners, return_inverse=True)
    tags = encode_bio(len(seen), spans_of_words(words[seen], resolve_overlaps(spans)))
    return [tags[place] for place in places]


def tag_annotations(
    encoder: Encoder, golds: Sequence[Iterable[Span]], annotations: Sequence[Annotation]
) -> tuple[list[Tags], list[Tags]]:
    """Return the gold tags and the predicted tags of the pieces of each annotated text.

    Args:
        encoder: The encoder of the pipeline (``pipe.reader.encoder``), or another to score by its pieces.
        golds: The gold entities of each text, as spans of characters.
        annotations: A pipeline's annotation of each text.
    """
    gold_tags, predicted_tags = [], []
    for gold, annotation in zip(golds, annotations, strict=True):
        spans = list(gold)
        encoding, words = encoder.encode(annotation.text), find_protocol_words(annotation.text, spans)
        entities = [(entity.start, entity.end, entity.label) for entity in annotation.entities]
        gold_tags.append(tag_subwords(encoding, spans, words))
        predicted_tags.append(tag_subwords(encoding, entities, words))
    return gold_tags, predicted_tags


def count_tags(gold: Sequence[str], predicted: Sequence[str]) -> dict[str, Count]:
    """Count the spans of tags (T,) that seqeval reads from them, strictly.

    Raises:
        NlpieError: seqeval is not installed.
    """
    try:
        from seqeval.metrics.sequence_labeling import get_entities
    except ImportError:
        raise NlpieError("the sub-word protocol needs seqeval; run `pip install nlpie-models[eval]`") from None
    gold_spans, predicted_spans = (
        [(first, last + 1, label) for label, first, last in get_entities(list(tags))] for tags in (gold, predicted)
    )
    return count_spans(gold_spans, predicted_spans)


def tag_accuracy(golds: Iterable[Sequence[str]], predictions: Iterable[Sequence[str]]) -> float:
    """Return the share of correct tags, ``O`` included; 0 without any tag."""
    pairs = [pair for tags in zip(golds, predictions, strict=True) for pair in zip(*tags, strict=True)]
    return round(sum(gold == predicted for gold, predicted in pairs) / max(1, len(pairs)), 4)
