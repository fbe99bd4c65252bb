"""Modules that a test adds to a package whose modules are found by file name."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType


@contextmanager
def added_module(package: ModuleType, folder: Path, name: str, source: str) -> Iterator[None]:
    """Have a module in a package while the block runs.

    Args:
        package: The package.
        folder: An empty folder for the module's file.
        name: Name of the module.
        source: Its code.
    """
    (folder / f"{name}.py").write_text(source, encoding="utf-8")
    package.__path__.append(str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        package.__path__.remove(str(folder))
        sys.modules.pop(f"{package.__name__}.{name}", None)
        vars(package).pop(name, None)
