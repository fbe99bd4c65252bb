"""Cards: a checkpoint's row, recipe and measured numbers as the README of its Hub repository.

They are made in a checkout, where the numbers are: ``model_cards/`` holds the template, the results, and the cards.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .calibration import BINS
from .card_metadata import find_faults, make_metadata
from .errors import DataError, NlpieError
from .evaluation.efficiency import find_costs
from .evaluation.forgetting import Forgetting, find_forgetting
from .evaluation.report import efficiency_table, forgetting_table, markdown_table
from .evaluation.results import Results, find_results
from .registry import Checkpoint, Recipe, list_checkpoints
from .strict_toml import read_toml

CARDS_FOLDER = Path("model_cards")
_TEMPLATE, _TEXTS, _RESULTS = "template.md", "texts.toml", "results"
_RESTRICTED = ("MIMIC", "i2b2")
_RECIPE_ROWS = (
    ("objective", "objective"),
    ("teacher", "teacher"),
    ("student", "start"),
    ("data", "data"),
    ("learning_rate", "learning rate"),
    ("epochs", "epochs"),
    ("steps", "steps"),
    ("batch", "batch"),
    ("warmup_steps", "warm-up steps"),
    ("weight_decay", "weight decay"),
    ("seed", "seed"),
)


@dataclass(frozen=True)
class Objective:
    """An objective in words, and the paper that it is from."""

    text: str
    source: str


@dataclass(frozen=True)
class Paper:
    """A paper to cite."""

    key: str
    title: str
    authors: str
    year: int
    journal: str | None = None
    doi: str | None = None


@dataclass(frozen=True)
class Texts:
    """What cards say besides the registry and the results, by name; ``uses`` by task."""

    objectives: dict[str, Objective]
    papers: dict[str, Paper]
    uses: dict[str, str]


@dataclass(frozen=True)
class Numbers:
    """All that was measured of a checkpoint."""

    results: Sequence[Results]
    efficiency: Sequence[Any]
    forgetting: Sequence[Forgetting]


def carded() -> tuple[Checkpoint, ...]:
    """Return the checkpoints that must have a card: all that have weights."""
    return tuple(row for row in list_checkpoints() if row.status != "planned")


def card_path(row: Checkpoint, cards: Path) -> Path:
    """Return the file of a checkpoint's card in a folder of cards."""
    return cards / f"{row.name}.md"


def make_card(row: Checkpoint, cards: Path = CARDS_FOLDER) -> str:
    """Return the card of a checkpoint.

    Args:
        row: Its row.
        cards: The folder ``model_cards`` of a checkout.

    Raises:
        NlpieError: The folder is not there, a file in it cannot be read, or the Hub would refuse the metadata.
    """
    if not (cards / _TEMPLATE).is_file():
        raise NlpieError(
            f"cards are made in a checkout of the repository, where the numbers are: there is no {cards / _TEMPLATE}"
        )
    return render_card(row, read_numbers(row.name, cards), (cards / _TEMPLATE).read_text(encoding="utf-8"), cards)


def is_stale(row: Checkpoint, cards: Path = CARDS_FOLDER) -> bool:
    """Whether the card of a checkpoint is missing, or is not what its row and its numbers make it.

    Raises:
        NlpieError: As :func:`make_card`.
    """
    path = card_path(row, cards)
    return not path.exists() or path.read_text(encoding="utf-8") != make_card(row, cards)


def read_numbers(name: str, cards: Path) -> Numbers:
    """Return what was measured of a checkpoint.

    Raises:
        DataError: A file cannot be read.
    """
    results = cards / _RESULTS
    return Numbers(
        [each for each in find_results(results) if each.checkpoint == name],
        [each for each in find_costs(results) if each.checkpoint == name],
        [each for each in find_forgetting(results) if each.after == name],
    )


def render_card(row: Checkpoint, numbers: Numbers, template: str, cards: Path = CARDS_FOLDER) -> str:
    """Return a card: the same to the byte for the same row, numbers and template.

    Args:
        row: The checkpoint's row.
        numbers: What was measured of it.
        template: Jinja template of a card.
        cards: Folder of the texts.

    Raises:
        NlpieError: jinja2 is not installed, the texts cannot be read, or the Hub would refuse the metadata.
    """
    texts = read_toml(Texts, cards / _TEXTS)
    metadata = make_metadata(row, numbers.results)
    if faults := list(find_faults(metadata.to_dict())):
        raise DataError(f"the card of {row.name} has metadata that the Hub would not take: {'; '.join(faults)}")
    runs = [run for each in numbers.results for run in each.runs]
    recipe = row.recipe or Recipe(kind="finetuning", data="data that nobody has stated")
    return render_page(
        template,
        row=row,
        metadata=metadata.to_yaml(line_break="\n"),
        size=_size(row),
        use=_use(row, texts),
        restricted=any(word in recipe.data for word in _RESTRICTED),
        training=list(_training(row, recipe, texts)),
        results=_results_table(numbers.results).rstrip() if runs else "",
        provenance=sorted({_measured_with(run) for run in runs}),
        calibrated=any(run.get("ece") is not None for run in runs),
        bins=BINS,
        efficiency=efficiency_table(numbers.efficiency).rstrip() if numbers.efficiency else "",
        forgetting=forgetting_table(numbers.forgetting).rstrip() if numbers.forgetting else "",
        commands=_unique([run["command"] for run in runs] + [each.provenance["command"] for each in _made(numbers)]),
        citation=_citation(row, texts),
    )


def render_page(template: str, **values: Any) -> str:
    """Return a Jinja template filled in; a value that it wants and does not get is an error.

    Raises:
        NlpieError: jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError:
        raise NlpieError("cards need jinja2; run `pip install nlpie-models[release]`") from None
    page = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False).from_string(template)
    return page.render(values)


def _made(numbers: Numbers) -> list[Any]:
    return [*numbers.efficiency, *numbers.forgetting]


def _size(row: Checkpoint) -> str:
    shape = row.architecture
    recursion = ""
    if shape.shared_layers:
        shared = f"{shape.shared_layers} shared layers" if shape.shared_layers > 1 else "one shared layer"
        recursion = f" ({shared}, applied {shape.layers // shape.shared_layers} times)"
    cells = [
        f"{shape.layers} layers{recursion}, hidden size {shape.hidden}",
        *([f"embeddings of {shape.embedding}"] if shape.embedding != shape.hidden else []),
        f"{shape.vocabulary:,} {'cased' if shape.cased else 'uncased'} word pieces",
    ]
    if shape.parameters:
        cells.append(f"{shape.parameters / 1e6:.2f}M parameters in the encoder")
    if shape.parameters_with_mlm_head:
        cells.append(f"{shape.parameters_with_mlm_head / 1e6:.2f}M with the head for masked words")
    if row.weights and row.weights.megabytes:
        cells.append(f"{row.weights.megabytes:g} MB of weights")
    return f"{shape.model_type}: {'; '.join(cells)}."


def _use(row: Checkpoint, texts: Texts) -> str:
    return texts.uses[row.tasks[0]].replace("{name}", row.name)


def _training(row: Checkpoint, recipe: Recipe, texts: Texts) -> Iterable[tuple[str, str]]:
    yield "how", {"continual": "continual learning"}.get(recipe.kind, recipe.kind)
    for key, name in _RECIPE_ROWS:
        value = getattr(recipe, key)
        if key == "objective" and value in texts.objectives:
            objective = texts.objectives[value]
            yield name, f"{objective.text} ([source]({objective.source}))"
        elif value is not None:
            yield name, f"{value:,}" if isinstance(value, int) else str(value)
    if recipe.kind == "distillation":
        theirs = "the authors' script leaves the teacher's dropout on" if row.paper else ""
        yield "teacher's dropout", theirs or "off: the teacher is in evaluation mode"
    time = [] if recipe.hours is None else [f"{recipe.hours:g} hours"]
    yield "hardware and time", ", ".join([*([recipe.hardware] if recipe.hardware else []), *time]) or "not stated"


def _results_table(results: Sequence[Results]) -> str:
    heads = ["task", "data", "split", "protocol", "seed", "metric", "score", "95%", "ECE", "documents"]
    lines = []
    for each in sorted(results, key=lambda each: (each.protocol, each.task, each.dataset)):
        for run in each.runs:
            ece = run.get("ece")
            seed = "" if run["seed"] is None else str(run["seed"])
            cells = [each.task, each.dataset, run["split"], each.protocol, seed, each.metric.replace("_", " ")]
            score = f"{run['scores'][each.metric]:.3f}"
            interval = "{:.3f} to {:.3f}".format(*run["interval"])
            lines.append([*cells, score, interval, "" if ece is None else f"{ece:.3f}", str(run["documents"])])
    return markdown_table(heads, 6, lines)


def _measured_with(run: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in run["versions"].items() if number)
    return f"Measured with {versions}, Python {run['python']}, on {run['hardware']}."


def _citation(row: Checkpoint, texts: Texts) -> str | None:
    if row.paper is None or row.paper not in texts.papers:
        return row.paper
    paper = texts.papers[row.paper]
    fields = {
        "title": paper.title,
        "author": paper.authors,
        "year": str(paper.year),
        "journal": paper.journal,
        "doi": paper.doi,
        "url": row.paper,
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@article{{{paper.key},", *lines, "}"])


def _unique(items: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(items))
