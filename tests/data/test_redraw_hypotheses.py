"""Entailment data whose hypotheses alone say nothing about the label."""

import json
import runpy
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nlpie_models.data.rows import find_split, read_rows

RECIPE = runpy.run_path(str(Path(__file__).parents[2] / "recipes" / "redraw_hypotheses.py"))


@pytest.fixture
def data(tmp_path) -> Path:
    """Questions of which all that are not entailed have one hypothesis."""
    entailed = [{"premise": f"q{n}", "hypothesis": f"h{n}", "label": "entailment"} for n in range(20)]
    others = [{"premise": f"q{n}", "hypothesis": "the same", "label": "not_entailment"} for n in range(20)]
    folder = tmp_path / "data"
    folder.mkdir()
    for split in ("train", "test"):
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in entailed + others))
    return folder


def redraw(data: Path, output: Path, *more: object) -> Result:
    arguments = ["--data", data, "--output", output, *more]
    return CliRunner().invoke(RECIPE["main"], list(map(str, arguments)))


def rows(folder: Path, split: str) -> list[dict]:
    return [row for _, row in read_rows(find_split(folder, split))]


def test_hypotheses_come_from_the_other_rows_and_from_other_premises(data, tmp_path) -> None:
    result = redraw(data, tmp_path / "new")
    assert result.output.endswith("new: 20 of 40 training rows have another hypothesis\n")
    before, after = rows(data, "train"), rows(tmp_path / "new", "train")
    assert after[:20] == before[:20]
    entailed = {row["hypothesis"]: row["premise"] for row in after[:20]}
    for old, new in zip(before[20:], after[20:], strict=True):
        assert (new["premise"], new["label"]) == (old["premise"], old["label"])
        assert entailed[new["hypothesis"]] != new["premise"]
    assert len({row["hypothesis"] for row in after[20:]}) > 5
    assert rows(tmp_path / "new", "test") == rows(data, "test")


def test_the_seed_alone_decides(data, tmp_path) -> None:
    for name, seed in (("one", 1), ("again", 1), ("two", 2)):
        assert redraw(data, tmp_path / name, "--seed", seed).exit_code == 0
    one, again, two = (find_split(tmp_path / name, "train").read_bytes() for name in ("one", "again", "two"))
    assert one == again != two


@pytest.mark.parametrize(
    ("label", "lines", "message"),
    [
        ("contradiction", None, "expected training rows labelled 'contradiction'"),
        ("entailment", ['{"premise": "a", "hypothesis": "b", "label": "entailment"}'], "others with two premises"),
        (
            "entailment",
            ['{"premise": "a", "label": "entailment"}'],
            "hypothesis is missing",
        ),
    ],
)
def test_what_cannot_be_redrawn_is_refused_and_nothing_is_written(data, tmp_path, label, lines, message) -> None:
    if lines:
        (data / "train.jsonl").write_text("\n".join(lines) + "\n")
    result = redraw(data, tmp_path / "new", "--label", label)
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())
    assert not (tmp_path / "new").exists()
