"""Students made from a teacher: some of its layers, new weights, a smaller vocabulary."""

import json

import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoTokenizer, BertForMaskedLM, BertForTokenClassification, BertModel

from nlpie_models.architectures.minialbert import MiniAlbertConfig, MiniAlbertModel
from nlpie_models.distillation import cut_vocabulary, keep_layers, match_vocabulary
from nlpie_models.distillation.pairing import tokenizer_difference
from nlpie_models.distillation.poolers import keep_pooler
from nlpie_models.distillation.students import make_student
from nlpie_models.loading.local import LocalCheckpoint
from nlpie_models.loading.models import load_model

CORPUS = ["the patient has chest pain", "chest pain and fever", "no fever"]
IDS = torch.tensor([[2, 20, 30, 40, 3]])


def test_every_other_layer(teacher) -> None:
    student = make_student("layers", teacher, seed=0, every=2).eval()
    assert student.config.num_hidden_layers == 2
    for layer, index in zip(student.bert.encoder.layer, (1, 3), strict=True):
        assert torch.equal(layer.output.dense.weight, teacher.bert.encoder.layer[index].output.dense.weight)
    assert torch.equal(student.get_output_embeddings().bias, teacher.get_output_embeddings().bias)
    assert student.get_output_embeddings().weight is student.get_input_embeddings().weight


def test_chosen_layers_under_a_new_head(teacher) -> None:
    one, same, different = (make_student("layers", teacher, seed=seed, layers=[0], head="new") for seed in (1, 1, 2))
    weights = [student.cls.predictions.transform.dense.weight for student in (one, same, different, teacher)]
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
    outputs = load_model(LocalCheckpoint(tmp_path), "AutoModel")(IDS)
    torch.testing.assert_close(outputs.pooler_output, outputs.last_hidden_state[:, 0].tanh())


@pytest.mark.parametrize(("architecture", "more"), [("bert", {}), ("minialbert", {"embedding": 6})])
def test_new_weights_follow_from_the_seed(teacher, architecture, more) -> None:
    sizes = {"layers": 3, "hidden": 24, "heads": 4, "feed_forward": 20, "architecture": architecture, **more}
    one, same, different = (make_student("new", teacher, seed=seed, **sizes) for seed in (1, 1, 2))
    for name, weight in one.state_dict().items():
        assert torch.equal(weight, same.state_dict()[name])
    assert not torch.equal(one.get_input_embeddings().weight, different.get_input_embeddings().weight)
    assert one(IDS).logits.shape == (1, 5, teacher.config.vocab_size)
    assert (one.config.model_type, one.config.num_hidden_layers) == (architecture, 3)


@pytest.mark.parametrize(
    ("form", "options", "message"),
    [
        ("half", {}, "expected a student form among layers, pruned, new, minialbert, got 'half'"),
        ("layers", {"evry": 2}, "student form layers has no option 'evry'; its options: layers, every, head, pooler"),
        ("layers", {}, "expected layers or every"),
        ("layers", {"layers": [4]}, "expected layers between 0 and 3"),
        ("layers", {"layers": [0], "pooler": "mean"}, "expected a pooler teacher or identity, got 'mean'"),
        ("new", {"layers": 2, "hidden": 10, "heads": 4, "feed_forward": 8}, "a width that 4 heads divide, got 10"),
        ("new", {"layers": 2}, "requires the option 'hidden'"),
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


@pytest.fixture
def encoder(bert_config):
    return BertModel(bert_config, add_pooling_layer=False).eval()


def test_kept_layers_are_copies_in_order(encoder) -> None:
    student = keep_layers(encoder, [1, 0])
    assert student.config.num_hidden_layers == 2
    for layer, index in zip(student.encoder.layer, [1, 0], strict=True):
        for name, weight in layer.state_dict().items():
            assert torch.equal(weight, encoder.encoder.layer[index].state_dict()[name])
    with torch.no_grad():
        next(student.encoder.layer[0].parameters()).zero_()
    assert next(encoder.encoder.layer[1].parameters()).abs().sum() > 0


def test_student_of_one_layer_computes_what_that_layer_computes(encoder) -> None:
    ids = torch.tensor([[2, 20, 30, 3]])
    with torch.no_grad():
        expected = encoder(ids, output_hidden_states=True).hidden_states[1]
        assert torch.equal(keep_layers(encoder, [0])(ids).last_hidden_state, expected)


def test_layers_that_do_not_exist(encoder) -> None:
    for layers in ([2], [], [-1]):
        with pytest.raises(ValueError, match="expected layers between 0 and 1"):
            keep_layers(encoder, layers)
    mini = MiniAlbertModel(MiniAlbertConfig(hidden_size=16, num_attention_heads=2, reduction_factor=4, vocab_size=9))
    with pytest.raises(ValueError, match=r"has no base_model.encoder.layer"):
        keep_layers(mini, [0])


def test_cut_vocabulary_changes_no_output_on_its_corpus(encoder, tokenizer, tmp_path) -> None:
    always = 5 + sum(len(piece.removeprefix("##")) == 1 for piece in tokenizer.get_vocab())
    student, smaller = cut_vocabulary(encoder, tokenizer, CORPUS, size=always + 5)
    assert len(smaller) == student.config.vocab_size == always + 5
    assert student.get_input_embeddings().weight.shape[0] == always + 5
    kept = set(smaller.get_vocab())
    assert {"chest", "pain", "fever"} < kept
    assert "scan" not in kept
    smaller.save_pretrained(tmp_path)
    for text in ["chest pain fever", "Fever!"]:
        before, after = (t(text, return_tensors="pt") for t in (tokenizer, smaller))
        assert AutoTokenizer.from_pretrained(tmp_path)(text)["input_ids"] == after["input_ids"][0].tolist()
        with torch.no_grad():
            assert torch.equal(encoder(**before).last_hidden_state, student(**after).last_hidden_state)
    assert smaller.tokenize("scan") == ["s", "##c", "##a", "##n"]
    assert smaller.model_max_length == tokenizer.model_max_length
    assert "number of pieces" in tokenizer_difference(tokenizer, smaller)
    assert tokenizer_difference(AutoTokenizer.from_pretrained(tmp_path), smaller) is None


def test_match_vocabulary_reads_the_ids_of_a_cut_tokenizer_in_another_order(encoder, tokenizer) -> None:
    _, smaller = cut_vocabulary(encoder, tokenizer, CORPUS, size=120)
    state = json.loads(smaller.backend_tokenizer.to_str())
    pieces = list(reversed(state["model"]["vocab"]))
    state["model"]["vocab"] = {piece: index for index, piece in enumerate(pieces)}
    state["added_tokens"] = [token | {"id": pieces.index(token["content"])} for token in state["added_tokens"]]
    other = type(tokenizer)(tokenizer_object=Tokenizer.from_str(json.dumps(state)), mask_token="[MASK]")
    model = match_vocabulary(encoder, tokenizer, other)
    text = tokenizer(CORPUS[0], add_special_tokens=False).tokens()
    ids, new_ids = (torch.tensor([read.convert_tokens_to_ids(text)]) for read in (tokenizer, other))
    assert not torch.equal(ids, new_ids)
    assert torch.equal(model(new_ids).last_hidden_state, encoder(ids).last_hidden_state)
    assert model.config.pad_token_id == other.pad_token_id
    with pytest.raises(ValueError, match="pieces of the other tokenizer are not the model's"):
        match_vocabulary(model, other, tokenizer)


def test_match_vocabulary_takes_special_tokens_by_their_role(encoder, tokenizer) -> None:
    state = json.loads(tokenizer.backend_tokenizer.to_str().replace('"[MASK]"', '"<mask>"'))
    renamed = type(tokenizer)(tokenizer_object=Tokenizer.from_str(json.dumps(state)), mask_token="<mask>")
    rows = match_vocabulary(encoder, renamed, tokenizer).get_input_embeddings().weight
    assert torch.equal(rows, encoder.get_input_embeddings().weight)


def test_cut_vocabulary_writes_no_path_of_this_machine(encoder, tokenizer, tmp_path) -> None:
    tokenizer.save_pretrained(tmp_path / "here")
    loaded = AutoTokenizer.from_pretrained(tmp_path / "here")
    cut_vocabulary(encoder, loaded, CORPUS, size=120)[1].save_pretrained(tmp_path / "new")
    assert not any(str(tmp_path) in path.read_text() for path in (tmp_path / "new").iterdir())


def test_refusals(bert_config, tokenizer, encoder) -> None:
    with pytest.raises(ValueError, match="not of a language model"):
        cut_vocabulary(BertForMaskedLM(bert_config), tokenizer, CORPUS, size=120)
    with pytest.raises(ValueError, match=r"expected a size of at least \d+ \(special tokens and characters\), got 10"):
        cut_vocabulary(BertForTokenClassification(bert_config), tokenizer, CORPUS, size=10)
