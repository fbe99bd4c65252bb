"""Batches that transformers' Trainer accumulates have the loss and gradient of one batch of all their rows."""

import pytest
import torch
from tiny_minialbert import tiny_config
from transformers import Trainer, TrainingArguments

from nlpie_models.architectures.minialbert import MiniAlbertForSequenceClassification

ROWS = 10  # batches of 4, 4 and 2: a mean of means would not do
PROBLEMS = {
    "single_label_classification": (3, lambda row: row % 3),
    "multi_label_classification": (3, lambda row: [float(row % 2), 1.0, float(row % 3 == 0)]),
    "regression": (1, lambda row: row / 3),
    "regression of several values": (3, lambda row: [row / 3, 1.0, -float(row)]),
}


def rows(label) -> list[dict]:
    pieces = torch.randint(1, 50, (ROWS, 7), generator=torch.Generator().manual_seed(0)).tolist()
    return [{"input_ids": ids, "attention_mask": [1] * 7, "labels": label(row)} for row, ids in enumerate(pieces)]


@pytest.mark.parametrize("problem", PROBLEMS)
def test_accumulation_changes_neither_loss_nor_gradient(problem, tmp_path) -> None:
    labels, label = PROBLEMS[problem]
    measured = []
    for batch, steps in ((ROWS, 1), (4, 3)):
        torch.manual_seed(0)
        config = tiny_config(
            num_labels=labels,
            problem_type=problem.split(" of ")[0],
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
        arguments = TrainingArguments(
            tmp_path / str(batch),
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=steps,
            max_steps=1,
            logging_steps=1,
            use_cpu=True,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
        )
        trainer = Trainer(MiniAlbertForSequenceClassification(config), arguments, train_dataset=rows(label))
        trainer.train()
        first = trainer.state.log_history[0]
        measured.append((first["loss"], first["grad_norm"]))
    assert measured[1] == pytest.approx(measured[0], rel=1e-4)
