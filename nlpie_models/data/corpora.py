"""The labelled data that comes with the package: notes and pairs of sentences that anybody may use and pass on.

Each is a folder of ``bundled/corpora`` in the house layout, with its guidelines and its licence.
"""

import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError, NlpieError, UnknownName
from .pairs import pair_rows
from .rows import LabelledRow, find_split, read_rows

if TYPE_CHECKING:
    from datasets import Dataset

CORPORA_FOLDER = Path(__file__).parents[1] / "bundled" / "corpora"
_TASKS = {"clinical_nli": ("nli",), "clinical_notes": ("ner", "assertion", "relation")}
"""The tasks that each is for. Results of the first are filed under its name, those of another under both names."""


def list_bundled_data() -> tuple[str, ...]:
    """Return the names of the labelled data in the package."""
    return tuple(_TASKS)


def find_data(name: str) -> Path:
    """Return the folder of a labelled data set.

    Args:
        name: The name of one in the package, or a folder. A name of the package means that, also where the working
            directory has a folder of that name: such a folder is ``./<name>``. A warning then says so.

    Raises:
        DataError: There is neither.
    """
    if name in _TASKS:
        if Path(name).is_dir():
            warnings.warn(f"{name!r} is taken for the data in the package; the folder is './{name}'", stacklevel=2)
        return CORPORA_FOLDER / name
    if not Path(name).is_dir():
        raise DataError(f"there is no folder {name!r}; data in the package: {', '.join(_TASKS)}")
    return Path(name)


def is_bundled(folder: Path) -> bool:
    """Whether a folder of labelled data is one of the package."""
    return folder.parent == CORPORA_FOLDER


def shown_path(folder: Path) -> str:
    """Return a folder of labelled data as a command gives it, without paths of this machine."""
    return folder.name if is_bundled(folder) else f"DATA/{folder.name}"


def name_of_set(folder: Path, task: str) -> str:
    """Return the name under which results on a folder of labelled data are filed.

    It is the name of the folder, to which ``-<task>`` is added if the rows are first of all for another task.
    """
    others = _TASKS.get(folder.name, ())[1:]
    return f"{folder.name}-{task}" if task in others else folder.name


def load_data(name: str, split: str = "train", task: str | None = None) -> "Dataset":
    """Return a split of labelled data in the package, such as ``load_data("clinical_notes", "test")``.

    Args:
        name: Name of the data: ``clinical_notes`` or ``clinical_nli``.
        split: ``train``, ``validation``, ``test`` or, of ``clinical_notes``, ``test_synthetic``.
        task: The task that the rows are for: texts and their entities for ``ner`` and ``assertion``, pairs of entities
            for ``relation``, pairs of sentences for ``nli``. None for the rows as they are in the file. A field that
            only some entities have, such as the assertion of problems, is None for the others.

    Raises:
        UnknownName: There is no such data, or it is not for the task.
        DataError: There is no such split; the message lists those there are.
        NlpieError: ``datasets`` is not installed.
    """
    if name not in _TASKS:
        raise UnknownName("data of the package", name, _TASKS)
    if task is not None and task not in _TASKS[name]:
        raise UnknownName(f"task of {name}", task, _TASKS[name])
    try:
        from datasets import Dataset
    except ImportError:
        raise NlpieError("load_data needs `pip install nlpie-models[train]`") from None
    rows_for = _ROWS_FOR[task] if task else _as_it_is
    rows = (row for _, row in read_rows(find_split(CORPORA_FOLDER / name, split)))
    return Dataset.from_list([part for row in rows for part in rows_for(row)])


def _as_it_is(row: LabelledRow) -> Iterable[LabelledRow]:
    return (row,)


def _with_entities(row: LabelledRow) -> Iterable[LabelledRow]:
    return ({field: row[field] for field in ("id", "text", "entities")},)


_ROWS_FOR: dict[str, Callable[[LabelledRow], Iterable[LabelledRow]]] = {
    "ner": _with_entities,
    "assertion": _with_entities,
    "relation": pair_rows,
    "nli": _as_it_is,
}
