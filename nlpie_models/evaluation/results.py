"""Results files: ``model_cards/results/<checkpoint>.json``, one row a data set and split, with its provenance."""

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..files import write_whole

_VERSIONS = ("nlpie-models", "torch", "transformers", "tokenizers", "scikit-learn")
_KEY = ("task", "dataset", "split", "protocol", "label_map")


def provenance() -> dict[str, Any]:
    """Return the versions and the hardware that a number was measured with."""
    return {
        "versions": {name: version(name) for name in _VERSIONS},
        "python": platform.python_version(),
        "hardware": f"{platform.machine()}, {os.cpu_count()} cores",
    }


def write_result(path: Path, checkpoint: str, row: dict[str, Any]) -> None:
    """Put a row into a checkpoint's results file, in the place of an older one for the same measurement."""
    results = read_results(path)["results"] if path.exists() else []
    results = [old for old in results if any(old.get(key) != row.get(key) for key in _KEY)] + [row]
    results.sort(key=lambda row: [str(row.get(key)) for key in _KEY])
    content = json.dumps({"checkpoint": checkpoint, "results": results}, indent=2)
    with write_whole(path, overwrite=True) as temporary:
        temporary.write_text(content + "\n", encoding="utf-8")


def read_results(path: Path) -> dict[str, Any]:
    """Read a results file.

    Raises:
        DataError: It cannot be read or has no results.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        content["checkpoint"], content["results"]
    except (OSError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not a results file: {error}") from error
    return content
