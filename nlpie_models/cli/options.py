"""Types of command-line values, and options, that several commands share."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..errors import DataError

CARDS = Path("model_cards")
RESULTS_OPTION = click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=CARDS / "results",
    show_default=True,
    help="Folder of results files; other measurements are filed beside it.",
)

ENGINE_OPTION = click.option(
    "--engine",
    metavar="NAME",
    default="auto",
    show_default=True,
    help="What runs the model: onnx, torch, or the fastest that is ready.",
)


class NamedValue(click.ParamType):
    """A name and a value with an equals sign between them, converted to a tuple.

    Args:
        name: What help and errors call it, such as ``FIELD=NAME``.
        example: An example for errors.
        read: Converts the name and the value; by default they stay texts.
    """

    def __init__(self, name: str, example: str, read: Callable[[str, str], tuple[str, Any]] | None = None) -> None:
        self.name = name
        self._example = example
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        if isinstance(value, tuple):
            return value
        name, _, text = value.partition("=")
        if not (name and text):
            self.fail(f"expected {self.name}, such as {self._example}, got {value!r}", param, ctx)
        return self._read(name, text) if self._read else (name, text)


class LabelledFolder(click.ParamType):
    """A folder of labelled data, or the name of data in the package, converted to the folder."""

    name = "FOLDER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        from ..data.corpora import find_data

        try:
            return find_data(str(value))
        except DataError as error:
            self.fail(str(error), param, ctx)


def _read_option(name: str, text: str) -> tuple[str, Any]:
    try:
        return name.replace("-", "_"), json.loads(text)
    except ValueError:
        return name.replace("-", "_"), text


TASK_OPTION = NamedValue("NAME=VALUE", "pooling=max", _read_option)
"""An option of a task; a value that is valid JSON is read as JSON, any other as text."""
COLUMN = NamedValue("FIELD=NAME", "text=note")
"""The name of a field's column in a table."""
LABELLED_DATA = LabelledFolder()
"""A folder of labelled data, or the name of data in the package; see :func:`nlpie_models.data.corpora.find_data`."""
TEXT = NamedValue("NAME=PATH", "general=wiki.txt")
"""A file of text, with the name that it is reported under."""
