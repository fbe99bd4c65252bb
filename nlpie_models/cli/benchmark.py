"""``nlpie benchmark``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..evaluation.efficiency import Efficiency

EXAMPLES = Path(__file__).parents[2] / "examples" / "notes"


@click.command()
@click.argument("checkpoint")
@click.option("-t", "--task", default="ner", show_default=True, help="ner, classification, embedding or fill-mask.")
@click.option(
    "--notes",
    multiple=True,
    help="Notes to annotate: a file, glob or folder, of the formats of `nlpie annotate`; may be given several times. "
    "In a checkout, its examples/notes by default.",
)
@click.option(
    "--name", help="Name to file the figures under; the checkpoint's by default. A second task wants a second name."
)
@click.option(
    "--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="How often the notes are timed."
)
@click.option("--device", default="cpu", show_default=True, help="torch device, such as cpu or cuda:1.")
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("model_cards") / "efficiency",
    show_default=True,
    help="Folder to write NAME.json to, in place of an older one.",
)
def benchmark(
    checkpoint: str, task: str, notes: tuple[str, ...], name: str | None, rounds: int, device: str, results: Path
) -> None:
    """Measure what CHECKPOINT costs on this machine: size, arithmetic, start, speed, memory.

    \b
    nlpie benchmark open-mini --notes notes/
    nlpie benchmark my-icn --task classification --notes notes.jsonl --name icn-laptop
    OMP_NUM_THREADS=1 nlpie benchmark open-mini --notes notes/ --name open-mini-1-thread

    \b
    parameters   of the encoder, and with the head
    disk         the weight file, all files, and for an adapter its base
    MACs         multiply-accumulates of one full window
    cold start   a new process: import, load, annotate one short text, end; median of three
    one by one   a call for each note: notes and tokens per second, and the calls' p50 and p95
    batched      all notes in one stream, in the pipeline's own batches
    peak memory  of a new process that annotates all notes, and of one that only imports

    Let nothing else run meanwhile: speeds and starts are those of the machine as it is. Tables of what was measured
    are written by `nlpie evaluate --report`.
    """
    from ..data.documents import read_texts
    from ..evaluation.efficiency import get_single_text_task, measure_efficiency, write_efficiency
    from ..pipelines import load_clinical

    if not notes and not EXAMPLES.is_dir():
        raise click.UsageError("--notes is missing: the notes to annotate, such as --notes notes/")
    if name and Path(name).name != name:
        raise click.UsageError(f"--name is for a file and cannot be a path, got {name!r}")
    chosen = get_single_text_task(task)
    texts = list(read_texts(notes or [str(EXAMPLES)]))
    pipe = load_clinical(checkpoint, chosen.name, device=device)
    found = pipe.checkpoint.short_name
    command = ["nlpie", "benchmark", found, "-t", chosen.name, *(["--notes", "NOTES"] if notes else [])]
    command += ["--rounds", str(rounds), "--device", device]
    click.echo(f"annotating {len(texts)} notes over and over; this takes a while", err=True)
    measured = measure_efficiency(pipe, texts, name=name or found, command=command, rounds=rounds)
    click.echo(_render(measured))
    click.echo(f"wrote {write_efficiency(results, measured)}", err=True)


def _render(measured: "Efficiency") -> str:
    """Return what was measured as lines for a terminal."""
    disk = f"{measured.weight_bytes / 1e6:.1f} MB of weights, {measured.folder_bytes / 1e6:.1f} MB in all"
    if measured.base_folder_bytes is not None:
        disk += f", and its base {measured.base_folder_bytes / 1e6:.1f} MB"
    latency = f"p50 {measured.latency_p50_ms:,.1f} ms, p95 {measured.latency_p95_ms:,.1f} ms"
    memory = f"{measured.peak_bytes / 1e6:,.0f} MB, {measured.import_peak_bytes / 1e6:,.0f} MB to import the package"
    rows = {
        "parameters": f"{measured.encoder_parameters:,} in the encoder, {measured.parameters:,} with the head",
        "disk": disk,
        "MACs": f"{measured.window_macs / 1e9:,.3f} G for {measured.window_tokens} tokens",
        "cold start": f"{measured.cold_start_seconds:.2f} s",
        "one by one": f"{_speed(measured.single_notes_per_second, measured.single_tokens_per_second)}, {latency}",
        "batched": _speed(measured.stream_notes_per_second, measured.stream_tokens_per_second),
        "peak memory": memory,
    }
    made = measured.provenance
    title = click.style(measured.checkpoint, bold=True) + f"  {measured.task}, {measured.notes:,} notes with "
    title += f"{measured.tokens:,} tokens, {made['device']} ({made['cpu']}, torch threads: {made['threads']})"
    return "\n".join([title, *(f"  {click.style(f'{label:<12}', dim=True)} {value}" for label, value in rows.items())])


def _speed(notes: float, tokens: float) -> str:
    return f"{notes:,.2f} notes/s, {tokens:,.0f} tokens/s"
