"""Continued pretraining: the same trajectory however a batch is shared or a run is cut, logs, and learning."""

import json
import math
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM

from nlpie_models.errors import NlpieError
from nlpie_models.recipes import PretrainingArguments
from nlpie_models.training.masked_lm import MaskedBlocks
from nlpie_models.training.pretraining import MaskedLMRun, pretrain
from nlpie_models.training.runs import RunOutput

TEXTS = ["the patient has chest pain and fever", "no aspirin was given for a ct scan", "the patient denies fever"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("pretraining")


@pytest.fixture(scope="module")
def make(bert_config, tokenizer, folder):
    """Return a function that trains a tiny model and returns it and the record."""

    def run(name: str, *, resume: bool = False, **options):
        torch.manual_seed(0)
        config = BertConfig(
            **{**bert_config.to_dict(), "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
        )
        model = BertForMaskedLM(config)
        blocks = [tokenizer(TEXTS[index % 3]) for index in range(48)]
        held_out = {"notes": MaskedBlocks(blocks[:6], tokenizer, seed=9, fixed=True)}
        arguments = PretrainingArguments(
            **{"steps": 12, "batch": 8, "learning_rate": 1e-2, "evaluate_every": 4, "bf16": False, **options}
        )
        train = MaskedBlocks(blocks, tokenizer, seed=1)
        run = MaskedLMRun(tokenizer, train, held_out, RunOutput(folder / name, resume), arguments)
        return model, pretrain(model, run)

    return run


@pytest.fixture(scope="module")
def whole(make):
    """A run that is neither cut nor shared."""
    return make("whole", device_batch=8)


def losses(record) -> list[float]:
    return [row.get("loss", row.get("eval_notes_nll")) for row in record["history"]]


def test_accumulated_batches_give_the_same_losses(make, whole) -> None:
    first, record = whole
    second, shared = make("shared", device_batch=2)
    assert losses(record) == pytest.approx(losses(shared), abs=1e-4)
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)


def test_a_run_that_is_cut_goes_on_the_same(make, whole, folder, monkeypatch) -> None:
    first, record = whole

    class Cut(RuntimeError):
        pass

    def cut(self, index):
        cut.count += 1
        if cut.count > 8 * 11:
            raise Cut
        return original(self, index)

    cut.count = 0
    original = MaskedBlocks.__getitem__
    with monkeypatch.context() as patch:
        patch.setattr(MaskedBlocks, "__getitem__", cut)
        with pytest.raises(Cut):
            make("cut")
    assert not (folder / "cut").exists()
    assert (folder / "cut.runs" / "checkpoint-8").exists()
    second, resumed = make("cut", resume=True)
    assert losses(resumed)[-1] == losses(record)[-1]
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


def test_it_learns_and_says_so(make, folder) -> None:
    _, record = make("model", steps=60, evaluate_every=20)
    assert record["perplexity"]["notes"] < 12
    assert record["perplexity"]["notes"] == pytest.approx(math.exp(losses(record)[-1]), rel=1e-3)
    assert json.loads((folder / "model" / "pretraining.json").read_text())["perplexity"] == record["perplexity"]
    log = [json.loads(line) for line in (folder / "model.runs" / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in log if "eval_notes_nll" in row] == [20, 40, 60]
    assert any(row.get("tokens_per_second", 0) > 0 for row in log)
    assert BertForMaskedLM.from_pretrained(folder / "model")
    with pytest.raises(NlpieError, match="exists already"):
        make("model")
