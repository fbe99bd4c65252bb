"""Annotations as spaCy documents, for those who have spaCy."""

from typing import TYPE_CHECKING, Any

from ...errors import NlpieError
from ..fields import Entity
from ..markup import encodable
from ..words import find_words

if TYPE_CHECKING:
    from spacy.tokens import Doc, Span
    from spacy.vocab import Vocab

    from ..annotation import Annotation

_RELATIONS = "nlpie_relations"


def to_doc(annotation: "Annotation", vocab: "Vocab | None" = None) -> "Doc":
    """Return a Doc of an annotation: its words are tokens, and its entities, relations and labels are on the Doc.

    ``doc.spans["entities"]`` holds the entities, which may overlap, and its ``attrs`` the lists ``"scores"`` and
    ``"assertions"`` in the same order (two entities of one span would share what spaCy keeps in ``span._``).
    ``doc.ents`` holds those that do not overlap, the longest first. ``doc._.relations`` returns the relations as (head
    span, tail span, label, score); ``doc.user_data`` keeps their tokens, so that ``DocBin(store_user_data=True)``
    stores them. ``doc.cats`` holds the scores of a classification. An entity whose ends lie inside a word, which only
    a caller can give, is widened to whole words.

    Args:
        annotation: The annotation.
        vocab: Vocabulary of the pipeline that the Doc is for; a new one by default.

    Raises:
        NlpieError: spaCy is not installed.
    """
    try:
        from spacy.tokens import Doc, SpanGroup
        from spacy.util import filter_spans, get_words_and_spaces
        from spacy.vocab import Vocab
    except ImportError:
        raise NlpieError("to_spacy() needs spaCy; run `pip install nlpie-models[spacy]`") from None
    if not Doc.has_extension("relations"):
        Doc.set_extension("relations", getter=_read_relations)
    text = encodable(annotation.text)
    words, spaces = get_words_and_spaces([text[start:end] for start, end in find_words(text)], text)
    doc = Doc(Vocab() if vocab is None else vocab, words=words, spaces=spaces)

    def span_of(entity: Entity) -> "Span":
        span: Any = doc.char_span(entity.start, entity.end, label=entity.label, alignment_mode="expand")
        return span

    spans = [span_of(entity) for entity in annotation.entities]
    doc.spans["entities"] = SpanGroup(
        doc,
        name="entities",
        attrs={
            "scores": [entity.score for entity in annotation.entities],
            "assertions": [entity.assertion for entity in annotation.entities],
        },
        spans=spans,
    )
    doc.ents = filter_spans(spans)
    doc.user_data[_RELATIONS] = [
        [*(_tokens(span_of(end)) for end in (relation.head, relation.tail)), relation.label, relation.score]
        for relation in annotation.relations
    ]
    if annotation.classification is not None:
        doc.cats = dict(annotation.scores)
    return doc


def _tokens(span: "Span") -> list[Any]:
    return [span.start, span.end, span.label_]


def _read_relations(doc: "Doc") -> list[tuple["Span", "Span", str, float]]:
    from spacy.tokens import Span

    return [
        (Span(doc, *head), Span(doc, *tail), label, score)
        for head, tail, label, score in doc.user_data.get(_RELATIONS, ())
    ]
