"""Notes per second against transformers' own pipeline, which reads long notes only when told to stride.

Both run the same checkpoint on the same notes and cores, in turn, and both read every token; ours also keeps words
whole. What counts is the ratio.
"""

import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import click
import torch
from tqdm import tqdm
from transformers import AutoTokenizer, TokenClassificationPipeline, logging, pipeline

from nlpie_models import load_clinical
from nlpie_models.data.documents import Document, find_files, read_documents


@click.command(context_settings={"show_default": True})
@click.argument("inputs", nargs=-1, required=True)
@click.option("--checkpoint", default="open-mini")
@click.option("--limit", default=100, help="Notes to read, from the first.")
@click.option("--rounds", default=5, help="Timed rounds of each; the median counts.")
@click.option("--output", default="benchmarks/annotate.json", type=click.Path(path_type=Path))
def main(inputs: tuple[str, ...], checkpoint: str, limit: int, rounds: int, output: Path) -> None:
    """Time both on the notes in INPUTS and write the figures to a JSON file."""
    texts = [item.row["text"] for item in read_documents(find_files(inputs)) if isinstance(item, Document)][:limit]
    ours = load_clinical(checkpoint, device="cpu")
    theirs = _their_pipeline(ours.checkpoint.folder, ours.reader.window, ours.reader.overlap)
    contenders: dict[str, Callable[[], object]] = {
        "nlpie_models": lambda: list(ours.stream(texts)),
        "transformers, stride, batch 1": lambda: list(theirs(texts, batch_size=1)),
        "transformers, stride, batch 8": lambda: list(theirs(texts, batch_size=8)),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in tqdm(range(rounds + 1), desc="rounds", disable=None):
        for name, run in contenders.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    best = median(seconds["nlpie_models"][1:])
    rows = {
        name: {"seconds": round(median(times[1:]), 3), "times_ours": round(median(times[1:]) / best, 2)}
        for name, times in seconds.items()
    }
    record = {
        "checkpoint": checkpoint,
        "notes": len(texts),
        "tokens": sum(annotation.coverage.tokens for annotation in ours(texts)),
        "rounds": rounds,
        "results": rows,
        "torch": torch.__version__,
        "hardware": f"{platform.machine()}, {torch.get_num_threads()} threads",
    }
    output.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    click.echo(json.dumps(rows, indent=2))


def _their_pipeline(folder: Path, window: int, overlap: int) -> TokenClassificationPipeline:
    logging.set_verbosity_error()
    tokenizer = AutoTokenizer.from_pretrained(folder, model_max_length=window)
    return pipeline(
        "token-classification",
        model=str(folder),
        tokenizer=tokenizer,
        aggregation_strategy="first",
        stride=overlap,
        device="cpu",
    )


if __name__ == "__main__":
    main()
