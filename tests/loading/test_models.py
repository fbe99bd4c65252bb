"""From files to models: what a masked language model keeps for classifiers that start from it."""

import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertForMaskedLM, BertForPreTraining

from nlpie_models import load_clinical
from nlpie_models.errors import CheckpointError
from nlpie_models.loading.find import open_folder
from nlpie_models.loading.local import ENCODER, MASKED_LM
from nlpie_models.loading.models import load_model


@pytest.mark.parametrize("stored", ["one file", "pickle", "shards"])
def test_a_masked_language_model_keeps_the_pooler_of_its_file(bert_config, tmp_path, stored) -> None:
    model = BertForPreTraining(bert_config)
    model.config.architectures = ["BertForMaskedLM"]
    model.save_pretrained(tmp_path, max_shard_size="20KB" if stored == "shards" else "1GB")
    if stored == "pickle":
        (tmp_path / "model.safetensors").unlink()
        torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    loaded = load_model(open_folder(tmp_path), MASKED_LM)
    assert isinstance(loaded, BertForMaskedLM)
    torch.testing.assert_close(loaded.bert.pooler.dense.weight, model.bert.pooler.dense.weight)
    loaded.save_pretrained(tmp_path / "again")
    encoder = load_model(open_folder(tmp_path / "again"), ENCODER)
    torch.testing.assert_close(encoder.pooler.dense.bias, model.bert.pooler.dense.bias)


def test_without_a_pooler_in_the_file_there_is_none(mlm_folder) -> None:
    assert getattr(load_model(open_folder(mlm_folder), MASKED_LM).bert, "pooler", None) is None
    assert load_model(open_folder(mlm_folder), ENCODER).pooler is None


def test_a_load_parses_the_config_once(ner_folder) -> None:
    opened, watching = [], ["open"]
    sys.addaudithook(lambda event, arguments: opened.append(str(arguments[0])) if event in watching else None)
    load_clinical(ner_folder, device="cpu")
    watching.clear()
    # Once by the check of unsafe files, and once to be parsed.
    assert opened.count(str(ner_folder / "config.json")) == 2


@pytest.mark.parametrize("change", ["misshapen", "missing"])
def test_a_pooler_that_does_not_fit_is_refused(bert_config, tmp_path, change) -> None:
    model = BertForPreTraining(bert_config)
    model.config.architectures = ["BertForMaskedLM"]
    model.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    weight = tensors.pop("bert.pooler.dense.weight")
    if change == "misshapen":
        tensors["bert.pooler.dense.weight"] = weight[:-1].contiguous()
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="does not fit BertForMaskedLM: missing or misshapen tensors"):
        load_model(open_folder(tmp_path), MASKED_LM)
