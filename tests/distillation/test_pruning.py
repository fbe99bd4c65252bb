"""Students that are narrower copies of their teacher."""

import copy

import pytest
import torch
from transformers import BertForMaskedLM, BertModel

from nlpie_models.distillation.poolers import keep_pooler
from nlpie_models.distillation.pruning import prune_width
from nlpie_models.distillation.students import make_student
from nlpie_models.loading.local import LocalCheckpoint
from nlpie_models.loading.models import load_model

IDS = torch.tensor([[2, 20, 30, 40, 3], [2, 21, 35, 3, 0]])
HALF = {"hidden": 16, "feed_forward": 24}


@pytest.fixture
def teacher(bert_config):
    """A BERT whose weights are large enough for its attention to choose, with normalisations that differ."""
    torch.manual_seed(0)
    model = BertForMaskedLM(copy.deepcopy(bert_config)).eval()
    keep_pooler(model, BertModel(model.config))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.2 + ("LayerNorm.weight" in name))
    return model


@pytest.fixture
def redundant(teacher):
    """The same, half of whose width is nothing: what is never read, and what is always zero.

    Each coordinate has a twin of the same value, so that normalisations over both or over one are the same.
    """
    one, twin = torch.randperm(32).view(2, 16)
    with torch.no_grad():
        for name, parameter in teacher.named_parameters():
            reads = any(part in name for part in ("self.", "intermediate", "pooler", "transform.dense"))
            writes = any(part in name for part in ("output", "LayerNorm", "transform.dense"))
            if "embeddings" in name and parameter.dim() == 2:
                parameter[:, twin] = parameter[:, one]
            if reads and parameter.dim() == 2:
                parameter[:, twin] = 0.0
            if writes:
                parameter[twin] = parameter[one]
        for parameter in teacher.cls.predictions.transform.LayerNorm.parameters():
            parameter[twin] = 0.0
        for layer in teacher.bert.encoder.layer:
            unused = torch.stack([torch.randperm(16)[:8], torch.randperm(16)[:8] + 16]).flatten()
            attention = layer.attention
            for matrix in (attention.self.query, attention.self.value, layer.intermediate.dense):
                matrix.weight[unused] = 0.0
                matrix.bias[unused] = 0.0
            layer.intermediate.dense.weight[40:] = 0.0
            layer.intermediate.dense.bias[40:] = 0.0
    return teacher


def test_a_student_without_the_redundant_half_is_its_teacher(redundant) -> None:
    student = make_student("pruned", redundant, seed=0, **HALF).eval()
    sizes = student.config.hidden_size, student.config.intermediate_size, student.config.num_attention_heads
    assert sizes == (16, 24, 2)
    with torch.no_grad():
        expected, actual = redundant(IDS).logits, student(IDS).logits
        assert expected.std() > 0.1
        torch.testing.assert_close(actual, expected, atol=1e-4, rtol=1e-4)


def test_the_same_of_some_layers(redundant) -> None:
    student = make_student("pruned", redundant, seed=0, layers=[1, 0, 1], **HALF).eval()
    expected = make_student("layers", redundant, seed=0, layers=[1, 0, 1]).eval()
    with torch.no_grad():
        torch.testing.assert_close(student(IDS).logits, expected(IDS).logits, atol=1e-4, rtol=1e-4)


def test_nothing_is_lost_at_full_width(teacher) -> None:
    student = prune_width(teacher, seed=0, hidden=32, feed_forward=48)
    for name, weight in teacher.state_dict().items():
        assert torch.equal(student.state_dict()[name], weight)
    assert student.bert.embeddings.word_embeddings.weight is not teacher.bert.embeddings.word_embeddings.weight


def test_what_weighs_most_is_kept(teacher) -> None:
    layer = teacher.bert.encoder.layer[0]
    attention, pooler = layer.attention, teacher.bert.pooler.dense
    with torch.no_grad():
        attention.output.LayerNorm.weight[5] = 9.0
        for matrix, rows in (
            (attention.self.query, [3, 30]),
            (attention.self.key, [3, 30]),
            (attention.self.value, [8, 16]),
            (layer.intermediate.dense, [41]),
            (pooler, [20, 21]),
        ):
            matrix.weight[rows] = 5.0
            matrix.bias[rows] = torch.tensor([6.0, 8.0])[: len(rows)]
        attention.output.dense.weight[:, [8, 16]] = 5.0
        layer.output.dense.weight[:, 41] = 5.0
    student = make_student("pruned", teacher, seed=0, hidden=2, feed_forward=1)
    pruned = student.bert.encoder.layer[0]
    assert pruned.attention.output.LayerNorm.weight.max() == 9.0
    assert pruned.attention.self.query.bias.tolist() == [6.0 / 4, 8.0 / 4]  # heads are a sixteenth as wide
    for matrix in (pruned.attention.self.key, pruned.attention.self.value, student.bert.pooler.dense):
        assert matrix.bias.tolist() == [6.0, 8.0]
    assert pruned.intermediate.dense.bias.tolist() == [6.0]


def test_it_is_saved_and_loaded_with_its_pooler_and_one_embedding_matrix(teacher, tokenizer, tmp_path) -> None:
    student = make_student("pruned", teacher, seed=0, **HALF).eval()
    assert student.get_output_embeddings().weight is student.get_input_embeddings().weight
    student.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded = load_model(LocalCheckpoint(tmp_path), "AutoModelForMaskedLM").eval()
    assert loaded.get_output_embeddings().weight is loaded.get_input_embeddings().weight
    assert torch.equal(loaded.bert.pooler.dense.weight, student.bert.pooler.dense.weight)
    with torch.no_grad():
        assert torch.equal(loaded(IDS).logits, student(IDS).logits)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden": 15}, "expected a width up to 32 that 2 heads divide, got 15"),
        ({"hidden": 34}, "expected a width up to 32 that 2 heads divide, got 34"),
        ({"hidden": 0}, "expected a width up to 32 that 2 heads divide, got 0"),
        ({"feed_forward": 49}, "expected feed-forward networks of a width up to 48, got 49"),
        ({"layers": [0, 2]}, "expected layers between 0 and 1"),
        ({"layers": []}, "expected layers between 0 and 1"),
    ],
)
def test_sizes_that_cannot_be(teacher, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        make_student("pruned", teacher, seed=0, **HALF | options)


def test_only_a_masked_language_model_of_bert_s(teacher) -> None:
    with pytest.raises(ValueError, match="expected a BERT with a masked-language-model head, got BertModel"):
        make_student("pruned", teacher.bert, seed=0, **HALF)
