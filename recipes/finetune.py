"""Fine-tune a checkpoint for a task, on hard labels alone or, for named entities, with soft targets of teachers."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import click

from nlpie_models.checkpoint_files import find_checkpoint
from nlpie_models.cli import FriendlyCommand
from nlpie_models.cli.options import TASK_OPTION
from nlpie_models.data.documents import read_texts
from nlpie_models.data.labels import LabelMap, read_label_map
from nlpie_models.distillation import SoftTargets
from nlpie_models.documents import Encoder, Reader
from nlpie_models.documents.reading import Unit, default_overlap
from nlpie_models.tasks import Head, get_task
from nlpie_models.training.examples import add_soft_targets, join_examples
from nlpie_models.training.finetuning import FinetuningArguments, finetune
from nlpie_models.training.labelled import read_labelled_data
from nlpie_models.training.precision import supports_bf16
from nlpie_models.training.starting import Tune, load_teachers, start_model

DEFAULTS = FinetuningArguments()
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command(cls=FriendlyCommand, context_settings={"show_default": True})
@click.option("--task", "task_name", default="ner", help="ner, relation, nli or classification.")
@click.option("--start", required=True, help="Checkpoint to start from: a folder, or a name from `nlpie list`.")
@click.option("--data", required=True, type=FOLDER, help="Folder with train and validation .jsonl[.gz].")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--label-map", help="TOML, or name of a bundled one, from the data's labels to the model's.")
@click.option("--prefer-map", help="Keep the data's labels, but let those in this map win where spans overlap.")
@click.option("--teacher", "teachers", multiple=True, type=FOLDER, help="Fine-tuned teacher; several are averaged.")
@click.option("--unlabelled", multiple=True, help="Files, globs or folders of texts that the teachers label.")
@click.option("--hard-weight", default=0.5, help="Weight of the hard labels beside the teachers' soft targets.")
@click.option(
    "--unit",
    type=click.Choice(get_args(Unit)),
    default="sentence",
    help="What an example is for named entities; the pipeline will read the same, or windows after --join.",
)
@click.option("--size", type=int, help="Most tokens in an example; --window by default.")
@click.option("--join", type=int, help="Join neighbouring examples, after the teachers, to up to this many tokens.")
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
    unlabelled: tuple[str, ...],
    hard_weight: float,
    unit: Unit,
    size: int | None,
    join: int | None,
    window: int,
    options: tuple[tuple[str, Any], ...],
    tune: Tune,
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
    if teachers and task.name != "ner":
        raise click.UsageError("--teacher is for named entities")
    if unlabelled and not teachers:
        raise click.UsageError("--unlabelled needs a --teacher to label the texts")
    names = read_label_map(label_map) if label_map else {}
    prefer = read_label_map(prefer_map) if prefer_map else ()
    chosen = dict(options) | ({"unit": "window" if join else unit} if task.name == "ner" else {})
    labelled = read_labelled_data(task, data, LabelMap(names, prefer), chosen)

    checkpoint = find_checkpoint(start, get_task("embedding"), None)
    model, tokenizer = start_model(checkpoint, labelled.head(window), seed=seed, tune=tune)
    encoder = Encoder(tokenizer.backend_tokenizer)
    reader = Reader(encoder, tokenizer.cls_token_id, tokenizer.sep_token_id, size or window)
    short = {"unit": unit} if join else {}
    training = labelled.training_examples(reader, **short)
    if teachers:
        soft = SoftTargets(load_teachers(teachers, tokenizer), labelled.labels, names or None, bf16=supports_bf16())
        training = list(add_soft_targets(training, soft, labelled=True, hard_weight=hard_weight))
        texts = labelled.unlabelled_examples(read_texts(unlabelled), reader, **short)
        training += add_soft_targets(texts, soft, labelled=False)
    if join:
        training = list(join_examples(training, join, rng=random.Random(seed)))
    record = finetune(
        model,
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
        resume=resume,
    )
    click.echo(f"{output}: {record['metric']} {record['best_on_validation']:.4f} on validation")


if __name__ == "__main__":
    main()
