"""Model cards: the row, the recipe and the measured numbers of a checkpoint as the README of its Hub repository.

Cards are made in a checkout, whose folder ``model_cards/`` holds the template, the results, and the cards.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DataError, NlpieError
from ..evaluation.benchmarks import Benchmark, find_benchmark
from ..evaluation.efficiency import find_efficiency
from ..evaluation.forgetting import Forgetting, find_forgetting
from ..evaluation.report import efficiency_table, forgetting_table, markdown_table, recorded_table
from ..evaluation.results import Provenance, Results, find_results
from ..metrics.calibration import BINS
from ..recipes import AnyRecipe, Finetuning
from ..registry import Checkpoint, list_checkpoints
from ..tasks import get_task
from ..util.toml import read_toml
from .card_metadata import find_metadata_faults, make_metadata

CARDS_FOLDER = Path("model_cards")
_TEMPLATE, _TEXTS, _RESULTS, _NOTES = "template.md", "texts.toml", "results", "notes"
_ACCESS = {"open": "open", "agreement": "data-use agreement", "unknown": "not stated"}
_KINDS = {"continual": "continual learning", "distillation": "distillation", "finetuning": "fine-tuning"}


@dataclass(frozen=True)
class ObjectiveText:
    """What a training without a distillation objective minimises, in words, and the address of a paper on it."""

    summary: str
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
    """Texts of cards that are in neither registry nor results: objectives by name, papers by address."""

    objectives: dict[str, ObjectiveText]
    papers: dict[str, Paper]


@dataclass(frozen=True)
class Numbers:
    """All measurements of a checkpoint."""

    results: Sequence[Results]
    efficiency: Sequence[Any]
    forgetting: Sequence[Forgetting]
    recorded: Sequence[Benchmark] = ()


def list_rows_with_cards() -> tuple[Checkpoint, ...]:
    """Return the rows of the checkpoints that have a card: those that have weights."""
    return tuple(row for row in list_checkpoints() if row.status != "planned")


def card_path(row: Checkpoint, cards: Path) -> Path:
    """Return the path of a checkpoint's card in a folder of cards."""
    return cards / f"{row.name}.md"


def find_notes(row: Checkpoint, cards: Path) -> str | None:
    """Return the path, below a folder of cards, of the notes on how a checkpoint was made; None if there are none."""
    path = f"{_NOTES}/{row.name}.md"
    return path if (cards / path).exists() else None


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
            f"cards are made in a checkout of the repository, which has the numbers: there is no {cards / _TEMPLATE}"
        )
    return render_card(row, read_numbers(row.name, cards), (cards / _TEMPLATE).read_text(encoding="utf-8"), cards)


def is_stale(row: Checkpoint, cards: Path = CARDS_FOLDER) -> bool:
    """Whether the card of a checkpoint is missing, or differs from what its row and its numbers make now.

    Raises:
        NlpieError: As :func:`make_card`.
    """
    path = card_path(row, cards)
    return not path.exists() or path.read_text(encoding="utf-8") != make_card(row, cards)


def read_numbers(name: str, cards: Path) -> Numbers:
    """Return the measurements of a checkpoint.

    Raises:
        DataError: A file cannot be read.
    """
    folder = cards / _RESULTS
    return Numbers(
        [results for results in find_results(folder) if results.checkpoint == name],
        [figures for figures in find_efficiency(folder) if figures.checkpoint == name],
        [report for report in find_forgetting(folder) if report.after == name],
        [
            found
            for found in find_benchmark(folder, "recorded")
            if name in (found.settings["recorded"], *found.settings["outputs"])
        ],
    )


def render_card(row: Checkpoint, numbers: Numbers, template: str, cards: Path = CARDS_FOLDER) -> str:
    """Return a card: the same to the byte for the same row, numbers and template.

    Args:
        row: The checkpoint's row.
        numbers: Its measurements.
        template: Jinja template of a card.
        cards: Folder of the texts and the notes.

    Raises:
        NlpieError: jinja2 is not installed, the texts cannot be read, or the Hub would refuse the metadata.
    """
    texts = read_toml(Texts, cards / _TEXTS)
    metadata = make_metadata(row, numbers.results)
    if faults := list(find_metadata_faults(metadata.to_dict())):
        raise DataError(f"the card of {row.name} has metadata that the Hub would refuse: {'; '.join(faults)}")
    runs = [run for results in numbers.results for run in results.runs]
    recipe = row.recipe or Finetuning(data="data that is not stated")
    return fill_template(
        template,
        row=row,
        recipe=recipe,
        metadata=metadata.to_yaml(line_break="\n"),
        size=_size(row),
        use=_use(row),
        access=_ACCESS,
        restricted=[data.name for data in row.training_data if data.access == "agreement"],
        notes=find_notes(row, cards),
        training=list(_training(row, recipe, texts)),
        results=_results_table(numbers.results).rstrip() if runs else "",
        provenance=sorted({_measured_with(run.provenance) for run in runs}),
        calibrated=any(run.ece is not None for run in runs),
        bins=BINS,
        efficiency=efficiency_table(numbers.efficiency).rstrip() if numbers.efficiency else "",
        forgetting=forgetting_table(numbers.forgetting).rstrip() if numbers.forgetting else "",
        recorded=list(map(_recorded, numbers.recorded)),
        commands=_unique([made.provenance.command for made in (*runs, *numbers.efficiency, *numbers.forgetting)]),
        citation=_citation(row, texts),
    )


def fill_template(template: str, **values: Any) -> str:
    """Return a Jinja template with its values filled in; a value that is missing is an error.

    Raises:
        NlpieError: jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError:
        raise NlpieError("cards need jinja2; run `pip install nlpie-models[release]`") from None
    page = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False).from_string(template)
    return page.render(values)


def _size(row: Checkpoint) -> str:
    shape = row.architecture
    recursion = ""
    if shape.shared_layers:
        shared = f"{shape.shared_layers} shared layers" if shape.shared_layers > 1 else "one shared layer"
        recursion = f" ({shared}, applied {shape.layers // shape.shared_layers} times)"
    parts = [
        f"{shape.layers} layers{recursion}, hidden size {shape.hidden}",
        *([f"embeddings of {shape.embedding}"] if shape.embedding != shape.hidden else []),
        f"{shape.vocabulary:,} {'cased' if shape.cased else 'uncased'} word pieces",
    ]
    if shape.parameters:
        parts.append(f"{shape.parameters / 1e6:.2f}M parameters in the encoder")
    if shape.unused_parameters:
        parts[-1] += f", {shape.unused_parameters / 1e6:.2f}M of them stored but never read"
    if shape.parameters_with_mlm_head:
        parts.append(f"{shape.parameters_with_mlm_head / 1e6:.2f}M with the head for masked words")
    if row.weights and row.weights.megabytes:
        parts.append(f"{row.weights.megabytes:g} MB of weights")
    return f"{shape.model_type}: {'; '.join(parts)}."


def _use(row: Checkpoint) -> str:
    task = get_task(row.tasks[0])
    return f'load_clinical("{row.name}", task="{task.name}"){task.usage}'


def _training(row: Checkpoint, recipe: AnyRecipe, texts: Texts) -> Iterable[tuple[str, str]]:
    """Yield the lines of the training table: what the recipe says, and each hyper-parameter that it states."""
    teacher = None if recipe.kind == "continual" else recipe.teacher
    yield "how", _KINDS[recipe.kind] + (" beside a teacher" if teacher and isinstance(recipe, Finetuning) else "")
    yield "objective", _objective(recipe.objective, texts)
    if teacher:
        yield "teacher", _with_note(teacher, getattr(recipe, "teacher_note", None))
    if recipe.start or recipe.start_note:
        yield "start", _with_note(recipe.start, recipe.start_note)
    yield "data", recipe.data
    for name, value in recipe.arguments.items():
        if name != "objective":
            yield name.replace("_", " "), _setting(value)
    if teacher:
        is_on = "on: the authors' script leaves the teacher in training mode"
        yield "teacher's dropout", is_on if row.paper else "off: the teacher is in evaluation mode"
    time = [] if recipe.hours is None else [f"{recipe.hours:g} hours"]
    yield "hardware and time", ", ".join([*([recipe.hardware] if recipe.hardware else []), *time]) or "not stated"


def _objective(name: str, texts: Texts) -> str:
    """Return an objective in words, which for a distillation objective are in its module."""
    from ..distillation import get_objective  # takes seconds to import

    objective = texts.objectives.get(name) or get_objective(name)
    return f"{objective.summary} ([source]({objective.source}))"


def _with_note(name: str | None, note: str | None) -> str:
    return ", ".join(part for part in (name, note) if part)


def _setting(value: Any) -> str:
    """Return how a card shows the value of a hyper-parameter."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} = {item}" for name, item in value.items())
    if isinstance(value, float):
        return f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _results_table(results: Sequence[Results]) -> str:
    heads = ["task", "data", "split", "protocol", "seed", "metric", "score", "95%", "ECE", "documents"]
    lines = []
    for part in sorted(results, key=lambda part: (part.protocol, part.task, part.dataset)):
        for run in part.runs:
            seed = "" if run.seed is None else str(run.seed)
            cells = [part.task, part.dataset, run.split, part.protocol, seed, part.metric.replace("_", " ")]
            score = f"{run.scores[part.metric]:.3f}"
            interval = "{:.3f} to {:.3f}".format(*run.interval)
            lines.append([*cells, score, interval, "" if run.ece is None else f"{run.ece:.3f}", str(run.documents)])
    return markdown_table(heads, 6, lines)


def _recorded(found: Benchmark) -> dict[str, Any]:
    """Return what a card says of scores beside a recorded output."""
    made = {"provenance": _measured_with(found.provenance), "command": found.provenance.command}
    return {**found.settings, **made, "table": recorded_table([found]).rstrip()}


def _measured_with(made: Provenance) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in made.versions.items() if number)
    return f"Measured with {versions}, Python {made.python}, on {made.hardware}."


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
