"""How students start: taken layers, new weights, a MiniALBERT made of its teacher."""

import copy

import pytest
import torch
from transformers import BertForMaskedLM, BertModel

from nlpie_models.checkpoint_files import LocalCheckpoint, load_model
from nlpie_models.distillation.minialbert import main_directions
from nlpie_models.distillation.poolers import keep_pooler
from nlpie_models.distillation.students import make_student, put_head_on
from nlpie_models.distillation.tokenizers import check_tokenizers
from nlpie_models.errors import WrongPair

IDS = torch.tensor([[2, 20, 30, 40, 3]])


@pytest.fixture
def teacher(bert_config):
    config = copy.deepcopy(bert_config)
    config.num_hidden_layers = 4
    torch.manual_seed(0)
    return BertForMaskedLM(config).eval()


def test_every_other_layer(teacher) -> None:
    student = make_student("layers", teacher, seed=0, every=2).eval()
    assert student.config.num_hidden_layers == 2
    for own, index in zip(student.bert.encoder.layer, (1, 3), strict=True):
        assert torch.equal(own.output.dense.weight, teacher.bert.encoder.layer[index].output.dense.weight)
    assert torch.equal(student.get_output_embeddings().bias, teacher.get_output_embeddings().bias)
    assert student.get_output_embeddings().weight is student.get_input_embeddings().weight


def test_chosen_layers_under_a_new_head(teacher) -> None:
    one, same, other = (make_student("layers", teacher, seed=seed, layers=[0], head="new") for seed in (1, 1, 2))
    weights = [student.cls.predictions.transform.dense.weight for student in (one, same, other, teacher)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert not torch.equal(weights[0], weights[3])
    assert torch.equal(one.get_input_embeddings().weight, teacher.get_input_embeddings().weight)


@pytest.mark.parametrize(
    ("form", "options"),
    [("layers", {"every": 2}), ("layers", {"every": 2, "head": "new"}), ("pruned", {"hidden": 16, "feed_forward": 24})],
)
def test_a_pooler_that_passes_the_first_token_on(teacher, tokenizer, tmp_path, form, options) -> None:
    keep_pooler(teacher, BertModel(teacher.config))
    make_student(form, teacher, seed=0, pooler="identity", **options).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    found = load_model(LocalCheckpoint(tmp_path), "AutoModel")(IDS)
    torch.testing.assert_close(found.pooler_output, found.last_hidden_state[:, 0].tanh())


@pytest.mark.parametrize(("architecture", "more"), [("bert", {}), ("minialbert", {"embedding": 6})])
def test_new_weights_follow_from_the_seed(teacher, architecture, more) -> None:
    sizes = {"layers": 3, "hidden": 24, "heads": 4, "feed_forward": 20, "architecture": architecture, **more}
    one, same, other = (make_student("new", teacher, seed=seed, **sizes) for seed in (1, 1, 2))
    for name, weight in one.state_dict().items():
        assert torch.equal(weight, same.state_dict()[name])
    assert not torch.equal(one.get_input_embeddings().weight, other.get_input_embeddings().weight)
    assert one(IDS).logits.shape == (1, 5, teacher.config.vocab_size)
    assert (one.config.model_type, one.config.num_hidden_layers) == (architecture, 3)


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


def test_minialbert_embeds_best_what_its_teacher_expects_most(teacher) -> None:
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


def test_minialbert_of_one_layer_and_full_rank_is_its_teacher(teacher) -> None:
    """Normalisations without scale and shift are undone by nothing, so that the adapters change nothing."""
    student = make_student("minialbert", teacher, seed=0, embedding=32, layers=1, shared=2, reduction_factor=4).eval()
    with torch.no_grad():
        states = teacher(IDS, output_hidden_states=True).hidden_states
        expected = teacher.bert.encoder.layer[2](states[0])
        found = student(IDS, output_hidden_states=True).hidden_states
    torch.testing.assert_close(found[0], states[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found[1], expected, atol=1e-4, rtol=1e-4)


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
def test_what_a_head_put_on_a_minialbert_reads(teacher, options, pool) -> None:
    student = make_student("minialbert", teacher, seed=0, embedding=8, **options).eval()
    head = put_head_on(student.base_model, "AutoModelForSequenceClassification", seed=0).eval()
    with torch.no_grad():
        states = student.base_model(IDS).last_hidden_state
        torch.testing.assert_close(head(IDS).logits, head.classifier(pool(states)))


def test_the_shared_layer_is_the_mean_of_all(teacher) -> None:
    student = make_student("minialbert", teacher, seed=0, embedding=8)
    own = student.albert.albert.encoder.layer_of(0).ffn.weight
    layers = [layer.intermediate.dense.weight for layer in teacher.bert.encoder.layer]
    torch.testing.assert_close(own, torch.stack(layers).mean(0))


def test_several_layers_are_each_shared_by_a_run_of_recursions(teacher) -> None:
    student = make_student("minialbert", teacher, seed=0, embedding=8, shared=[0, 3])
    assert student.config.num_hidden_groups == 2
    for recursion, index in enumerate((0, 0, 3, 3)):
        own = student.albert.albert.encoder.layer_of(recursion).ffn.weight
        assert torch.equal(own, teacher.bert.encoder.layer[index].intermediate.dense.weight)


@pytest.mark.parametrize(
    ("form", "options", "message"),
    [
        ("half", {}, "expected a student form among layers, pruned, new, minialbert, got 'half'"),
        ("layers", {"evry": 2}, "student form layers has no option 'evry'; its options: layers, every, head, pooler"),
        ("layers", {}, "expected layers or every"),
        ("layers", {"layers": [4]}, "expected layers between 0 and 3"),
        ("layers", {"layers": [0], "pooler": "mean"}, "expected a pooler teacher or identity, got 'mean'"),
        ("new", {"layers": 2, "hidden": 10, "heads": 4, "feed_forward": 8}, "a width that 4 heads divide, got 10"),
        ("new", {"layers": 2}, "wants to be told 'hidden'"),
        ("minialbert", {"embedding": 8, "shared": 9}, "mean or layers between 0 and 3, got 9"),
        ("minialbert", {"embedding": 8, "shared": []}, r"mean or layers between 0 and 3, got \[\]"),
        (
            "minialbert",
            {"embedding": 8, "shared": [0, 1, 2]},
            "as many shared layers as divide the 4 recursions, got 3",
        ),
        ("minialbert", {"embedding": 64}, "embedding width between 2 and 32, got 64"),
        ("minialbert", {"embedding": 8, "classifier_pooling": "max"}, "must be cls, mean or pair, got 'max'"),
    ],
)
def test_students_that_cannot_be(teacher, form, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        make_student(form, teacher, seed=0, **options)


def test_different_tokenizers_are_refused_with_the_reason(tokenizer) -> None:
    check_tokenizers("small", "large", tokenizer, copy.deepcopy(tokenizer))
    more = copy.deepcopy(tokenizer)
    more.add_tokens(["metformin"])
    with pytest.raises(WrongPair, match=r"student small and teacher large .* number of pieces \(.*\)"):
        check_tokenizers("small", "large", tokenizer, more)
    cased = copy.deepcopy(tokenizer)
    cased.backend_tokenizer.normalizer = None
    with pytest.raises(WrongPair, match="lower-casing"):
        check_tokenizers("small", "large", tokenizer, cased)
