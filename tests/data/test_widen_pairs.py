"""More pairs for inference, labelled by a teacher."""

import json
import runpy
from itertools import permutations
from pathlib import Path

import pytest
from click.testing import CliRunner

from nlpie_models import load_clinical
from nlpie_models.data.rows import find_split, read_rows

RECIPE = runpy.run_path(str(Path(__file__).parents[2] / "recipes" / "widen_pairs.py"))
LABELS = ("contradiction", "entailment", "neutral")
COMPLAINTS = ("chest pain", "severe chest pain", "fever", "a rash")


@pytest.fixture
def data(tmp_path) -> Path:
    """Three hypotheses of each of four premises, of which two are near to each other in words."""
    rows = [
        {"premise": f"The patient has {complaint}.", "hypothesis": f"{complaint} is {state}.", "label": label}
        for complaint in COMPLAINTS
        for state, label in zip(("absent", "there", "old"), LABELS, strict=True)
    ]
    folder = tmp_path / "data"
    folder.mkdir()
    for split, kept in (("train", rows), ("validation", rows[:3])):
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept))
    return folder


def rows(folder: Path, split: str) -> list[dict]:
    return [row for _, row in read_rows(find_split(folder, split))]


def test_the_pairs_are_new_near_and_labelled_by_the_teacher(data, head_folder, tmp_path) -> None:
    teacher = head_folder("nli", LABELS)
    arguments = ["--data", data, "--teacher", teacher, "--nearest", "2", "--output", tmp_path / "wide"]
    result = CliRunner().invoke(RECIPE["main"], list(map(str, arguments)), catch_exceptions=False)
    train, wide = rows(data, "train"), rows(tmp_path / "wide", "train")
    added = wide[len(train) :]
    assert result.output.endswith(f"wide: {len(added)} pairs beside 12 training rows\n")
    assert wide[: len(train)] == train
    assert rows(tmp_path / "wide", "validation") == rows(data, "validation")

    known = {(row["premise"], row["hypothesis"]) for row in train}
    pairs = {(row["premise"], row["hypothesis"]) for row in added}
    assert len(pairs) == len(added)
    assert not pairs & known
    groups = [[row["hypothesis"] for row in train if row["premise"] == premise] for premise in dict(known)]
    among = {pair for group in groups for pair in permutations(group, 2)}
    assert among < pairs
    near = pairs - among
    assert len(near) <= 2 * len(COMPLAINTS)
    assert {hypothesis for premise, hypothesis in near if premise == "The patient has chest pain."} <= {
        f"severe chest pain is {state}." for state in ("absent", "there", "old")
    }

    pipe = load_clinical(teacher, "nli")
    assert [row["label"] for row in added] == [pipe(row["premise"], row["hypothesis"]).label for row in added]
