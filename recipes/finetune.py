"""Fine-tune a checkpoint for named entities, on hard labels alone or with the soft targets of teachers."""

import random
from pathlib import Path

import click

from nlpie_models.cli import FriendlyCommand
from nlpie_models.data.documents import read_texts
from nlpie_models.data.spans import read_label_map, read_span_documents
from nlpie_models.distillation import SoftTargets
from nlpie_models.training.finetuning import FinetuningArguments, finetune
from nlpie_models.training.precision import supports_bf16
from nlpie_models.training.starting import load_teachers, start_token_classifier
from nlpie_models.training.token_examples import TokenExamples, add_soft_targets, join_examples, tag_names

DEFAULTS = FinetuningArguments()
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command(cls=FriendlyCommand, context_settings={"show_default": True})
@click.option("--start", required=True, type=FOLDER, help="Checkpoint folder to start from.")
@click.option("--data", required=True, type=FOLDER, help="Folder with train and validation .jsonl[.gz].")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--label-map", help="TOML, or name of a bundled one, from the data's labels to the model's.")
@click.option("--prefer-map", help="Keep the data's labels, but let those in this map win where spans overlap.")
@click.option("--teacher", "teachers", multiple=True, type=FOLDER, help="Fine-tuned teacher; several are averaged.")
@click.option("--unlabelled", multiple=True, help="Files, globs or folders of texts that the teachers label.")
@click.option("--hard-weight", default=0.5, help="Weight of the hard labels beside the teachers' soft targets.")
@click.option("--unit", type=click.Choice(["sentence", "window"]), default="sentence", help="What an example is.")
@click.option("--size", default=256, help="Most tokens in an example.")
@click.option("--join", type=int, help="Join neighbouring examples, after the teachers, to up to this many tokens.")
@click.option("--window", default=256, help="Tokens that the finished pipeline reads together.")
@click.option("--epochs", default=DEFAULTS.epochs)
@click.option("--learning-rate", default=DEFAULTS.learning_rate)
@click.option("--batch", default=DEFAULTS.batch, help="Examples a step, over all processes.")
@click.option("--warmup", default=DEFAULTS.warmup, help="Share of the steps over which the rate rises.")
@click.option("--seed", default=DEFAULTS.seed)
@click.option("--resume", is_flag=True, help="Go on from the last finished epoch.")
def main(
    start: Path,
    data: Path,
    output: Path,
    label_map: str | None,
    prefer_map: str | None,
    teachers: tuple[Path, ...],
    unlabelled: tuple[str, ...],
    hard_weight: float,
    unit: str,
    size: int,
    join: int | None,
    window: int,
    epochs: float,
    learning_rate: float,
    batch: int,
    warmup: float,
    seed: int,
    resume: bool,
) -> None:
    """Fine-tune for named entities; the epoch with the best strict span F1 on validation is kept."""
    if unlabelled and not teachers:
        raise click.UsageError("--unlabelled needs a --teacher to label the texts")
    mapping = read_label_map(label_map) if label_map else _own_labels(data)
    prefer = read_label_map(prefer_map) if prefer_map else ()
    train = read_span_documents(data, "train", mapping, prefer=prefer)
    validation = read_span_documents(data, "validation", mapping, prefer=prefer)
    tags = tag_names(dict.fromkeys(mapping.values()))

    model, tokenizer = start_token_classifier(start, tags, window=window, seed=seed)
    examples = TokenExamples(tokenizer, tags, unit, size)
    training = list(examples.from_documents(train))
    if teachers:
        soft = SoftTargets(load_teachers(teachers, tokenizer), tags, mapping, bf16=supports_bf16())
        training = list(add_soft_targets(training, soft, labelled=True, hard_weight=hard_weight))
        training += add_soft_targets(list(examples.from_texts(read_texts(unlabelled))), soft, labelled=False)
    held_out = list(examples.from_documents(validation))
    if join:
        training = list(join_examples(training, join, rng=random.Random(seed)))
        held_out = list(join_examples(held_out, join))
    record = finetune(
        model,
        tokenizer,
        train=training,
        validation=held_out,
        output=output,
        arguments=FinetuningArguments(
            epochs=epochs, learning_rate=learning_rate, batch=batch, warmup=warmup, seed=seed
        ),
        resume=resume,
    )
    click.echo(f"{output}: strict span F1 {record['best_validation_f1']:.4f} on validation")


def _own_labels(data: Path) -> dict[str, str]:
    """Return the labels of the training split, each mapped to itself."""
    labels = sorted({label for document in read_span_documents(data, "train") for *_, label in document.spans})
    return {label: label for label in labels}


if __name__ == "__main__":
    main()
