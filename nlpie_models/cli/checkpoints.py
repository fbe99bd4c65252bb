"""``nlpie list``, ``show`` and ``convert``."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ..recipes import Continual, Distillation
from ..registry import Checkpoint, Pin, get_checkpoint, list_checkpoints
from .tables import align

_SCRIPTS = {"continual": "recipes/continue_pretraining.py", "distillation": "recipes/distill.py"}
_MACHINES = {
    "one CPU": ("--cpu --num_processes 1", 1, 8),
    "one GPU": ("--num_processes 1", 1, 48),
    "4 GPUs": ("--multi_gpu --num_processes 4", 4, 48),
}
"""Of each machine: how to launch on it, its processes, and the blocks that each can take at once (4 x 48 = 192)."""
_LABELS = {
    "siblings": "checkpoints for other tasks",
    "peer": "compared with",
    "start_note": "note on the start",
    "teacher_note": "note on the teacher",
}
"""What ``nlpie show`` calls a field whose name does not say enough."""


@click.command("list")
@click.option("--task", help="Only those that serve this task, such as ner.")
@click.option("--json", "as_json", is_flag=True, help="Everything in the registry, as JSON.")
def list_command(task: str | None, as_json: bool) -> None:
    """List the checkpoints: their names, their tasks, their sizes, and where their weights are.

    load_clinical() and `nlpie annotate --checkpoint` take any of the names and aliases. WHERE says `here` of weights on
    this machine, `download` of weights that the first use downloads from the Hub (`unpinned` if no commit or hash says
    which), and `checkout only` of weights that only a checkout of the repository has.
    """
    rows = list_checkpoints()
    if task:
        from ..tasks import get_task

        rows = tuple(row for row in rows if get_task(task).name in row.tasks)
    if as_json:
        click.echo(json.dumps([_as_dict(row) for row in rows], indent=2))
        return
    cells = [[click.style(name, bold=True) for name in ("NAME", "ALIASES", "TASKS", "PARAMETERS", "WHERE")]]
    for row in rows:
        where = _where(row) + (", default" if row.default else "")
        cells.append([row.name, ", ".join(row.aliases), ", ".join(row.tasks), _millions(row), where])
    click.echo("\n".join(align(cells, right=[3])))


@click.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show(name: str, as_json: bool) -> None:
    """Show all that the registry knows of checkpoint NAME (a name, an alias or a Hub id)."""
    row = get_checkpoint(name)
    if as_json:
        click.echo(json.dumps(_as_dict(row), indent=2))
        return
    click.echo(click.style(row.name, bold=True) + f"  {row.summary}")
    values = _as_dict(row) | {"launch": launch_lines(row)}
    for key in ("name", "summary"):
        values.pop(key)
    _echo_table(values, indent=2)


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("destination", type=click.Path(path_type=Path))
@click.option("--onnx", is_flag=True, help="Write the graphs that ONNX Runtime reads as well: a start without torch.")
@click.option("--overwrite", is_flag=True, help="Replace DESTINATION if it exists.")
def convert(source: Path, destination: Path, onnx: bool, overwrite: bool) -> None:
    """Write checkpoint folder SOURCE as DESTINATION: safetensors, with the model_type of the class that loads it.

    AutoModel then loads a published MiniALBERT, whose config says bert and whose weights are a pickle. With --onnx,
    load_clinical(DESTINATION) and `nlpie annotate --checkpoint DESTINATION` run it with ONNX Runtime.
    """
    from ..release.convert import convert_checkpoint

    convert_checkpoint(source, destination, graphs=onnx, overwrite=overwrite)
    click.echo(f"wrote {destination}")


def _millions(row: Checkpoint) -> str:
    return f"{row.architecture.parameters / 1e6:.1f}M" if row.architecture.parameters else "-"


def _as_dict(row: Checkpoint) -> dict[str, Any]:
    return asdict(row) | {"where": _where(row), "pin": row.pin, "data_access": row.data_access}


def _where(row: Checkpoint) -> str:
    """Return where the weights of a checkpoint are, as seen from this machine."""
    from ..loading.find import is_here

    if is_here(row):
        return "here"
    if row.hub_id:
        return "download, unpinned" if row.pin is Pin.NONE else "download"
    return "checkout only" if row.status == "zoo" else "planned"


def _echo_table(values: dict[str, Any], indent: int) -> None:
    for key, value in values.items():
        if value in (None, (), {}, [], False):
            continue
        label = " " * indent + click.style(_LABELS.get(key, key.replace("_", " ")), dim=True)
        if isinstance(value, dict):
            click.echo(label)
            _echo_table(value, indent + 2)
        elif isinstance(value, list | tuple) and (isinstance(value[0], dict) or " " in str(value[0])):
            click.echo(label)
            for item in value:
                click.echo(" " * (indent + 2) + (_one_line(item) if isinstance(item, dict) else item))
        elif isinstance(value, list | tuple):
            click.echo(f"{label}  {', '.join(map(str, value))}")
        else:
            click.echo(f"{label}  {value:,}" if type(value) is int else f"{label}  {value}")


def _one_line(row: dict[str, Any]) -> str:
    """Return a row of a TOML's table; each value but the first, the row's name or path, is led by its key."""
    first, *others = row.items()
    cells = [str(first[1])]
    for key, value in others:
        if isinstance(value, dict):
            cells += [f"{key} {name} is {' or '.join(map(str, values))}" for name, values in value.items()]
        elif value is not None:
            cells.append(f"{key} {value}")
    return "; ".join(cells)


def launch_lines(row: Checkpoint) -> dict[str, str]:
    """Return the command that makes a checkpoint again on each kind of machine; DATA is the folder of its corpora.

    The batch over all processes is the recipe's on each of them, so all take the same steps. Empty without a recipe
    whose corpora are known.
    """
    recipe = row.recipe
    if not isinstance(recipe, Continual | Distillation) or not recipe.corpora or "batch" not in recipe.arguments:
        return {}
    batch = recipe.arguments["batch"]
    lines = {}
    for machine, (launcher, processes, room) in _MACHINES.items():
        share = batch // processes
        at_once = max(size for size in range(1, min(room, share) + 1) if share % size == 0)
        lines[machine] = (
            f"accelerate launch {launcher} {_SCRIPTS[recipe.kind]} {row.name} --data DATA --output runs/{row.name} "
            f"--batch {batch} --device-batch {at_once}"
        )
    return lines
