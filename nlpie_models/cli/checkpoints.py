"""``nlpie list``, ``show``, ``pin`` and ``convert``."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from ..registry import Checkpoint, get_checkpoint, list_checkpoints
from ..training.launching import launch_lines


@click.command("list")
@click.option("--task", help="Only those that serve this task, such as ner.")
@click.option("--json", "as_json", is_flag=True, help="Everything in the registry, as JSON.")
def list_command(task: str | None, as_json: bool) -> None:
    """List the checkpoints: what they are called, what they do, how large they are.

    Any of the names or aliases goes into load_clinical() and `nlpie annotate --checkpoint`.
    """
    rows = list_checkpoints()
    if task:
        from ..tasks import get_task

        rows = tuple(row for row in rows if get_task(task).name in row.tasks)
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    cells = [("NAME", "ALIASES", "TASKS", "PARAMETERS", "STATUS")]
    cells += [(row.name, ", ".join(row.aliases), ", ".join(row.tasks), _millions(row), _status(row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for cell in cells:
        line = "  ".join(value.ljust(width) for value, width in zip(cell, widths, strict=True)).rstrip()
        click.echo(click.style(line, bold=cell is cells[0]))


@click.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show(name: str, as_json: bool) -> None:
    """Show all that the registry knows of checkpoint NAME (a name, an alias or a Hub id)."""
    row = get_checkpoint(name)
    if as_json:
        click.echo(json.dumps(asdict(row), indent=2))
        return
    click.echo(click.style(row.name, bold=True) + f"  {row.summary}")
    values = asdict(row) | {"pinned": "yes" if row.pinned else f"no: {_unpinned_because(row)}"}
    values["launch"] = launch_lines(row)
    for key in ("name", "summary"):
        values.pop(key)
    _echo_table(values, indent=2)


@click.command()
@click.argument("name")
def pin(name: str) -> None:
    """Pin checkpoint NAME: write the commit and SHA-256 that the Hub has now into its TOML.

    Needs the network. From then on a load with any other content is refused.
    """
    from ..pinning import pin_checkpoint

    row = get_checkpoint(name)
    pinned = pin_checkpoint(row)
    click.echo(f"{row.name}: {pinned.file} at {pinned.revision}, SHA-256 {pinned.sha256}")


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("destination", type=click.Path(path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace DESTINATION if it exists.")
def convert(source: Path, destination: Path, overwrite: bool) -> None:
    """Rewrite checkpoint folder SOURCE as DESTINATION: safetensors, with the right model_type.

    A published MiniALBERT (config says bert, pickle weights) is loadable by AutoModel afterwards.
    """
    from ..conversion import convert_checkpoint

    convert_checkpoint(source, destination, overwrite=overwrite)
    click.echo(f"wrote {destination}")


def _millions(row: Checkpoint) -> str:
    return f"{row.architecture.parameters / 1e6:.1f}M" if row.architecture.parameters else "-"


def _status(row: Checkpoint) -> str:
    if row.default:
        return f"{row.status}, default"
    return row.status if row.pinned or row.status == "planned" else f"{row.status}, unpinned"


def _unpinned_because(row: Checkpoint) -> str:
    if row.status == "planned":
        return "not trained yet"
    return f"unpinned; with a network, run `nlpie pin {row.name}`"


def _echo_table(values: dict, indent: int) -> None:
    for key, value in values.items():
        if value in (None, (), {}, [], False):
            continue
        label = " " * indent + click.style(key.replace("_", " "), dim=True)
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


def _one_line(row: dict) -> str:
    """Return a row of a TOML's table; what is no text is led by its key."""
    cells = []
    for key, value in row.items():
        if isinstance(value, dict):
            cells += [f"{key} {name} is {' or '.join(map(str, values))}" for name, values in value.items()]
        elif value is not None:
            cells.append(value if isinstance(value, str) else f"{key} {value}")
    return "; ".join(cells)
