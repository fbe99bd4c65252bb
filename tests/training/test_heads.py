"""What a training starts from: heads that are kept, and new ones."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import BertForMaskedLM, BertModel

from nlpie_models import load_clinical
from nlpie_models.loading.local import LocalCheckpoint
from nlpie_models.tasks import get_task
from nlpie_models.training.heads import HeadPlan, start_masked_lm, start_model

TEXTS = ["the patient has chest pain and fever", "no aspirin was given for a ct scan", "the patient denies fever"]


def test_a_head_with_the_same_tags_is_kept(ner_folder) -> None:
    start = LocalCheckpoint(ner_folder)
    tags = list(load_clinical(ner_folder).engine.model.config.id2label.values())
    kept, _ = start_model(start, HeadPlan(get_task("ner"), tags, False, 32, {"assertion": True}), seed=0)
    weights = load_file(ner_folder / "model.safetensors")
    assert torch.equal(kept.classifier.weight, weights["classifier.weight"])
    assert kept.config.window_tokens == 32
    assert kept.config.task_options == {"ner": {"assertion": True}}
    new, _ = start_model(start, HeadPlan(get_task("ner"), ["O", "B-x", "I-x"], False, 32, {}), seed=0)
    assert new.classifier.weight.shape[0] == 3
    name = "embeddings.word_embeddings.weight"
    assert torch.equal(new.bert.state_dict()[name], weights[f"bert.{name}"])


def test_a_new_head_starts_from_the_frequencies_of_the_corpus(ner_folder, mlm_folder, tokenizer) -> None:
    counts = np.bincount(np.concatenate([tokenizer(text)["input_ids"] for text in TEXTS]), minlength=len(tokenizer))
    model, _ = start_masked_lm(LocalCheckpoint(ner_folder), seed=0, counts=counts)
    bias = model.get_output_embeddings().bias
    assert bias.exp().sum().item() == pytest.approx(1.0, abs=1e-4)
    patient, aspirin = tokenizer.convert_tokens_to_ids(["patient", "aspirin"])
    assert bias[patient] > bias[aspirin] > bias[tokenizer.convert_tokens_to_ids("~")]
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight

    kept, _ = start_masked_lm(LocalCheckpoint(mlm_folder), seed=0, counts=counts)
    whole = BertForMaskedLM.from_pretrained(mlm_folder)
    assert torch.equal(kept.get_output_embeddings().bias, whole.get_output_embeddings().bias)


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


def test_a_training_starts_with_its_own_options(head_folder) -> None:
    """What the start's head was used with is not what the new one is taught with."""
    folder = head_folder("relation", ("none", "CID"))
    start = LocalCheckpoint(folder)
    start.config["task_options"] = {"relation": {"marking": "placeholders"}}
    head = HeadPlan(get_task("relation"), ["none", "CID"], False, 32, {"context": "window"})
    model, _ = start_model(start, head, seed=1)
    assert model.config.task_options == {"relation": {"context": "window"}}


def test_the_same_labels_in_another_kind_of_head_are_learnt_anew(head_folder) -> None:
    labels = ("malignant", "ambiguous", "other")
    start = LocalCheckpoint(head_folder("classification", labels))
    for independent in (True, False):
        model, _ = start_model(start, HeadPlan(get_task("classification"), labels, independent, 32, {}), seed=1)
        assert (model.config.problem_type == "multi_label_classification") is independent
