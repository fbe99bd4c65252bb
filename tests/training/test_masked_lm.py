"""Logits only where there are labels: the same loss and gradients as those of the whole head."""

import pytest
import torch
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertModel,
    DistilBertConfig,
    DistilBertForMaskedLM,
    MobileBertConfig,
    MobileBertForMaskedLM,
)

from nlpie_models.architectures.minialbert import MiniAlbertConfig, MiniAlbertForMaskedLM
from nlpie_models.errors import CheckpointError
from nlpie_models.training.masked_lm import masked_lm_loss, sparse_head

SIZES = {"vocab_size": 60, "num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 16, "intermediate_size": 24}
MODELS = [
    BertForMaskedLM(BertConfig(**SIZES)),
    DistilBertForMaskedLM(DistilBertConfig(vocab_size=60, n_layers=2, n_heads=2, dim=16, hidden_dim=24)),
    MobileBertForMaskedLM(MobileBertConfig(**SIZES, embedding_size=16, intra_bottleneck_size=16)),
    MiniAlbertForMaskedLM(MiniAlbertConfig(**SIZES, embedding_size=8)),
]


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    ids = torch.randint(5, 60, (3, 12), generator=torch.Generator().manual_seed(0))
    labels = torch.where(ids % 5 == 0, ids, -100)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_same_loss_and_gradients_as_the_whole_head(model, batch) -> None:
    model.eval().zero_grad()
    whole = model(**batch).loss
    whole.backward()
    expected = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
    model.zero_grad()
    inputs = {**batch, "predicted": batch["labels"] != -100}
    labels = inputs.pop("labels")
    with sparse_head(model):
        outputs = model(**inputs)
    assert outputs.logits.shape == ((labels != -100).sum(), 60)
    loss = masked_lm_loss(outputs, labels)
    loss.backward()
    torch.testing.assert_close(loss, whole)
    for name, gradient in expected.items():
        torch.testing.assert_close(dict(model.named_parameters())[name].grad, gradient, rtol=1e-4, atol=1e-6)
    assert model(**batch).logits.shape == (3, 12, 60)


def test_accumulated_batches_share_one_divisor(batch) -> None:
    model = MODELS[0]
    labels, items = batch["labels"], int((batch["labels"] != -100).sum())

    def loss(rows: slice, divisor: int | None) -> torch.Tensor:
        part = {name: value[rows] for name, value in batch.items()}
        labels_of_part = part.pop("labels")
        with sparse_head(model):
            return masked_lm_loss(model(**part, predicted=labels_of_part != -100), labels_of_part, divisor)

    assert labels.shape == (3, 12)
    torch.testing.assert_close(loss(slice(0, 1), items) + loss(slice(1, 3), items), loss(slice(0, 3), None))


def test_a_batch_without_labels_has_no_loss(batch) -> None:
    batch["labels"] = torch.full_like(batch["labels"], -100)
    inputs = {**batch, "predicted": batch["labels"] != -100}
    labels = inputs.pop("labels")
    with sparse_head(MODELS[0]):
        assert masked_lm_loss(MODELS[0](**inputs), labels) == 0


def test_a_model_without_the_head_is_refused() -> None:
    with (
        pytest.raises(CheckpointError, match="BertModel has no masked-language-model head"),
        sparse_head(BertModel(BertConfig(**SIZES))),
    ):
        pass
