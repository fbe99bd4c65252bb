"""Loss, parts and gradients of the published objectives, on the authors' figures for one batch."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import BertConfig

from nlpie_models.distillation import get_objective

REFERENCE = Path(__file__).parents[2] / "reference" / "objectives"
TOLERANCE = {"atol": 1e-5, "rtol": 1e-5}


def read(name: str) -> dict[str, torch.Tensor]:
    with np.load(REFERENCE / f"{name}.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files}


def outputs_of(arrays, side: str) -> SimpleNamespace:
    """Return one side's outputs, as leaves that take gradients."""
    logits, *states = (
        [arrays[key].clone().requires_grad_() for key in arrays if key.startswith(f"{side}_{kind}")]
        for kind in ("logits", "hidden", "attention")
    )
    return SimpleNamespace(logits=logits[0], hidden_states=tuple(states[0]), attentions=tuple(states[1]))


def config_of(outputs: SimpleNamespace) -> BertConfig:
    return BertConfig(
        vocab_size=outputs.logits.shape[-1],
        hidden_size=outputs.hidden_states[0].shape[-1],
        num_hidden_layers=len(outputs.attentions),
        num_attention_heads=outputs.attentions[0].shape[1],
    )


def gradients_of(outputs: SimpleNamespace) -> dict[str, torch.Tensor | None]:
    gradients = {"logits": outputs.logits.grad}
    for kind, states in (("hidden", outputs.hidden_states), ("attention", outputs.attentions)):
        gradients |= {f"{kind}_{index}": state.grad for index, state in enumerate(states)}
    return gradients


@pytest.mark.parametrize("sparse", [False, True], ids=["all logits", "labelled logits"])
@pytest.mark.parametrize("name", ["distilbert", "tinybert", "layerwise"])
def test_the_authors_figures(name, sparse) -> None:
    arrays = read(name)
    student, teacher = outputs_of(arrays, "student"), outputs_of(arrays, "teacher")
    objective = get_objective(name)(config_of(student), config_of(teacher))
    if "projection_weight" in arrays:
        objective.projection.load_state_dict({"weight": arrays["projection_weight"], "bias": arrays["projection_bias"]})
    batch = {"attention_mask": arrays["attention_mask"], "labels": arrays["labels"]}

    def given(outputs):
        logits = outputs.logits[batch["labels"] != -100] if sparse else outputs.logits
        return SimpleNamespace(**{**vars(outputs), "logits": logits})

    parts = objective(given(student), given(teacher), batch)
    loss = sum(parts.values())
    torch.testing.assert_close(loss, arrays["loss"], **TOLERANCE)
    published = {key.removeprefix("part_"): value for key, value in arrays.items() if key.startswith("part_")}
    for part, value in published.items():
        if part in parts:
            torch.testing.assert_close(parts[part] / objective.weights[part], value, **TOLERANCE)
    assert set(published) - set(parts) <= {"embedding_ablation"}

    loss.backward()
    gradients = gradients_of(student)
    expected = {key.removeprefix("grad_student_"): value for key, value in arrays.items() if "grad_student" in key}
    assert {key for key, value in gradients.items() if value is not None and value.any()} == set(expected)
    for key, value in expected.items():
        torch.testing.assert_close(gradients[key], value, **TOLERANCE)
    if "grad_projection_weight" in arrays:
        torch.testing.assert_close(objective.projection.weight.grad, arrays["grad_projection_weight"], **TOLERANCE)


def test_the_ablation_of_the_embeddings() -> None:
    arrays = read("layerwise")
    student, teacher = outputs_of(arrays, "student"), outputs_of(arrays, "teacher")
    objective = get_objective("layerwise")(config_of(student), config_of(teacher), embedding_ablation=2.0)
    part = objective(student, teacher, arrays)["embedding_ablation"]
    torch.testing.assert_close(part / 2.0, arrays["part_embedding_ablation"], **TOLERANCE)
