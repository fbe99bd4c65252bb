"""Plain values, such as those of a TOML or JSON file, read strictly into dataclasses.

An unknown key, a missing one, or a value that is not of its field's annotated type is an error that names file and key.
A field is a ``str``, ``int``, ``float`` (whole numbers are accepted), ``bool``, ``Any``, a ``Literal``, a dataclass, a
``tuple``, ``list`` or ``Sequence`` of one type, a ``dict`` or ``Mapping`` by name, ``Stated`` fields of a dataclass, or
a union of these and ``None``. The field ``kind``, a ``Literal`` in each of several dataclasses, tells which of them is
meant.
"""

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from ..errors import RegistryError

Table = TypeVar("Table")


class Stated(dict[str, Any], Generic[Table]):
    """The values of some fields of the dataclass ``Table``, by name; nothing is said of the other fields."""


def read_toml(table: type[Table], path: Path) -> Table:
    """Read one TOML file into a dataclass.

    Raises:
        RegistryError: Not TOML, an unknown or missing key, or a value of the wrong type; names file and key.
    """
    try:
        value = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RegistryError(f"{path.name}: not a valid TOML file: {error}") from error
    return read_table(table, value, path.name)


def read_table(table: type[Table], value: Any, source: str) -> Table:
    """Read a mapping, and the mappings and lists inside it, into a dataclass.

    Args:
        table: The dataclass, or a union of several.
        value: The mapping, by field name.
        source: What an error calls the origin of the values, such as a file's name.

    Raises:
        RegistryError: An unknown or missing key, or a value of the wrong type; names source and key.
    """
    return _read(table, value, source, "")


def _read(expected: Any, value: Any, source: str, key: str) -> Any:
    """Return a value as the annotated type ``expected``."""
    if dataclasses.is_dataclass(expected):
        return _read_fields(expected, value, source, key)
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if origin in (types.UnionType, typing.Union):
        return _read_union(arguments, value, source, key)
    if origin is typing.Literal:
        known = ", ".join(map(str, arguments))
        _check(value in arguments, f"one of {known}", value, source, key)
        return value
    if origin in (tuple, list, Sequence):
        _check(isinstance(value, list | tuple), "a list", value, source, key)
        items = (_read(arguments[0], item, source, f"{key}[{index}]") for index, item in enumerate(value))
        return list(items) if origin is list else tuple(items)
    if origin is Stated:
        return Stated(_read_values(arguments[0], value, source, key))
    if origin in (dict, Mapping):
        _check(isinstance(value, Mapping), "a table", value, source, key)
        return {
            _read(arguments[0], name, source, f"{key}, a name in it"): _read(
                arguments[1], item, source, _join(key, name)
            )
            for name, item in value.items()
        }
    if expected is Any:
        return value
    if expected is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    _check(type(value) is expected, f"a value of type {expected.__name__}", value, source, key)
    return value


def _read_union(members: Sequence[Any], value: Any, source: str, key: str) -> Any:
    """Return a value as the one member of a union that it can be; None where the union has it."""
    if value is None and types.NoneType in members:
        return None
    members = [member for member in members if member is not types.NoneType]
    if len(members) == 1:
        return _read(members[0], value, source, key)
    if all(dataclasses.is_dataclass(member) for member in members):
        return _read_kind(members, value, source, key)
    for member in members:
        with suppress(RegistryError):
            return _read(member, value, source, key)
    names = [name for member in members for name in _names_of(member)]
    raise RegistryError(f"{source}: {key}: expected {' or '.join(names)}, got {value!r}")


def _names_of(member: Any) -> list[str]:
    """Return how an error calls a member of a union: the values of a Literal, else the type."""
    values = typing.get_args(member) if typing.get_origin(member) is typing.Literal else ()
    return list(map(repr, values)) or [getattr(member, "__name__", str(member))]


def _read_kind(tables: Sequence[Any], value: Any, source: str, key: str) -> Any:
    """Return a mapping as that of several dataclasses whose ``kind`` it has."""
    _check(isinstance(value, Mapping), "a table", value, source, key)
    kinds = {kind: table for table in tables for kind in typing.get_args(_types_of(table)["kind"])}
    if "kind" not in value:
        raise RegistryError(f"{source}: {_join(key, 'kind')}: missing, and it is required")
    _check(value["kind"] in list(kinds), f"one of {', '.join(kinds)}", value["kind"], source, _join(key, "kind"))
    return _read_fields(kinds[value["kind"]], value, source, key)


def _read_fields(table: Any, value: Any, source: str, key: str) -> Any:
    """Return a mapping as the dataclass ``table``."""
    values = _read_values(table, value, source, key)
    for field in dataclasses.fields(table):
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if field.init and required and field.name not in values:
            raise RegistryError(f"{source}: {_join(key, field.name)}: missing, and it is required")
    return table(**values)


def _read_values(table: Any, value: Any, source: str, key: str) -> dict[str, Any]:
    """Return a mapping of names of fields of the dataclass ``table`` to values, as values of these fields."""
    _check(isinstance(value, Mapping), "a table", value, source, key)
    names = [field.name for field in dataclasses.fields(table) if field.init]
    for name in value.keys() - set(names):
        raise RegistryError(f"{source}: {_join(key, name)}: unknown key; known keys: {', '.join(names)}")
    expected = _types_of(table)
    return {name: _read(expected[name], item, source, _join(key, name)) for name, item in value.items()}


@cache
def _types_of(table: type) -> dict[str, Any]:
    return typing.get_type_hints(table)


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _check(fits: bool, expected: str, value: Any, source: str, key: str) -> None:
    if not fits:
        raise RegistryError(f"{source}: {key or 'file'}: expected {expected}, got {value!r}")
