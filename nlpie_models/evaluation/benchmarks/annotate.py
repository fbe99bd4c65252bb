"""Speed of annotating notes, beside transformers' own pipeline, which reads long notes whole only with a stride.

Both run the same checkpoint on the same notes and cores, in turn, and read every token; ours also keeps words whole.
The ratio is what counts.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tqdm import tqdm
from transformers import AutoTokenizer, TokenClassificationPipeline, logging, pipeline

from ...errors import NlpieError
from ...pipelines import load_clinical
from ..results import provenance
from . import Benchmark

OURS = "nlpie_models"


def measure(checkpoint: str | None, texts: Sequence[str], *, rounds: int, command: Sequence[object]) -> Benchmark:
    """Time an entity recogniser in this package and in transformers, on a CPU.

    Args:
        checkpoint: Name or folder of the checkpoint; None for the default of the package.
        texts: The notes.
        rounds: Timed rounds of each, after one that is not timed; the median counts.
        command: Words of the command that measures this again.

    Raises:
        NlpieError: There is no note, or the checkpoint cannot be loaded.
    """
    if not texts:
        raise NlpieError("there is no note to annotate")
    ours = load_clinical(checkpoint, "ner", device="cpu")
    theirs: Any = _their_pipeline(ours.checkpoint.folder, ours.reader.window, ours.reader.overlap)
    contenders: dict[str, Callable[[], object]] = {
        OURS: lambda: list(ours.stream(texts)),
        "transformers, batch 1": lambda: list(theirs(texts, batch_size=1)),
        "transformers, batch 8": lambda: list(theirs(texts, batch_size=8)),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in tqdm(range(rounds + 1), desc="rounds", disable=None):
        for name, run in contenders.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    medians = {name: median(times[1:]) for name, times in seconds.items()}
    tokens = sum(annotation.coverage.tokens for annotation in ours.stream(texts))
    return Benchmark(
        settings={
            "checkpoint": ours.checkpoint.short_name,
            "notes": len(texts),
            "tokens": tokens,
            "stride": ours.reader.overlap,
            "rounds": rounds,
        },
        results={
            name: {
                "seconds": round(taken, 3),
                "notes_per_second": round(len(texts) / taken, 2),
                "times_the_seconds_of_ours": round(taken / medians[OURS], 2),
            }
            for name, taken in medians.items()
        },
        provenance=provenance(*command),
    )


def _their_pipeline(folder: Path, window: int, overlap: int) -> TokenClassificationPipeline:
    logging.set_verbosity_error()
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, model_max_length=window)
    return pipeline(
        "token-classification",
        model=str(folder),
        tokenizer=tokenizer,
        aggregation_strategy="first",
        stride=overlap,
        device="cpu",
    )
