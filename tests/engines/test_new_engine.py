"""An engine that is added by one module is offered by name, and taken by ``auto`` if it is the fastest."""

import importlib
import sys

import numpy as np
import pytest

from nlpie_models import NlpieError, engines, load_clinical
from nlpie_models.engines.torch import TorchEngine
from nlpie_models.errors import UnknownName

MODULE = '''
"""An engine that says the label of index 1 of every token."""

import numpy as np

from nlpie_models.engines import EngineKind


class Constant:
    name = "constant"
    device = "nowhere"

    def __init__(self, labels):
        self.scores = np.eye(labels, dtype=np.float32)[1]

    def run(self, passages):
        return [np.tile(self.scores, (len(passage), 1)) for passage in passages]


ENGINE = EngineKind(
    "constant",
    library="LIBRARY",
    speed=99,
    open=lambda checkpoint, task, device: Constant(len(checkpoint.config["id2label"])),
)
'''


@pytest.fixture
def add_engine(tmp_path, monkeypatch):
    def add(library: str) -> None:
        (tmp_path / "constant.py").write_text(MODULE.replace("LIBRARY", library))
        monkeypatch.setattr(engines, "__path__", [*engines.__path__, str(tmp_path)])
        importlib.invalidate_caches()

    yield add
    sys.modules.pop("nlpie_models.engines.constant", None)
    vars(engines).pop("constant", None)


@pytest.mark.parametrize("name", ["constant", "auto"])
def test_an_engine_of_one_module(add_engine, ner_folder, name) -> None:
    add_engine("json")
    pipe = load_clinical(ner_folder, engine=name)
    assert [(entity.text, entity.label) for entity in pipe("chest pain").entities] == [
        ("chest", "problem"),
        ("pain", "problem"),
    ]
    assert pipe.engine.device == "nowhere"


def test_an_engine_whose_library_is_missing(add_engine, ner_folder) -> None:
    add_engine("no_such_library")
    assert isinstance(load_clinical(ner_folder, engine="auto").engine, TorchEngine)
    with pytest.raises(NlpieError, match="no_such_library, which is not installed; install it, or use engine='auto'"):
        load_clinical(ner_folder, engine="constant")


def test_an_unknown_engine_is_named_before_the_checkpoint_is_looked_for(tmp_path) -> None:
    with pytest.raises(
        UnknownName, match=r"Unknown engine 'torhc'. Did you mean 'torch'\? Known: auto, onnx, openvino, torch"
    ):
        load_clinical(tmp_path / "absent", engine="torhc")


def test_torch_pads_and_cuts_back(ner_folder) -> None:
    pipe = load_clinical(ner_folder, engine="torch", device="cpu")
    passages = [pipe.reader.passage(pipe.reader.encoder.encode(text).input_ids) for text in ("fever", "no chest pain")]
    together, alone = pipe.engine.run(passages), [pipe.engine.run([passage])[0] for passage in passages]
    for one, other, passage in zip(together, alone, passages, strict=True):
        assert one.shape == (len(passage), 7)
        np.testing.assert_allclose(one, other, atol=1e-5)
