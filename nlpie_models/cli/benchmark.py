"""``nlpie benchmark``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .groups import FriendlyGroup
from .options import ENGINE_OPTION, RESULTS_OPTION
from .tables import align

if TYPE_CHECKING:
    from ..evaluation.benchmarks import Benchmark
    from ..evaluation.efficiency import Efficiency

STUDENTS = ("distilbert", "tinybert", "layerwise")
CHECKPOINT_OPTION = click.option("-c", "--checkpoint", help="Name or folder.  [default: the package's default]")
BF16_OPTION = click.option("--bf16", is_flag=True, help="Compute in bfloat16; in float32 by default.")
OUTPUT_OPTION = click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Also write the figures to this JSON file."
)


def count_option(name: str, default: int, help: str) -> Any:
    """Return an option for a number from 1."""
    return click.option(name, type=click.IntRange(min=1), default=default, show_default=True, help=help)


@click.group(cls=FriendlyGroup)
def benchmark() -> None:
    """Measure a checkpoint, and this package beside what others do: time and memory on this machine, and scores.

    \b
    nlpie benchmark efficiency open-notes      what a checkpoint costs
    nlpie benchmark annotate                  this package beside transformers, on the example notes
    nlpie benchmark annotate notes/ -c my-ner
    nlpie benchmark recorded                  scores beside those of the published 65M model

    Where time counts, let nothing else run meanwhile.
    """


@benchmark.command()
@click.argument("checkpoint")
@click.option("-t", "--task", default="ner", show_default=True, help="ner, classification, embedding or fill-mask.")
@click.option(
    "--notes",
    multiple=True,
    help="Notes to annotate: a file, glob or folder, of the formats of `nlpie annotate`; may be given several times. "
    "By default the six example notes of the package.",
)
@click.option(
    "--name", help="Name to file the figures under; the checkpoint's by default. A second task needs a second name."
)
@count_option("--rounds", 3, "Times that all notes are annotated; the median counts.")
@ENGINE_OPTION
@click.option("--device", default="cpu", show_default=True, help="Device, such as cpu, or cuda:1 with torch.")
@RESULTS_OPTION
def efficiency(
    checkpoint: str,
    task: str,
    notes: tuple[str, ...],
    name: str | None,
    rounds: int,
    engine: str,
    device: str,
    results: Path,
) -> None:
    """Measure what CHECKPOINT costs on this machine: size, arithmetic, start, speed, memory.

    \b
    nlpie benchmark efficiency open-notes --notes notes/
    nlpie benchmark efficiency my-icn --task classification --notes notes.jsonl --name icn-laptop
    OMP_NUM_THREADS=1 nlpie benchmark efficiency open-notes --notes notes/ --name open-mini-1-thread

    \b
    parameters   of the encoder, and with the head
    disk         the weight file, all files, and for an adapter its base
    MACs         multiply-accumulates of one full window
    cold start   a new process: import, load, annotate one short text, end; median of three
    one by one   a call for each note: notes and tokens per second, and the calls' p50 and p95
    batched      all notes in one stream, in the pipeline's own batches
    peak memory  of a new process that annotates all notes, and of one that only imports

    The figures are filed beside the results, as efficiency/NAME.json; `nlpie report` writes tables of them.
    """
    from ..data.demo import DEMO_NOTES
    from ..data.texts import read_texts
    from ..evaluation.benchmarks.efficiency import get_single_text_task, measure_efficiency
    from ..evaluation.results import write_record
    from ..pipelines import load_clinical

    if name and Path(name).name != name:
        raise click.UsageError(f"--name is for a file and cannot be a path, got {name!r}")
    chosen = get_single_text_task(task)
    texts = list(read_texts(notes or [str(DEMO_NOTES)]))
    pipe = load_clinical(checkpoint, chosen.name, engine=engine, device=device)
    found = pipe.checkpoint.short_name
    command = ["nlpie", "benchmark", "efficiency", found, "-t", chosen.name, *(["--notes", "NOTES"] if notes else [])]
    command += ["--rounds", str(rounds), "--engine", pipe.engine.name, "--device", device]
    click.echo(f"annotating {len(texts)} notes over and over; this takes a while", err=True)
    measured = measure_efficiency(pipe, texts, name=name or found, command=command, rounds=rounds)
    click.echo(_render(measured))
    write_record(measured.path(results), measured)
    click.echo(f"wrote {measured.path(results)}", err=True)


@benchmark.command()
@click.argument("notes", nargs=-1)
@CHECKPOINT_OPTION
@count_option("--rounds", 5, "Timed rounds of each; the median counts.")
@OUTPUT_OPTION
def annotate(notes: tuple[str, ...], checkpoint: str | None, rounds: int, output: Path | None) -> None:
    """Time the annotation of entities in NOTES by each installed engine, beside transformers' own pipeline.

    NOTES are files, globs or folders; by default the example notes of the package. All run the same checkpoint on the
    CPU, in turn, and read every token of long notes.

    \b
    seconds               for all notes: the median of the rounds
    times transformers    how many times as fast as transformers at its best batch size
    short text ms         one short sentence: the median of twenty calls
    cold start            a new process to its end, with one short sentence: the median of three; and its peak memory
    same entities         share on which this engine and torch agree
    """
    from ..data.demo import DEMO_NOTES
    from ..data.texts import read_texts
    from ..evaluation.benchmarks.annotate import measure

    texts = list(read_texts(notes or [str(DEMO_NOTES)]))
    command = _command("annotate", *["NOTES"] * bool(notes), checkpoint=checkpoint, rounds=rounds)
    _show(measure(checkpoint, texts, rounds=rounds, command=command), output)


@benchmark.command()
@click.argument(
    "mentions",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=Path("tests") / "reference" / "assertion" / "mentions.jsonl",
)
@OUTPUT_OPTION
def assertion(mentions: Path, output: Path | None) -> None:
    """Score the assertion rules on annotated MENTIONS, by default those of a checkout, and time them."""
    from ..evaluation.benchmarks.assertion import measure

    rows = [json.loads(line) for line in mentions.read_text(encoding="utf-8").splitlines()]
    _show(measure(rows, _command("assertion", "MENTIONS")), output)


@benchmark.command()
@click.argument("notes", nargs=-1, required=True)
@click.option(
    "--megabytes",
    multiple=True,
    type=click.IntRange(min=1),
    default=(10, 100),
    show_default=True,
    help="Size to prepare; may be repeated.",
)
@CHECKPOINT_OPTION
@OUTPUT_OPTION
def corpus(notes: tuple[str, ...], megabytes: tuple[int, ...], checkpoint: str | None, output: Path | None) -> None:
    """Time the preparation of corpora of several sizes, made of NOTES, and its memory, which must not grow."""
    from ..data.texts import read_texts
    from ..evaluation.benchmarks.corpus import measure

    command = _command("corpus", "NOTES", checkpoint=checkpoint)
    command += [word for size in megabytes for word in ("--megabytes", str(size))]
    _show(measure(list(read_texts(notes)), megabytes, checkpoint=checkpoint, command=command), output)


@benchmark.command()
@click.argument("notes")
@click.option("--teacher", default="open-base", show_default=True, help="Name or folder.")
@click.option(
    "--objective", "objectives", type=click.Choice(STUDENTS), multiple=True, default=STUDENTS, show_default=True
)
@count_option("--batch", 16, "Blocks of 128 tokens a step.")
@click.option(
    "--steps",
    type=click.IntRange(min=3),
    default=20,
    show_default=True,
    help="Steps of a round; the first is not timed.",
)
@count_option("--rounds", 3, "Rounds of each; the median counts.")
@BF16_OPTION
@OUTPUT_OPTION
def distillation(
    notes: str,
    teacher: str,
    objectives: tuple[str, ...],
    batch: int,
    steps: int,
    rounds: int,
    bf16: bool,
    output: Path | None,
) -> None:
    """Time distillation on NOTES beside the published way, which computes everything of both models."""
    from ..evaluation.benchmarks.distillation import measure

    options: dict[str, Any] = {"teacher": teacher, "batch": batch, "steps": steps, "rounds": rounds}
    command = _command("distillation", "NOTES", **options) + ["--bf16"] * bf16
    _show(measure(notes, objectives=objectives, bf16=bf16, command=command, **options), output)


@benchmark.command()
@click.argument("notes")
@CHECKPOINT_OPTION
@count_option("--batch", 16, "Blocks of 128 tokens a step.")
@count_option("--steps", 40, "Steps of a round.")
@count_option("--rounds", 3, "Rounds of each; the median counts.")
@BF16_OPTION
@OUTPUT_OPTION
def pretraining(
    notes: str, checkpoint: str | None, batch: int, steps: int, rounds: int, bf16: bool, output: Path | None
) -> None:
    """Time the training of a masked language model on NOTES beside bare PyTorch loops."""
    from ..evaluation.benchmarks.pretraining import measure

    options: dict[str, Any] = {"checkpoint": checkpoint, "batch": batch, "steps": steps, "rounds": rounds}
    command = _command("pretraining", "NOTES", **options) + ["--bf16"] * bf16
    _show(measure(notes, bf16=bf16, command=command, **options), output)


@benchmark.command()
@click.argument("checkpoints", nargs=-1, metavar="[CHECKPOINT]...")
@OUTPUT_OPTION
def recorded(checkpoints: tuple[str, ...], output: Path | None) -> None:
    """Score the entities of CHECKPOINT beside the recorded output of the published 65M model, on the same 17 notes.

    CHECKPOINT is by default the default of the package. The notes and the recorded output ship in the package.

    \b
    nlpie benchmark recorded
    nlpie benchmark recorded my-ner open-notes -o scores.json

    \b
    precision, recall, f1  strict: start, end and label are those of a gold entity
    low, high              95% interval of f1, when notes are drawn anew
    overlap                a predicted and a gold entity of one label share a character

    The recorded run stopped after 512 tokens, so each output is scored on the whole notes, and on each note up to the
    last recorded entity. A leading determiner (the, his, some) is taken off the predicted entities. The published model
    learnt from other guidelines (i2b2-2010) than those of the gold entities. Choose no checkpoint by these notes.
    """
    from ..evaluation.benchmarks.recorded import measure

    command = _command("recorded", *(Path(checkpoint).name for checkpoint in checkpoints))
    _show(measure(checkpoints or [None], command), output)


def _command(name: str, *arguments: str, **options: object) -> list[str]:
    """Return the words of a benchmark's command; an option that is None is left out."""
    words = ["nlpie", "benchmark", name, *arguments]
    return words + [
        word for key, value in options.items() if value is not None for word in (f"--{key}", Path(str(value)).name)
    ]


def _show(measured: "Benchmark", output: Path | None) -> None:
    """Print the figures, a row for each contender, and write them."""
    from ..evaluation.results import write_record

    keys = list(dict.fromkeys(key for row in measured.results.values() for key in row))
    heads = ["", *(key.replace("_", " ") for key in keys)]
    rows = [[name, *(_figure(row.get(key)) for key in keys)] for name, row in measured.results.items()]
    click.echo("\n".join(align([heads, *rows], right=range(1, len(heads)))))
    if output:
        write_record(output, measured)
        click.echo(f"wrote {output}", err=True)


def _figure(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {number:,}" for name, number in value.items())
    return "" if value is None else f"{value:,}"


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
    title += f"{measured.tokens:,} tokens, {made.device} ({made.cpu}, {made.engine}, threads: {made.threads})"
    return "\n".join([title, *(f"  {click.style(f'{label:<12}', dim=True)} {value}" for label, value in rows.items())])


def _speed(notes: float, tokens: float) -> str:
    return f"{notes:,.2f} notes/s, {tokens:,.0f} tokens/s"
