"""``nlpie data``: labelled sources as prepared sets, and sets on the Hub."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ._errors import FriendlyGroup
from .options import COLUMN
from .release import echo_plan

if TYPE_CHECKING:
    from ..data.publication import Candidate


@click.group(cls=FriendlyGroup)
def data() -> None:
    """Prepare labelled data for `nlpie evaluate` and for fine-tuning, and publish it."""


@data.command()
def formats() -> None:
    """List the formats that `nlpie data prepare` reads."""
    from ..data.formats import list_formats

    _echo_table([(entry.name, entry.summary) for entry in list_formats()])


@data.command()
@click.argument("format_name", metavar="FORMAT")
@click.argument("source", metavar="SRC", type=click.Path(path_type=Path))
@click.argument("destination", metavar="DST", type=click.Path(path_type=Path, file_okay=False))
@click.option("--column", "columns", multiple=True, type=COLUMN, help="For tables: what a field is called in SRC.")
@click.option("--overwrite", is_flag=True, help="Replace sets that exist.")
def prepare(
    format_name: str, source: Path, destination: Path, columns: tuple[tuple[str, str], ...], overwrite: bool
) -> None:
    """Read SRC, a folder or file in FORMAT, and write its sets under DST.

    \b
    nlpie data prepare i2b2-2010 i2b2-2010/ data/
    nlpie data prepare mednli mednli-1.0.0/ data/
    nlpie data prepare jsonl notes.jsonl data/ --column text=note --column label=class

    Each set is a folder DST/<set> with <split>.jsonl.gz and receipt.json: how many documents, rows and labels there
    are, what was left out and why, and where the splits come from. Nothing is downloaded, and no text is ever shown.
    """
    from tqdm import tqdm

    from ..data import preparation
    from ..data.formats import Source, get_format

    progress = partial(tqdm, unit=" files", disable=None, leave=False)
    read = Source(source, dict(columns), progress)
    for written in preparation.prepare(get_format(format_name), read, destination, overwrite=overwrite):
        click.echo(_render(written.receipt))
        click.echo(f"wrote {written.folder}\n")


@data.command()
@click.argument("folder", metavar="FOLDER", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--repo", "repo_id", required=True, help="Repository of data sets, such as org/open-sets.")
@click.option("--yes", is_flag=True, help="Push. Without it, nothing is changed.")
@click.option("--pull-request", is_flag=True, help="Propose the commit, and leave main alone.")
@click.option(
    "--licences",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML of the sets' licences, in the form of the package's own data/sets.toml.",
)
def publish(folder: Path, repo_id: str, yes: bool, pull_request: bool, licences: Path | None) -> None:
    """Push the sets of FOLDER that may be passed on to the Hub, as one commit with a card; for maintainers.

    \b
    nlpie data publish sets/ --repo org/open-sets          shows what would be pushed, and what is left out
    nlpie data publish sets/ --repo org/open-sets --yes

    FOLDER has a folder for each set, with <split>.jsonl.gz. Only sets are pushed whose makers let anybody pass them on;
    the repository has these then, and no others. The token is that of `nlpie release push`.
    """
    from huggingface_hub import HfApi

    from ..data.publication import find_candidates
    from ..data.sets import KNOWN_SETS, read_known_sets
    from ..dataset_release import plan_publication, stage_sets
    from ..dataset_release import publish as publish_sets

    candidates = find_candidates(folder, read_known_sets(licences or KNOWN_SETS))
    _echo_candidates(candidates)
    api = HfApi()
    if yes:
        pushed = publish_sets(candidates, repo_id, api=api, pull_request=pull_request)
        click.echo(f"{repo_id}: {pushed.outcome}, {pushed.url or pushed.commit}")
        return
    with stage_sets(candidates, repo_id) as staged:
        echo_plan(plan_publication(staged, repo_id, api))
    click.echo("Nothing was pushed; add --yes.")


def _echo_candidates(candidates: "Sequence[Candidate]") -> None:
    width = max((len(each.name) for each in candidates), default=0)
    for each in candidates:
        if each.known is None or each.refusal is not None:
            outcome = f"{click.style('left out', fg='yellow')}  {each.refusal}"
        else:
            outcome = f"{click.style('publish ', fg='green')}  {each.known.licence}, {sum(each.rows.values()):,} rows"
        click.echo(f"{each.name:<{width}}  {outcome}")


def _render(receipt: Mapping[str, Any]) -> str:
    """Return a receipt as lines: counts with a column for each split, then what was left out, noted, and split how."""
    splits = receipt["splits"]
    labels = sorted({label for split in splits.values() for label in split["labels"]})
    counted = [key for key in ("documents", "sentences", "rows") if any(key in split for split in splits.values())]
    cells = [("", *splits)]
    cells += [(key, *(_number(split.get(key)) for split in splits.values())) for key in counted]
    cells += [
        (f"  {label}", *(_number(split["labels"].get(label, 0)) for split in splits.values())) for label in labels
    ]
    lines = [click.style(receipt["set"], bold=True) + f"  {receipt['task']}, from {receipt['format']}"]
    lines += _align(cells)
    for title in ("dropped", "notes"):
        lines += [f"{title}: {what}: {count:,}" for what, count in receipt[title].items()]
    return "\n".join([*lines, *(f"{name}: {split['origin']}" for name, split in splits.items())])


def _number(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"


def _align(cells: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines, the first column aligned to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(value.rjust(width) for value, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in cells
    ]


def _echo_table(rows: Sequence[tuple[str, str]]) -> None:
    width = max(len(name) for name, _ in rows)
    for name, summary in rows:
        click.echo(f"{click.style(name.ljust(width), bold=True)}  {summary}")
