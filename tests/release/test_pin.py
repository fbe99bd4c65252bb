"""Pinning: what the Hub has now is written into the TOML of a row, and nothing else in it changes."""

import json
import shutil
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import pytest_socket
from click.testing import CliRunner

from nlpie_models.cli import main
from nlpie_models.errors import CheckpointError
from nlpie_models.registry import CHECKPOINTS_FOLDER, Pin, get_checkpoint, read_checkpoint
from nlpie_models.release.pin import pin_checkpoint

COMMIT, SHA256 = "a" * 40, "b" * 64


class _Hub(BaseHTTPRequestHandler):
    """Answers model_info as the Hub does; the files are the server's ``files``."""

    def do_GET(self) -> None:
        body = json.dumps({"id": "nlpie/tiny-clinicalbert", "sha": COMMIT, "siblings": self.server.files}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def hub(monkeypatch):
    pytest_socket.enable_socket()
    server = HTTPServer(("127.0.0.1", 0), _Hub)
    lfs = {"sha256": SHA256, "size": 55_600_000, "pointerSize": 134}
    server.files = [{"rfilename": "pytorch_model.bin", "size": 55_600_000, "lfs": lfs}]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    monkeypatch.setattr("huggingface_hub.hf_api.constants.ENDPOINT", address)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    yield server
    server.shutdown()
    server.server_close()


def test_pinning_writes_commit_and_hash_and_nothing_else(hub, tmp_path) -> None:
    path = tmp_path / "tiny-clinicalbert.toml"
    shutil.copy(CHECKPOINTS_FOLDER / path.name, path)
    before = path.read_text().splitlines()
    weights = pin_checkpoint(get_checkpoint("tiny-clinicalbert"), tmp_path)
    assert (weights.revision, weights.sha256, weights.file) == (COMMIT, SHA256, "pytorch_model.bin")
    assert read_checkpoint(path).pin is Pin.FULL
    added = [line for line in path.read_text().splitlines() if line not in before]
    assert added == [f'revision = "{COMMIT}"', f'sha256 = "{SHA256}"']


def test_pinning_a_repository_without_weights(hub, tmp_path) -> None:
    hub.files = [{"rfilename": "README.md"}]
    with pytest.raises(
        CheckpointError, match=r"nlpie/tiny-clinicalbert has none of model.safetensors, pytorch_model.bin"
    ):
        pin_checkpoint(get_checkpoint("tiny-clinicalbert"), tmp_path)


def test_pinning_without_network_or_hub_id(tmp_path) -> None:
    with pytest.raises(CheckpointError, match="cannot ask the Hub about nlpie/tiny-clinicalbert"):
        pin_checkpoint(get_checkpoint("tiny-clinicalbert"), tmp_path)
    with pytest.raises(CheckpointError, match="open-base is not on the Hub"):
        pin_checkpoint(get_checkpoint("open-base"), tmp_path)
    result = CliRunner().invoke(main, ["release", "pin", "tiny-15m"])
    assert (result.exit_code, "cannot ask the Hub" in result.output) == (1, True)
