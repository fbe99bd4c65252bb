"""Soft targets and the loss that takes them, against direct formulas."""

import copy

import pytest
import torch
from transformers import BertForTokenClassification
from transformers.modeling_outputs import TokenClassifierOutput

from nlpie_models.distillation import SoftTargets
from nlpie_models.distillation.losses import token_cross_entropy

STUDENT = ["O", "B-problem", "I-problem"]
MAP = {"Sign": "problem", "Disease": "problem"}


@pytest.fixture
def teachers(bert_config):
    config = copy.deepcopy(bert_config)
    tags = ["O", "B-Sign", "I-Sign", "B-Disease", "I-Disease", "B-Other", "I-Other"]
    config.id2label = dict(enumerate(tags))
    return [BertForTokenClassification(copy.deepcopy(config)) for _ in range(2)]


def test_probabilities_are_summed_over_mapped_labels_and_averaged_over_teachers(teachers) -> None:
    ids, mask = torch.randint(5, 30, (2, 6)), torch.ones(2, 6, dtype=torch.long)
    targets = SoftTargets(teachers, STUDENT, MAP)(ids, mask)
    with torch.no_grad():
        mean = sum(teacher.eval()(ids).logits.softmax(-1) for teacher in teachers) / 2
    expected = torch.stack([mean[..., [0, 5, 6]].sum(-1), mean[..., [1, 3]].sum(-1), mean[..., [2, 4]].sum(-1)], -1)
    torch.testing.assert_close(targets, expected)
    torch.testing.assert_close(targets.sum(-1), torch.ones(2, 6))


def test_teachers_run_without_dropout(teachers) -> None:
    soft = SoftTargets([teacher.train() for teacher in teachers], STUDENT, MAP)
    ids, mask = torch.randint(5, 30, (2, 6)), torch.ones(2, 6, dtype=torch.long)
    assert torch.equal(soft(ids, mask), soft(ids, mask))


def test_teachers_that_have_the_student_s_labels_already_need_no_map(teachers) -> None:
    for teacher in teachers:
        teacher.config.id2label = dict(enumerate([*STUDENT, "B-test", "I-test", "B-treatment", "I-treatment"]))
    ids, mask = torch.randint(5, 30, (2, 6)), torch.ones(2, 6, dtype=torch.long)
    labels = list(teachers[0].config.id2label.values())
    assert torch.equal(SoftTargets(teachers, labels, MAP)(ids, mask), SoftTargets(teachers, labels)(ids, mask))
    with pytest.raises(ValueError, match="'B-test' is not among the student's"):
        SoftTargets(teachers, STUDENT, MAP)


def test_refusals(teachers) -> None:
    with pytest.raises(ValueError, match="at least one teacher"):
        SoftTargets([], STUDENT)
    with pytest.raises(ValueError, match="'B-Sign' is not among the student's: O, B-problem, I-problem"):
        SoftTargets(teachers, STUDENT)
    teachers[1].config.id2label = {0: "O"}
    with pytest.raises(ValueError, match="teachers differ in their labels"):
        SoftTargets(teachers, STUDENT, MAP)


@pytest.fixture
def batch():
    torch.manual_seed(1)
    labels = torch.tensor([[-100, 0, 2, -100], [-100, 1, -100, -100]])
    return TokenClassifierOutput(logits=torch.randn(2, 4, 3)), labels


def test_hard_labels_give_the_usual_cross_entropy(batch) -> None:
    outputs, labels = batch
    expected = torch.nn.functional.cross_entropy(outputs.logits.view(-1, 3), labels.view(-1))
    torch.testing.assert_close(token_cross_entropy(outputs, labels), expected)


def test_one_hot_targets_give_the_same_as_hard_labels(batch) -> None:
    outputs, labels = batch
    targets = torch.nn.functional.one_hot(labels.clamp(min=0), 3).float()
    targets[labels == -100] = -100
    torch.testing.assert_close(token_cross_entropy(outputs, targets), token_cross_entropy(outputs, labels))


def test_soft_targets_against_the_formula(batch) -> None:
    outputs, labels = batch
    targets = torch.rand(2, 4, 3).softmax(-1)
    targets[labels == -100] = -100
    counted = labels != -100
    expected = -(targets[counted] * outputs.logits[counted].log_softmax(-1)).sum() / counted.sum()
    torch.testing.assert_close(token_cross_entropy(outputs, targets), expected)


@pytest.mark.parametrize("soft", [False, True])
def test_accumulated_batches_weigh_every_token_alike(batch, soft) -> None:
    outputs, labels = batch
    if soft:
        targets = torch.rand(2, 4, 3)
        targets[labels == -100] = -100
        labels = targets
    items = (labels != -100).sum()
    rows = [TokenClassifierOutput(logits=outputs.logits[row : row + 1]) for row in range(2)]
    parts = [token_cross_entropy(outputs, labels[row : row + 1], items) for row, outputs in enumerate(rows)]
    torch.testing.assert_close(sum(parts), token_cross_entropy(outputs, labels))
