"""``nlpie annotate``."""

import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import TASK_OPTION

if TYPE_CHECKING:
    from ..documents import Annotation


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
    help="ner, relation, nli, classification, embedding or fill-mask.",
)
@click.option("--ner", help="For relations: the checkpoint that finds the entities of texts that come without.")
@click.option("--assertion", is_flag=True, help="Mark entities as negated, uncertain, historical, family, conditional.")
@click.option(
    "-O",
    "--option",
    "options",
    type=TASK_OPTION,
    multiple=True,
    help="NAME=VALUE, an option of the task, such as pooling=max; may be given several times.",
)
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Where to write: .jsonl, .csv, .parquet or .html, or a folder for BRAT. May be given several times. "
    "Without it, entities are shown on a terminal and written as JSON lines into a pipe.",
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
@click.option("--device", help="torch device, such as cpu or cuda:1.")
@click.option("--resume", is_flag=True, help="Go on where an interrupted run with the same output stopped.")
@click.option("--overwrite", is_flag=True, help="Replace outputs that exist.")
@click.option("--show", is_flag=True, help="Show the entities even if they are written to files.")
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
    device: str | None,
    resume: bool,
    overwrite: bool,
    show: bool,
) -> None:
    """Annotate INPUTS: files, globs, folders (.txt, .jsonl, .csv, .parquet), or - for standard input.

    \b
    nlpie annotate note.txt
    nlpie annotate notes/ -o entities.jsonl -o entities.html
    nlpie annotate notes.csv --text-column note -o entities.parquet --resume
    nlpie annotate notes/ --assertion -o entities.html
    nlpie annotate notes/ --task relation -c my-relations --ner open-mini -o relations.csv
    nlpie annotate pairs.jsonl --task nli -c my-nli -o labels.csv

    For nli, each row has a premise and a hypothesis; for relation, a row may have its own entities, or head and tail.
    A document that fails is reported at the end, with exit code 1; the others are written.
    """
    from tqdm import tqdm

    from ..batch import annotate_documents
    from ..data.documents import Columns, find_files
    from ..documents.exports import json_line
    from ..pipelines import load_clinical
    from ..tasks import get_task

    files = find_files(inputs)
    chosen = dict(options) | ({"assertion": True} if assertion else {})
    get_task(task).read_options(chosen)
    pipe = load_clinical(checkpoint, task, ner=ner, on_long=on_long, device=device, **chosen)  # type: ignore[arg-type]
    columns = Columns(text=text_column, id=id_column)
    report, annotations = annotate_documents(pipe, files, columns, outputs, resume=resume, overwrite=overwrite)
    to_terminal = show or (not outputs and sys.stdout.isatty())
    with tqdm(annotations, unit=" texts", disable=None, leave=False) as bar:
        for name, annotation in bar:
            if to_terminal:
                with tqdm.external_write_mode(file=sys.stdout):
                    click.echo(_render(name, annotation))
            elif not outputs:
                click.echo(json_line(name, annotation))
    resumed = f", {report.resumed} had been done before" if report.resumed else ""
    click.echo(f"{report.annotated} texts annotated{resumed}, {len(report.failures)} failed", err=True)
    for path in report.written:
        click.echo(f"wrote {path}", err=True)
    if outputs and not report.written:
        click.echo("the outputs are there already, from a run that was finished; nothing to do", err=True)
    for failure in report.failures:
        click.echo(f"{click.style('failed', fg='red')} {failure.id}: {failure.message}", err=True)
    if report.failures:
        ctx.exit(1)


def _render(name: str, annotation: "Annotation") -> str:
    """Return an annotation as lines for a terminal: what was read, then the entities under their labels."""
    from ..documents.colours import label_terminal_colour

    coverage = annotation.coverage
    lines = [
        click.style(name, bold=True)
        + click.style(
            f"  {coverage.characters:,} characters, {coverage.tokens:,} tokens in {coverage.windows} windows", dim=True
        )
    ]
    by_label: dict[str, Counter[str]] = defaultdict(Counter)
    for entity in annotation.entities:
        note = f" [{entity.assertion}]" if entity.assertion else ""
        by_label[entity.label][_printable(entity.text) + note] += 1
    for label in sorted(by_label):
        colour = label_terminal_colour(label)
        found = ", ".join(text if count == 1 else f"{text} ({count})" for text, count in by_label[label].items())
        lines.append(f"  {click.style(label, fg=colour, bold=True)}  {click.style(found, fg=colour)}")
    for relation in annotation.relations:
        ends = (_printable(relation.head.text), _printable(relation.tail.text))
        lines.append(f"  {ends[0]} -- {click.style(relation.label, bold=True)} {relation.score:.2f} -> {ends[1]}")
    if annotation.classification is not None:
        for label, score in sorted(annotation.scores.items(), key=lambda item: -item[1]):
            lines.append(f"  {score:.2f}  {click.style(label, bold=label in annotation.labels)}")
    for mask in annotation.masks:
        best = ", ".join(f"{candidate.text} {candidate.score:.2f}" for candidate in mask.candidates)
        lines.append(f"  {mask.start}-{mask.end}  {best}")
    if annotation.embedding is not None:
        lines.append(f"  vector of {len(annotation.embedding)}, norm {(annotation.embedding**2).sum() ** 0.5:.2f}")
    return "\n".join([*lines, ""])


def _printable(text: str) -> str:
    """Put a span on one line and disarm control characters, which a terminal would obey."""
    return "".join(char if char.isprintable() else "\ufffd" for char in " ".join(text.split()))
