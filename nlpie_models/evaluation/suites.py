"""Suites: the sets that a checkpoint is fine-tuned and scored on, and the budgets; one TOML each in ``suites/``."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import UnknownName
from ..strict_toml import read_toml

FOLDER = Path(__file__).parent / "suites"


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How a checkpoint is fine-tuned on each set. Test splits are always read whole.

    Attributes:
        summary: What to say of it beside a figure.
        window: Tokens that are read together, in training and after.
        epochs: Passes over the training examples; the one that is best on validation is kept.
        learning_rates: Peak rates; the one that is best on validation is kept.
        batch: Examples a step.
        warmup: Share of the steps over which the rate rises.
        examples: Most training examples (passages), drawn by the seed.
        validation_rows: Most validation rows, the same for every seed.
    """

    summary: str
    window: int
    epochs: float
    learning_rates: tuple[float, ...]
    batch: int
    warmup: float
    examples: int | None = None
    validation_rows: int | None = None


@dataclass(frozen=True, kw_only=True)
class SuiteSet:
    """One data set of a suite: a folder of that name, and the task that it is for.

    Attributes:
        name: Name of the folder.
        task: Name of the task.
        label_map: Map from its labels to those that are learnt.
        options: The task's options, in the place of those that follow from the rows.
        metric: The score to compare by, in the place of the task's.
    """

    name: str
    task: str
    label_map: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    metric: str | None = None


@dataclass(frozen=True, kw_only=True)
class Suite:
    """Data sets, and the budgets by which they can be learnt.

    Attributes:
        summary: What it is.
        budgets: The budgets by name, the default first. Results are filed under it: no two suites share a name.
        sets: The sets.
        repo: Repository of data sets on the Hub that has those that may be passed on, if there is one.
        revision: Commit of it; main without one.
    """

    summary: str
    budgets: dict[str, Budget]
    sets: tuple[SuiteSet, ...]
    repo: str | None = None
    revision: str | None = None

    def budget(self, name: str) -> Budget:
        """Return a budget by name.

        Raises:
            UnknownName: There is none of that name.
        """
        if name not in self.budgets:
            raise UnknownName("budget", name, self.budgets)
        return self.budgets[name]

    def choose(self, names: tuple[str, ...]) -> tuple[SuiteSet, ...]:
        """Return the sets with these names; without any, all.

        Raises:
            UnknownName: There is no set of that name.
        """
        known = {each.name: each for each in self.sets}
        for name in names:
            if name not in known:
                raise UnknownName("set of the suite", name, known)
        return tuple(known[name] for name in names) or self.sets


def list_suites() -> list[Suite]:
    """Return the suites that come with the package."""
    return [read_suite(path.stem) for path in sorted(FOLDER.glob("*.toml"))]


@cache
def read_suite(name: str) -> Suite:
    """Read a suite that comes with the package.

    Raises:
        UnknownName: There is none of that name.
    """
    path = FOLDER / f"{name}.toml"
    if not path.exists():
        raise UnknownName("suite", name, [file.stem for file in FOLDER.glob("*.toml")])
    return read_toml(Suite, path)
