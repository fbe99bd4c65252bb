"""Make entailment data whose hypotheses do not tell the label without their premises."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from nlpie_models.cli import FriendlyCommand
from nlpie_models.data.labels import LabelMap
from nlpie_models.data.preparation import write_rows
from nlpie_models.data.rows import find_split, list_splits, read_rows
from nlpie_models.errors import DataError
from nlpie_models.tasks import get_task
from nlpie_models.util.files import write_whole


@click.command(cls=FriendlyCommand, context_settings={"show_default": True})
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--label", default="not_entailment", help="The label whose hypotheses are replaced.")
@click.option("--seed", default=1, help="Seed of the draw.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
def main(data: Path, label: str, seed: int, output: Path) -> None:
    """Replace the hypotheses of the training rows of LABEL by those of other rows; copy the other splits.

    Where the rows of a label share a few hypotheses, a model learns to tell these and needs no premise (annotation
    artifacts; Gururangan et al., 2018, https://arxiv.org/abs/1803.02324). Afterwards only the pair tells.
    """
    paths = list_splits(data) | {"train": find_split(data, "train")}
    splits = {name: get_task("nli").read_labelled(read_rows(path), LabelMap({}))[0] for name, path in paths.items()}
    splits["train"] = redraw(splits["train"], label, seed)
    with write_whole(output) as folder:
        folder.mkdir()
        for name, rows in splits.items():
            write_rows(folder / f"{name}.jsonl.gz", rows)
    changed = sum(row["label"] == label for row in splits["train"])
    click.echo(f"{output}: {changed:,} of {len(splits['train']):,} training rows have another hypothesis")


def redraw(rows: Sequence[dict[str, Any]], label: str, seed: int) -> list[dict[str, Any]]:
    """Return the rows, those with the label paired with hypotheses that other premises have under other labels.

    Raises:
        DataError: No row has the label, or all rows of other labels have one premise.
    """
    others = [row for row in rows if row["label"] != label]
    if len(others) == len(rows) or len({row["premise"] for row in others}) < 2:
        raise DataError(f"expected training rows labelled {label!r}, and others with two premises at the least")
    drawn = random.Random(seed)

    def other_than(premise: str) -> str:
        while (row := drawn.choice(others))["premise"] == premise:
            pass
        return row["hypothesis"]

    return [row if row["label"] != label else {**row, "hypothesis": other_than(row["premise"])} for row in rows]


if __name__ == "__main__":
    main()
