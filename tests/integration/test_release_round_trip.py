"""A release as a maintainer and a user have it: commands in processes of their own, and a Hub chosen by HF_ENDPOINT.

The checkpoint is in no registry but that of this test.
"""

import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import pytest_socket
from hub_server import TOKEN, HubServer

from nlpie_models import load_clinical
from nlpie_models.loading.find import BUNDLED_FOLDER
from nlpie_models.registry import CHECKPOINTS_FOLDER, read_checkpoint
from nlpie_models.release.cards import card_path, make_card

ROOT = Path(__file__).parents[2]
CARDS = ROOT / "model_cards"
WRITES = {"create", "upload", "commit", "tag"}
SOURCE = "open-notes"
NOTE = "She was given aspirin for pneumonia. An MRI was normal."
RUN = (
    "import sys, nlpie_models.registry as registry\n"
    "from pathlib import Path\n"
    "registry.CHECKPOINTS_FOLDER = Path(sys.argv.pop(1))\n"
)
COMMAND = "from nlpie_models.cli import main; main(prog_name='nlpie')"
LOAD = (
    "import json, nlpie_models\n"
    "pipe = nlpie_models.load_clinical(sys.argv[1], task=sys.argv[2], device='cpu')\n"
    "print(json.dumps([[e.start, e.end, e.label] for e in pipe(sys.argv[3]).entities]))"
)


def run(registry: Path, home: Path, endpoint: str, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    variables = {"HF_ENDPOINT": endpoint, "HF_TOKEN": TOKEN, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
    variables |= {"HF_HUB_OFFLINE": "0", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", RUN + code, str(registry), *arguments]
    return subprocess.run(command, env=os.environ | variables, capture_output=True, text=True)


@pytest.fixture
def registry(tmp_path):
    """A registry with a copy of the bundled checkpoint that the package does not bring."""
    folder = tmp_path / "registry"
    shutil.copytree(CHECKPOINTS_FOLDER, folder)
    text = (folder / f"{SOURCE}.toml").read_text()
    text = text.replace(f'name = "{SOURCE}"', 'name = "open-copy"').replace('status = "bundled"', 'status = "planned"')
    (folder / "open-copy.toml").write_text(text.replace("default = true\n", ""))
    return folder


@pytest.fixture
def cards(tmp_path, registry):
    folder = tmp_path / "cards"
    folder.mkdir()
    for name in ("template.md", "texts.toml"):
        shutil.copy(CARDS / name, folder)
    for path in (CARDS / "results" / SOURCE).glob("*.json"):
        target = folder / "results" / "open-copy" / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(json.loads(path.read_text()) | {"checkpoint": "open-copy"}))
    row = read_checkpoint(registry / "open-copy.toml")
    card_path(row, folder).write_text(make_card(row, folder))
    return folder


def test_round_trip(registry, cards, tmp_path) -> None:
    pytest_socket.enable_socket()
    hub = HubServer()
    folder = tmp_path / "open-copy"
    shutil.copytree(BUNDLED_FOLDER / SOURCE, folder)
    expected = [[entity.start, entity.end, entity.label] for entity in load_clinical(SOURCE, "ner")(NOTE).entities]
    command = ["release", "push", str(folder), "--repo", "org/open-copy", "--cards", str(cards), "--yes"]

    pushed = run(registry, tmp_path / "maintainer", hub.address, COMMAND, *command)
    assert pushed.returncode == 0, pushed.stderr
    commit = hub.repos["org/open-copy"].refs["refs/heads/main"]
    assert f"org/open-copy: pushed, {commit}" in pushed.stdout
    assert read_checkpoint(registry / "open-copy.toml").weights.revision == commit

    load = partial(run, registry, tmp_path / "user", hub.address, LOAD, "org/open-copy", "ner", NOTE)
    first = load()
    assert (json.loads(first.stdout or "null"), first.stderr) == (expected, first.stderr)

    files = hub.repos["org/open-copy"].commits[commit]
    weights = files["model.safetensors"]
    files["model.safetensors"] = weights[:-1] + bytes([weights[-1] ^ 1])
    changed = run(registry, tmp_path / "other", hub.address, LOAD, "org/open-copy", "ner", NOTE)
    assert changed.returncode != 0
    assert "is not the pinned file" in changed.stderr
    files["model.safetensors"] = weights

    hub.calls.clear()
    again = run(registry, tmp_path / "maintainer", hub.address, COMMAND, *command)
    assert f"org/open-copy: nothing, {commit}" in again.stdout, again.stderr
    assert not WRITES & set(hub.calls)

    hub.close()
    assert json.loads(load().stdout) == expected
