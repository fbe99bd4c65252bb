"""``nlpie evaluate``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import LABELLED_DATA, RESULTS_OPTION, TASK_OPTION
from .tables import align

if TYPE_CHECKING:
    from ..evaluation.results import Run
    from ..evaluation.suite_runs import SuiteRun


@click.command()
@click.argument("checkpoints", nargs=-1, required=True, metavar="CHECKPOINT...")
@click.option(
    "--data",
    type=LABELLED_DATA,
    help="Folder of the data set, or data in the package: clinical_notes, clinical_nli; with --suite, the folder that "
    "holds the suite's data sets.",
)
@click.option("-t", "--task", default="ner", show_default=True, help="ner, assertion, relation, nli or classification.")
@click.option(
    "--split",
    "splits",
    multiple=True,
    default=("validation", "test"),
    show_default=True,
    help="Split to score; repeatable.",
)
@click.option("--label-map", help="TOML, or name of a bundled map, from the data's labels to the model's.")
@click.option(
    "--protocol",
    help="own-head (default); subword: score entities on tags of sub-words, as published numbers are; or from-text: "
    "score relations between the entities that are found in whole notes.",
)
@click.option(
    "-O",
    "--option",
    "options",
    type=TASK_OPTION,
    multiple=True,
    help="NAME=VALUE, an option of the task for a CHECKPOINT as it is, such as method=rules; repeatable.",
)
@click.option("--baselines", is_flag=True, help="Also fit and score the majority class, and TF-IDF + regression.")
@click.option("--suite", help="open or clinical: fine-tune CHECKPOINT on each data set of the suite, and score that.")
@click.option("--budget", help="What the suite spends on a data set.  [default: the suite's first]")
@click.option(
    "--seed",
    "seeds",
    type=int,
    multiple=True,
    default=(1, 2, 3),
    show_default=True,
    help="Seed of a run of --suite; repeatable.",
)
@click.option("--set", "sets", multiple=True, help="Only this data set of the suite; may be repeated.")
@click.option(
    "--revision", help="With --suite and no --data: commit, branch or tag of the suite's repository on the Hub."
)
@click.option("--name", help="Name to file the results under; the checkpoint's by default.")
@RESULTS_OPTION
def evaluate(
    checkpoints: tuple[str, ...],
    data: Path | None,
    task: str,
    splits: tuple[str, ...],
    label_map: str | None,
    protocol: str | None,
    options: tuple[tuple[str, Any], ...],
    baselines: bool,
    suite: str | None,
    budget: str | None,
    seeds: tuple[int, ...],
    sets: tuple[str, ...],
    revision: str | None,
    name: str | None,
    results: Path,
) -> None:
    """Score CHECKPOINT on labelled data, as it is or fine-tuned on the data sets of a suite.

    \b
    nlpie evaluate open-notes --data clinical_notes                              on data in the package
    nlpie evaluate open-notes --data maccrobat2020 --label-map maccrobat2020     as it is
    nlpie evaluate open-notes --data i2b2-2010-ner --protocol subword            as published numbers are scored
    nlpie evaluate my-relations -t relation --data clinical_notes --protocol from-text
    nlpie evaluate my-icn --task classification --data icn --baselines          beside two simple baselines
    nlpie evaluate open-notes --suite open                                       fine-tuned on every data set
    nlpie evaluate open-notes --suite open --data sets/ --set icn --seed 1       on one of them, a few minutes

    \b
    A data set is a folder of JSON lines, a file a split, a row a line:
    ner             text, entities (start, end, label)
    assertion       text, entities (start, end, label, assertion)
    relation        text, head, tail, label; or of a whole note text, entities, relations
    nli             premise, hypothesis, label
    classification  text, and label or labels

    A name of data in the package means that, and ./NAME a folder of that name.

    An entity is a true positive if its start, end and label are those of a gold entity; by overlap, if it shares a
    character with a gold entity of its label. --protocol subword scores tags of sub-words instead; its numbers do not
    compare with those.

    \b
    --suite open      ten open data sets; budgets: standard, full
    --suite clinical  the paper's data sets; budgets: clinical-quick, paper

    The best learning rate and epoch are chosen on validation, and test is scored once. Without --data, the sets of the
    open suite that the package lacks are downloaded from its repository on the Hub. Finished runs are not repeated, so
    stop whenever you like.

    `nlpie compare` compares checkpoints by their results, and `nlpie report` writes tables of them.
    """
    for fault, holds in (
        ("--data is missing: the folder of the data set", not (suite or data)),
        ("--name is for one CHECKPOINT", name and len(checkpoints) > 1),
        (f"--name is for a folder and cannot be a path, got {name!r}", name and Path(name).name != name),
        ("--revision is for --suite without --data", revision and (data or not suite)),
        ("--protocol is for a CHECKPOINT as it is; a suite has budgets", suite and protocol),
        ("-O is for a CHECKPOINT as it is; a suite states the options of its sets", suite and options),
    ):
        if holds:
            raise click.UsageError(fault)
    if suite:
        _run_suite(checkpoints, suite, budget, sets, seeds, data, revision, name, results)
    elif data:
        for checkpoint in checkpoints:
            _score(checkpoint, task, data.absolute(), splits, label_map, protocol, dict(options), name, results)
        if baselines:
            _run_baselines(data.absolute(), task, label_map, results)


def _score(
    checkpoint: str,
    task: str,
    data: Path,
    splits: tuple[str, ...],
    label_map: str | None,
    protocol: str | None,
    options: dict[str, Any],
    name: str | None,
    results: Path,
) -> None:
    from ..data.corpora import name_of_set, shown_path
    from ..evaluation.results import OWN_HEAD, Results, add_run
    from ..evaluation.score import evaluate_pipeline
    from ..pipelines import load_clinical

    pipe = load_clinical(checkpoint, task, **options)
    name = name or pipe.checkpoint.short_name
    metric = pipe.task.supervised().metric
    command = ["nlpie", "evaluate", name, "-t", pipe.task.name, "--data", shown_path(data)]
    command += ["--label-map", Path(label_map).name] if label_map else []
    command += ["--protocol", protocol] if protocol else []
    command += [word for option in options.items() for word in ("-O", "{}={}".format(*option))]
    protocol = protocol or OWN_HEAD
    dataset = name_of_set(data, pipe.task.name)
    for split in splits:
        asked = [*command, "--split", split]
        run = evaluate_pipeline(pipe, data, split, label_map, protocol=protocol, command=asked)
        add_run(results, Results(name, dataset, protocol, pipe.task.name, metric, (run,)))
        click.echo(f"{dataset} {split}: {_main_score(run, metric)}")
        rows = [["", "precision", "recall", "F1", "gold"]]
        rows += [
            [label, *(f"{score:.3f}" for score in (found.precision, found.recall, found.f1)), f"{found.gold:,}"]
            for label, found in run.labels.items()
        ]
        if "overlap_f1" in run.scores:
            overlap = (f"{run.scores[f'overlap_{name}']:.3f}" for name in ("precision", "recall", "f1"))
            rows.append(["all, by overlap", *overlap, f"{sum(found.gold for found in run.labels.values()):,}"])
        click.echo("\n".join(f"  {line}" for line in align(rows, right=range(1, 5))))


def _run_baselines(data: Path, task: str, label_map: str | None, results: Path) -> None:
    from ..data.corpora import name_of_set
    from ..evaluation.suite_runs import baseline_runs
    from ..evaluation.suites import SuiteSet
    from ..tasks import get_task

    task = get_task(task).name
    dataset = SuiteSet(name=name_of_set(data, task), task=task, label_map=label_map)
    _perform(baseline_runs(data, dataset), results)


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
    from ..evaluation.suite_runs import SuiteRun, baseline_runs
    from ..evaluation.suites import locate_sets, read_suite
    from ..loading.find import find_checkpoint

    suite = read_suite(suite_name)
    budget_name = budget_name or suite.default_budget
    budget, chosen = suite.budget(budget_name), suite.choose(set_names)
    located = locate_sets(suite, chosen, data, revision)
    if missing := sorted({dataset.name for dataset in chosen} - {dataset.name for dataset, _ in located}):
        click.echo(f"left out, as {suite.repo} has no {', '.join(missing)}; --data reads a folder", err=True)
    planned = [run for dataset, folder in located for run in baseline_runs(folder, dataset) if run.name in checkpoints]
    for start in checkpoints:
        if start not in BASELINES:
            filed = name or find_checkpoint(start).short_name
            planned += [
                SuiteRun(filed, start, folder, dataset, budget_name, suite_name, budget, seed)
                for seed in seeds
                for dataset, folder in located
            ]
    _perform(planned, results)


def _perform(planned: "Sequence[SuiteRun]", results: Path) -> None:
    """Perform the runs that are not finished yet, and print the score of each."""
    from tqdm import tqdm

    from ..evaluation.suite_runs import is_finished, perform

    waiting = [run for run in planned if not is_finished(run, results)]
    if len(waiting) < len(planned):
        click.echo(f"{len(planned) - len(waiting)} of {len(planned)} are finished already")
    for plan in tqdm(waiting, unit=" runs", disable=None):
        run = perform(plan, results)
        seed = f" seed {plan.seed}" if plan.budget else ""
        tqdm.write(f"{plan.name} {plan.dataset.name} {plan.protocol}{seed}: {_main_score(run, plan.metric)}")


def _main_score(run: "Run", metric: str) -> str:
    low, high = run.interval
    return f"{metric} {run.scores[metric]:.3f} ({low:.3f} to {high:.3f})"
