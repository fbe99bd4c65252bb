"""Time and memory of preparing a corpus, as it grows tenfold.

The corpus is made of real notes, over and over, each time with a tenth of the words replaced by others of the notes, so
that none repeats another. Each size is prepared in a new process with all the default steps: reading, cleaning, looking
for duplicates, tokenising, writing blocks. Run as a module, this file is that process.
"""

import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ...data.unlabelled import CorpusSource, get_corpus
from ...errors import NlpieError
from ...loading.find import find_checkpoint
from ...util.process import call_fresh, peak_memory
from ..results import provenance
from . import Benchmark

_MEGABYTE = 10**6
_REPLACED = 0.1
_SEED = 13


def measure(
    texts: Sequence[str], megabytes: Sequence[int], *, checkpoint: str | None, command: Sequence[object]
) -> Benchmark:
    """Prepare corpora of several sizes.

    Args:
        texts: Real notes to make the corpora of.
        megabytes: Sizes of the corpora.
        checkpoint: Name or folder of the checkpoint whose tokenizer is used; None for the default of the package.
        command: Words of the command that measures this again.

    Raises:
        NlpieError: There is no note, or a corpus cannot be prepared.
    """
    if not texts:
        raise NlpieError("there is no note to make a corpus of")
    start = find_checkpoint(checkpoint)
    results = {}
    for size in megabytes:
        with tempfile.TemporaryDirectory(prefix="nlpie-corpus-") as folder:
            path = Path(folder) / "notes.jsonl"
            _write_corpus(path, texts, size * _MEGABYTE)
            request = {"path": str(path), "tokenizer": str(start.folder)}
            results[f"{size} MB"] = json.loads(call_fresh(__name__, request, "prepare a corpus").splitlines()[-1])
    return Benchmark(
        settings={"checkpoint": start.short_name, "seed": _SEED}, results=results, provenance=provenance(*command)
    )


def _write_corpus(path: Path, texts: Sequence[str], size: int) -> None:
    """Write JSON lines of changed notes until they hold ``size`` bytes."""
    written = 0
    with path.open("w", encoding="utf-8") as file:
        for text in _change(texts, random.Random(_SEED)):
            written += file.write(json.dumps({"text": text}) + "\n")
            if written >= size:
                return


def _change(texts: Sequence[str], rng: random.Random) -> Iterator[str]:
    words = [word for text in texts for word in text.split(" ")]
    while True:
        for text in texts:
            yield " ".join(rng.choice(words) if rng.random() < _REPLACED else word for word in text.split(" "))


def _prepare(path: Path, tokenizer_folder: str) -> dict[str, Any]:
    from transformers import AutoTokenizer

    from ...training.corpus import prepare_corpus

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    before = peak_memory()
    start, cpu = time.perf_counter(), time.process_time()
    prepared = prepare_corpus(get_corpus("text"), CorpusSource((str(path),)), tokenizer, path.parent / "store")
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "megabytes_per_second": round(path.stat().st_size / _MEGABYTE / seconds, 2),
        "peak_megabytes": round(peak_memory() / _MEGABYTE),
        "of_those_before": round(before / _MEGABYTE),
        "megabytes_written": round(sum(file.stat().st_size for file in prepared.folder.iterdir()) / _MEGABYTE, 1),
        **{name: prepared.receipt[name] for name in ("documents", "duplicates", "skipped", "tokens", "blocks")},
    }


if __name__ == "__main__":
    request = json.load(sys.stdin)
    sys.stdout.write(json.dumps(_prepare(Path(request["path"]), request["tokenizer"])) + "\n")
