"""Make more pairs for inference from those of a data set, labelled by a teacher."""

from collections.abc import Iterator, Sequence
from itertools import permutations
from pathlib import Path

import click
from tqdm import tqdm

from nlpie_models import load_clinical
from nlpie_models.cli import FriendlyCommand
from nlpie_models.cli.options import LABELLED_DATA
from nlpie_models.data.labels import LabelMap
from nlpie_models.data.preparation import write_rows
from nlpie_models.data.rows import list_splits, read_rows
from nlpie_models.tasks import get_task
from nlpie_models.util.files import write_whole

Pair = tuple[str, str]


@click.command(cls=FriendlyCommand, context_settings={"show_default": True})
@click.option("--data", required=True, type=LABELLED_DATA, help="Folder of pairs, or data in the package.")
@click.option("--teacher", required=True, help="Checkpoint that is fine-tuned for these labels: a folder or a name.")
@click.option("--nearest", default=6, help="Hypotheses of other premises that each premise is paired with.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
def main(data: Path, teacher: str, nearest: int, output: Path) -> None:
    """Add pairs to the training rows, each with the label that TEACHER finds most probable; copy the other splits.

    Each premise is paired with the hypotheses of other premises that are nearest to it in words, and the hypotheses of
    a premise with each other. A student of few layers learns more from these than from the labelled pairs alone.
    """
    splits = {
        name: get_task("nli").read_labelled(read_rows(path), LabelMap({}))[0]
        for name, path in list_splits(data).items()
    }
    known = [(row["premise"], row["hypothesis"]) for row in splits["train"]]
    pairs = sorted({*_among_hypotheses(known), *_nearest(known, nearest)} - set(known))
    answers = tqdm(load_clinical(teacher, "nli").stream(pairs), total=len(pairs), unit=" pairs", disable=None)
    added = [
        {"premise": premise, "hypothesis": hypothesis, "label": answer.label}
        for (premise, hypothesis), answer in zip(pairs, answers, strict=True)
    ]
    with write_whole(output) as folder:
        folder.mkdir()
        for name, rows in splits.items():
            write_rows(folder / f"{name}.jsonl.gz", [*rows, *added] if name == "train" else rows)
    click.echo(f"{output}: {len(added):,} pairs beside {len(known):,} training rows")


def _among_hypotheses(pairs: Sequence[Pair]) -> Iterator[Pair]:
    """Return the hypotheses of each premise, paired with each other in both orders."""
    hypotheses: dict[str, list[str]] = {}
    for premise, hypothesis in pairs:
        hypotheses.setdefault(premise, []).append(hypothesis)
    for group in hypotheses.values():
        yield from permutations(group, 2)


def _nearest(pairs: Sequence[Pair], count: int) -> Iterator[Pair]:
    """Return each premise with the nearest hypotheses of other premises, by the cosine of their TF-IDF vectors."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.neighbors import NearestNeighbors

    premises = sorted({premise for premise, _ in pairs})
    hypotheses = [hypothesis for _, hypothesis in pairs]
    vectorizer = TfidfVectorizer(sublinear_tf=True).fit([*premises, *hypotheses])
    index = NearestNeighbors(metric="cosine", n_neighbors=min(2 * count, len(pairs)))
    neighbours = index.fit(vectorizer.transform(hypotheses)).kneighbors(
        vectorizer.transform(premises), return_distance=False
    )
    for premise, row in zip(premises, neighbours, strict=True):
        others = [pairs[position][1] for position in row if pairs[position][0] != premise]
        yield from ((premise, hypothesis) for hypothesis in others[:count])


if __name__ == "__main__":
    main()
