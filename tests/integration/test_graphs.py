"""Graphs of every architecture and head, made of tiny random models, and a start without torch."""

import json
import sys
from subprocess import run

import numpy as np
import pytest
import torch
import transformers

from nlpie_models import load_clinical
from nlpie_models.engines._graph_engine import GraphEngine
from nlpie_models.engines.torch import TorchEngine
from nlpie_models.release.convert import convert_checkpoint

SMALL = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 48}
CONFIGS = {
    "bert": SMALL,
    "distilbert": {"dim": 32, "n_layers": 1, "n_heads": 2, "hidden_dim": 48},
    "mobilebert": {**SMALL, "embedding_size": 16, "intra_bottleneck_size": 16, "true_hidden_size": 16},
    "minialbert": {**SMALL, "embedding_size": 16, "num_hidden_layers": 2},
}
HEADS = {
    "AutoModelForTokenClassification": "ner",
    "AutoModelForSequenceClassification": "nli",
    "AutoModel": "embedding",
}

ENGINES = ["onnx", "openvino", "torch"]


@pytest.fixture(scope="module", params=CONFIGS)
def model_type(request) -> str:
    return request.param


@pytest.mark.parametrize("auto_class", HEADS)
def test_a_graph_computes_what_the_model_does(model_type, auto_class, tokenizer, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("NLPIE_MODELS_CACHE", str(tmp_path / "cache"))
    config = transformers.AutoConfig.for_model(
        model_type, vocab_size=len(tokenizer), max_position_embeddings=64, num_labels=3, **CONFIGS[model_type]
    )
    torch.manual_seed(0)
    model = getattr(transformers, auto_class).from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    *fast, slow = (load_clinical(tmp_path / "model", HEADS[auto_class], engine=name) for name in ENGINES)
    assert isinstance(slow.engine, TorchEngine)
    first, second = np.arange(5, 25), np.arange(7, 19)
    single, pair = slow.reader.passage(first), slow.reader.passage(first, second)
    for passages in ([single] if HEADS[auto_class] != "nli" else [pair], [pair, slow.reader.passage(second, first)]):
        expected = slow.engine.run(passages)
        for pipe in fast:
            for one, other in zip(pipe.engine.run(passages), expected, strict=True):
                np.testing.assert_allclose(one, other, atol=1e-4)
    again = load_clinical(tmp_path / "model", HEADS[auto_class], device="cpu")
    assert isinstance(again.engine, GraphEngine), "the graph in the cache is ready for auto"


def test_a_converted_folder_has_its_graphs(ner_folder, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("NLPIE_MODELS_CACHE", str(tmp_path / "cache"))
    convert_checkpoint(ner_folder, tmp_path / "converted", graphs=True)
    assert {path.name for path in (tmp_path / "converted" / "onnx").iterdir()} == {
        "logits.onnx",
        "logits.json",
        "last_hidden_state.onnx",
        "last_hidden_state.json",
    }
    assert isinstance(load_clinical(tmp_path / "converted", device="cpu").engine, GraphEngine)
    assert not (tmp_path / "cache").exists()


def test_the_default_starts_without_torch_and_transformers() -> None:
    code = """
import json, sys
from nlpie_models import load_clinical
found = [entity.text for entity in load_clinical(device="cpu")("She was given aspirin for pneumonia.").entities]
print(json.dumps([found, sorted({"torch", "transformers", "scipy", "huggingface_hub"} & set(sys.modules))]))
"""
    ended = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout) == [["aspirin", "pneumonia"], []]
