"""Rates and dropout of a masked-language-model training, and batches that cannot be shared."""

import pytest
import torch
from transformers import BertForMaskedLM

from nlpie_models.errors import NlpieError
from nlpie_models.recipes import PretrainingArguments
from nlpie_models.training.masked_lm import MaskedBlocks
from nlpie_models.training.pretraining import MaskedLMRun, parameter_groups, pretrain, set_dropout
from nlpie_models.training.runs import RunOutput


def test_batches_that_cannot_be_shared(bert_config, tokenizer, tmp_path) -> None:
    blocks = MaskedBlocks([tokenizer("the patient has fever")] * 9, tokenizer)
    run = MaskedLMRun(tokenizer, blocks, {}, RunOutput(tmp_path / "odd"), PretrainingArguments(batch=9, device_batch=2))
    with pytest.raises(NlpieError, match="a batch of 9 cannot be shared by 1 processes that take 2 blocks at once"):
        pretrain(BertForMaskedLM(bert_config), run)


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


def test_dropout_of_the_training_is_not_that_of_the_config(bert_config) -> None:
    model = BertForMaskedLM(bert_config).train()
    ids = torch.arange(6)[None]
    assert not torch.equal(model(ids).logits, model(ids).logits)
    set_dropout(model, 0.0)
    assert torch.equal(model(ids).logits, model(ids).logits)
    assert model.config.hidden_dropout_prob > 0
