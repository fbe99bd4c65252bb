"""``nlpie evaluate``."""

from pathlib import Path

import click

RESULTS = Path("model_cards") / "results"


@click.command()
@click.argument("checkpoint", required=False)
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of the data set.")
@click.option("--split", "splits", multiple=True, default=("validation", "test"), show_default=True)
@click.option("--label-map", help="TOML, or name of a bundled map, from the data's labels to the model's.")
@click.option("--name", help="Name to file the results under; the checkpoint's by default.")
@click.option(
    "--results", type=click.Path(path_type=Path), default=RESULTS, show_default=True, help="Folder of results files."
)
@click.option(
    "--report",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Write the table of all results into this document, such as README.md.",
)
@click.option("--check", is_flag=True, help="With --report: change nothing, and fail if the table is stale.")
@click.pass_context
def evaluate(
    ctx: click.Context,
    checkpoint: str | None,
    data: Path | None,
    splits: tuple[str, ...],
    label_map: str | None,
    name: str | None,
    results: Path,
    report: Path | None,
    check: bool,
) -> None:
    r"""Score CHECKPOINT's named entities on labelled documents, or report what has been scored.

    \b
    nlpie evaluate open-small --data maccrobat2020 --label-map maccrobat2020
    nlpie evaluate --report README.md

    A span counts if its start, its end and its label are all right.
    """
    if checkpoint is None and report is None:
        raise click.UsageError("give a CHECKPOINT and --data to score, or --report to write the table")
    if checkpoint is not None:
        if data is None:
            raise click.UsageError("--data is missing: the folder with the <split>.jsonl[.gz] to score on")
        _score(checkpoint, data, splits, label_map, name, results)
    if report is not None:
        _report(ctx, results, report, check)


def _score(
    checkpoint: str, data: Path, splits: tuple[str, ...], label_map: str | None, name: str | None, results: Path
) -> None:
    from ..evaluation.ner import evaluate_ner
    from ..evaluation.results import write_result
    from ..pipelines import load_clinical

    pipe = load_clinical(checkpoint, "ner")
    name = name or (pipe.checkpoint.row.name if pipe.checkpoint.row else pipe.checkpoint.folder.name)
    for split in splits:
        row = evaluate_ner(pipe, data, split, label_map)
        write_result(results / f"{name}.json", name, row)
        for label, score in row["scores"].items():
            ratios = "  ".join(f"{key} {score[key]:.3f}" for key in ("precision", "recall", "f1"))
            click.echo(f"{data.name} {split:<11} {label:<10} {ratios}  ({score['gold']} gold)")


def _report(ctx: click.Context, results: Path, report: Path, check: bool) -> None:
    from ..evaluation.report import render_ner_table, replace_table

    old = report.read_text(encoding="utf-8")
    new = replace_table(old, "ner", render_ner_table(results.glob("*.json")))
    if check and new != old:
        click.echo(f"{report} is stale: run `nlpie evaluate --report {report}`", err=True)
        ctx.exit(1)
    if new != old:
        report.write_text(new, encoding="utf-8")
    click.echo(f"{report}: {'up to date' if new == old else 'written'}")
