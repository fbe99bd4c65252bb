"""Time and memory of preparing a corpus, as it grows tenfold.

The corpus is made of real notes, over and over, each time with a tenth of the words replaced by others that the notes
have, so that none is a repetition of another. Each size is prepared in a fresh process with all the default steps:
reading, cleaning, looking for duplicates, tokenising, writing blocks.
"""

import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from transformers import AutoTokenizer

from nlpie_models.checkpoint_files import find_checkpoint
from nlpie_models.data.corpora import Source, get_corpus
from nlpie_models.data.documents import find_files, read_texts
from nlpie_models.evaluation.fresh_process import peak_memory
from nlpie_models.tasks import get_task
from nlpie_models.training.corpus import prepare_corpus

MEGABYTE = 10**6


@click.command(context_settings={"show_default": True})
@click.option("--notes", multiple=True, help="Files, globs or folders of real notes.")
@click.option("--megabytes", multiple=True, type=int, default=(10, 100), help="Sizes to prepare; 1000 takes a while.")
@click.option("--checkpoint", default="open-mini", help="Whose tokenizer.")
@click.option("--seed", default=13)
@click.option("--output", default="benchmarks/corpus.json", type=click.Path(path_type=Path))
@click.option("--measure", type=click.Path(path_type=Path), help="Prepare this file and say what it took; used inside.")
def main(
    notes: tuple[str, ...],
    megabytes: tuple[int, ...],
    checkpoint: str,
    seed: int,
    output: Path,
    measure: Path | None,
) -> None:
    """Prepare corpora of several sizes and write the figures to a JSON file."""
    if measure:
        click.echo(json.dumps(_measure(measure, checkpoint)))
        return
    if not notes:
        raise click.UsageError("--notes is needed: real notes to make the corpora of")
    rows = {}
    for size in megabytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "notes.jsonl"
            _write_corpus(path, list(read_texts(list(map(str, find_files(notes))))), size * MEGABYTE, seed)
            command = [sys.executable, __file__, "--measure", str(path), "--checkpoint", checkpoint]
            rows[f"{size} MB"] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        click.echo(f"{size} MB: {json.dumps(rows[f'{size} MB'])}")
    record = {
        "checkpoint": checkpoint,
        "seed": seed,
        "results": rows,
        "hardware": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
    }
    output.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _write_corpus(path: Path, texts: list[str], size: int, seed: int) -> None:
    """Write JSON lines of changed notes until they hold ``size`` bytes."""
    written = 0
    with path.open("w", encoding="utf-8") as file:
        for text in _change(texts, random.Random(seed)):
            written += file.write(json.dumps({"text": text}) + "\n")
            if written >= size:
                return


def _change(texts: list[str], rng: random.Random) -> Iterator[str]:
    words = [word for text in texts for word in text.split(" ")]
    while True:
        for text in texts:
            yield " ".join(rng.choice(words) if rng.random() < 0.1 else word for word in text.split(" "))


def _measure(path: Path, checkpoint: str) -> dict[str, Any]:
    tokenizer = AutoTokenizer.from_pretrained(find_checkpoint(checkpoint, get_task("embedding"), None).folder)
    before = peak_memory()
    start, cpu = time.perf_counter(), time.process_time()
    prepared = prepare_corpus(get_corpus("text"), Source((str(path),)), tokenizer, path.parent / "store")
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "megabytes_per_second": round(path.stat().st_size / MEGABYTE / seconds, 2),
        "peak_megabytes": round(peak_memory() / MEGABYTE),
        "of_those_before": round(before / MEGABYTE),
        "megabytes_written": round(sum(file.stat().st_size for file in prepared.folder.iterdir()) / MEGABYTE, 1),
        **{name: prepared.receipt[name] for name in ("documents", "duplicates", "skipped", "tokens", "blocks")},
    }


if __name__ == "__main__":
    main()
