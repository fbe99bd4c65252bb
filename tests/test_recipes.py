"""Hyper-parameters: each field is an option, a key of a TOML and a line of a card; recipes are of three kinds."""

from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from nlpie_models.architectures.minialbert import ClassifierPooling
from nlpie_models.cli.train import train
from nlpie_models.documents.reading import Unit
from nlpie_models.errors import NlpieError, RegistryError
from nlpie_models.recipes import (
    ContinualArguments,
    Distillation,
    DistillationArguments,
    FinetuningArguments,
    PretrainingArguments,
)
from nlpie_models.registry import get_checkpoint, read_checkpoint
from nlpie_models.release.cards import Numbers, render_card

CARDS = Path(__file__).parents[1] / "model_cards"
KINDS = {
    "continue": ("continual", ContinualArguments),
    "distill": ("distillation", DistillationArguments),
    "finetune": ("finetuning", FinetuningArguments),
}
FIELDS = [(command, field.name) for command, (_, arguments) in KINDS.items() for field in fields(arguments)]
VALUES = {bool: True, int: 7, float: 0.25, str: "distilbert", dict: {"every": 2}}
ROW = """
name = "tiny"
summary = "Tiny"
status = "planned"
licence = "mit"
[architecture]
model_type = "bert"
layers = 1
hidden = 16
embedding = 16
heads = 2
feed_forward = 16
vocabulary = 100
cased = true
[recipe]
kind = "{kind}"
data = "notes"
{more}
[recipe.arguments]
{arguments}
"""


def value_of(arguments: type, name: str) -> Any:
    """Return a value of the type of a hyper-parameter that is not its default."""
    expected = get_type_hints(arguments)[name]
    kind = get_args(expected)[0] if type(None) in get_args(expected) else expected
    return get_args(kind)[-1] if get_origin(kind) is Literal else VALUES[get_origin(kind) or kind]


def toml_of(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml_of(item)}" for key, item in value.items()) + " }"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def read(tmp_path: Path, kind: str, arguments: str):
    path = tmp_path / "tiny.toml"
    more = 'teacher = "open-base"' if kind == "distillation" else ""
    path.write_text(ROW.format(kind=kind, more=more, arguments=arguments))
    return read_checkpoint(path)


def test_there_are_many_hyper_parameters() -> None:
    assert len(FIELDS) > 50


@pytest.mark.parametrize(("command", "name"), FIELDS)
def test_a_hyper_parameter_is_an_option_a_key_and_a_line(command, name, tmp_path) -> None:
    kind, arguments = KINDS[command]
    [option] = [parameter for parameter in train.commands[command].params if parameter.name == name]
    [field] = [field for field in fields(arguments) if field.name == name]
    assert option.help == field.metadata["help"]
    assert option.required == (field.default is MISSING and field.default_factory is MISSING)
    assert option.multiple or option.required or option.default == field.default

    value = value_of(arguments, name)
    stated = {name: value} | ({"objective": "distilbert"} if kind == "distillation" else {})
    row = read(tmp_path, kind, "\n".join(f"{key} = {toml_of(item)}" for key, item in stated.items()))
    assert row.recipe.arguments == stated

    card = render_card(row, Numbers([], [], []), (CARDS / "template.md").read_text(), CARDS)
    shown = {dict: "every = 2", bool: "yes"}.get(type(value), str(value))
    line = f"| {name.replace('_', ' ')} | {shown} |"
    words = {"distill": "soft targets of the teacher", "finetune": "soft targets and"}
    assert (line if name != "objective" else f"| objective | {words[command]}") in card


def test_a_hyper_parameter_of_another_kind_of_training_is_refused(tmp_path) -> None:
    with pytest.raises(RegistryError, match=r"tiny.toml: recipe.arguments.head_steps: unknown key; known keys: block,"):
        read(tmp_path, "distillation", "objective = 'minilm'\nhead_steps = 3")
    with pytest.raises(RegistryError, match=r"recipe.arguments.batch: expected a value of type int, got 'many'"):
        read(tmp_path, "continual", "batch = 'many'")
    with pytest.raises(RegistryError, match=r"recipe.arguments.tune: expected one of all, layers, .*, got 'most'"):
        read(tmp_path, "finetuning", "tune = 'most'")


def test_choices_are_those_of_the_rooms_that_know_them() -> None:
    hints = get_type_hints(FinetuningArguments)
    assert set(get_args(hints["unit"])) == set(get_args(Unit))
    assert set(get_args(get_args(hints["classifier_pooling"])[0])) == set(get_args(ClassifierPooling))


def test_steps_follow_from_epochs_unless_they_are_given() -> None:
    arguments = PretrainingArguments(epochs=2.0, batch=8)
    assert arguments.with_steps(100).steps == 25
    assert replace(arguments, steps=3).with_steps(100).steps == 3
    assert arguments.with_steps(1).steps == 1
    with pytest.raises(NlpieError, match="expected warmup steps of fewer than the 25 steps of the run, got 25"):
        replace(arguments, warmup_steps=25).with_steps(100)


def test_a_teacher_and_a_start_are_names() -> None:
    recipe = get_checkpoint("open-small").recipe
    assert isinstance(recipe, Distillation)
    assert (recipe.teacher, recipe.start, recipe.starts_from_random) == ("open-base", None, False)
    tiny = get_checkpoint("tiny-clinicalbert").recipe
    assert isinstance(tiny, Distillation)
    assert tiny.starts_from_random
