"""TOML files read into dataclasses, strictly: an unknown key, a missing one or a wrong type is an error."""

import dataclasses
import tomllib
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

from .errors import RegistryError

Table = TypeVar("Table")


def read_toml(table: type[Table], path: Path) -> Table:
    """Read one TOML into a dataclass.

    Raises:
        RegistryError: Not TOML, an unknown or missing key, or a value of the wrong type; names file and key.
    """
    try:
        row = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RegistryError(f"{path.name}: not a valid TOML file: {error}") from error
    return _parse_table(table, row, path.name, "")


def _parse(expected: Any, value: Any, file: str, key: str) -> Any:
    """Turn a TOML value into the annotated type ``expected``, or say which key is wrong."""
    if dataclasses.is_dataclass(expected):
        return _parse_table(expected, value, file, key)
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if origin is types.UnionType:
        return _parse(arguments[0], value, file, key)
    if origin is typing.Literal:
        if value not in arguments:
            raise RegistryError(f"{file}: {key}: expected one of {', '.join(arguments)}, got {value!r}")
        return value
    if origin is tuple:
        _check(isinstance(value, list), "a list", value, file, key)
        return tuple(_parse(arguments[0], item, file, f"{key}[{index}]") for index, item in enumerate(value))
    if origin is dict:
        _check(isinstance(value, dict), "a table", value, file, key)
        return {name: _parse(arguments[1], item, file, f"{key}.{name}") for name, item in value.items()}
    if expected is Any:
        return value
    if expected is float and type(value) is int:
        return float(value)
    _check(type(value) is expected, f"a value of type {expected.__name__}", value, file, key)
    return value


def _parse_table(table: Any, value: Any, file: str, key: str) -> Any:
    _check(isinstance(value, dict), "a table", value, file, key or "file")
    prefix = f"{key}." if key else ""
    types_of = typing.get_type_hints(table)
    fields = {item.name: item for item in dataclasses.fields(table)}
    for name in value.keys() - fields.keys():
        raise RegistryError(f"{file}: {prefix}{name}: unknown key; known keys: {', '.join(fields)}")
    for name, item in fields.items():
        optional = item.default is not dataclasses.MISSING or item.default_factory is not dataclasses.MISSING
        if name not in value and not optional:
            raise RegistryError(f"{file}: {prefix}{name}: missing, and it is required")
    return table(**{name: _parse(types_of[name], item, file, f"{prefix}{name}") for name, item in value.items()})


def _check(fits: bool, expected: str, value: Any, file: str, key: str) -> None:
    if not fits:
        raise RegistryError(f"{file}: {key}: expected {expected}, got {value!r}")
