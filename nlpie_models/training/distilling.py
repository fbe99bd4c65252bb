"""Distilling a masked language model from a larger one, on prepared corpora; pairs of student and teacher."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from transformers import set_seed

from ..checkpoint_files import ENCODER, MASKED_LM, LocalCheckpoint, find_checkpoint, load_model, load_tokenizer
from ..distillation.contract import Objective, check_options, describe
from ..distillation.objectives import get_objective
from ..distillation.students import FORMS, make_student
from ..distillation.tokenizers import check_tokenizers
from ..distillation.trainer import DistillationTrainer, Pair, Teacher
from ..errors import CheckpointError, MissingHead, NlpieError, WrongPair
from ..tasks import get_task
from .masked_lm import sparse_head
from .mix import Mix
from .pretraining import MaskedLMRun, PretrainingArguments
from .starting import start_masked_lm


@dataclass(frozen=True)
class Method:
    """Who learns what from whom.

    Attributes:
        objective: Name of the objective.
        student: A form of ``nlpie_models.distillation.students.FORMS`` to make from the teacher, or a checkpoint's name
            or folder.
        objective_options: The objective's weights and other options.
        student_options: The form's.
        teacher_bf16: Whether the teacher is kept and run in bfloat16.
    """

    objective: str
    student: str
    objective_options: Mapping[str, Any] = field(default_factory=dict)
    student_options: Mapping[str, Any] = field(default_factory=dict)
    teacher_bf16: bool = False


def distil(
    teacher: LocalCheckpoint,
    method: Method,
    mix: Mix,
    *,
    output: Path,
    arguments: PretrainingArguments,
    block: int,
    whole_words: bool = False,
    resume: bool = False,
) -> dict[str, Any]:
    """Train a student as a masked language model beside its teacher and save it.

    Args:
        teacher: The teacher.
        method: Who learns what.
        mix: The blocks, made with the teacher's tokenizer.
        output: Folder for the student; work in progress goes to ``<output>.runs``.
        arguments: How to train.
        block: Most tokens in a block.
        whole_words: Whether whole words are masked.
        resume: Go on from the last checkpoint.

    Returns:
        The record that is also written to ``distillation.json``; see
        :class:`nlpie_models.training.pretraining.MaskedLMRun`. The history has the objective's parts as ``part_*``.

    Raises:
        NlpieError: Student, teacher and objective do not go together, or the output exists, or the mix or the batch
            cannot be.
    """
    pair = make_pair(teacher, method, seed=arguments.seed)
    limit = pair.student.config.max_position_embeddings
    if block > limit:
        raise WrongPair(
            f"{describe('student', pair.student.config)} reads {limit} tokens at most; got blocks of {block}"
        )
    tokenizer = load_tokenizer(teacher)
    train, held_out = mix.masked(tokenizer, arguments, whole_words=whole_words)
    pad_to = block if pair.objective.needs.one_length else None
    return train_pair(
        pair,
        MaskedLMRun(tokenizer, train, held_out, output, arguments, pad_to=pad_to),
        record_name="distillation.json",
        resume=resume,
        teacher=teacher.short_name,
        objective={"name": method.objective, **method.objective_options, "weights": pair.objective.weights},
        student={"form": Path(method.student).name, **method.student_options},
    )


def train_pair(pair: Pair, run: MaskedLMRun, *, record_name: str, resume: bool, **facts: Any) -> dict[str, Any]:
    """Train the student of a pair as a masked language model and save it; see :meth:`MaskedLMRun.train`."""
    with ExitStack() as stack:
        stack.enter_context(sparse_head(pair.student))
        stack.enter_context(sparse_head(pair.teacher.model))
        return run.train(
            partial(DistillationTrainer, model=pair),
            pair,
            saved=pair.student,
            record_name=record_name,
            resume=resume,
            **facts,
        )


def make_anchored(model: Any, tokenizer: Any, anchor: LocalCheckpoint, *, seed: int) -> Pair:
    """Join a masked language model with the encoder whose sentence vectors it is to keep.

    Raises:
        WrongPair: The two do not go together; names both.
    """
    check_tokenizers("the start", anchor.name, tokenizer, load_tokenizer(anchor))
    teacher, _ = _load_teacher(anchor, seed)
    return Pair(model, Teacher(teacher), get_objective("sentence")(model.config, teacher.config))


def make_pair(teacher: LocalCheckpoint, method: Method, *, seed: int) -> Pair:
    """Load the teacher, and make its student and what joins them; what is random in these follows from the seed.

    Raises:
        WrongPair: The two do not go together under the objective; names both.
        MissingHead: The teacher has no language-model head, and student or objective needs it.
        NlpieError: There is no such objective, form or option.
    """
    objective_class = get_objective(method.objective)
    model, has_head = _load_teacher(teacher, seed)
    student = _start_student(teacher, model, method, seed)
    set_seed(seed)
    objective = _make_objective(objective_class, student.config, model.config, method.objective_options)
    if not objective.needs.student_logits:
        raise NlpieError(
            f"{method.objective} with these weights does not train the student's language-model head, with which it "
            "is to be saved; give a weight to a part that does, such as mlm=1"
        )
    if objective.needs.teacher_logits and not has_head:
        raise MissingHead(
            f"{method.objective} teaches {describe('student', student.config)} what the teacher's masked-language-model"
            f" head says, and {teacher.name} has none; choose another teacher, or objective"
        )
    return Pair(student, Teacher(model, bf16=method.teacher_bf16), objective)


def make_task_pair(student: Any, teacher: Any, options: Mapping[str, Any], *, seed: int) -> Pair:
    """Join two classifiers of tokens or sequences by the objective ``task``.

    Args:
        student: Model with a head for the task, from ``start_model``.
        teacher: The same, fine-tuned.
        options: The objective's weights and other options.
        seed: Of the objective's own parameters.

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
    """Return the teacher as a masked language model, and whether its head is its own."""
    try:
        return load_model(teacher, MASKED_LM), True
    except CheckpointError:
        load_model(teacher, ENCODER)
        return start_masked_lm(teacher, seed=seed)[0], False


def _start_student(teacher: LocalCheckpoint, model: Any, method: Method, seed: int) -> Any:
    if method.student in FORMS:
        try:
            return make_student(method.student, model, seed=seed, **method.student_options)
        except (TypeError, ValueError) as error:
            raise NlpieError(f"cannot make a student of {teacher.name}: {error}") from error
    if method.student_options:
        raise NlpieError(f"options are for the student forms {', '.join(FORMS)}, got {method.student!r}")
    checkpoint = find_checkpoint(method.student, get_task("embedding"), None)
    check_tokenizers(checkpoint.name, teacher.name, load_tokenizer(checkpoint), load_tokenizer(teacher))
    return start_masked_lm(checkpoint, seed=seed)[0]


def _make_objective(
    objective: type[Objective], student_config: Any, teacher_config: Any, options: Mapping[str, Any]
) -> Objective:
    try:
        check_options(f"objective {objective.name}", objective, options)
        return objective(student_config, teacher_config, **options)
    except NlpieError:
        raise
    except (TypeError, ValueError) as error:
        raise NlpieError(str(error)) from error
