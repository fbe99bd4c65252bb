from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from nlpie_models.errors import RegistryError
from nlpie_models.util.toml import read_table, read_toml


@dataclass(frozen=True)
class Continual:
    kind: Literal["continue"]
    steps: int = 1000


@dataclass(frozen=True)
class Distillation:
    kind: Literal["distil"]
    teacher: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Score:
    f1: float
    interval: tuple[float, ...] = ()


@dataclass(frozen=True)
class Row:
    name: str
    recipe: Continual | Distillation | None = None
    task: Literal["ner", "nli"] = "ner"
    labels: Sequence[str] | None = None
    scores: dict[str, Score] = field(default_factory=dict)
    window: int | Literal["whole"] = "whole"
    notes: list[str] = field(default_factory=list)


def test_every_kind_of_field() -> None:
    row = {
        "name": "one",
        "recipe": {"kind": "distil", "teacher": "two", "options": {"mlm": 1}},
        "task": "nli",
        "labels": ["a", "b"],
        "scores": {"test": {"f1": 1, "interval": [0.5, 1]}},
        "window": 3,
        "notes": ["x"],
    }
    assert read_table(Row, row, "one.json") == Row(
        "one", Distillation("distil", "two", {"mlm": 1}), "nli", ("a", "b"), {"test": Score(1.0, (0.5, 1.0))}, 3, ["x"]
    )
    assert type(read_table(Row, row, "one.json").scores["test"].f1) is float
    assert read_table(Row, {"name": "one", "labels": None, "recipe": None}, "one.json") == Row("one")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([], r"file: expected a table, got \[\]"),
        ({}, "name: missing, and it is required"),
        ({"name": 1}, "name: expected a value of type str, got 1"),
        ({"name": None}, "name: expected a value of type str, got None"),
        ({"name": "a", "nome": 1}, "nome: unknown key; known keys: name, recipe, task,"),
        ({"name": "a", "task": "ber"}, "task: expected one of ner, nli, got 'ber'"),
        ({"name": "a", "labels": "ab"}, "labels: expected a list, got 'ab'"),
        ({"name": "a", "labels": ["a", 2]}, r"labels\[1\]: expected a value of type str, got 2"),
        ({"name": "a", "window": 1.5}, "window: expected int or 'whole', got 1.5"),
        ({"name": "a", "scores": {"test": {"f1": True}}}, "scores.test.f1: expected a value of type float, got True"),
        ({"name": "a", "scores": {"test": {}}}, "scores.test.f1: missing, and it is required"),
        ({"name": "a", "recipe": 3}, "recipe: expected a table, got 3"),
        ({"name": "a", "recipe": {}}, "recipe.kind: missing, and it is required"),
        ({"name": "a", "recipe": {"kind": []}}, r"recipe.kind: expected one of continue, distil, got \[\]"),
        ({"name": "a", "recipe": {"kind": "continue", "teacher": "b"}}, "recipe.teacher: unknown key; .* kind, steps"),
    ],
)
def test_errors_name_source_and_key(row, message) -> None:
    with pytest.raises(RegistryError, match=f"^one.json: {message}"):
        read_table(Row, row, "one.json")


def test_a_file_that_is_no_toml(tmp_path) -> None:
    (tmp_path / "one.toml").write_text("name = ")
    with pytest.raises(RegistryError, match=r"^one.toml: not a valid TOML file: "):
        read_toml(Row, tmp_path / "one.toml")
