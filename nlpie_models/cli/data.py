"""``nlpie data``: prepare labelled data, and publish it."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .groups import FriendlyGroup
from .options import COLUMN
from .release import echo_plan
from .tables import align

if TYPE_CHECKING:
    from ..release.dataset import Candidate


@click.group(cls=FriendlyGroup)
def data() -> None:
    """Prepare labelled data for `nlpie evaluate` and for fine-tuning, and publish it."""


@data.command()
def formats() -> None:
    """List the formats of labelled data, for `prepare`, and of unlabelled text, for `nlpie train --kind`."""
    from ..data.labelled import list_formats
    from ..data.unlabelled import list_corpora

    rows = [("labelled", click.style(entry.name, bold=True), entry.summary) for entry in list_formats()]
    rows += [("unlabelled", click.style(entry.name, bold=True), entry.summary) for entry in list_corpora()]
    click.echo("\n".join(align(rows)))


@data.command()
@click.argument("format_name", metavar="FORMAT")
@click.argument("source", metavar="SRC")
@click.argument("destination", metavar="DST", type=click.Path(path_type=Path, file_okay=False))
@click.option("--column", "columns", multiple=True, type=COLUMN, help="What a field is called in SRC.")
@click.option("--overwrite", is_flag=True, help="Replace sets that exist.")
def prepare(
    format_name: str, source: str, destination: Path, columns: tuple[tuple[str, str], ...], overwrite: bool
) -> None:
    """Read SRC, a folder or file in FORMAT (see `nlpie data formats`), and write its sets under DST.

    \b
    nlpie data prepare i2b2-2010 i2b2-2010/ data/
    nlpie data prepare mednli mednli-1.0.0/ data/
    nlpie data prepare clinical-notes clinical_notes data/     the notes in the package
    nlpie data prepare jsonl notes.jsonl data/ --column text=note --column label=class

    A set becomes a folder DST/<set> with <split>.jsonl.gz and receipt.json: how many documents, rows and labels it has,
    what was left out and why, and where the splits come from. Nothing is downloaded, and no text is shown.
    """
    from tqdm import tqdm

    from ..data import preparation
    from ..data.corpora import find_data, list_bundled_data
    from ..data.labelled import LabelledSource, get_format

    progress = partial(tqdm, unit=" files", disable=None, leave=False)
    path = find_data(source) if source in list_bundled_data() else Path(source)
    read = LabelledSource(path, dict(columns), progress)
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
    help="TOML of the licences of sets, in the form of release/dataset.toml in the package.",
)
def publish(folder: Path, repo_id: str, yes: bool, pull_request: bool, licences: Path | None) -> None:
    """Push the sets of FOLDER that anybody may pass on to the Hub, as one commit with a card; for maintainers.

    \b
    nlpie data publish sets/ --repo org/open-sets          shows what would be pushed, and what is left out
    nlpie data publish sets/ --repo org/open-sets --yes

    FOLDER has a folder for each set, with <split>.jsonl.gz. Only sets whose makers let anybody pass them on are pushed;
    afterwards the repository has these and no others. The token is that of `nlpie release push`.
    """
    from huggingface_hub import HfApi

    from ..release import dataset

    candidates = dataset.find_candidates(folder, dataset.read_known_sets(licences or dataset.KNOWN_SETS))
    _echo_candidates(candidates)
    api = HfApi()
    if yes:
        pushed = dataset.publish(candidates, repo_id, api=api, pull_request=pull_request)
        click.echo(f"{repo_id}: {pushed.outcome}, {pushed.url or pushed.commit}")
        return
    with dataset.stage_sets(candidates, repo_id) as staged:
        echo_plan(dataset.plan_publication(staged, repo_id, api))
    click.echo("Nothing was pushed; add --yes.")


def _echo_candidates(candidates: "Sequence[Candidate]") -> None:
    rows = []
    for candidate in candidates:
        if candidate.known is None or candidate.refusal is not None:
            outcome, detail = click.style("left out", fg="yellow"), str(candidate.refusal)
        else:
            outcome = click.style("publish", fg="green")
            detail = f"{candidate.known.licence}, {sum(candidate.rows.values()):,} rows"
        rows.append((candidate.name, outcome, detail))
    for line in align(rows):
        click.echo(line)


def _render(receipt: Mapping[str, Any]) -> str:
    """Return a receipt as text: counts with a column a split, what was left out and noted, and who chose the splits."""
    splits = receipt["splits"]
    labels = sorted({label for split in splits.values() for label in split["labels"]})
    counted = [key for key in ("documents", "sentences", "rows") if any(key in split for split in splits.values())]
    cells = [("", *splits)]
    cells += [(key, *(_number(split.get(key)) for split in splits.values())) for key in counted]
    cells += [
        (f"  {label}", *(_number(split["labels"].get(label, 0)) for split in splits.values())) for label in labels
    ]
    lines = [click.style(receipt["set"], bold=True) + f"  {receipt['task']}, from {receipt['format']}"]
    lines += align(cells, right=range(1, len(cells[0])))
    for title in ("dropped", "notes"):
        lines += [f"{title}: {what}: {count:,}" for what, count in receipt[title].items()]
    return "\n".join([*lines, *(f"{name}: {split['origin']}" for name, split in splits.items())])


def _number(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"
