"""The protocol of the published numbers: F1 over tags of sub-words, for the annotations of any pipeline.

The authors of the published checkpoints (https://arxiv.org/abs/2302.04725) copy the tag of a word, ``B-`` included, to
every piece of it, and score the pieces with seqeval. This is not the F1 of strict spans, and neither bounds the other:

- Each piece of the first word of an entity is an entity of its own, as all of them carry ``B-``; the last of them also
  takes the words that follow. A word that a vocabulary cuts into five pieces weighs five times what a short one does.
- So an entity can be right in part, and a score depends on the vocabulary: two checkpoints with different tokenizers
  differ in it even where their annotations are the same.
- A word is what stands between blanks, cut also where a gold entity begins or ends: so their data were prepared
  (https://github.com/facebookresearch/bio-lm). An entity that is found in a part of a word is one of the whole word.

Here a pipeline's entities are tagged in that way. What remains different from the authors' scripts: there each piece
has its own prediction, here a word has one; there a line is a sequence and what lies beyond 512 tokens counts neither
as missed nor as found, here a row is one and all of it counts.
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
from ..scoring import Count, count_spans

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
    # A word without a piece of its own has no tag, and an entity begins with its first word that has one.
    seen, places = np.unique(owners, return_inverse=True)
    tags = encode_bio(len(seen), spans_of_words(words[seen], resolve_overlaps(spans)))
    return [tags[place] for place in places]


def tag_annotations(
    encoder: Encoder, golds: Sequence[Iterable[Span]], annotations: Sequence[Annotation]
) -> tuple[list[Tags], list[Tags]]:
    """Return the gold tags and the found tags of the pieces of each annotated text.

    Args:
        encoder: That of the pipeline (``pipe.reader.encoder``), or another to score by other pieces.
        golds: The gold entities of each text, spans of characters.
        annotations: What a pipeline found in each.
    """
    wanted, found = [], []
    for gold, annotation in zip(golds, annotations, strict=True):
        spans = list(gold)
        encoding, words = encoder.encode(annotation.text), find_protocol_words(annotation.text, spans)
        entities = [(entity.start, entity.end, entity.label) for entity in annotation.entities]
        wanted.append(tag_subwords(encoding, spans, words))
        found.append(tag_subwords(encoding, entities, words))
    return wanted, found


def count_tags(gold: Sequence[str], found: Sequence[str]) -> dict[str, Count]:
    """Count the spans of tags (T,) that seqeval reads from them, strictly.

    Raises:
        NlpieError: seqeval is not installed.
    """
    try:
        from seqeval.metrics.sequence_labeling import get_entities
    except ImportError:
        raise NlpieError("the sub-word protocol needs seqeval; run `pip install nlpie-models[eval]`") from None
    wanted, answered = (
        [(first, last + 1, label) for label, first, last in get_entities(list(tags))] for tags in (gold, found)
    )
    return count_spans(wanted, answered)


def tag_accuracy(golds: Iterable[Sequence[str]], found: Iterable[Sequence[str]]) -> float:
    """Return the share of tags that are right, ``O`` included; 0 if there is none."""
    pairs = [pair for tags in zip(golds, found, strict=True) for pair in zip(*tags, strict=True)]
    return round(sum(wanted == answered for wanted, answered in pairs) / max(1, len(pairs)), 4)
