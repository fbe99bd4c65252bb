"""transformers' Trainer, with its default arguments, gives the heads every column that a tokenizer makes."""

import datasets
import pytest
import torch
from tiny_minialbert import tiny_config
from transformers import Trainer, TrainingArguments

from nlpie_models.architectures.minialbert import (
    MiniAlbertForMaskedLM,
    MiniAlbertForSequenceClassification,
    MiniAlbertForTokenClassification,
)


@pytest.mark.parametrize(
    ("head", "pooling"),
    [
        (MiniAlbertForMaskedLM, "cls"),
        (MiniAlbertForTokenClassification, "cls"),
        (MiniAlbertForSequenceClassification, "cls"),
        (MiniAlbertForSequenceClassification, "pair"),
    ],
)
def test_masks_and_segments_reach_the_model(head, pooling, tmp_path) -> None:
    columns = {
        "input_ids": [[2, 5, 6, 3, 7, 3, 0, 0], [2, 8, 3, 9, 9, 3, 0, 0]],
        "attention_mask": [[1] * 6 + [0] * 2] * 2,
        "token_type_ids": [[0, 0, 0, 0, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1, 0, 0]],
    }
    config = tiny_config(classifier_pooling=pooling)
    model = head(config).eval()
    arguments = TrainingArguments(tmp_path, use_cpu=True, report_to="none", disable_tqdm=True)
    found = Trainer(model, arguments).predict(datasets.Dataset.from_dict(columns)).predictions
    with torch.no_grad():
        expected = model(**{name: torch.tensor(rows) for name, rows in columns.items()}).logits
    torch.testing.assert_close(torch.from_numpy(found), expected)
