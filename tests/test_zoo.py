"""The checkpoints in the package and in ``zoo/``, and notes of 20,000 tokens with each task."""

import re
from pathlib import Path

import numpy as np
import pytest

from nlpie_models import load_clinical
from nlpie_models.checkpoint_files import BUNDLED_FOLDER, ZOO_FOLDER
from nlpie_models.registry import list_checkpoints

FOLDERS = {"bundled": BUNDLED_FOLDER, "zoo": ZOO_FOLDER}
AT_HAND = [row for row in list_checkpoints() if row.status in FOLDERS]
NOTES = [path.read_text() for path in sorted((Path(__file__).parent.parent / "examples" / "notes").glob("*.txt"))]
LONG = "\n\n".join(NOTES * 4)
LONG_READERS = [
    ("open-mini", "embedding"),
    ("open-mini-cancer", "classification"),
    ("open-mini-causes", "relation"),
]


@pytest.mark.parametrize("row", AT_HAND, ids=lambda row: row.name)
def test_every_row_loads_with_the_labels_and_the_size_that_it_states(row) -> None:
    pipe = load_clinical(row.name, row.tasks[0], device="cpu")
    labels = {re.sub("^[BI]-", "", label) for label in pipe.head.labels} - {"O"}
    assert set(row.labels) == (labels if set(row.heads) - {"fill-mask"} else set())
    assert sum(weight.numel() for weight in pipe.engine.model.base_model.parameters()) == row.architecture.parameters
    assert pipe.checkpoint.weights.stat().st_size == pytest.approx(row.weights.megabytes * 1e6, abs=0.05e6)


@pytest.mark.parametrize("status", FOLDERS)
def test_nothing_is_at_hand_without_a_row(status) -> None:
    assert {path.name for path in FOLDERS[status].iterdir()} == {row.name for row in AT_HAND if row.status == status}


@pytest.mark.parametrize(("name", "task"), LONG_READERS)
def test_20_000_tokens_are_read_whole_and_alike_in_any_company(name, task) -> None:
    pipe = load_clinical(name, task, device="cpu")
    alone = pipe(LONG)
    assert alone.coverage.characters == len(LONG)
    assert alone.coverage.tokens > 20_000
    _, together, _ = pipe([NOTES[3], LONG, NOTES[0]])
    assert together == alone
    np.testing.assert_allclose(numbers(together), numbers(alone), rtol=0, atol=1e-5)


def numbers(annotation) -> list[float]:
    """Return every score and coordinate of an annotation."""
    if annotation.embedding is not None:
        return list(annotation.embedding)
    if annotation.classification is not None:
        return list(annotation.scores.values())
    return [relation.score for relation in annotation.relations]
