"""A bundle is installed and used on a machine that has no network interface."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nlpie_models.release.bundle import make_bundle

ROOT = Path(__file__).parents[2]
TEXT = "the patient has chest pain"


def test_without_any_network_interface(ner_folder, tmp_path) -> None:
    probe = subprocess.run(["unshare", "--net", "true"], capture_output=True)
    if probe.returncode:
        pytest.skip("this system does not let us make a network namespace")
    source = shutil.copytree(ner_folder, tmp_path / "carried")
    make_bundle(str(source), "ner", tmp_path / "carried.tar", cards=ROOT / "model_cards")
    (tmp_path / "note.txt").write_text(TEXT)
    nlpie = f"{sys.executable} -m nlpie_models"
    script = f"{nlpie} bundle install carried.tar && {nlpie} annotate note.txt -c carried -o out.jsonl"
    variables = {"NLPIE_MODELS_HOME": str(tmp_path / "home"), "HF_HOME": str(tmp_path / "hf"), "PYTHONPATH": str(ROOT)}
    environment = os.environ | variables | {"HF_HUB_OFFLINE": "0"}
    shutil.rmtree(tmp_path / "carried")
    command = ["unshare", "--net", "sh", "-c", script]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (tmp_path / "out.jsonl").exists(), ended.stderr
    assert json.loads((tmp_path / "out.jsonl").read_text())["coverage"]["characters"] == len(TEXT)
