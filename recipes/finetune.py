"""Fine-tune a checkpoint for a task, on its labels alone or beside fine-tuned teachers."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

import click

from nlpie_models.architectures.minialbert import ClassifierPooling
from nlpie_models.checkpoint_files import find_checkpoint
from nlpie_models.cli import FriendlyCommand
from nlpie_models.cli.options import TASK_OPTION
from nlpie_models.data.documents import read_texts
from nlpie_models.data.labels import LabelMap, read_label_map
from nlpie_models.distillation import SoftTargets
from nlpie_models.documents import Encoder, Reader
from nlpie_models.documents.reading import Unit, default_overlap
from nlpie_models.tasks import SEQUENCES, Head, Task, get_task
from nlpie_models.training.distilling import make_task_pair
from nlpie_models.training.examples import add_soft_targets, join_examples
from nlpie_models.training.finetuning import FinetuningArguments, finetune
from nlpie_models.training.labelled import read_labelled_data
from nlpie_models.training.precision import supports_bf16
from nlpie_models.training.probing import start_from_probe
from nlpie_models.training.starting import Tune, load_teachers, start_model

DEFAULTS = FinetuningArguments()
HARD_WEIGHT = 0.5
Teaching = Literal["soft-targets", "task"]
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command(cls=FriendlyCommand, context_settings={"show_default": True})
@click.option("--task", "task_name", default="ner", help="ner, relation, nli or classification.")
@click.option("--start", required=True, help="Checkpoint to start from: a folder, or a name from `nlpie list`.")
@click.option("--data", required=True, type=FOLDER, help="Folder with train and validation .jsonl[.gz].")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--label-map", help="TOML, or name of a bundled one, from the data's labels to the model's.")
@click.option("--prefer-map", help="Keep the data's labels, but let those in this map win where spans overlap.")
@click.option("--teacher", "teachers", multiple=True, type=FOLDER, help="Teacher that is fine-tuned for the task.")
@click.option(
    "--objective",
    type=click.Choice(get_args(Teaching)),
    help="What is learnt from it: soft-targets, the mean of several teachers for named entities, computed once; or "
    "task, the soft targets and hidden states of one, asked at every step. [default: soft-targets for ner, else task]",
)
@click.option(
    "--objective-option", "objective_options", type=TASK_OPTION, multiple=True, help="NAME=VALUE for task, as hidden=0."
)
@click.option("--unlabelled", multiple=True, help="Files, globs or folders of texts that the teachers label.")
@click.option("--hard-weight", type=float, help=f"Weight of the labels beside soft-targets.  [default: {HARD_WEIGHT}]")
@click.option(
    "--unit",
    type=click.Choice(get_args(Unit)),
    default="sentence",
    help="What an example is for named entities; the pipeline will read the same, or windows after --join.",
)
@click.option("--size", type=int, help="Most tokens in an example; --window by default.")
@click.option("--join", type=int, help="Join neighbouring examples, after soft-targets, to up to this many tokens.")
@click.option("--window", default=256, help="Tokens that the finished pipeline reads together.")
@click.option(
    "-O", "--option", "options", type=TASK_OPTION, multiple=True, help="NAME=VALUE, an option of the task to keep."
)
@click.option(
    "--tune",
    type=click.Choice(get_args(Tune)),
    default="all",
    help="Train all; or only the layers, the last one, or the adapters (MiniALBERT), with the head, and save these.",
)
@click.option(
    "--classifier-pooling",
    type=click.Choice(get_args(ClassifierPooling)),
    help="What a head of a MiniALBERT for whole texts reads: the first token, the mean, or both means of a pair with "
    "their distance and product.  [default: as --start says]",
)
@click.option(
    "--probe",
    is_flag=True,
    help="Start the head as a linear probe: the logistic regression on what the model gives before it is trained. For "
    "relation, nli and classification; helps where most rows have one label.",
)
@click.option("--epochs", default=DEFAULTS.epochs)
@click.option("--learning-rate", default=DEFAULTS.learning_rate)
@click.option("--batch", default=DEFAULTS.batch, help="Examples a step, over all processes.")
@click.option("--warmup", default=DEFAULTS.warmup, help="Share of the steps over which the rate rises.")
@click.option("--seed", default=DEFAULTS.seed)
@click.option("--resume", is_flag=True, help="Go on from the last finished epoch.")
def main(
    task_name: str,
    start: str,
    data: Path,
    output: Path,
    label_map: str | None,
    prefer_map: str | None,
    teachers: tuple[Path, ...],
    objective: Teaching | None,
    objective_options: tuple[tuple[str, Any], ...],
    unlabelled: tuple[str, ...],
    hard_weight: float | None,
    unit: Unit,
    size: int | None,
    join: int | None,
    window: int,
    options: tuple[tuple[str, Any], ...],
    tune: Tune,
    classifier_pooling: ClassifierPooling | None,
    probe: bool,
    epochs: float,
    learning_rate: float,
    batch: int,
    warmup: float,
    seed: int,
    resume: bool,
) -> None:
    """Fine-tune for a task; the epoch that is best on validation is kept.

    Best means strict span F1 for named entities, accuracy for inference, macro F1 for relations and classification.
    """
    task = get_task(task_name)
    if classifier_pooling and task.auto_class != SEQUENCES:
        raise click.UsageError(f"--classifier-pooling is for heads of whole texts, and {task.name} labels tokens")
    soft_only = bool(unlabelled) or hard_weight is not None
    teaching = _choose_teaching(task, teachers, objective, soft_only=soft_only, task_only=bool(objective_options))
    if probe and task.auto_class != SEQUENCES:
        raise click.UsageError(f"--probe is for heads of whole texts, and {task.name} labels tokens; leave it out")
    names = read_label_map(label_map) if label_map else {}
    prefer = read_label_map(prefer_map) if prefer_map else ()
    chosen = dict(options) | ({"unit": "window" if join else unit} if task.name == "ner" else {})
    labelled = read_labelled_data(task, data, LabelMap(names, prefer), chosen)

    checkpoint = find_checkpoint(start, get_task("embedding"), None)
    head = replace(labelled.head(window), classifier_pooling=classifier_pooling)
    model, tokenizer = start_model(checkpoint, head, seed=seed, tune=tune)
    encoder = Encoder(tokenizer.backend_tokenizer)
    reader = Reader(encoder, tokenizer.cls_token_id, tokenizer.sep_token_id, size or window)
    short = {"unit": unit} if join else {}
    training = labelled.training_examples(reader, **short)
    if probe:
        start_from_probe(model, training, pad_token_id=tokenizer.pad_token_id)
    teacher_models = load_teachers(teachers, task, student=checkpoint.name, tokenizer=tokenizer)
    if teaching == "soft-targets":
        soft = SoftTargets(teacher_models, labelled.labels, names or None, bf16=supports_bf16())
        weight = HARD_WEIGHT if hard_weight is None else hard_weight
        training = list(add_soft_targets(training, soft, labelled=True, hard_weight=weight))
        texts = labelled.unlabelled_examples(read_texts(unlabelled), reader, **short)
        training += add_soft_targets(texts, soft, labelled=False)
    if join:
        training = list(join_examples(training, join, rng=random.Random(seed)))
    trained, facts = model, {}
    if teaching == "task":
        trained = make_task_pair(model, *teacher_models, dict(objective_options), seed=seed)
        said = {"name": teaching, **dict(objective_options), "weights": trained.objective.weights}
        facts = {"teacher": teachers[0].name, "objective": said}
    record = finetune(
        trained,
        tokenizer,
        train=training,
        validation=labelled.validation_plans(
            replace(reader, window=window, overlap=default_overlap(window)), Head.of(model.config, tokenizer)
        ),
        output=output,
        arguments=FinetuningArguments(
            epochs=epochs, learning_rate=learning_rate, batch=batch, warmup=warmup, seed=seed
        ),
        adapter_of=None if tune == "all" else checkpoint,
        facts=facts,
        resume=resume,
    )
    click.echo(f"{output}: {record['metric']} {record['best_on_validation']:.4f} on validation")


def _choose_teaching(
    task: Task, teachers: tuple[Path, ...], given: Teaching | None, *, soft_only: bool, task_only: bool
) -> Teaching | None:
    """Return what is learnt from the teachers, if there are any, and refuse options that do not go with it."""
    if not teachers:
        if given or soft_only or task_only:
            raise click.UsageError("--objective, --objective-option, --unlabelled and --hard-weight need a --teacher")
        return None
    teaching: Teaching = given or ("soft-targets" if task.name == "ner" else "task")
    if teaching == "soft-targets":
        if task.name != "ner":
            raise click.UsageError(f"soft-targets are for named entities; --objective task is for {task.name} as well")
        if task_only:
            raise click.UsageError("--objective-option goes with --objective task")
    elif soft_only:
        raise click.UsageError("--unlabelled and --hard-weight go with soft-targets, for named entities")
    elif len(teachers) > 1:
        raise click.UsageError(f"--objective task asks one --teacher, got {len(teachers)}; soft-targets take several")
    return teaching


if __name__ == "__main__":
    main()
