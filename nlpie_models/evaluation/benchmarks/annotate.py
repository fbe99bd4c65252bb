"""Speed of annotating notes by each engine, beside transformers' own pipeline on the same checkpoint and notes.

All run in turn on the same cores and read every token: transformers' pipeline with a stride, ours also keeps words
whole. What it costs to read with a model of the size of BERT-base is measured on a few of the notes. The ratios are
what counts; a check of every answer says how far the engines find the same.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from tqdm import tqdm

from ...engines import list_engines
from ...errors import NlpieError
from ...pipelines import ClinicalPipeline, load_clinical
from ...util.process import count_threads
from ..results import provenance
from . import Benchmark
from ._fresh import load_theirs, run_fresh
from .efficiency import cpu_name, load_arguments

THEIRS = "transformers, batch {}"
_BATCHES = (1, 8)
_BERT_BASE = "transformers, a model of the size of BERT-base"
_SHARE_OF_NOTES = 10  # every tenth note is enough to time the large model
_SHORT_TEXT = "She was given aspirin for pneumonia."
_CALLS, _STARTS = 20, 3


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
    installed = [kind.name for kind in list_engines() if kind.is_installed]
    pipes = {name: load_clinical(checkpoint, "ner", engine=name, device="cpu") for name in installed}
    torch = pipes["torch"]
    theirs: dict[str, Any] = {
        "folder": str(torch.checkpoint.folder),
        "window": torch.reader.window,
        "overlap": torch.reader.overlap,
    }
    run_theirs = load_theirs(**theirs)
    contenders: dict[str, Callable[[Sequence[str]], object]] = {
        **pipes,
        **{THEIRS.format(size): partial(run_theirs, batch_size=size) for size in _BATCHES},
    }
    seconds = {name: median(times) for name, times in _time_in_turn(contenders, texts, rounds).items()}
    short = {name: median(times) for name, times in _time_in_turn(contenders, [_SHORT_TEXT], _CALLS).items()}
    expected = torch(texts)
    tokens = sum(annotation.coverage.tokens for annotation in expected)
    best = min(seconds[THEIRS.format(size)] for size in _BATCHES)
    results: dict[str, dict[str, Any]] = {}
    for name, taken in seconds.items():
        ours = pipes.get(name)
        load = {"theirs": theirs} if ours is None else {"load": load_arguments(ours)}
        starts = [run_fresh(load, [_SHORT_TEXT]) for _ in range(_STARTS)]
        results[name] = {
            **_speed(len(texts), tokens, taken),
            "times_transformers": round(best / taken, 2),
            "short_text_ms": round(short[name] * 1000, 2),
            "cold_start_seconds": round(median(start.seconds for start in starts), 2),
            "cold_start_peak_megabytes": round(median(start.peak_bytes for start in starts) / 1e6),
            "same_entities": None if ours is None else _share_of_same(ours(texts), expected),
        }
    results[_BERT_BASE] = _time_bert_base(torch, texts[::_SHARE_OF_NOTES], theirs)
    return Benchmark(
        settings={
            "checkpoint": torch.checkpoint.short_name,
            "notes": len(texts),
            "tokens": tokens,
            "window": torch.reader.window,
            "stride": torch.reader.overlap,
            "rounds": rounds,
            "cpu": cpu_name(),
            "threads": count_threads(),
        },
        results=results,
        provenance=provenance(*command),
    )


def _time_in_turn(
    contenders: Mapping[str, Callable[[Sequence[str]], object]], texts: Sequence[str], rounds: int
) -> dict[str, list[float]]:
    """Return the seconds of each contender in each round, after one that is not timed."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in tqdm(range(rounds + 1), desc="rounds", disable=None):
        for name, run in contenders.items():
            start = time.perf_counter()
            run(texts)
            seconds[name].append(time.perf_counter() - start)
    return {name: times[1:] for name, times in seconds.items()}


def _speed(notes: int, tokens: int, seconds: float) -> dict[str, float]:
    return {
        "seconds": round(seconds, 3),
        "notes_per_second": round(notes / seconds, 2),
        "tokens_per_second": round(tokens / seconds),
    }


def _share_of_same(found: Sequence[Any], expected: Sequence[Any]) -> float:
    """Return the share of entities, by place and label, on which two annotations of the same texts agree (Jaccard)."""
    both = either = 0
    for one, other in zip(found, expected, strict=True):
        sides = [{(entity.start, entity.end, entity.label) for entity in side.entities} for side in (one, other)]
        both += len(sides[0] & sides[1])
        either += len(sides[0] | sides[1])
    return round(both / either, 4) if either else 1.0


def _time_bert_base(pipe: ClinicalPipeline, texts: Sequence[str], theirs: Mapping[str, Any]) -> dict[str, float]:
    """Time transformers' pipeline with a model of BERT-base's size, which has random weights, on some notes."""
    tokens = sum(annotation.coverage.tokens for annotation in pipe(texts))
    with _bert_base(pipe) as folder:
        run = partial(load_theirs(**{**theirs, "folder": folder}), batch_size=1)
        [taken] = _time_in_turn({"": run}, texts, 1)[""]
    return {"notes": len(texts), **_speed(len(texts), tokens, taken)}


@contextmanager
def _bert_base(pipe: ClinicalPipeline) -> Iterator[str]:
    """Yield the folder of a model of BERT-base's size with the pieces and labels of a pipeline."""
    from transformers import BertConfig, BertForTokenClassification

    with tempfile.TemporaryDirectory() as folder:
        labels = dict(enumerate(pipe.head.labels))
        vocabulary = pipe.checkpoint.config["vocab_size"]
        BertForTokenClassification(BertConfig(vocab_size=vocabulary, id2label=labels)).save_pretrained(folder)
        for path in pipe.checkpoint.folder.glob("tokenizer*.json"):
            (Path(folder) / path.name).write_bytes(path.read_bytes())
        yield folder
