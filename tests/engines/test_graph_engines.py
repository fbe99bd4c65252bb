"""The engines without torch on the bundled checkpoints, whose graphs lie beside their weights."""

import copy
import json
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from nlpie_models import NlpieError, load_clinical
from nlpie_models.engines import find_engines, graphs
from nlpie_models.engines._graph_engine import GraphEngine
from nlpie_models.engines.torch import TorchEngine
from nlpie_models.errors import CheckpointError
from nlpie_models.loading.find import BUNDLED_FOLDER
from nlpie_models.util import process

TEXT = "c/o SOB and CP.\r\nh/o HTN, DM2, MI. Given aspirin for pneumonia, which improved; no fever 🤒."
ROWS = {"nli": (TEXT, "The patient has pneumonia.")}
TASKS = ["ner", "assertion", "relation", "nli", "classification", "embedding"]


@pytest.fixture(params=["onnx", "openvino"])
def engine(request) -> str:
    pytest.importorskip(find_engines(request.param)[0].library)
    return request.param


@pytest.fixture
def row():
    entity = {"start": 4, "end": 7, "label": "problem"}
    return lambda task: {"text": TEXT, "entities": [entity]} if task == "assertion" else ROWS.get(task, TEXT)


@pytest.mark.parametrize("task", TASKS)
def test_they_say_what_torch_says(task, engine, row) -> None:
    fast, slow = (load_clinical(task=task, engine=name) for name in (engine, "torch"))
    assert isinstance(fast.engine, GraphEngine)
    assert fast.engine.name == engine
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


def test_auto_takes_one_where_a_graph_is_ready_and_nothing_faster_is_here(ner_folder, monkeypatch) -> None:
    monkeypatch.setattr(graphs, "_has_accelerator", lambda: False)
    assert isinstance(load_clinical().engine, GraphEngine)
    assert isinstance(load_clinical(device="cpu").engine, GraphEngine)
    assert isinstance(load_clinical(ner_folder).engine, TorchEngine)
    monkeypatch.setattr(graphs, "_has_accelerator", lambda: True)
    assert isinstance(load_clinical(device="cpu").engine, GraphEngine)
    assert isinstance(load_clinical().engine, TorchEngine)


def test_copies_and_threads_say_the_same(engine) -> None:
    pipe = load_clinical(engine=engine)
    expected = pipe(TEXT)
    assert [entity.text for entity in expected.entities][:2] == ["SOB", "CP"]
    for other in (copy.deepcopy(pipe), pickle.loads(pickle.dumps(pipe))):
        assert other(TEXT) == expected
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(pipe, [TEXT] * 8)) == [expected] * 8


def test_another_device_is_refused(engine) -> None:
    with pytest.raises(NlpieError, match=f"{engine} runs on the cpu, got device 'cuda'"):
        load_clinical(engine=engine, device="cuda")


@pytest.mark.parametrize(("given", "threads"), [("3", 3), ("0", None), ("many", None), ("", None)])
def test_it_takes_the_cores_that_the_process_may_use(given, threads, monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    monkeypatch.setattr(process.os, "sched_getaffinity", lambda pid: range(5), raising=False)
    assert process.count_threads() == (threads or 5)


@pytest.fixture
def copied(tmp_path):
    return shutil.copytree(BUNDLED_FOLDER / "open-notes", tmp_path / "copied")


def test_weights_that_do_not_fit_the_graph(copied, engine) -> None:
    other = BUNDLED_FOLDER.parent.parent / "zoo" / "open-small" / "onnx"
    if not other.is_dir():
        pytest.skip("the zoo is in a checkout only")
    shutil.copytree(other, copied / "onnx", dirs_exist_ok=True)
    with pytest.raises(CheckpointError, match=r"has no tensor .*, which its graph names|do not fit"):
        load_clinical(copied, engine=engine)
    listed = json.loads((BUNDLED_FOLDER / "open-notes" / "onnx" / "logits.json").read_text())
    (copied / "onnx" / "logits.json").write_text(json.dumps({"tensors": listed["tensors"][1:]}))
    shutil.copy(BUNDLED_FOLDER / "open-notes" / "onnx" / "logits.onnx", copied / "onnx")
    with pytest.raises(CheckpointError, match="do not fit"):
        load_clinical(copied, engine=engine)


def test_a_damaged_graph_or_list_is_named(copied, engine) -> None:
    (copied / "onnx" / "logits.onnx").write_bytes(b"\x00\x01 no graph")
    with pytest.raises(CheckpointError, match=r"logits\.onnx"):
        load_clinical(copied, engine=engine)
    (copied / "onnx" / "logits.json").write_text(json.dumps(["no", "mapping"]))
    with pytest.raises(CheckpointError, match=r"cannot read .*logits\.json"):
        load_clinical(copied, engine=engine)


def test_without_the_libraries_that_make_graphs(ner_folder, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("NLPIE_MODELS_CACHE", str(tmp_path))
    monkeypatch.setattr("nlpie_models.engines.graphs.find_spec", lambda name: None)
    with pytest.raises(NlpieError, match="pip install 'nlpie-models\\[onnx\\]', or use engine='torch'"):
        load_clinical(ner_folder, engine="onnx")
    assert list(tmp_path.rglob("*.onnx")) == []
