"""``nlpie evaluate``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..evaluation.cells import Cell

RESULTS = Path("model_cards") / "results"


@click.command()
@click.argument("checkpoints", nargs=-1, metavar="[CHECKPOINT]...")
@click.option("-t", "--task", default="ner", show_default=True, help="ner, relation, nli or classification.")
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the data set; with --suite, the folder that holds the sets.",
)
@click.option("--split", "splits", multiple=True, default=("validation", "test"), show_default=True)
@click.option("--label-map", help="TOML, or name of a bundled map, from the data's labels to the model's.")
@click.option(
    "--protocol",
    help="own-head (default), or subword: score entities on tags of sub-words, as published numbers are.",
)
@click.option("--baselines", is_flag=True, help="Also fit and score the majority class, and TF-IDF + regression.")
@click.option("--suite", help="open or clinical: fine-tune CHECKPOINT on each of its sets and score that.")
@click.option(
    "--budget",
    help="What the suite spends on a set: quick or full of open, clinical-quick or paper of clinical.  [default: the "
    "suite's first; quick for --compare]",
)
@click.option("--seed", "seeds", type=int, multiple=True, default=(1, 2, 3), show_default=True)
@click.option("--set", "sets", multiple=True, help="Only this set of the suite; may be repeated.")
@click.option(
    "--revision", help="With --suite and no --data: commit, branch or tag of the suite's repository on the Hub."
)
@click.option("--compare", is_flag=True, help="Compare two checkpoints by their results: differences with intervals.")
@click.option("--name", help="Name to file the results under; the checkpoint's by default.")
@click.option(
    "--results", type=click.Path(path_type=Path), default=RESULTS, show_default=True, help="Folder of results files."
)
@click.option(
    "--report",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Write the tables of all results into this document, such as README.md.",
)
@click.option("--check", is_flag=True, help="With --report: change nothing, and fail if a table is stale.")
@click.pass_context
def evaluate(
    ctx: click.Context,
    checkpoints: tuple[str, ...],
    task: str,
    data: Path | None,
    splits: tuple[str, ...],
    label_map: str | None,
    protocol: str | None,
    baselines: bool,
    suite: str | None,
    budget: str | None,
    seeds: tuple[int, ...],
    sets: tuple[str, ...],
    revision: str | None,
    compare: bool,
    name: str | None,
    results: Path,
    report: Path | None,
    check: bool,
) -> None:
    """Score CHECKPOINT, compare two, or report what has been scored.

    \b
    nlpie evaluate open-mini --data maccrobat2020 --label-map maccrobat2020     as it is
    nlpie evaluate open-mini --data i2b2-2010-ner --protocol subword            as published numbers are scored
    nlpie evaluate my-icn --task classification --data icn --baselines
    nlpie evaluate open-mini --suite open --data sets/                          fine-tuned on every set
    nlpie evaluate open-mini --suite open                                       on those that the Hub has
    nlpie evaluate open-mini --suite open --data sets/ --set icn --seed 1       one set, a few minutes
    nlpie evaluate open-base open-small --compare
    nlpie evaluate --report README.md

    Without --data, --suite open downloads the sets that may be passed on from its repository on the Hub, once.
    Suites choose on validation and score test once. What is finished is not run again: stop it whenever you like.
    An entity counts if its start, its end and its label are all right; not so by --protocol subword, whose numbers are
    not comparable. A data set is a folder of JSON lines, a row a
    line: text and entities (ner); text, head, tail and label (relation); premise, hypothesis and label (nli); text
    and label, or labels (classification).
    """
    if not checkpoints and report is None:
        raise click.UsageError("give a CHECKPOINT and --data to score, or --report to write the tables")
    if compare:
        _compare(checkpoints, results, protocol or budget or "quick")
    elif checkpoints:
        _refuse_faults(
            {
                "--name is for one CHECKPOINT": name and len(checkpoints) > 1,
                f"--name is for a folder and cannot be a path, got {name!r}": name and Path(name).name != name,
                "--protocol is for a CHECKPOINT as it is; a suite has its budgets": suite and protocol,
                "--revision is for --suite without --data": revision and (data or not suite),
                "--data is missing: the folder of the data set": not (suite or data),
            }
        )
        if suite:
            _run_suite(checkpoints, suite, budget, sets, seeds, data, revision, name, results)
        elif data:
            for checkpoint in checkpoints:
                _score(checkpoint, task, data, splits, label_map, protocol, baselines, name, results)
    if report is not None:
        _report(ctx, results, report, check)


def _refuse_faults(faults: Mapping[str, object]) -> None:
    for fault, holds in faults.items():
        if holds:
            raise click.UsageError(fault)


def _score(
    checkpoint: str,
    task: str,
    data: Path,
    splits: tuple[str, ...],
    label_map: str | None,
    protocol: str | None,
    baselines: bool,
    name: str | None,
    results: Path,
) -> None:
    from ..evaluation.cells import baseline_cells
    from ..evaluation.evaluate import evaluate_pipeline
    from ..evaluation.results import OWN_HEAD, Results, add_run, provenance
    from ..evaluation.suites import SuiteSet
    from ..pipelines import load_clinical

    data = data.absolute()  # "." has no name to file results under
    pipe = load_clinical(checkpoint, task)
    name = name or pipe.checkpoint.short_name
    metric = pipe.task.supervised().metric
    chosen = ["-t", pipe.task.name, "--data", f"DATA/{data.name}"]
    chosen += ["--label-map", Path(label_map).name] if label_map else []
    chosen += ["--protocol", protocol] if protocol else []
    for split in splits:
        run = evaluate_pipeline(pipe, data, split, label_map, protocol=protocol or OWN_HEAD)
        run |= provenance("nlpie", "evaluate", name, *chosen, "--split", split)
        add_run(results, Results(name, data.name, protocol or OWN_HEAD, pipe.task.name, metric, [run]))
        low, high = run["interval"]
        click.echo(f"{data.name} {split}: {metric} {run['scores'][metric]:.3f} ({low:.3f} to {high:.3f})")
        for label, score in run["scores"]["labels"].items():
            ratios = "  ".join(f"{key} {score[key]:.3f}" for key in ("precision", "recall", "f1"))
            click.echo(f"  {label:<28} {ratios}  ({score['gold']} gold)")
    if baselines:
        _run_cells(baseline_cells(data, SuiteSet(name=data.name, task=pipe.task.name, label_map=label_map)), results)


def _run_suite(
    checkpoints: Sequence[str],
    suite_name: str,
    budget_name: str | None,
    set_names: tuple[str, ...],
    seeds: Sequence[int],
    data: Path | None,
    revision: str | None,
    name: str | None,
    results: Path,
) -> None:
    from ..evaluation.baselines import BASELINES
    from ..evaluation.cells import Cell, baseline_cells, find_start
    from ..evaluation.suite_data import fetch_sets
    from ..evaluation.suites import read_suite

    suite = read_suite(suite_name)
    budget_name = budget_name or next(iter(suite.budgets))
    budget, chosen = suite.budget(budget_name), list(suite.choose(set_names))
    if data is None:
        wanted = [each.name for each in chosen]
        data, chosen = fetch_sets(suite, chosen, revision)
        if missing := sorted(set(wanted) - {each.name for each in chosen}):
            click.echo(
                f"left out, as {suite.repo} does not have them: {', '.join(missing)}; --data reads a folder", err=True
            )
    cells = [cell for each in chosen for cell in baseline_cells(data / each.name, each) if cell.name in checkpoints]
    cells += [
        Cell(name or find_start(start).short_name, start, data / each.name, each, budget_name, suite_name, budget, seed)
        for start in checkpoints
        if start not in BASELINES
        for seed in seeds
        for each in chosen
    ]
    _run_cells(cells, results)


def _run_cells(cells: "Sequence[Cell]", results: Path) -> None:
    """Run the cells that are not finished yet, and print the score of each."""
    from tqdm import tqdm

    from ..evaluation.cells import finished, run_cell

    waiting = [cell for cell in cells if not finished(cell, results)]
    if len(waiting) < len(cells):
        click.echo(f"{len(cells) - len(waiting)} of {len(cells)} are finished already")
    for cell in tqdm(waiting, unit=" cells", disable=None):
        run = run_cell(cell, results)
        low, high = run["interval"]
        seed = f" seed {cell.seed}" if cell.budget else ""
        score = f"{cell.metric} {run['scores'][cell.metric]:.3f} ({low:.3f} to {high:.3f})"
        tqdm.write(f"{cell.name} {cell.chosen.name} {cell.protocol}{seed}: {score}")


def _compare(checkpoints: tuple[str, ...], results: Path, budget: str) -> None:
    from ..evaluation.compare import compare_results

    if len(checkpoints) != 2:
        raise click.UsageError(f"--compare takes two checkpoints, got {len(checkpoints)}")
    click.echo(str(compare_results(*checkpoints, folder=results, protocol=budget)))


def _report(ctx: click.Context, results: Path, report: Path, check: bool) -> None:
    from ..evaluation.quality import FIGURE, draw_quality, is_current
    from ..evaluation.report import render_tables
    from ..files import write_whole

    old = report.read_text(encoding="utf-8")
    new = render_tables(old, results)
    figure = results.parent / FIGURE
    stale_figure = FIGURE in old and not is_current(figure, results)
    if check and (new != old or stale_figure):
        click.echo(f"{report} is stale: run `nlpie evaluate --report {report}`", err=True)
        ctx.exit(1)
    if new != old:
        with write_whole(report, overwrite=True) as temporary:
            temporary.write_text(new, encoding="utf-8")
    if stale_figure:
        draw_quality(results, figure)
    click.echo(f"{report}: {'written' if new != old or stale_figure else 'up to date'}")
