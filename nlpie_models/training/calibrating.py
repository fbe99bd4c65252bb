"""The temperature of a head, fitted on validation data and kept in the weights of the head.

Dividing the last layer by the temperature divides the logits, so the pipelines of transformers and exported models
have the same calibrated scores as this package.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm

from ..data.labels import LabelMap, read_label_map
from ..data.rows import find_split, read_rows
from ..documents import Passage
from ..engines.torch import TorchEngine, default_device
from ..errors import DataError, NlpieError
from ..loading.models import load_model, load_tokenizer
from ..metrics.calibration import expected_calibration_error, fit_temperature
from ..pipelines import load_clinical
from ..tasks import get_task
from ..tasks.serving import find_serving, task_options
from ..util.files import write_whole
from .heads import head_layer, keep_options
from .labelled import LabelledRows, Validation

_BATCH = 32
Pairs = Iterable[tuple[float, bool]]


@dataclass(frozen=True)
class Calibration:
    """What a calibration has chosen, and the expected calibration error on validation before and after."""

    temperature: float
    error_before: float
    error_after: float


def calibrate_checkpoint(
    start: str | Path, tasks: Sequence[str], data: Path, *, output: Path, label_map: str | None = None
) -> Calibration:
    """Save a checkpoint with its logits divided by the temperature that fits validation rows, if that helps there.

    A fine-tuning does this for what it trains; this is for a checkpoint that exists already. Thresholds of
    probabilities are chosen anew.

    Args:
        start: Checkpoint with a head for the task: a name or a folder.
        tasks: Names of the tasks whose confidences are to fit: those that the head serves, such as ner and assertion.
        data: Folder of a data set with a validation split.
        output: Folder to write.
        label_map: TOML file, or name of a bundled one, from the data's labels to the model's.

    Raises:
        NlpieError: The checkpoint is an adapter or cannot be loaded, or the data cannot be read.
        DataError: A validation row has a label that the checkpoint lacks.
    """
    checkpoint = find_serving(start, get_task(tasks[0]))
    if checkpoint.base:
        raise NlpieError(f"{start} is an adapter: calibrate what `nlpie convert` makes of it")
    model = load_model(checkpoint, get_task(tasks[0]).auto_class)
    read = [_read_validation(start, task, model, data, label_map) for task in tasks]

    def confidences(temperature: float) -> list[list[tuple[float, bool]]]:
        return [pairs for rows, outputs in read for pairs in rows.confidences(outputs / temperature)]

    temperature = choose_temperature(confidences)
    divide_logits(model, temperature)
    for rows, outputs in read:
        if tuned := rows.tuned(outputs / temperature):
            keep_options(model.config, rows.task, task_options(checkpoint, rows.task) | tuned)
    with write_whole(output) as folder:
        model.save_pretrained(folder)
        load_tokenizer(checkpoint).save_pretrained(folder)
    before, after = (calibration_error(confidences(t)) for t in (1.0, temperature))
    return Calibration(temperature, before, after)


def _read_validation(
    start: str | Path, task: str, model: Any, data: Path, label_map: str | None
) -> tuple[Validation, np.ndarray]:
    """Return the validation rows of a task, and what the model says of their passages.

    Raises:
        DataError: A row has a label that the model lacks.
    """
    pipe = load_clinical(start, task)
    labels = LabelMap(read_label_map(label_map) if label_map else {})
    labelled = LabelledRows(*pipe.task.read_labelled(read_rows(find_split(data, "validation")), labels))
    if unexpected := set(pipe.task.labels_of(labelled.golds)) - set(pipe.head.labels):
        raise DataError(f"{data}: validation has labels that {start} lacks: {', '.join(sorted(unexpected))}")
    options = pipe.options
    if getattr(options, "threshold", None) is not None:
        options = replace(options, threshold="best")
    plans = [pipe.task.plan(row, pipe.reader, options) for row in labelled.rows]
    validation = Validation(pipe.task, labelled, plans, pipe.head, options)
    return validation, _run_examples(TorchEngine(model, pipe.task.output, device=default_device()), validation)


def _run_examples(engine: TorchEngine, validation: Validation) -> np.ndarray:
    """Return the model's output for each example, padded to the longest."""
    examples = list(validation.examples)
    outputs: list[np.ndarray] = []
    for start in tqdm(range(0, len(examples), _BATCH), unit=" batches", disable=None):
        batch = examples[start : start + _BATCH]
        outputs += engine.run([Passage(example["input_ids"], example.get("token_type_ids")) for example in batch])
    return pad_sequence([torch.from_numpy(output) for output in outputs], batch_first=True).numpy()


def choose_temperature(confidences: Callable[[float], Sequence[Pairs]]) -> float:
    """Return the temperature that fits the validation data best, or 1 if it would not help.

    It helps if a temperature that is fitted on every other document lowers the calibration error of the rest.

    Args:
        confidences: Function from a temperature to the confidences of each document's predictions, and whether they
            are correct.
    """
    documents = confidences(1.0)
    fitted_error = unfitted_error = 0.0
    for half in (0, 1):
        if not any(documents[half::2]):
            return 1.0
        fitted = _fit(confidences, slice(half, None, 2))
        fitted_error += calibration_error(confidences(fitted)[1 - half :: 2])
        unfitted_error += calibration_error(documents[1 - half :: 2])
    return _fit(confidences, slice(None)) if fitted_error < unfitted_error else 1.0


def _fit(confidences: Callable[[float], Sequence[Pairs]], documents: slice) -> float:
    return fit_temperature(lambda temperature: chain.from_iterable(confidences(temperature)[documents]))


def calibration_error(confidences: Iterable[Pairs]) -> float:
    """Return the expected calibration error over all documents."""
    pairs = list(chain.from_iterable(confidences))
    return expected_calibration_error([confidence for confidence, _ in pairs], [correct for _, correct in pairs])


def divide_logits(model: Any, temperature: float) -> None:
    """Divide the last layer of a model's head, and so its logits, by a temperature."""
    with torch.no_grad():
        for weight in head_layer(model).parameters():
            weight.div_(temperature)
