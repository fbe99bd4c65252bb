"""Continued pretraining: the same trajectory however a batch is shared or a run is cut, logs, and learning."""

import json
import math

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, BertModel

from nlpie_models.checkpoint_files import LocalCheckpoint
from nlpie_models.errors import NlpieError
from nlpie_models.tasks import get_task
from nlpie_models.training.masking import MaskedBlocks
from nlpie_models.training.pretraining import PretrainingArguments, parameter_groups, pretrain, set_dropout
from nlpie_models.training.starting import HeadPlan, start_masked_lm, start_model

TEXTS = ["the patient has chest pain and fever", "no aspirin was given for a ct scan", "the patient denies fever"]


@pytest.fixture
def make(bert_config, tokenizer, tmp_path):
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
        record = pretrain(
            model, tokenizer, train=train, held_out=held_out, output=tmp_path / name, arguments=arguments, resume=resume
        )
        return model, record

    return run


def losses(record) -> list[float]:
    return [row.get("loss", row.get("eval_notes_nll")) for row in record["history"]]


def test_accumulated_batches_give_the_same_losses(make) -> None:
    first, whole = make("whole", device_batch=8)
    second, shared = make("shared", device_batch=2)
    assert losses(whole) == pytest.approx(losses(shared), abs=1e-4)
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)


def test_a_run_that_is_cut_goes_on_the_same(make, tmp_path, monkeypatch) -> None:
    first, whole = make("whole")

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
    assert not (tmp_path / "cut").exists()
    assert (tmp_path / "cut.runs" / "checkpoint-8").exists()
    second, resumed = make("cut", resume=True)
    assert losses(resumed)[-1] == losses(whole)[-1]
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


def test_it_learns_and_says_so(make, tmp_path) -> None:
    _, record = make("model", steps=60, evaluate_every=20)
    assert record["perplexity"]["notes"] < 12
    assert record["perplexity"]["notes"] == pytest.approx(math.exp(losses(record)[-1]), rel=1e-3)
    assert json.loads((tmp_path / "model" / "pretraining.json").read_text())["perplexity"] == record["perplexity"]
    log = [json.loads(line) for line in (tmp_path / "model.runs" / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in log if "eval_notes_nll" in row] == [20, 40, 60]
    assert any(row.get("tokens_per_second", 0) > 0 for row in log)
    assert "notes" in (tmp_path / "model.runs" / "loss.svg").read_text()
    assert BertForMaskedLM.from_pretrained(tmp_path / "model")
    with pytest.raises(NlpieError, match="exists already"):
        make("model")


def test_batches_that_cannot_be_shared(make) -> None:
    with pytest.raises(NlpieError, match="a batch of 9 cannot be shared by 1 processes that take 2 blocks at once"):
        make("odd", batch=9, device_batch=2)


def test_rates_fall_from_layer_to_layer(bert_config) -> None:
    model = BertForMaskedLM(bert_config)
    groups = parameter_groups(model, PretrainingArguments(steps=1, learning_rate=1.0, layer_decay=0.5))
    rates = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    named = {name: rates[id(parameter)] for name, parameter in model.named_parameters()}
    assert named["bert.encoder.layer.1.output.dense.weight"] == 1.0
    assert named["bert.encoder.layer.0.output.dense.weight"] == 0.5
    assert named["bert.embeddings.word_embeddings.weight"] == 0.25
    assert named["cls.predictions.transform.dense.weight"] == 1.0
    assert {group["weight_decay"] for group in groups if group["params"][0].dim() == 1} == {0.0}
    model.bert.requires_grad_(False)
    kept = [
        parameter for group in parameter_groups(model, PretrainingArguments(steps=1)) for parameter in group["params"]
    ]
    assert len(kept) == sum(parameter.requires_grad for parameter in model.parameters())


def test_a_new_head_starts_from_the_frequencies_of_the_corpus(ner_folder, mlm_folder, tokenizer) -> None:
    counts = np.bincount(np.concatenate([tokenizer(text)["input_ids"] for text in TEXTS]), minlength=len(tokenizer))
    model, _ = start_masked_lm(LocalCheckpoint(ner_folder), seed=0, counts=counts)
    bias = model.get_output_embeddings().bias
    assert bias.exp().sum().item() == pytest.approx(1.0, abs=1e-4)
    patient, aspirin = tokenizer.convert_tokens_to_ids(["patient", "aspirin"])
    assert bias[patient] > bias[aspirin] > bias[tokenizer.convert_tokens_to_ids("~")]
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight

    kept, _ = start_masked_lm(LocalCheckpoint(mlm_folder), seed=0, counts=counts)
    own = BertForMaskedLM.from_pretrained(mlm_folder)
    assert torch.equal(kept.get_output_embeddings().bias, own.get_output_embeddings().bias)


def test_classifiers_start_from_the_pooler_of_the_encoder_that_was_trained_further(
    bert_config, tokenizer, tmp_path
) -> None:
    def kept(model, name: str) -> LocalCheckpoint:
        model.save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
        return LocalCheckpoint(tmp_path / name)

    encoder = BertModel(bert_config)
    first, _ = start_masked_lm(kept(encoder, "encoder"), seed=0)
    second, _ = start_masked_lm(kept(first, "first"), seed=0)
    ids = torch.arange(6)[None]
    assert torch.equal(first.eval()(ids).logits, second.eval()(ids).logits)
    head = HeadPlan(get_task("classification"), ["yes", "no"], False, 16, {})
    classifier, _ = start_model(kept(second, "second"), head, seed=0)
    assert torch.equal(classifier.bert.pooler.dense.weight, encoder.pooler.dense.weight)


def test_dropout_of_the_training_is_not_that_of_the_config(bert_config) -> None:
    model = BertForMaskedLM(bert_config).train()
    ids = torch.arange(6)[None]
    assert not torch.equal(model(ids).logits, model(ids).logits)
    set_dropout(model, 0.0)
    assert torch.equal(model(ids).logits, model(ids).logits)
    assert model.config.hidden_dropout_prob > 0
