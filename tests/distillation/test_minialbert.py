"""A MiniALBERT made from its teacher."""

import pytest
import torch

from nlpie_models.distillation.minialbert import main_directions
from nlpie_models.distillation.students import make_student, with_new_head

IDS = torch.tensor([[2, 20, 30, 40, 3]])


def test_main_directions_lose_least() -> None:
    rows = torch.randn(50, 16, generator=torch.Generator().manual_seed(0))
    importance = torch.rand(50, generator=torch.Generator().manual_seed(1))
    directions = main_directions(rows, 5, importance)
    torch.testing.assert_close(directions @ directions.T, torch.eye(5), atol=1e-5, rtol=0)
    error = ((rows - rows @ directions.T @ directions).square().sum(1) * importance).sum()
    best = torch.linalg.svdvals(rows * importance.sqrt()[:, None])[5:].square().sum()
    torch.testing.assert_close(error, best)
    with pytest.raises(ValueError, match="between 1 and 16, got 17"):
        main_directions(rows, 17, importance)


def test_it_embeds_best_what_its_teacher_expects_most(teacher) -> None:
    with torch.no_grad():
        teacher.bert.embeddings.LayerNorm.weight.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(1))
    theirs = embedded(teacher)
    alike = []
    for expected in (IDS[0], slice(50, 60)):
        with torch.no_grad():
            teacher.get_output_embeddings().bias.zero_()[expected] = 20.0
        student = make_student("minialbert", teacher, seed=0, embedding=16).eval()
        alike.append(torch.cosine_similarity(theirs, embedded(student), dim=-1).mean())
    assert alike[0] > 0.85 > alike[1]
    fine = embedded(student)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(embedded(student), fine, atol=0.05, rtol=0.05)
    assert student.config.num_hidden_layers == 4
    assert torch.equal(student.get_output_embeddings().weight, teacher.get_output_embeddings().weight)


@torch.no_grad()
def embedded(model) -> torch.Tensor:
    return model(IDS, output_hidden_states=True).hidden_states[0][0].float()


def test_it_of_one_layer_and_full_rank_is_its_teacher(teacher) -> None:
    """Normalisations without scale and shift are undone by nothing, so that the adapters change nothing."""
    student = make_student("minialbert", teacher, seed=0, embedding=32, layers=1, shared=2, reduction_factor=4).eval()
    with torch.no_grad():
        states = teacher(IDS, output_hidden_states=True).hidden_states
        expected = teacher.bert.encoder.layer[2](states[0])
        actual = student(IDS, output_hidden_states=True).hidden_states
    torch.testing.assert_close(actual[0], states[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(actual[1], expected, atol=1e-4, rtol=1e-4)


def test_adapters_change_little_whatever_the_normalisation(teacher) -> None:
    with torch.no_grad():
        for name, parameter in teacher.named_parameters():
            if "LayerNorm" in name:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    student = make_student("minialbert", teacher, seed=0, embedding=16, reduction_factor=4).eval()
    adapted = {}
    adapters = [*student.albert.att_adapters, *student.albert.mlp_adapters]
    for adapter in adapters:
        adapter.register_forward_hook(lambda module, args, output: adapted.update({module: (args[0], output)}))
    with torch.no_grad():
        student(IDS)
    assert len(adapted) == len(adapters) == 8
    for given, returned in adapted.values():
        assert (returned - given).norm() < 0.2 * given.norm()


@pytest.mark.parametrize(
    ("options", "pool"),
    [({}, lambda states: states.mean(1)), ({"classifier_pooling": "cls"}, lambda states: states[:, 0])],
)
def test_what_a_new_head_reads(teacher, options, pool) -> None:
    student = make_student("minialbert", teacher, seed=0, embedding=8, **options).eval()
    head = with_new_head(student.base_model, "AutoModelForSequenceClassification", seed=0).eval()
    with torch.no_grad():
        states = student.base_model(IDS).last_hidden_state
        torch.testing.assert_close(head(IDS).logits, head.classifier(pool(states)))


def test_the_shared_layer_is_the_mean_of_all(teacher) -> None:
    student = make_student("minialbert", teacher, seed=0, embedding=8)
    shared = student.albert.albert.encoder.layer_of(0).ffn.weight
    layers = [layer.intermediate.dense.weight for layer in teacher.bert.encoder.layer]
    torch.testing.assert_close(shared, torch.stack(layers).mean(0))


def test_several_layers_are_each_shared_by_a_run_of_recursions(teacher) -> None:
    student = make_student("minialbert", teacher, seed=0, embedding=8, shared=[0, 3])
    assert student.config.num_hidden_groups == 2
    for recursion, index in enumerate((0, 0, 3, 3)):
        shared = student.albert.albert.encoder.layer_of(recursion).ffn.weight
        assert torch.equal(shared, teacher.bert.encoder.layer[index].intermediate.dense.weight)
