"""Errors that users see: each says what was expected, what came and what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class NlpieError(Exception):
    """Base of every error that this package raises on purpose."""


class UnknownName(NlpieError):
    """A name that is in no table; the message suggests the nearest and lists what exists."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        near = get_close_matches(name.lower(), known, n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        super().__init__(f"Unknown {kind} {name!r}. {hint}Known: {', '.join(known)}.")


class RegistryError(NlpieError):
    """A TOML of a checkpoint or a suite that breaks its schema; names the file and the key."""


class CheckpointError(NlpieError):
    """A checkpoint that is absent, damaged, or not what its registry row says."""


class MissingHead(NlpieError):
    """A checkpoint without the head that the task needs."""


class DataError(NlpieError):
    """A data file that cannot be read; names the file and, where it can, the line."""


class TextTooLong(NlpieError):
    """A text, or a sentence that is read by itself, over the model's window with ``on_long="error"``."""


class ReleaseError(NlpieError):
    """A release that is not fit to be pushed, or a push that the Hub did not take; says what the Hub has now."""


class WrongPair(NlpieError, ValueError):
    """A teacher and a student of which one cannot learn from the other as asked; names both sides."""
