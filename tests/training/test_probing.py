"""A head that starts as a linear probe."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from transformers import BertConfig, BertForSequenceClassification

from nlpie_models.errors import DataError
from nlpie_models.training.examples import collate
from nlpie_models.training.probing import start_from_probe

RNG = np.random.default_rng(0)


@pytest.fixture
def make_model():
    def make(labels: int) -> BertForSequenceClassification:
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=9, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
            num_labels=labels, initializer_range=0.5,
        )  # fmt: skip
        return BertForSequenceClassification(config)

    return make


def texts(count: int) -> list[np.ndarray]:
    return [RNG.integers(5, 9, size=RNG.integers(3, 5)) for _ in range(count)]


def logits_of(model, examples) -> torch.Tensor:
    batch = collate(examples)
    batch.pop("labels")
    with torch.no_grad():
        return model.eval()(**batch).logits


@pytest.mark.parametrize("labels", [2, 3])
def test_classes_are_those_of_the_logistic_regression(make_model, labels, monkeypatch) -> None:
    monkeypatch.setattr("nlpie_models.training.probing.supports_bf16", lambda: False)
    model = make_model(labels)
    ids = texts(120)
    examples = [{"input_ids": row, "labels": np.array(int(row[0]) % labels)} for row in ids]
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    at_random = logits_of(model, examples).argmax(-1)
    start_from_probe(model, examples, pad_token_id=0)
    changed = {name for name, weight in model.state_dict().items() if not torch.equal(weight, before[name])}
    assert changed == {"classifier.weight", "classifier.bias"}

    golds = np.array([int(example["labels"]) for example in examples])
    found = logits_of(model, examples)
    assert (found.argmax(-1).numpy() == golds).mean() > max(0.6, (at_random.numpy() == golds).mean())
    with torch.no_grad():
        batch = collate(examples)
        features = model.bert(batch["input_ids"], batch["attention_mask"]).pooler_output.numpy()
    scaled = StandardScaler().fit_transform(features)
    closest = min(
        np.abs(
            LogisticRegression(C=c, max_iter=1000).fit(scaled, golds).predict_proba(scaled) - found.softmax(-1).numpy()
        ).max()
        for c in (1e-3, 1e-2, 1e-1, 1.0)
    )
    assert closest < 1e-3


def test_independent_labels_have_a_regression_each(make_model) -> None:
    model = make_model(3)
    examples = [{"input_ids": row, "labels": (row[:3] % 2).astype(np.float32)} for row in texts(150)]
    start_from_probe(model, examples, pad_token_id=0)
    golds = np.stack([example["labels"] for example in examples])
    right = (logits_of(model, examples).numpy() > 0) == (golds > 0)
    assert right.mean(0).min() > 0.6


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([np.array(label) for label in (0, 0, 0, 0, 1, 1)], "at least 3 rows with the label 'LABEL_1', got 2;"),
        ([np.array(0)] * 6, "at least 3 rows with the label 'LABEL_1', got 0;"),
        (
            [np.array([1.0, label]) for label in (0, 1, 0, 1, 0, 1)],
            "at least 3 rows without the label 'LABEL_0', got 0;",
        ),
    ],
)
def test_a_label_with_fewer_rows_than_folds_is_refused(make_model, labels, message) -> None:
    examples = [{"input_ids": row, "labels": label} for row, label in zip(texts(6), labels, strict=True)]
    model = make_model(2)
    before = model.classifier.weight.clone()
    with pytest.raises(DataError, match=message):
        start_from_probe(model, examples, pad_token_id=0)
    assert torch.equal(model.classifier.weight, before)
