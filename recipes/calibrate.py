"""Fit a trained checkpoint's temperature on validation, and keep it in the head's weights."""

from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm

from nlpie_models import load_clinical
from nlpie_models.checkpoint_files import load_tokenizer
from nlpie_models.cli import FriendlyCommand
from nlpie_models.data.labels import LabelMap, read_label_map
from nlpie_models.data.rows import find_split, read_rows
from nlpie_models.documents import Passage
from nlpie_models.errors import NlpieError
from nlpie_models.files import write_whole
from nlpie_models.pipelines import ClinicalPipeline
from nlpie_models.training.finetuning import Validation
from nlpie_models.training.starting import keep_options
from nlpie_models.training.temperature import calibration_error, choose_temperature, divide_logits

BATCH = 32


@click.command(cls=FriendlyCommand, context_settings={"show_default": True})
@click.option("--task", default="ner", help="ner, relation, nli or classification.")
@click.option("--start", required=True, help="Checkpoint with a head for the task: a folder, or a name.")
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--label-map", help="TOML, or name of a bundled one, from the data's labels to the model's.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
def main(task: str, start: str, data: Path, label_map: str | None, output: Path) -> None:
    """Divide a head's logits by the temperature that fits DATA's validation split, if that helps there.

    `finetune.py` does this for what it trains; this is for a checkpoint that is there already. Thresholds of
    probabilities are chosen anew.
    """
    pipe = load_clinical(start, task)
    if pipe.checkpoint.base:
        raise NlpieError(f"{start} is an adapter: calibrate what `nlpie convert` makes of it")
    labels = LabelMap(read_label_map(label_map) if label_map else {})
    rows, golds = pipe.task.read_labelled(read_rows(find_split(data, "validation")), labels)
    if strange := set(pipe.task.supervised().labels(golds)) - set(pipe.head.labels):
        raise NlpieError(f"{data}: validation has labels that {start} lacks: {', '.join(sorted(strange))}")
    options = pipe.options
    if getattr(options, "threshold", None) is not None:
        options = replace(options, threshold="best")
    plans = [pipe.task.plan(row, pipe.reader, options) for row in rows]
    validation = Validation(pipe.task, plans, golds, pipe.head, options)
    outputs = run_examples(pipe, validation)
    temperature = choose_temperature(lambda t: validation.confidences(outputs / t))
    divide_logits(pipe.engine.model, temperature)
    if tuned := validation.tuned(outputs / temperature):
        keep_options(pipe.engine.model.config, pipe.task, pipe.checkpoint.task_options(pipe.task) | tuned)
    with write_whole(output) as folder:
        pipe.engine.model.save_pretrained(folder)
        load_tokenizer(pipe.checkpoint).save_pretrained(folder)
    before, after = (calibration_error(validation.confidences(outputs / t)) for t in (1.0, temperature))
    click.echo(f"temperature {temperature}: calibration error on validation {before:.4f} before, {after:.4f} after")


def run_examples(pipe: ClinicalPipeline, validation: Validation) -> np.ndarray:
    """Return the model's output for each example, padded to the longest."""
    examples = list(validation.examples)
    outputs = []
    for start in tqdm(range(0, len(examples), BATCH), unit=" batches", disable=None):
        batch = examples[start : start + BATCH]
        outputs += pipe.engine.run([Passage(each["input_ids"], each.get("token_type_ids")) for each in batch])
    return pad_sequence([torch.from_numpy(output) for output in outputs], batch_first=True).numpy()


if __name__ == "__main__":
    main()
