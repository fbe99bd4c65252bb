"""Malicious folders: ``release check`` refuses them all, and loading runs nothing of them."""

import json
import pickle
import shutil
import struct
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from nlpie_models import NlpieError, load_clinical
from nlpie_models.cli import main
from nlpie_models.loading.find import open_folder
from nlpie_models.loading.unsafe_files import is_inside
from nlpie_models.release.inspection import find_pickles, find_unsafe_files

CODE = "open({mark!r}, 'w').close()"
FAKE_TOKEN = "hf_" + "aB3" * 12


class _Runs:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return exec, (CODE.format(mark=str(self.mark)),)


def put_pickle(folder: Path, mark: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({"classifier.weight": _Runs(mark)}, folder / "pytorch_model.bin", pickle_module=pickle)


def put_bare_pickle(folder: Path, mark: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(_Runs(mark)))


def put_code(folder: Path, mark: Path) -> None:
    (folder / "modeling_evil.py").write_text(CODE.format(mark=str(mark)))
    classes = {"AutoConfig": "modeling_evil.Config", "AutoModelForTokenClassification": "modeling_evil.Model"}
    change(folder / "config.json", model_type="evil", auto_map=classes)


def put_index(folder: Path, mark: Path) -> None:
    index = {"metadata": {}, "weight_map": {"classifier.weight": "../../elsewhere/model.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def put_modules(folder: Path, mark: Path) -> None:
    (folder / "modules.json").write_text(json.dumps([{"idx": 0, "path": "../out", "type": "x.Pooling"}]))


def put_link(folder: Path, mark: Path) -> None:
    outside = folder.parent / "secret.json"
    shutil.move(folder / "config.json", outside)
    (folder / "config.json").symlink_to(outside)


def put_header(folder: Path, mark: Path) -> None:
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 10 * 2**30) + b"{}")


def put_token(folder: Path, mark: Path) -> None:
    change(folder / "config.json", token=FAKE_TOKEN)


MALICE = {
    put_pickle: "pytorch_model.bin may be a pickle, which can run code; run `nlpie convert`",
    put_bare_pickle: "pytorch_model.bin may be a pickle",
    put_code: "has an auto_map, which asks for code to be run",
    put_index: r"names '../../elsewhere/model.safetensors', a path that leads out of the folder",
    put_modules: r"names '../out', a path that leads out of the folder",
    put_link: "config.json is a link that leads out of the folder",
    put_header: "says that its header has 10,737,418,240 bytes",
    put_token: "config.json holds what looks like a Hugging Face token; revoke it",
}


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.fixture(params=MALICE, ids=lambda put: put.__name__.removeprefix("put_"))
def malicious(request, ner_folder, tmp_path):
    folder, mark = tmp_path / "model", tmp_path / "mark"
    shutil.copytree(ner_folder, folder)
    request.param(folder, mark)
    return folder, mark, MALICE[request.param]


def test_a_malicious_folder_is_refused_by_check_and_by_load(malicious) -> None:
    folder, mark, reason = malicious
    with pytest.raises(NlpieError) as caught:
        load_clinical(folder, "ner")
    assert FAKE_TOKEN not in str(caught.value)
    result = CliRunner().invoke(main, ["release", "check", str(folder)])
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert lines[0].startswith("safe")
    assert "FAIL" in lines[0]
    assert any(reason in found for found in find_unsafe_files(folder) + find_pickles(folder))
    assert all("not checked" in line for line in lines[2:])
    assert FAKE_TOKEN not in result.output
    assert not mark.exists()


def test_links_in_the_hubs_cache_are_safe(ner_folder, tmp_path) -> None:
    repository = tmp_path / "models--org--name"
    snapshot = repository / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir()
    for number, path in enumerate(ner_folder.iterdir()):
        shutil.copy(path, repository / "blobs" / str(number))
        (snapshot / path.name).symlink_to(Path("..") / ".." / "blobs" / str(number))
    assert find_unsafe_files(snapshot) + find_pickles(snapshot) == []
    open_folder(snapshot)


def test_a_folder_with_nothing_unsafe(ner_folder) -> None:
    assert find_unsafe_files(ner_folder) + find_pickles(ner_folder) == []


@pytest.mark.parametrize("name", ["", "a", "1_Pooling", "a/b.json", "a..b"])
def test_inside(name) -> None:
    assert is_inside(name)


@pytest.mark.parametrize("name", ["/a", "..", "a/../../b", "C:/a", "a\\..\\b", "a\0b"])
def test_outside(name) -> None:
    assert not is_inside(name)
