"""Examples: targets at first pieces, padding of batches, and neighbours that are joined."""

import random

import numpy as np
import pytest
import torch

from nlpie_models.data.labels import LabelMap
from nlpie_models.documents import Reader
from nlpie_models.tasks import get_task
from nlpie_models.tasks.ner import NerOptions
from nlpie_models.training.examples import collate, join_examples, make_examples


@pytest.mark.parametrize("unit", ["sentence", "window"])
def test_examples_label_first_pieces_and_keep_every_word(tokenizer, unit) -> None:
    text = "The patient has chest pain. Was given aspirin for fever. "
    spans = [(16, 26, "Sign_symptom"), (38, 45, "Medication"), (50, 55, "Sign_symptom")]
    entities = [
        {"start": start + shift, "end": end + shift, "label": label}
        for shift in (0, len(text))
        for start, end, label in spans
    ]
    row = {"text": text * 2, "entities": entities}
    task = get_task("ner")
    (rows, golds) = task.read_labelled([("here", row)], LabelMap())
    tags = task.labels_of(golds)
    reader = Reader.of(tokenizer, 16)
    examples = list(make_examples(task, [task.plan(rows[0], reader, NerOptions(unit=unit))], golds, tags))
    assert len(examples) > 1
    labelled = [
        (tokenizer.convert_ids_to_tokens(int(piece)), tags[label])
        for example in examples
        for piece, label in zip(example["input_ids"], example["labels"], strict=True)
        if label > 0
    ]
    assert labelled[:2] == [("chest", "B-Sign_symptom"), ("pain", "I-Sign_symptom")]
    assert sum(tag[0] == "B" for _, tag in labelled) == len(golds[0])
    assert all(len(example["input_ids"]) <= 16 for example in examples)


def test_collation_pads_labels_and_targets() -> None:
    hard = collate([{"input_ids": [2, 9, 3], "labels": [-100, 1, -100]}, {"input_ids": [2, 3], "labels": [-100, -100]}])
    assert hard["labels"].tolist() == [[-100, 1, -100], [-100, -100, -100]]
    assert hard["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
    soft = collate(
        [{"input_ids": [2], "labels": np.zeros((1, 3), np.float16)}, {"input_ids": [2, 3], "labels": np.ones((2, 3))}]
    )
    assert soft["labels"].shape == (2, 2, 3)
    assert soft["labels"].dtype == torch.float32
    assert soft["labels"][0, 1].tolist() == [-100] * 3


def test_joined_examples_keep_every_label_and_never_cross_documents() -> None:
    examples = [
        {"document": document, "input_ids": [2, *ids, 3], "labels": [-100, *ids, -100]}
        for document, ids in [(0, [10, 11]), (0, [12]), (0, [13, 14, 15]), (1, [16])]
    ]
    joined = list(join_examples(examples, 7))
    assert [list(example["input_ids"]) for example in joined] == [[2, 10, 11, 12, 3], [2, 13, 14, 15, 3], [2, 16, 3]]
    assert [list(example["labels"]) for example in joined[:1]] == [[-100, 10, 11, 12, -100]]
    assert [example["input_ids"] for example in examples[:1]] == [[2, 10, 11, 3]]
    targets = [{**example, "labels": np.ones((len(example["labels"]), 3))} for example in examples]
    (first, _) = join_examples(targets, 100)
    assert first["labels"].shape == (8, 3)
    drawn = list(join_examples(examples * 50, 30, rng=random.Random(0)))
    assert len({len(example["input_ids"]) for example in drawn}) > 2
