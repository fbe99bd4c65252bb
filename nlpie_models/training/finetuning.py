"""Fine-tuning a checkpoint for a task with the HF Trainer: the epoch that is best on validation is kept."""

import json
import os
import random
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedModel, Trainer, TrainingArguments

from ..distillation.losses import token_cross_entropy
from ..distillation.soft_targets import SoftTargets
from ..distillation.trainer import DistillationTrainer, Pair
from ..documents import Reader
from ..documents.reading import default_overlap
from ..errors import NlpieError
from ..loading.adapters import save_adapter
from ..loading.find import find_checkpoint, open_folder
from ..loading.local import LocalCheckpoint
from ..pipelines import ClinicalPipeline, load_clinical
from ..recipes import FinetuningArguments, Teaching
from ..tasks import SEQUENCES, TOKENS, Head, Task, get_task
from ..util.files import write_whole
from ..util.toml import read_table
from .calibrating import choose_temperature, divide_logits
from .distilling import make_task_pair
from .examples import add_soft_targets, collate, join_examples
from .heads import keep_options, load_teachers, start_model
from .labelled import LabelledData, Validation, take_labelled_data
from .probing import start_from_probe
from .runs import RunOutput, runs_folder, supports_bf16
from .target_store import TargetStore

_HARD_WEIGHT = 0.5


def finetune(
    start: str | os.PathLike[str],
    rows: Any,
    *,
    task: str,
    validation: Any = None,
    output: str | os.PathLike[str] | None = None,
    **arguments: Any,
) -> ClinicalPipeline:
    """Fine-tune a checkpoint for a task and return the pipeline that runs it.

    Args:
        start: Checkpoint to start from: a name or alias (see ``nlpie list``), a Hub id, or a local folder.
        rows: Labelled rows: a list of mappings, a ``datasets.Dataset``, or a pandas or polars data frame. Each row
            holds, by task:

            - ``ner``: ``text``, and ``entities``, a list of ``{"start": 0, "end": 7, "label": "drug"}``;
            - ``classification``: ``text``, and ``label``, or ``labels``, a list of independent labels;
            - ``nli``: ``premise``, ``hypothesis`` and ``label``;
            - ``relation``: ``text``, ``head`` and ``tail`` (each ``{"start": 0, "end": 7, "type": "drug"}``), and
              ``label``.
        task: Name of the task.
        validation: Labelled rows by which the best epoch is chosen; by default a tenth of the texts is held out of
            ``rows``.
        output: Folder to write the checkpoint to; by default a temporary one that is removed with the pipeline.
        **arguments: Hyper-parameters, the fields of :class:`nlpie_models.recipes.FinetuningArguments`, such as
            ``epochs=3`` or ``learning_rate=5e-5``.

    Raises:
        NlpieError: A row is not in the task's layout, the checkpoint cannot be found or fine-tuned so, the output
            exists already, or an argument is unknown.

    Example:
        >>> from nlpie_models import finetune
        >>> rows = [{"text": "He denies pain.", "label": "absent"}, {"text": "Severe pain.", "label": "present"}]
        >>> pipe = finetune("open-small", rows, task="classification", epochs=1)
        >>> pipe("He has pain.").label in ("absent", "present")
        True
    """
    settings = read_table(FinetuningArguments, arguments, "finetune")
    data = take_labelled_data(get_task(task), rows, validation, settings)
    if output is not None:
        finetune_checkpoint(find_checkpoint(start), data, settings, output=RunOutput(Path(output)))
        return load_clinical(Path(output), task)
    temporary = Path(tempfile.mkdtemp(prefix="nlpie-finetune-"))
    try:
        finetune_checkpoint(find_checkpoint(start), data, settings, output=RunOutput(temporary / "model"))
        shutil.rmtree(runs_folder(temporary / "model"))
        pipeline = load_clinical(temporary / "model", task)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    weakref.finalize(pipeline, shutil.rmtree, temporary, ignore_errors=True)
    return pipeline


def finetune_checkpoint(
    start: LocalCheckpoint,
    data: LabelledData,
    arguments: FinetuningArguments,
    *,
    output: RunOutput,
    teachers: Sequence[Path] = (),
    unlabelled: Iterable[str] = (),
    kept_targets: Path | None = None,
) -> dict[str, Any]:
    """Fine-tune a checkpoint on labelled data, beside fine-tuned teachers if there are any, and save it.

    Args:
        start: Where it starts.
        data: The labelled rows.
        arguments: The hyper-parameters.
        output: Where to write.
        teachers: Folders of checkpoints that are fine-tuned for the task.
        unlabelled: Texts that the teachers label; for soft targets. Those that are among the rows are left out.
        kept_targets: File that keeps the soft targets, so that another run need not ask the teachers again.

    Returns:
        The record; see :func:`train_for_task`.

    Raises:
        NlpieError: Arguments do not go together or not with the task, start and teachers do not go together, or as
            :func:`train_for_task`.
    """
    task = data.task
    known = {row[task.inputs[0]] for part in (data.train, data.validation) for row in part.rows}
    unlabelled = [text for text in unlabelled if text not in known]
    teaching = check_arguments(task, arguments, teachers=len(teachers), unlabelled=bool(unlabelled))
    if arguments.augment:
        data = data.augmented(arguments.augment, arguments.seed)
    model, tokenizer = start_model(start, data.head(arguments), seed=arguments.seed, tune=arguments.tune)
    make_reader = partial(Reader.of, tokenizer, reads_special_tokens=task.reads_special_tokens)
    reader = make_reader(arguments.size or arguments.window)
    unit = {"unit": arguments.unit} if arguments.join else {}
    examples = _draw(data.training_examples(reader, **unit), arguments)
    if arguments.probe:
        start_from_probe(model, examples, pad_token_id=tokenizer.pad_token_id)
    teacher_models = load_teachers(teachers, task, student=start.name, tokenizer=tokenizer)
    if teaching == "soft-targets":
        soft = SoftTargets(teacher_models, data.labels, data.label_map.names or None, bf16=supports_bf16())
        weight = _HARD_WEIGHT if arguments.hard_weight is None else arguments.hard_weight
        weights = [open_folder(path).weights for path in teachers]
        store = TargetStore(kept_targets, weights, data.labels) if kept_targets else None
        examples = list(add_soft_targets(examples, soft, labelled=True, hard_weight=weight, store=store))
        texts = data.unlabelled_examples(unlabelled, reader, **unit)
        examples += add_soft_targets(texts, soft, labelled=False, store=store)
    if arguments.join:
        examples = list(join_examples(examples, arguments.join, rng=random.Random(arguments.seed)))
    trained: PreTrainedModel | Pair = model
    facts: dict[str, Any] = {}
    if teaching == "task":
        trained = make_task_pair(model, teacher_models[0], arguments.objective_options, seed=arguments.seed)
        objective = {"name": teaching, **arguments.objective_options, "weights": trained.objective.weights}
        facts = {"teacher": teachers[0].name, "objective": objective}
    return train_for_task(
        trained,
        tokenizer,
        train=examples,
        validation=data.validation_rows(
            make_reader(arguments.window, overlap=default_overlap(arguments.window)),
            Head.of(model.config.to_dict(), tokenizer),
        ),
        output=output,
        arguments=arguments,
        adapter_of=None if arguments.tune == "all" else start,
        facts=facts,
    )


def check_arguments(task: Task, arguments: FinetuningArguments, *, teachers: int, unlabelled: bool) -> Teaching | None:
    """Refuse arguments that do not go together, and return what is learnt from the teachers; None without any.

    Args:
        task: The task.
        arguments: The hyper-parameters.
        teachers: How many teachers there are.
        unlabelled: Whether there are texts that the teachers are to label.

    Raises:
        NlpieError: The arguments do not go with the task, the teachers, or each other.
    """
    _check_task(task, arguments)
    soft_only = unlabelled or arguments.hard_weight is not None
    if not teachers:
        if arguments.objective or arguments.objective_options or soft_only:
            raise NlpieError("objective, objective options, unlabelled texts and hard weight need a teacher")
        return None
    teaching: Teaching = arguments.objective or ("soft-targets" if task.auto_class == TOKENS else "task")
    if teaching == "soft-targets":
        if task.auto_class != TOKENS:
            raise NlpieError(f"soft-targets are for named entities; the objective task is for {task.name} as well")
        if arguments.objective_options:
            raise NlpieError("objective options go with the objective task")
    elif soft_only:
        raise NlpieError("unlabelled texts and hard weight go with soft-targets, for named entities")
    elif teachers > 1:
        raise NlpieError(f"the objective task asks one teacher, got {teachers}; soft-targets take several")
    return teaching


def _check_task(task: Task, arguments: FinetuningArguments) -> None:
    if task.auto_class != SEQUENCES and (arguments.classifier_pooling or arguments.probe):
        raise NlpieError(f"classifier pooling and probe are for heads of whole texts, and {task.name} labels tokens")
    if arguments.join and task.auto_class != TOKENS:
        raise NlpieError(f"join is for labels of tokens, and {task.name} labels whole texts")
    if arguments.augment and task.name != "ner":
        raise NlpieError(f"augment is for the named entities of the task ner, got the task {task.name}")


def _draw(examples: list[dict[str, Any]], arguments: FinetuningArguments) -> list[dict[str, Any]]:
    if arguments.examples is None or len(examples) <= arguments.examples:
        return examples
    return random.Random(arguments.seed).sample(examples, arguments.examples)


def train_for_task(
    model: PreTrainedModel | Pair,
    tokenizer: Any,
    *,
    train: Sequence[dict[str, Any]],
    validation: Validation,
    output: RunOutput,
    arguments: FinetuningArguments,
    adapter_of: LocalCheckpoint | None = None,
    facts: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Train a model for a task and save the epoch that is best on validation.

    After the training, the validation rows also decide on a temperature, which is kept in the head's weights, and on
    options such as the thresholds of independent labels, which are kept in the config.

    Args:
        model: Model with a head for the task, or a pair of one and its teacher; trained in place.
        tokenizer: The tokenizer of the model, saved with it.
        train: Examples, as ``make_examples`` returns them, or with soft targets.
        validation: The rows by which the best epoch is chosen.
        output: Where to write.
        arguments: The hyper-parameters.
        adapter_of: The checkpoint of which only the changed tensors are to be saved; None to save the whole model.
        facts: Further values for the record.

    Returns:
        The record that is also written to ``finetuning.json``: arguments, the metric and its best value on
        validation, the temperature that the logits have been divided by, history.

    Raises:
        NlpieError: The output, or work in progress that is not to be resumed, exists, or the batch cannot be shared by
            the processes.
    """
    output.open()
    task = validation.task.supervised()
    student: Any = model
    make_trainer: Callable[..., Trainer] = partial(
        Trainer, compute_loss_func=token_cross_entropy if task.auto_class == TOKENS else None
    )
    if isinstance(model, Pair):
        student, make_trainer = model.student, DistillationTrainer
    trainer = make_trainer(
        model=model,
        args=_training_arguments(output, arguments, task.metric),
        train_dataset=train,
        eval_dataset=validation.examples,
        data_collator=partial(collate, pad_token_id=tokenizer.pad_token_id),
        compute_metrics=lambda evaluation: validation.score(np.asarray(evaluation.predictions)),
        preprocess_logits_for_metrics=lambda logits, labels: logits.float(),
    )
    # transformers takes a head's mean for a loss that knows the whole batch, and multiplies it by the processes.
    trainer.model_accepts_loss_kwargs = trainer.compute_loss_func is not None
    trainer.train(resume_from_checkpoint=output.last_state())
    outputs = np.asarray(trainer.predict(validation.examples).predictions)
    temperature = choose_temperature(lambda t: validation.confidences(outputs / t))
    tuned = validation.tuned(outputs / temperature)
    record = {
        "task": task.name,
        **(facts or {}),
        "arguments": asdict(arguments),
        "processes": trainer.accelerator.num_processes,
        "metric": task.metric,
        "best_on_validation": trainer.state.best_metric,
        "temperature": temperature,
        "history": [row for row in trainer.state.log_history if "eval_loss" in row or "loss" in row],
    }
    if trainer.is_world_process_zero():
        divide_logits(student, temperature)
        keep_options(student.config, task, student.config.task_options[task.name] | tuned)
        with write_whole(output.path) as folder:
            if adapter_of is None:
                student.float().save_pretrained(folder)
                tokenizer.save_pretrained(folder)
            else:
                save_adapter(student, folder, adapter_of, place=output.path)
            (folder / "finetuning.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return record


def _training_arguments(output: RunOutput, arguments: FinetuningArguments, metric: str) -> TrainingArguments:
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if arguments.batch % processes:
        raise NlpieError(f"expected a batch that {processes} processes can share equally, got {arguments.batch}")
    return output.trainer_arguments(
        num_train_epochs=arguments.epochs,
        learning_rate=arguments.learning_rate,
        per_device_train_batch_size=arguments.batch // processes,
        per_device_eval_batch_size=32,
        warmup_steps=arguments.warmup,
        weight_decay=arguments.weight_decay,
        seed=arguments.seed,
        bf16=supports_bf16(),
        eval_strategy="epoch",
        save_strategy="epoch",
        load_best_model_at_end=True,
        metric_for_best_model=metric,
        greater_is_better=True,
        train_sampling_strategy="group_by_length",
        logging_strategy="epoch",
    )
