"""``nlpie annotate``."""

import sys
from pathlib import Path
from typing import Any

import click

from .options import ENGINE_OPTION, TASK_OPTION


@click.command()
@click.argument("inputs", nargs=-1, required=True)
@click.option(
    "-c", "--checkpoint", help="Name, alias, Hub id or folder; without it, the one that ships in the package."
)
@click.option(
    "-t",
    "--task",
    default="ner",
    show_default=True,
    help="Such as ner, relation, nli, classification, embedding or fill-mask.",
)
@click.option("--ner", help="For relation: the checkpoint that finds the entities of texts without any.")
@click.option("--assertion", is_flag=True, help="Mark entities as negated, uncertain, historical, family, conditional.")
@click.option(
    "-O",
    "--option",
    "options",
    type=TASK_OPTION,
    multiple=True,
    help="NAME=VALUE, an option of the task, such as pooling=max; can be repeated.",
)
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Where to write: .jsonl, .csv, .parquet or .html, a folder for BRAT, or - for JSON lines on standard output; "
    "can be repeated. Without it, annotations are shown on a terminal and written as JSON lines into a pipe.",
)
@click.option("--text-column", default="text", show_default=True, help="Column of the text in tables and JSON lines.")
@click.option("--id-column", default="id", show_default=True, help="Column of the id; file and row number without it.")
@click.option(
    "--on-long",
    type=click.Choice(["window", "error", "truncate"]),
    default="window",
    show_default=True,
    help="Long texts: read all of it in windows, report an error, or read the beginning.",
)
@ENGINE_OPTION
@click.option("--device", help="Device, such as cpu, or cuda:1 with torch.")
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="In how many processes to annotate; they share the cores and the annotations stay the same.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on where an interrupted run with the same output stopped; an error if the output is finished and inputs "
    "are newer.",
)
@click.option("--overwrite", is_flag=True, help="Replace outputs that exist.")
@click.option("--show", is_flag=True, help="Show the annotations even if they are written to files.")
@click.pass_context
def annotate(
    ctx: click.Context,
    inputs: tuple[str, ...],
    checkpoint: str | None,
    task: str,
    ner: str | None,
    assertion: bool,
    options: tuple[tuple[str, Any], ...],
    outputs: tuple[Path, ...],
    text_column: str,
    id_column: str,
    on_long: str,
    engine: str,
    device: str | None,
    processes: int,
    resume: bool,
    overwrite: bool,
    show: bool,
) -> None:
    """Annotate INPUTS: files, globs, folders (.txt, .jsonl, .csv, .parquet), or - for standard input.

    \b
    nlpie annotate note.txt
    nlpie annotate notes/ -o entities.jsonl -o entities.html
    nlpie annotate notes.csv --text-column note -o entities.parquet --processes 4 --resume
    nlpie annotate notes/ --assertion -o entities.html
    nlpie annotate notes/ --task relation -c my-relations --ner open-notes -o relations.csv
    nlpie annotate pairs.jsonl --task nli -c my-nli -o labels.csv

    A folder is read with its subfolders, but for hidden files and tables that this command wrote.
    For nli, each row has a premise and a hypothesis; for relation, a row may have entities, or head and tail.
    A document that fails is reported at the end, with exit code 1; the others are written.
    """
    from tqdm import tqdm

    from ..annotating.files import annotate_documents
    from ..data.files import STDIN
    from ..data.texts import Columns, find_texts
    from ..documents.exports.tables import json_line
    from ..documents.exports.terminal import render_lines
    from ..pipelines import load_clinical
    from ..tasks import get_task

    files = find_texts(inputs)
    chosen = dict(options) | ({"assertion": True} if assertion else {})
    get_task(task).read_options(chosen)
    pipe = load_clinical(checkpoint, task, ner=ner, on_long=on_long, engine=engine, device=device, **chosen)  # type: ignore[arg-type]
    columns = Columns(text=text_column, id=id_column)
    written = [path for path in outputs if str(path) != STDIN]
    report, annotations = annotate_documents(
        pipe,
        files,
        columns,
        written,
        processes=processes,
        folders=[path for path in map(Path, inputs) if path.is_dir()],
        resume=resume,
        overwrite=overwrite,
    )
    to_terminal = show or (not outputs and sys.stdout.isatty())
    to_pipe = len(written) < len(outputs) or not (outputs or to_terminal)
    with tqdm(annotations, unit=" texts", disable=None, leave=False) as bar:
        for name, annotation in bar:
            if to_terminal:
                with tqdm.external_write_mode(file=sys.stdout):
                    click.echo(render_lines(name, annotation))
            if to_pipe:
                click.echo(json_line(name, annotation))
    resumed = f", {report.resumed} had been done before" if report.resumed else ""
    click.echo(f"{report.annotated} texts annotated{resumed}, {len(report.failures)} failed", err=True)
    for path in report.written:
        click.echo(f"wrote {path}", err=True)
    if written and not report.written:
        click.echo("the outputs are there already, from a run that was finished; nothing to do", err=True)
    for failure in report.failures:
        click.echo(f"{click.style('failed', fg='red')} {failure.id}: {failure.message}", err=True)
    if report.failures:
        ctx.exit(1)
