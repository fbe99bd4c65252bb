"""Distillation of a masked language model on prepared corpora, and the pairs of student and teacher that it trains."""

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from transformers import set_seed

from ..distillation.objectives import Objective, get_objective
from ..distillation.pairing import check_tokenizers, describe
from ..distillation.students import STUDENT_INITIALISATIONS, make_student
from ..distillation.trainer import DistillationTrainer, Pair, Teacher
from ..errors import CheckpointError, MissingHead, NlpieError, WrongPair
from ..loading.find import find_checkpoint
from ..loading.local import ENCODER, MASKED_LM, LocalCheckpoint
from ..loading.models import load_model, load_tokenizer
from ..recipes import DistillationArguments
from .heads import start_masked_lm
from .masked_lm import sparse_head
from .mix import TrainingMix
from .pretraining import MaskedLMRun
from .runs import RunOutput


def distil(
    teacher: LocalCheckpoint, mix: TrainingMix, *, output: RunOutput, arguments: DistillationArguments
) -> dict[str, Any]:
    """Train a student as a masked language model beside its teacher and save it.

    Args:
        teacher: The teacher.
        mix: The blocks, made with the teacher's tokenizer.
        output: Where to write.
        arguments: The hyper-parameters, with the objective and the student's form.

    Returns:
        The record that is also written to ``distillation.json``; see
        :class:`nlpie_models.training.pretraining.MaskedLMRun`. The history has the objective's parts as ``part_*``.

    Raises:
        NlpieError: Student, teacher and objective do not go together; the output, or work in progress that is not to be
            resumed, exists; the mix holds nothing to train or to evaluate on; or processes cannot share the batch.
    """
    pair = make_pair(teacher, arguments)
    limit = pair.student.config.max_position_embeddings
    if arguments.block > limit:
        raise WrongPair(
            f"{describe('student', pair.student.config)} reads {limit} tokens at most; got blocks of {arguments.block}"
        )
    tokenizer = load_tokenizer(teacher)
    train, held_out = mix.masked(tokenizer, arguments)
    pad_to = arguments.block if pair.objective.needs.one_length else None
    return train_pair(
        pair,
        MaskedLMRun(tokenizer, train, held_out, output, arguments, pad_to=pad_to),
        record_name="distillation.json",
        teacher=teacher.short_name,
        objective={"name": arguments.objective, **arguments.objective_options, "weights": pair.objective.weights},
        student={"form": Path(arguments.student).name, **arguments.student_options},
    )


def train_pair(pair: Pair, run: MaskedLMRun, *, record_name: str, **facts: Any) -> dict[str, Any]:
    """Train the student of a pair as a masked language model and save it; see :meth:`MaskedLMRun.train`."""
    with ExitStack() as stack:
        stack.enter_context(sparse_head(pair.student))
        stack.enter_context(sparse_head(pair.teacher.model))
        make_trainer = partial(DistillationTrainer, model=pair)
        return run.train(make_trainer, pair, saved=pair.student, record_name=record_name, **facts)


def make_anchored(model: Any, tokenizer: Any, anchor: LocalCheckpoint, *, seed: int) -> Pair:
    """Join a masked language model with the encoder whose sentence vectors it is to keep.

    Raises:
        WrongPair: The two do not go together; names both.
    """
    check_tokenizers("the start", anchor.name, tokenizer, load_tokenizer(anchor))
    teacher, _ = _load_teacher(anchor, seed)
    return Pair(model, Teacher(teacher), get_objective("sentence")(model.config, teacher.config))


def make_pair(teacher: LocalCheckpoint, arguments: DistillationArguments) -> Pair:
    """Load the teacher, and make its student and what joins them; what is random in these follows from the seed.

    Raises:
        WrongPair: The two do not go together under the objective; names both.
        MissingHead: The teacher has no language-model head, and student or objective needs it.
        NlpieError: There is no such objective, form or option.
    """
    objective_class = get_objective(arguments.objective)
    seed = arguments.seed
    model, has_head = _load_teacher(teacher, seed)
    student = _start_student(teacher, model, arguments)
    set_seed(seed)
    objective = _make_objective(objective_class, student.config, model.config, arguments.objective_options)
    if not objective.needs.student_logits:
        raise NlpieError(
            f"{arguments.objective} with these weights does not train the student's language-model head, with which it "
            "is to be saved; give a weight to a part that does, such as mlm=1"
        )
    if objective.needs.teacher_logits and not has_head:
        raise MissingHead(
            f"{arguments.objective} teaches {describe('student', student.config)} what the teacher's "
            f"masked-language-model head says, and {teacher.name} has none; choose another teacher, or objective"
        )
    return Pair(student, Teacher(model, bf16=arguments.teacher_bf16), objective)


def make_task_pair(student: Any, teacher: Any, options: Mapping[str, Any], *, seed: int) -> Pair:
    """Join two classifiers of tokens or sequences by the objective ``task``.

    Args:
        student: Model with a head for the task, from ``start_model``.
        teacher: Model with a head for the task that is fine-tuned.
        options: Weights and other options of the objective.
        seed: Seed of the parameters of the objective.

    Raises:
        WrongPair: Their labels differ, their layers do not divide, or the teacher cannot read the student's window.
        NlpieError: There is no such option.
    """
    window, limit = student.config.window_tokens, teacher.config.max_position_embeddings
    if window > limit:
        raise WrongPair(
            f"{describe('student', student.config)} is to read {window} tokens together, and "
            f"{describe('teacher', teacher.config)} reads {limit} at most; choose a smaller window"
        )
    set_seed(seed)
    objective = _make_objective(get_objective("task"), student.config, teacher.config, options)
    return Pair(student, Teacher(teacher), objective)


def _load_teacher(teacher: LocalCheckpoint, seed: int) -> tuple[Any, bool]:
    """Return the teacher as a masked language model, and whether the checkpoint has that head."""
    try:
        return load_model(teacher, MASKED_LM), True
    except CheckpointError:
        load_model(teacher, ENCODER)
        return start_masked_lm(teacher, seed=seed)[0], False


def _start_student(teacher: LocalCheckpoint, model: Any, arguments: DistillationArguments) -> Any:
    if arguments.student in STUDENT_INITIALISATIONS:
        try:
            return make_student(arguments.student, model, seed=arguments.seed, **arguments.student_options)
        except (TypeError, ValueError) as error:
            raise NlpieError(f"cannot make a student of {teacher.name}: {error}") from error
    if arguments.student_options:
        raise NlpieError(
            f"options are for the student forms {', '.join(STUDENT_INITIALISATIONS)}, got {arguments.student!r}"
        )
    checkpoint = find_checkpoint(arguments.student)
    check_tokenizers(checkpoint.name, teacher.name, load_tokenizer(checkpoint), load_tokenizer(teacher))
    return start_masked_lm(checkpoint, seed=arguments.seed)[0]


def _make_objective(
    objective: type[Objective], student_config: Any, teacher_config: Any, options: Mapping[str, Any]
) -> Objective:
    try:
        return objective(student_config, teacher_config, **options)
    except NlpieError:
        raise
    except (TypeError, ValueError) as error:
        raise NlpieError(str(error)) from error
