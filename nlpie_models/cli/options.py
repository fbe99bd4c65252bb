"""Kinds of command-line values."""

import json
from collections.abc import Callable
from typing import Any

import click


class Pair(click.ParamType):
    """Two values with an equals sign between.

    Args:
        name: What to call it, such as ``FIELD=NAME``.
        example: One, for the error.
        read: What to make of the two.
    """

    def __init__(self, name: str, example: str, read: Callable[[str, str], tuple[str, Any]] | None = None) -> None:
        self.name = name
        self._example = example
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        if isinstance(value, tuple):
            return value
        left, _, right = value.partition("=")
        if not (left and right):
            self.fail(f"expected {self.name}, such as {self._example}, got {value!r}", param, ctx)
        return self._read(left, right) if self._read else (left, right)


def _read_option(name: str, text: str) -> tuple[str, Any]:
    try:
        return name.replace("-", "_"), json.loads(text)
    except ValueError:
        return name.replace("-", "_"), text


TASK_OPTION = Pair("NAME=VALUE", "pooling=max", _read_option)
"""The value is read as JSON if it is that, else as text."""
COLUMN = Pair("FIELD=NAME", "text=note")
"""What a field is called in a table."""
TEXT = Pair("NAME=PATH", "general=wiki.txt")
"""A text by the name to report it under."""
