"""``nlpie evaluate``."""

from pathlib import Path

import click

RESULTS = Path("model_cards") / "results"


@click.command()
@click.argument("checkpoint", required=False)
@click.option("-t", "--task", default="ner", show_default=True, help="ner, relation, nli or classification.")
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of the data set.")
@click.option("--split", "splits", multiple=True, default=("validation", "test"), show_default=True)
@click.option("--label-map", help="TOML, or name of a bundled map, from the data's labels to the model's.")
@click.option("--baselines", is_flag=True, help="Also fit and score the majority class, and TF-IDF + regression.")
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
    task: str,
    data: Path | None,
    splits: tuple[str, ...],
    label_map: str | None,
    baselines: bool,
    name: str | None,
    results: Path,
    report: Path | None,
    check: bool,
) -> None:
    r"""Score CHECKPOINT on labelled documents, or report what has been scored.

    \b
    nlpie evaluate open-small --data maccrobat2020 --label-map maccrobat2020
    nlpie evaluate my-icn --task classification --data icn --split test --baselines
    nlpie evaluate --report README.md

    An entity counts if its start, its end and its label are all right. DATA holds JSON lines with a document each:
    text and entities (ner); text, head, tail and label (relation); premise, hypothesis and label (nli); text and
    label, or labels (classification).
    """
    if checkpoint is None and report is None:
        raise click.UsageError("give a CHECKPOINT and --data to score, or --report to write the table")
    if checkpoint is not None:
        if data is None:
            raise click.UsageError("--data is missing: the folder with the <split>.jsonl[.gz] to score on")
        _score(checkpoint, task, data, splits, label_map, baselines, name, results)
    if report is not None:
        _report(ctx, results, report, check)


def _score(
    checkpoint: str,
    task: str,
    data: Path,
    splits: tuple[str, ...],
    label_map: str | None,
    baselines: bool,
    name: str | None,
    results: Path,
) -> None:
    from ..evaluation.evaluate import evaluate_pipeline
    from ..evaluation.results import write_result
    from ..pipelines import load_clinical

    pipe = load_clinical(checkpoint, task)
    name = name or (pipe.checkpoint.row.name if pipe.checkpoint.row else pipe.checkpoint.folder.name)
    for split in splits:
        row = evaluate_pipeline(pipe, data, split, label_map, baselines=baselines)
        write_result(results / f"{name}.json", name, row)
        low, high = row["interval"]
        click.echo(f"{data.name} {split}: {row['metric']} {row['scores'][row['metric']]:.3f} ({low:.3f} to {high:.3f})")
        for label, score in row["scores"]["labels"].items():
            ratios = "  ".join(f"{key} {score[key]:.3f}" for key in ("precision", "recall", "f1"))
            click.echo(f"  {label:<28} {ratios}  ({score['gold']} gold)")
        for baseline, scores in row.get("baselines", {}).items():
            click.echo(f"  {baseline}: {row['metric']} {scores[row['metric']]:.3f}")


def _report(ctx: click.Context, results: Path, report: Path, check: bool) -> None:
    from ..evaluation.report import render_ner_table, render_task_table, replace_table
    from ..files import write_whole

    old = report.read_text(encoding="utf-8")
    files = list(results.glob("*.json"))
    new = replace_table(old, "ner", render_ner_table(files))
    new = replace_table(new, "tasks", render_task_table(files))
    if check and new != old:
        click.echo(f"{report} is stale: run `nlpie evaluate --report {report}`", err=True)
        ctx.exit(1)
    if new != old:
        with write_whole(report, overwrite=True) as temporary:
            temporary.write_text(new, encoding="utf-8")
    click.echo(f"{report}: {'up to date' if new == old else 'written'}")
