"""Whole notes with concepts, assertions and relations, as the data ``clinical_notes`` of this package has them.

A folder of ``<split>.jsonl[.gz]``, or one file. A line is a note: ``text``; ``entities`` [{start, end, label,
assertion}], labelled problem, treatment or test, the assertion for problems; and, where relations were annotated,
``relations`` [{head, tail, label}], whose head and tail are positions in ``entities``. Or a line is a pair, as those of
``clinical_nli``: ``premise``, ``hypothesis`` and ``label``. An ``id`` may be missing. The sets:

- ``clinical-notes-ner``: a row is a note with its entities. They keep their assertions, so these are also the rows for
  the task ``assertion``.
- ``clinical-notes-relation``: a row is a pair of entities of a sentence, or one that is related
  (:mod:`nlpie_models.data.pairs`).
- ``clinical-notes-nli``: a row is a pair of sentences.

The split ``test_synthetic`` stays one for itself.
"""

from collections.abc import Sequence
from typing import Any

from ...documents.assertion.labels import PRESENT
from ...documents.assertion.rules import ASSERTIONS
from ...errors import DataError
from ..pairs import HEADS, pair_rows
from ..rows import LabelledRow
from ._files import find_by_split, read_objects, take_label, take_list, take_span, take_text
from ._format import DocumentRows, Format, LabelledSource, PreparedSet, assemble

_ASSERTIONS = (PRESENT, *ASSERTIONS)
_RELATIONS = ("improves", "worsens", "causes", "given_for", "withheld_for", "reveals", "done_for", "indicates")
_INFERENCES = ("entailment", "neutral", "contradiction")
_UNITS = {"ner": "notes", "relation": "notes", "nli": "documents"}
_SPLITS = {"test_synthetic": "test_synthetic"}


def _read(source: LabelledSource) -> list[PreparedSet]:
    sets: dict[str, dict[str, list[DocumentRows]]] = {task: {} for task in _UNITS}
    for split, paths in find_by_split(source, {".jsonl", ".jsonl.gz"}, _SPLITS).items():
        for path in source.progress(paths):
            for number, (where, given) in enumerate(read_objects(path, source.notes)):
                name = str(given.get("id") or f"{path.name.partition('.')[0]}-{number}")
                for task, rows in _prepare(given, name, where).items():
                    document = str(given.get("document") or given.get("premise") or name)
                    sets[task].setdefault(split, []).append(DocumentRows(document, rows))
    if not any(sets.values()):
        raise DataError(f"{source.path}: holds no rows")
    return [
        assemble(source, f"clinical-notes-{task}", task, documents, unit=_UNITS[task])
        for task, documents in sets.items()
        if any(entry.rows for split in documents.values() for entry in split)
    ]


def _prepare(given: LabelledRow, name: str, where: str) -> dict[str, list[LabelledRow]]:
    """Return the rows that a line makes, by task."""
    if "premise" in given:
        texts = {field: take_text(given.get(field), field, where) for field in ("premise", "hypothesis")}
        return {"nli": [{"id": name, **texts, "label": _take_one_of(given.get("label"), _INFERENCES, "label", where)}]}
    text = take_text(given.get("text"), "text", where)
    entities = [_take_entity(value, text, where) for value in take_list(given.get("entities"), "entities", where)]
    note = {"id": name, "text": text, "entities": entities}
    if "relations" not in given:
        return {"ner": [note]}
    relations = [_take_relation(value, where) for value in take_list(given["relations"], "relations", where)]
    try:
        return {"ner": [note], "relation": list(pair_rows({**note, "relations": relations}))}
    except ValueError as error:
        raise DataError(f"{where}: {error}") from error


def _take_entity(value: Any, text: str, where: str) -> LabelledRow:
    entity = take_span(value, text, "label", where)
    _take_one_of(entity["label"], HEADS, "label", where)
    if value.get("assertion") is not None:
        entity["assertion"] = _take_one_of(value["assertion"], _ASSERTIONS, "assertion", where)
    return entity


def _take_relation(value: Any, where: str) -> LabelledRow:
    if not isinstance(value, dict) or not {"head", "tail", "label"} <= set(value):
        raise DataError(f"{where}: expected a relation with head, tail and label")
    label = _take_one_of(value["label"], _RELATIONS, "label of a relation", where)
    return {"head": value["head"], "tail": value["tail"], "label": label}


def _take_one_of(value: Any, known: Sequence[str], what: str, where: str) -> str:
    label = take_label(value, where)
    if label not in known:
        raise DataError(f"{where}: expected the {what} to be one of {', '.join(sorted(known))}")
    return label


FORMAT = Format("clinical-notes", "whole notes with concepts, assertions and relations (JSON lines)", _read)
