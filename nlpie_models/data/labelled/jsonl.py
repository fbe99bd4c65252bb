"""JSON lines: the house layout itself, checked, or the same under other names of columns (``--column text=note``).

A folder of ``<split>.jsonl[.gz]``, or one file. The fields of the first row, which every row must have, say the task:

- ner: ``text`` and ``entities`` [{start, end, label}]; or ``tokens`` and ``ner_tags``, which become those.
- relation: ``text``, ``head`` and ``tail`` {start, end, type}, ``label``.
- nli: ``premise``, ``hypothesis``, ``label``.
- classification: ``text`` and ``label``, or ``labels`` (a list); it may have an ``entity`` {start, end, label}.
- corpus: ``text``.

An ``id`` may be missing. Offsets are characters of the text, which is not changed. Other fields are left
out. The held-out validation split, if there is none, is one of texts (nli: of premises).
"""

from ...errors import DataError
from ..rows import LabelledRow
from ._files import find_by_split, read_objects, take_label, take_list, take_span, take_text
from ._format import DocumentRows, Format, LabelledSource, PreparedSet, assemble
from .conll import read_tag, tagged_row

_TASKS = {
    ("text", "head", "tail", "label"): "relation",
    ("premise", "hypothesis", "label"): "nli",
    ("text", "entities"): "ner",
    ("tokens", "ner_tags"): "ner",
    ("text", "entity", "label"): "classification",
    ("text", "label"): "classification",
    ("text", "labels"): "classification",
    ("text",): "corpus",
}
_FIELDS = tuple(dict.fromkeys(["id", *(name for names in _TASKS for name in names)]))


def _read(source: LabelledSource) -> list[PreparedSet]:
    documents: dict[str, list[DocumentRows]] = {}
    fields: tuple[str, ...] = ()
    for split, paths in find_by_split(source, {".jsonl", ".jsonl.gz"}).items():
        for path in source.progress(paths):
            for where, given in read_objects(path, source.notes):
                row = {name: given.get(source.columns.get(name, name)) for name in _FIELDS}
                fields = fields or _fields_of(row, where)
                group = documents.setdefault(split, [])
                prepared = _prepare(row, fields, f"{split}-{len(group)}", where)
                group.append(DocumentRows(prepared["id"], [prepared], prepared.get("premise") or prepared["text"]))
    if not fields:
        raise DataError(f"{source.path}: holds no rows")
    task = _TASKS[fields]
    return [assemble(source, f"jsonl-{task}", task, documents, unit="texts" if task != "nli" else "premises")]


def _fields_of(row: LabelledRow, where: str) -> tuple[str, ...]:
    for fields in _TASKS:
        if all(row[name] is not None for name in fields):
            return fields
    layouts = "; ".join(" and ".join(fields) for fields in _TASKS)
    raise DataError(f"{where}: expected the fields of a task ({layouts}); see --column")


def _prepare(row: LabelledRow, fields: tuple[str, ...], number: str, where: str) -> LabelledRow:
    missing = [name for name in fields if row[name] is None]
    if missing:
        raise DataError(f"{where}: expected {' and '.join(fields)} as in the first row, {missing[0]} is missing")
    name = number if row["id"] in (None, "") else str(row["id"])
    if "tokens" in fields:
        return _prepare_tokens(row, name, where)
    prepared: LabelledRow = {"id": name}
    for field in fields:
        value = row[field]
        if field in ("text", "premise", "hypothesis"):
            prepared[field] = take_text(value, field, where)
        elif field in ("head", "tail", "entity"):
            prepared[field] = take_span(value, row["text"], "label" if field == "entity" else "type", where)
        elif field == "entities":
            prepared[field] = [take_span(span, row["text"], "label", where) for span in take_list(value, field, where)]
        elif field == "labels":
            prepared[field] = [take_label(label, where) for label in take_list(value, field, where)]
        else:
            prepared[field] = take_label(value, where)
    return prepared


def _prepare_tokens(row: LabelledRow, name: str, where: str) -> LabelledRow:
    tokens = [take_text(token, "tokens", where) for token in take_list(row["tokens"], "tokens", where)]
    tags = [take_text(tag, "ner_tags", where) for tag in take_list(row["ner_tags"], "ner_tags", where)]
    if len(tokens) != len(tags):
        raise DataError(f"{where}: expected as many ner_tags as tokens, got {len(tags)} and {len(tokens)}")
    return tagged_row(name, tokens, [read_tag(tag, where) for tag in tags])


FORMAT = Format("jsonl", "JSON lines in the house layout, or with columns to be named", _read, columns=_FIELDS)
