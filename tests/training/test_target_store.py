"""Soft targets that are kept for further runs."""

import numpy as np
import pytest
import torch

from nlpie_models import NlpieError
from nlpie_models.training.examples import add_soft_targets
from nlpie_models.training.target_store import TargetStore

LABELS = ["O", "B-problem"]
EXAMPLES = [
    {"document": 0, "input_ids": np.array([2, 7, 8, 3]), "labels": np.array([-100, 0, 1, -100])},
    {"document": 1, "input_ids": np.array([2, 9, 3]), "labels": np.array([-100, 0, -100])},
]


class Teachers:
    """Answers with the ids, and counts the passages that it is asked about."""

    asked = 0

    def __call__(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        self.asked += len(input_ids)
        share = input_ids / 100
        return torch.stack([share, 1 - share], dim=-1)


def weights(folder, content=b"weights"):
    folder.mkdir(exist_ok=True)
    (folder / "model.safetensors").write_bytes(content)
    return folder / "model.safetensors"


@pytest.mark.parametrize("labelled", [True, False])
def test_a_second_run_asks_only_about_new_passages(tmp_path, labelled) -> None:
    teachers, path, model = Teachers(), tmp_path / "targets.npz", weights(tmp_path / "teacher")
    first = list(add_soft_targets(EXAMPLES, teachers, labelled=labelled, store=TargetStore(path, [model], LABELS)))
    assert teachers.asked == 2
    new = {**EXAMPLES[1], "input_ids": np.array([2, 10, 3])}
    store = TargetStore(path, [model], LABELS)
    second = list(add_soft_targets([*EXAMPLES, new], teachers, labelled=labelled, store=store))
    assert teachers.asked == 3
    for one, other in zip(first, second, strict=False):
        np.testing.assert_allclose(one["labels"], other["labels"], atol=1e-3)
    plain = list(add_soft_targets([*EXAMPLES, new], Teachers(), labelled=labelled))
    for one, other in zip(plain, second, strict=True):
        np.testing.assert_allclose(one["labels"], other["labels"], atol=1e-3)


def test_targets_of_other_teachers_are_refused(tmp_path) -> None:
    path, model = tmp_path / "targets.npz", weights(tmp_path / "teacher")
    list(add_soft_targets(EXAMPLES, Teachers(), labelled=True, store=TargetStore(path, [model], LABELS)))
    with pytest.raises(NlpieError, match="other teachers or labels"):
        TargetStore(path, [weights(tmp_path / "other", b"others")], LABELS)
    with pytest.raises(NlpieError, match="other teachers or labels"):
        TargetStore(path, [model], [*LABELS, "I-problem"])
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(NlpieError, match="damaged; remove it"):
        TargetStore(path, [model], LABELS)
