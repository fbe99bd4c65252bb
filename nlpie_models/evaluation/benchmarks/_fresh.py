"""A new Python process that loads a pipeline, ours or that of transformers, and annotates: its time, its peak memory.

Run as a module, this file is that process.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...util.process import call_fresh, peak_memory


@dataclass(frozen=True)
class FreshProcess:
    """What a new process took.

    Attributes:
        seconds: From its start to its end, by the clock.
        peak_bytes: Its peak memory (resident set).
    """

    seconds: float
    peak_bytes: int


def run_fresh(request: Mapping[str, Any], notes: Sequence[str]) -> FreshProcess:
    """Annotate notes in a new process; without notes, it imports the package and loads nothing.

    Args:
        request: ``load``: arguments of ``load_clinical``; or ``theirs``: those of :func:`load_theirs`; JSON-ready.
        notes: The notes.

    Raises:
        NlpieError: The process failed.
    """
    start = time.perf_counter()
    written = call_fresh(__name__, {**request, "notes": notes}, "annotate")
    seconds = time.perf_counter() - start
    return FreshProcess(seconds, int(written.split()[-1]))


def load_theirs(folder: str, window: int, overlap: int) -> Any:
    """Return transformers' pipeline for entities, set to read long texts whole.

    Args:
        folder: Folder of the checkpoint.
        window: Most tokens that it reads together.
        overlap: Tokens that neighbouring windows share.
    """
    from transformers import AutoTokenizer, logging, pipeline

    logging.set_verbosity_error()
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, model_max_length=window)
    return pipeline(
        "token-classification",
        model=folder,
        tokenizer=tokenizer,
        aggregation_strategy="first",
        stride=overlap,
        device="cpu",
    )


def _main() -> None:
    asked = json.load(sys.stdin)
    if asked["notes"] and "theirs" in asked:
        load_theirs(**asked["theirs"])(asked["notes"])
    elif asked["notes"]:
        from ...pipelines import load_clinical

        for _ in load_clinical(**asked["load"]).stream(asked["notes"]):
            pass
    sys.stdout.write(f"{peak_memory()}\n")


if __name__ == "__main__":
    _main()
