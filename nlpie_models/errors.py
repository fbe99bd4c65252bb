"""Errors that users see; their messages say what was expected, what came instead, and what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class NlpieError(Exception):
    """Base of every error that this package raises on purpose."""


class UnknownName(NlpieError):
    """A name that does not exist; the message suggests the nearest and lists those that do."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        super().__init__(kind, name, sorted(known))

    def __str__(self) -> str:
        kind, name, known = self.args
        near = get_close_matches(name.lower(), known, n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        return f"Unknown {kind} {name!r}. {hint}Known: {', '.join(known)}."


class RegistryError(NlpieError):
    """A file of settings or results that breaks its schema; the message names the file and the key."""


class CheckpointError(NlpieError):
    """A checkpoint that is missing, damaged, or not what its registry row says."""


class MissingHead(NlpieError):
    """A checkpoint without the head that the task needs."""


class DataError(NlpieError):
    """A data file that cannot be read; the message names the file and, if there is one, the line."""


class TextTooLong(NlpieError):
    """A text, or a sentence that is read alone, that exceeds the model's window, with ``on_long="error"``."""


class ReleaseError(NlpieError):
    """A release that must not be pushed, or a push that failed; the message says what the Hub has now."""


class WrongPair(NlpieError, ValueError):
    """A student that cannot learn from its teacher with this objective; the message names both."""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message without its full stop, or the error's type if it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
