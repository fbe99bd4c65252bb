"""The mean of the weights of checkpoints, by the recipe."""

import json
import runpy
import shutil
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file

from nlpie_models import load_clinical

RECIPE = runpy.run_path(str(Path(__file__).parents[2] / "recipes" / "average.py"))


@pytest.fixture
def other(ner_folder, tmp_path) -> Path:
    """A copy of a checkpoint whose weights are twice as large."""
    folder = shutil.copytree(ner_folder, tmp_path / "other")
    weights = load_file(folder / "model.safetensors")
    save_file({name: 2 * weight for name, weight in weights.items()}, folder / "model.safetensors", {"format": "pt"})
    return folder


def average(output: Path, *sources: Path):
    arguments = [argument for source in sources for argument in ("--source", str(source))]
    return CliRunner().invoke(RECIPE["main"], [*arguments, "--output", str(output)])


def test_each_weight_is_the_mean(ner_folder, other, tmp_path) -> None:
    result = average(tmp_path / "mean", ner_folder, other)
    assert result.exit_code == 0, result.output
    before, after = (load_file(folder / "model.safetensors") for folder in (ner_folder, tmp_path / "mean"))
    for name, weight in before.items():
        torch.testing.assert_close(after[name], 1.5 * weight)
    assert load_clinical(tmp_path / "mean", device="cpu")("chest pain").coverage.tokens == 2


def test_what_has_no_mean(ner_folder, other, tmp_path) -> None:
    assert "expected two sources or more, got 1" in average(tmp_path / "mean", ner_folder).output
    config = json.loads((other / "config.json").read_text())
    config["id2label"]["0"] = "other"
    (other / "config.json").write_text(json.dumps(config))
    refused = average(tmp_path / "mean", ner_folder, other)
    assert (refused.exit_code, "differ in their tensors or labels" in refused.output) == (1, True)
    assert not (tmp_path / "mean").exists()
