"""Files and folders that are whole or absent, never in between."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from .errors import NlpieError


def check_absent(path: Path, *, overwrite: bool = False) -> None:
    """Refuse a path that exists.

    Raises:
        NlpieError: ``path`` exists and is not to be overwritten.
    """
    if path.exists() and not overwrite:
        raise NlpieError(f"{path} exists already; add --overwrite to replace it")


@contextmanager
def write_whole(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary path to write a file or folder to, and rename it to ``path`` when the block ends well.

    Raises:
        NlpieError: ``path`` exists and is not to be overwritten.
    """
    check_absent(path, overwrite=overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        temporary = Path(folder) / path.name
        yield temporary
        if path.is_dir():
            shutil.rmtree(path)
        os.replace(temporary, path)


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Let one process or thread after the other change a file: read it, and write it anew."""
    name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
    with FileLock(Path(tempfile.gettempdir()) / f"nlpie-{name}.lock", thread_local=False):
        yield
