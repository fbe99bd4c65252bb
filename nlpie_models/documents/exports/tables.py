"""Annotations of many texts as tables, with a row for each entity, relation, label, mask candidate or vector.

The columns are those of the field that the annotations' task is about, after the ``id`` of the text.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import NlpieError
from ..fields import EntitiesField, Field
from ..markup import encodable

if TYPE_CHECKING:
    import pandas

    from ..annotation import Annotation

Named = Iterable[tuple[str, "Annotation"]]
_DTYPES = {"whole": "int64", "number": "float64", "truth": "bool"}


def to_dataframe(annotations: Iterable["Annotation"], ids: Iterable[Any] | None = None) -> "pandas.DataFrame":
    """Return one table of the annotations of many texts.

    Args:
        annotations: What a pipeline returned for the texts.
        ids: What the first column, ``id``, says of each text, such as the number of the note; the position of the text
            by default.

    Raises:
        NlpieError: pandas is not installed, the annotations are of different tasks, or there are not as many ids as
            annotations.

    Example:
        >>> import nlpie_models
        >>> pipe = nlpie_models.load_clinical()
        >>> notes = {"a": "She was given aspirin.", "b": "No pneumonia."}
        >>> table = nlpie_models.to_dataframe(pipe(list(notes.values())), ids=notes)
        >>> table[["id", "label", "text"]].values.tolist()
        [['a', 'treatment', 'aspirin'], ['b', 'problem', 'pneumonia']]
    """
    try:
        import pandas
    except ImportError:
        raise NlpieError("a DataFrame needs pandas; run `pip install nlpie-models[pandas]`") from None
    annotations = list(annotations)
    names = list(range(len(annotations)) if ids is None else ids)
    if len(names) != len(annotations):
        raise NlpieError(f"expected an id for each of {len(annotations)} annotations, got {len(names)}")
    if len(tasks := {annotation.fields for annotation in annotations}) > 1:
        fields = " and ".join(sorted(main for *_, main in tasks))
        raise NlpieError(f"expected annotations of one task, got {fields}; make a table of each")
    form, named = _peek_form(zip(names, annotations, strict=True))
    table = pandas.DataFrame(list(_rows(named)), columns=["id", *form.columns])
    kinds = {name: _DTYPES[kind] for name, kind in form.columns.items() if kind in _DTYPES}
    return table.astype({"id": "int64", **kinds} if ids is None else kinds)


def json_line(name: str, annotation: "Annotation") -> str:
    """Return a text's annotations as one line of JSON, under the text's id."""
    row = {"id": name, **annotation.to_dict()}
    line = json.dumps(row)
    if r"\ud" not in line:
        return line
    return json.dumps(json.loads(encodable(json.dumps(row, ensure_ascii=False))))


def write_jsonl(named: Named, path: Path) -> None:
    """Write a line of JSON for each text."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json_line(name, annotation) + "\n" for name, annotation in named)


def write_csv(named: Named, path: Path) -> None:
    """Write a table as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        form, named = _peek_form(named)
        writer = csv.DictWriter(file, ["id", *form.columns])
        writer.writeheader()
        writer.writerows(_encodable_rows(named))


def write_parquet(named: Named, path: Path) -> None:
    """Write a table as Parquet, a part of the rows at a time.

    Raises:
        NlpieError: pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow.parquet import ParquetWriter
    except ImportError:
        raise NlpieError("Parquet needs pyarrow; run `pip install nlpie-models[parquet]`") from None
    kinds = {
        "text": pyarrow.string(),
        "whole": pyarrow.int64(),
        "number": pyarrow.float32(),
        "truth": pyarrow.bool_(),
        "vector": pyarrow.list_(pyarrow.float32()),
    }
    form, named = _peek_form(named)
    schema = pyarrow.schema([("id", pyarrow.string()), *((name, kinds[kind]) for name, kind in form.columns.items())])
    with ParquetWriter(path, schema) as writer:
        rows = _encodable_rows(named)
        while chunk := list(islice(rows, 10_000)):
            writer.write_table(pyarrow.Table.from_pylist(chunk, schema=schema))


def _peek_form(named: Iterable[tuple[Any, "Annotation"]]) -> tuple[Field[Any], Iterable[tuple[Any, "Annotation"]]]:
    """Return the field that the first annotation is about, and all of the annotations; entities if there is none."""
    named = iter(named)
    first = list(islice(named, 1))
    form = _main(first[0][1])[0] if first else EntitiesField()
    return form, chain(first, named)


def _main(annotation: "Annotation") -> tuple[Field[Any], Any]:
    """Return the field that an annotation is about, the last that its task fills, and its value."""
    *_, (_, form, value) = annotation.filled()
    return form, value


def _rows(named: Iterable[tuple[Any, "Annotation"]]) -> Iterator[dict[str, Any]]:
    for name, annotation in named:
        form, value = _main(annotation)
        yield from ({"id": name, **row} for row in form.rows(value, annotation.coverage.characters))


def _encodable_rows(named: Named) -> Iterator[dict[str, Any]]:
    return _rows((encodable(name), annotation) for name, annotation in named)
