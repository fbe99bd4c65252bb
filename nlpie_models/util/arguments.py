"""Arguments that come from callers and from files of settings, refused by name where their type is another."""

import re
from types import UnionType
from typing import Any

from ..errors import NlpieError

_NUMBER = re.compile(r"-?\d+")


def check_types(**arguments: tuple[Any, type | UnionType]) -> None:
    """Refuse arguments that are not of their type, and any that is a bool.

    Args:
        **arguments: The value and the type of each.

    Raises:
        NlpieError: One is not; names it.
    """
    for name, (value, kind) in arguments.items():
        if not isinstance(value, kind) or isinstance(value, bool):
            raise NlpieError(f"expected {name} of type {getattr(kind, '__name__', kind)}, got {value!r}")


def device_name(device: Any) -> str | None:
    """Return the name of a device: a name, None, a ``torch.device``, or a number as transformers' pipelines count them.

    The numbers are those of GPUs, from 0, and -1 for the CPU.

    Raises:
        NlpieError: It is something else.
    """
    if isinstance(device, int | str) and not isinstance(device, bool) and _NUMBER.fullmatch(str(device)):
        return "cpu" if int(device) < 0 else f"cuda:{int(device)}"
    if device is None or isinstance(device, str):
        return device
    if type(device).__name__ == "device":
        return str(device)
    raise NlpieError(f"expected device as a name, such as cpu or cuda:1, or as a number, got {device!r}")
