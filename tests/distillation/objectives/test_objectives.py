"""Every objective: padding does not count, gradients reach what is to learn, wrong pairs are refused."""

from types import SimpleNamespace

import pytest
import torch
from transformers import BertConfig

from nlpie_models.distillation import get_objective, list_objectives
from nlpie_models.distillation.objectives._objective import Unit, count_units
from nlpie_models.errors import UnknownName, WrongPair

B, L, V = 2, 7, 11
NAMES = [objective.name for objective in list_objectives()]


def config(**sizes) -> BertConfig:
    given = {"vocab_size": V, "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 2, "num_labels": V}
    return BertConfig(**{**given, **sizes})


TEACHER = config(num_hidden_layers=4)


def outputs(shape: BertConfig, seed: int, length: int = L) -> SimpleNamespace:
    generator = torch.Generator().manual_seed(seed)

    def draw(*size: int) -> torch.Tensor:
        return torch.randn(*size, generator=generator).requires_grad_()

    states = [draw(B, length, shape.hidden_size) for _ in range(shape.num_hidden_layers + 1)]
    maps = [
        draw(B, shape.num_attention_heads, length, length).softmax(-1).detach().requires_grad_()
        for _ in range(shape.num_hidden_layers)
    ]
    projections = tuple(draw(B, length, shape.hidden_size) for _ in range(3))
    return SimpleNamespace(logits=draw(B, length, V), hidden_states=states, attentions=maps, projections=projections)


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    mask = torch.ones(B, L, dtype=torch.long)
    mask[1, 4:] = 0
    labels = torch.full((B, L), -100)
    labels[0, 2], labels[0, 5], labels[1, 1] = 3, 7, 5
    return {"attention_mask": mask, "labels": labels}


def disturb(outputs: SimpleNamespace, mask: torch.Tensor, by: float) -> None:
    """Change everything that belongs to padding."""
    padding = ~mask.bool()
    with torch.no_grad():
        for states in (*outputs.hidden_states, *outputs.projections, outputs.logits):
            states[padding] += 5.0 * by
        for attention in outputs.attentions:
            attention.transpose(1, 2)[padding] += by


def test_they_are_found_by_file_name() -> None:
    assert NAMES == ["distilbert", "layerwise", "minilm", "sentence", "task", "tinybert"]
    with pytest.raises(UnknownName, match=r"Did you mean 'tinybert'\? Known: distilbert, layerwise"):
        get_objective("tinybret")


@pytest.mark.parametrize("name", NAMES)
def test_padding_does_not_count(name, batch) -> None:
    objective = get_objective(name)(config(), TEACHER)
    student, teacher = outputs(config(), 1), outputs(TEACHER, 2)
    before = objective(student, teacher, batch)
    disturb(student, batch["attention_mask"], 0.5)
    disturb(teacher, batch["attention_mask"], 0.2)
    after = objective(student, teacher, batch)
    counts = {part: not torch.allclose(before[part], after[part]) for part in before}
    # TinyBERT's authors let it count, and so it does there; see the parity test.
    assert {part for part, changed in counts.items() if changed} == (
        {"attention", "hidden"} if name == "tinybert" else set()
    )
    assert objective.needs.one_length == (name in ("tinybert", "layerwise"))


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_the_student_and_the_objective_alone(name, batch) -> None:
    shape = config(hidden_size=8) if name in ("tinybert", "minilm", "sentence", "task") else config()
    objective = get_objective(name)(shape, TEACHER)
    student, teacher = outputs(shape, 1), outputs(TEACHER, 2)
    for tensor in (teacher.logits, *teacher.hidden_states, *teacher.attentions, *teacher.projections):
        tensor.requires_grad_(False)
    parts = objective(student, teacher, batch)
    assert set(parts) <= set(objective.parts)
    sum(parts.values()).backward()
    needs = objective.needs
    assert (student.logits.grad is not None) == needs.student_logits
    assert any(state.grad is not None for state in student.hidden_states) == needs.hidden_states
    assert any(attention.grad is not None for attention in student.attentions) == needs.attentions
    assert any(state.grad is not None for state in student.projections) == (needs.projections is not None)
    for parameter in objective.parameters():
        assert parameter.grad.abs().sum() > 0


@pytest.mark.parametrize("name", NAMES)
def test_losses_are_in_float32_whatever_the_models_run_in(name, batch) -> None:
    def part_gradients(autocast: bool) -> list[torch.Tensor]:
        objective, student, teacher = get_objective(name)(config(), TEACHER), outputs(config(), 1), outputs(TEACHER, 2)
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            parts = objective(student, teacher, batch)
        sum(value for part, value in parts.items() if part != "hidden").backward()  # may go through a projection
        tensors = (student.logits, *student.hidden_states, *student.attentions, *student.projections)
        return [tensor.grad for tensor in tensors if tensor.grad is not None]

    for mixed, whole in zip(part_gradients(True), part_gradients(False), strict=True):
        torch.testing.assert_close(mixed, whole, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_a_student_that_says_what_its_teacher_says_has_nothing_to_learn(name, batch) -> None:
    same = config()
    objective = get_objective(name)(same, same)
    said = outputs(same, 1)
    if name == "tinybert":
        with torch.no_grad():
            objective.projection.weight.copy_(torch.eye(12))
            objective.projection.bias.zero_()
    parts = objective(said, said, batch)
    for part, value in parts.items():
        if part in ("mlm", "hard_label") or (name, part) == ("tinybert", "soft_target"):
            assert value > 0
        else:
            assert value.item() == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_part_of_no_weight_is_neither_computed_nor_needed(name, batch) -> None:
    weights = list(get_objective(name)(config(), TEACHER).weights)
    for kept in weights:
        objective = get_objective(name)(config(), TEACHER, **{part: float(part == kept) for part in weights})
        needs, student, teacher = objective.needs, outputs(config(), 1), outputs(TEACHER, 2)
        for side, logits in ((student, needs.student_logits), (teacher, needs.teacher_logits)):
            side.logits = side.logits if logits else None
            side.hidden_states = side.hidden_states if needs.hidden_states else None
            side.attentions = side.attentions if needs.attentions else None
            side.projections = side.projections if needs.projections else None
        assert set(objective(student, teacher, batch)) == {kept}
    with pytest.raises(ValueError, match="expected weights of 0 or more"):
        get_objective(name)(config(), TEACHER, **dict.fromkeys(weights, 0.0))


def test_what_dropout_put_to_zero_adds_nothing_to_a_divergence(batch) -> None:
    weights = {"mlm": 0.0, "hidden": 0.0, "output": 0.0, "attention": 1.0}
    objective = get_objective("layerwise")(config(), TEACHER, **weights)
    student, teacher = outputs(config(), 1), outputs(TEACHER, 2)
    with torch.no_grad():
        student.attentions[0][0, 0, 0, 0] = 0.0
    part = objective(student, teacher, batch)["attention"]
    part.backward()
    assert part < 10
    assert student.attentions[0].grad[0, 0, 0, 0] == 0


def test_a_first_token_learns_the_mean_of_its_teacher_s(batch) -> None:
    weights = {"mlm": 0.0, "mean": 0.0, "first": 0.0, "summary": 1.0}
    objective = get_objective("sentence")(config(hidden_size=8), TEACHER, **weights)
    student, teacher = outputs(config(hidden_size=8), 1), outputs(TEACHER, 2)
    first, states = student.hidden_states[-1][:, 0] @ objective.projection.weight.T, teacher.hidden_states[-1]
    means = torch.stack([states[0].mean(0), states[1, :4].mean(0)])
    expected = torch.stack([1 - torch.cosine_similarity(first[row], means[row], dim=0) for row in range(B)]).mean()
    torch.testing.assert_close(objective(student, teacher, batch)["summary"], expected)


def test_minilm_relations_by_hand() -> None:
    objective = get_objective("minilm")(config(hidden_size=4), config(hidden_size=6), mlm=0.0, key=0.0, value=0.0)
    assert objective.relation_heads == 2
    student, teacher = torch.randn(1, 3, 4), torch.randn(1, 3, 6)
    mask = torch.tensor([[1, 1, 0]])
    part = objective(
        SimpleNamespace(projections=(student,)),
        SimpleNamespace(projections=(teacher,)),
        {"attention_mask": mask, "labels": 0},
    )["query"]
    expected = []
    for head in range(2):
        for row in range(2):
            rows = []
            for states, width in ((student[0], 2), (teacher[0], 3)):
                vectors = states[:2, head * width : (head + 1) * width]
                rows.append((vectors[row] @ vectors.T / width**0.5).log_softmax(-1))
            expected.append((rows[1].exp() * (rows[1] - rows[0])).sum())
    torch.testing.assert_close(part, torch.stack(expected).mean())


def test_task_distillation_of_sequences_and_of_independent_labels() -> None:
    logits, taught = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([[0.0, 1.0], [3.0, 0.0]])
    mask = torch.ones(2, 4)
    given = SimpleNamespace(logits=logits), SimpleNamespace(logits=taught)
    sequence = config(num_labels=2)
    parts = get_objective("task")(sequence, sequence, hidden=0.0)(
        *given, {"labels": torch.tensor([0, 1]), "attention_mask": mask}
    )
    torch.testing.assert_close(parts["hard_label"], torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1])))
    several = config(num_labels=2, problem_type="multi_label_classification")
    labels = torch.tensor([[1.0, 1.0], [0.0, 1.0]])
    parts = get_objective("task")(several, several, hidden=0.0, temperature=1.0)(
        *given, {"labels": labels, "attention_mask": mask}
    )
    for part, targets in (("hard_label", labels), ("soft_target", taught.sigmoid())):
        likelihood = targets * logits.sigmoid().log() + (1 - targets) * (1 - logits.sigmoid()).log()
        torch.testing.assert_close(parts[part], -likelihood.mean())


def test_units_are_what_the_parts_are_means_over(batch) -> None:
    assert count_units(batch).tolist() == [3, 11, 2]
    assert [unit.name for unit in Unit] == ["LABELLED", "ATTENDED", "SEQUENCES"]


@pytest.mark.parametrize(
    ("name", "student", "message"),
    [
        *(
            (name, {"vocab_size": 9}, r"the student \(bert\) has vocab_size 9 and the teacher \(bert\) 11")
            for name in NAMES
        ),
        *(
            (name, {"num_hidden_layers": 3}, "has 3 layers and the teacher .* 4")
            for name in ("tinybert", "layerwise", "task")
        ),
        *(
            (name, {"num_attention_heads": 3}, "num_attention_heads 3 and the teacher .* 2")
            for name in ("tinybert", "layerwise")
        ),
        *((name, {"hidden_size": 8}, "hidden_size 8 and the teacher .* 12") for name in ("distilbert", "layerwise")),
        ("task", {"num_labels": 3}, "LABEL_2 and the teacher .* LABEL_10"),
    ],
)
def test_wrong_pairs_name_both_sides(name, student, message) -> None:
    with pytest.raises(WrongPair, match=message):
        get_objective(name)(config(**student), TEACHER)


@pytest.mark.parametrize("name", ["tinybert", "layerwise", "task"])
def test_layers_that_do_not_divide_can_be_chosen(name) -> None:
    assert get_objective(name)(config(num_hidden_layers=3), TEACHER, layers=[0, 1, 3]).layers == [0, 1, 3]
    for wrong in ([0, 1], [0, 1, 4], []):
        with pytest.raises(WrongPair, match=r"has 3 layers and the teacher .* 4, got \["):
            get_objective(name)(config(num_hidden_layers=3), TEACHER, layers=wrong)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"relation_heads": 5}, "into 5 relation heads: the student .* has hidden_size 12 and the teacher .* 12"),
        ({"teacher_layer": 4}, "from layer 4, and the teacher .* has layers 0 to 3"),
    ],
)
def test_relations_that_cannot_be(options, message) -> None:
    with pytest.raises(WrongPair, match=message):
        get_objective("minilm")(config(), TEACHER, **options)


@pytest.mark.parametrize("name", ["distilbert", "layerwise", "task", "tinybert"])
@pytest.mark.parametrize("temperature", [0, -1.0, float("nan")])
def test_temperatures_that_cannot_be(name, temperature) -> None:
    with pytest.raises(ValueError, match=f"{name}: expected a temperature over 0, got"):
        get_objective(name)(config(), TEACHER, temperature=temperature)
