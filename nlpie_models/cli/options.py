"""Kinds of command-line values."""

import json
from typing import Any

import click


class TaskOptions(click.ParamType):
    """``NAME=VALUE``, the value read as JSON if it is that, else as text."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        if isinstance(value, tuple):
            return value
        name, sign, text = value.partition("=")
        if not sign:
            self.fail(f"expected NAME=VALUE, such as pooling=max, got {value!r}", param, ctx)
        try:
            return name.replace("-", "_"), json.loads(text)
        except ValueError:
            return name.replace("-", "_"), text


class ColumnName(click.ParamType):
    """``FIELD=NAME``: what a field is called in a table."""

    name = "FIELD=NAME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        field, sign, name = value.partition("=")
        if not (field and sign and name):
            self.fail(f"expected FIELD=NAME, such as text=note, got {value!r}", param, ctx)
        return field, name
