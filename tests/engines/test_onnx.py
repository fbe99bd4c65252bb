"""The engine of ONNX Runtime on the bundled checkpoints, whose graphs lie beside their weights."""

import copy
import json
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from nlpie_models import NlpieError, load_clinical
from nlpie_models.engines import onnx
from nlpie_models.engines.onnx import OnnxEngine
from nlpie_models.engines.torch import TorchEngine
from nlpie_models.errors import CheckpointError
from nlpie_models.loading.find import BUNDLED_FOLDER
from nlpie_models.util import process

TEXT = "c/o SOB and CP.\r\nh/o HTN, DM2, MI. Given aspirin for pneumonia, which improved; no fever 🤒."
ROWS = {"nli": (TEXT, "The patient has pneumonia.")}
TASKS = ["ner", "assertion", "relation", "nli", "classification", "embedding"]


@pytest.fixture
def row():
    entity = {"start": 4, "end": 7, "label": "problem"}
    return lambda task: {"text": TEXT, "entities": [entity]} if task == "assertion" else ROWS.get(task, TEXT)


@pytest.mark.parametrize("task", TASKS)
def test_it_says_what_torch_says(task, row) -> None:
    fast, slow = (load_clinical(task=task, engine=engine) for engine in ("onnx", "torch"))
    assert isinstance(fast.engine, OnnxEngine)
    assert isinstance(slow.engine, TorchEngine)
    plans = [slow.task.plan(slow.task.as_row(row(task)), slow.reader, slow.options)] if task != "relation" else []
    passages = [passage for plan in plans for passage in plan.passages]
    passages += [slow.reader.passage(ids) for ids in (np.arange(5, 9), np.arange(5, 45))] if not passages else []
    for one, other in zip(fast.engine.run(passages), slow.engine.run(passages), strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, other, atol=1e-4)
    found, expected = fast(row(task)), slow(row(task))
    assert [entity.text for entity in found.entities] == [entity.text for entity in expected.entities]
    assert found.fields == expected.fields


def test_auto_takes_it_where_its_graph_is_ready_and_nothing_faster_is_here(ner_folder, monkeypatch) -> None:
    monkeypatch.setattr(onnx, "_has_accelerator", lambda: False)
    assert isinstance(load_clinical().engine, OnnxEngine)
    assert isinstance(load_clinical(device="cpu").engine, OnnxEngine)
    assert isinstance(load_clinical(ner_folder).engine, TorchEngine)
    monkeypatch.setattr(onnx, "_has_accelerator", lambda: True)
    assert isinstance(load_clinical(device="cpu").engine, OnnxEngine)
    assert isinstance(load_clinical().engine, TorchEngine)


def test_copies_and_threads_say_the_same() -> None:
    pipe = load_clinical(engine="onnx")
    expected = pipe(TEXT)
    assert [entity.text for entity in expected.entities][:2] == ["SOB", "CP"]
    for other in (copy.deepcopy(pipe), pickle.loads(pickle.dumps(pipe))):
        assert other(TEXT) == expected
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(pipe, [TEXT] * 8)) == [expected] * 8


def test_another_device_is_refused() -> None:
    with pytest.raises(NlpieError, match="onnx runs on the cpu, got device 'cuda'"):
        load_clinical(engine="onnx", device="cuda")


@pytest.mark.parametrize(("given", "threads"), [("3", 3), ("0", None), ("many", None), ("", None)])
def test_it_takes_the_cores_that_the_process_may_use(given, threads, monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    monkeypatch.setattr(process.os, "sched_getaffinity", lambda pid: range(5), raising=False)
    assert process.count_threads() == (threads or 5)


@pytest.fixture
def copied(tmp_path):
    return shutil.copytree(BUNDLED_FOLDER / "open-notes", tmp_path / "copied")


def test_weights_that_do_not_fit_the_graph(copied, tmp_path) -> None:
    other = BUNDLED_FOLDER.parent.parent / "zoo" / "open-small" / "onnx"
    if not other.is_dir():
        pytest.skip("the zoo is in a checkout only")
    shutil.copytree(other, copied / "onnx", dirs_exist_ok=True)
    with pytest.raises(CheckpointError, match=r"has no tensor .*, which its graph names|do not fit"):
        load_clinical(copied, engine="onnx")
    listed = json.loads((BUNDLED_FOLDER / "open-notes" / "onnx" / "logits.json").read_text())
    (copied / "onnx" / "logits.json").write_text(json.dumps({"tensors": listed["tensors"][1:]}))
    shutil.copy(BUNDLED_FOLDER / "open-notes" / "onnx" / "logits.onnx", copied / "onnx")
    with pytest.raises(CheckpointError, match="do not fit"):
        load_clinical(copied, engine="onnx")


def test_a_damaged_graph_or_list_is_named(copied) -> None:
    (copied / "onnx" / "logits.onnx").write_bytes(b"\x00\x01 no graph")
    with pytest.raises(CheckpointError, match=r"logits\.onnx"):
        load_clinical(copied, engine="onnx")
    (copied / "onnx" / "logits.json").write_text(json.dumps(["no", "mapping"]))
    with pytest.raises(CheckpointError, match=r"cannot read .*logits\.json"):
        load_clinical(copied, engine="onnx")


def test_without_the_libraries_that_make_graphs(ner_folder, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("NLPIE_MODELS_CACHE", str(tmp_path))
    monkeypatch.setattr("nlpie_models.engines.graphs.find_spec", lambda name: None)
    with pytest.raises(NlpieError, match="pip install 'nlpie-models\\[onnx\\]', or use engine='torch'"):
        load_clinical(ner_folder, engine="onnx")
    assert list(tmp_path.rglob("*.onnx")) == []
