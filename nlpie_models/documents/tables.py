"""Annotations as rows of a table: which columns there are depends on the field that the task is about."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ..errors import NlpieError
from .annotation import Annotation, Entity

if TYPE_CHECKING:
    import pandas

Kind = Literal["text", "whole", "number", "truth", "vector"]


@dataclass(frozen=True)
class Table:
    """The columns of a field of ``Annotation``, and its rows."""

    columns: dict[str, Kind]
    rows: Callable[[Annotation], Iterator[dict[str, Any]]]

    @property
    def has_vectors(self) -> bool:
        return "vector" in self.columns.values()


def to_dataframe(annotation: Annotation) -> "pandas.DataFrame":
    """Return what an annotation's task has found as a table.

    Raises:
        NlpieError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise NlpieError("a DataFrame needs pandas; run `pip install nlpie-models[parquet]`") from None
    table = table_of(annotation)
    return pandas.DataFrame(list(table.rows(annotation)), columns=list(table.columns))


def table_of(annotation: Annotation) -> Table:
    """Return the table of the field that an annotation is about: the last that its task gives."""
    return TABLES[annotation.gives[-1]]


def encodable(text: str) -> str:
    """Replace lone surrogates, which no file in UTF-8 can hold, one for one."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _entities(annotation: Annotation) -> Iterator[dict[str, Any]]:
    yield from (_entity(entity, "") for entity in annotation.entities)


def _entity(entity: Entity, prefix: str) -> dict[str, Any]:
    return {
        f"{prefix}start": entity.start,
        f"{prefix}end": entity.end,
        f"{prefix}label": entity.label,
        f"{prefix}text": encodable(entity.text),
        f"{prefix}score": entity.score,
        f"{prefix}assertion": entity.assertion,
    }


def _relations(annotation: Annotation) -> Iterator[dict[str, Any]]:
    for relation in annotation.relations:
        ends = _entity(relation.head, "head_") | _entity(relation.tail, "tail_")
        yield {"label": relation.label, "score": relation.score, **ends}


def _labels(annotation: Annotation) -> Iterator[dict[str, Any]]:
    for label, score in annotation.scores.items():
        yield {"label": label, "score": score, "predicted": label in annotation.labels}


def _masks(annotation: Annotation) -> Iterator[dict[str, Any]]:
    for mask in annotation.masks:
        for candidate in mask.candidates:
            yield {"start": mask.start, "end": mask.end, "text": candidate.text, "score": candidate.score}


def _text_vector(annotation: Annotation) -> Iterator[dict[str, Any]]:
    if annotation.embedding is not None:
        yield {"start": 0, "end": annotation.coverage.characters, "embedding": annotation.embedding.tolist()}


def _sentence_vectors(annotation: Annotation) -> Iterator[dict[str, Any]]:
    for sentence in annotation.sentences:
        yield {"start": sentence.start, "end": sentence.end, "embedding": sentence.embedding.tolist()}


_SPAN: dict[str, Kind] = {"start": "whole", "end": "whole"}
_ENTITY: dict[str, Kind] = {**_SPAN, "label": "text", "text": "text", "score": "number", "assertion": "text"}
_ENDS: dict[str, Kind] = {f"{end}_{name}": kind for end in ("head", "tail") for name, kind in _ENTITY.items()}

TABLES = {
    "entities": Table(_ENTITY, _entities),
    "relations": Table({"label": "text", "score": "number", **_ENDS}, _relations),
    "classification": Table({"label": "text", "score": "number", "predicted": "truth"}, _labels),
    "masks": Table({**_SPAN, "text": "text", "score": "number"}, _masks),
    "embedding": Table({**_SPAN, "embedding": "vector"}, _text_vector),
    "sentences": Table({**_SPAN, "embedding": "vector"}, _sentence_vectors),
}
