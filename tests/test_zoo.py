"""The checkpoints in the package and in ``zoo/``."""

import re

import pytest

from nlpie_models import load_clinical
from nlpie_models.data.corpora import CORPORA_FOLDER
from nlpie_models.data.demo import DEMO_FOLDER
from nlpie_models.documents.assertion.labels import split_label
from nlpie_models.evaluation.benchmarks import recorded
from nlpie_models.loading.find import BUNDLED_FOLDER, ZOO_FOLDER
from nlpie_models.registry import list_checkpoints

FOLDERS = {"bundled": BUNDLED_FOLDER, "zoo": ZOO_FOLDER}
AT_HAND = [row for row in list_checkpoints() if row.status in FOLDERS]


@pytest.mark.parametrize("row", AT_HAND, ids=lambda row: row.name)
def test_every_row_loads_with_the_labels_and_the_size_that_it_states(row) -> None:
    pipe = load_clinical(row.name, row.tasks[0], engine="torch", device="cpu")
    labels = {split_label(re.sub("^[BI]-", "", label))[0] for label in pipe.head.labels} - {"O"}
    assert set(row.labels) == (labels if set(row.heads) - {"fill-mask"} else set())
    assert sum(weight.numel() for weight in pipe.engine.model.base_model.parameters()) == row.architecture.parameters
    assert pipe.checkpoint.weights.stat().st_size == pytest.approx(row.weights.megabytes * 1e6, abs=0.05e6)


@pytest.mark.parametrize("status", FOLDERS)
def test_nothing_is_at_hand_without_a_row(status) -> None:
    folders = set(FOLDERS[status].iterdir()) - {DEMO_FOLDER, CORPORA_FOLDER, recorded.FOLDER}
    assert {path.name for path in folders} == {row.name for row in AT_HAND if row.status == status}
