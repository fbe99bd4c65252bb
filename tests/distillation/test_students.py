"""Students cut out of larger models."""

import pytest
import torch
from transformers import AutoTokenizer, BertForMaskedLM, BertForTokenClassification, BertModel

from nlpie_models.architectures.minialbert import MiniAlbertConfig, MiniAlbertModel
from nlpie_models.distillation import cut_vocabulary, keep_layers
from nlpie_models.distillation.tokenizers import tokenizer_difference

CORPUS = ["the patient has chest pain", "chest pain and fever", "no fever"]


@pytest.fixture
def teacher(bert_config):
    return BertModel(bert_config, add_pooling_layer=False).eval()


def test_kept_layers_are_copies_in_order(teacher) -> None:
    student = keep_layers(teacher, [1, 0])
    assert student.config.num_hidden_layers == 2
    for own, index in zip(student.encoder.layer, [1, 0], strict=True):
        for name, weight in own.state_dict().items():
            assert torch.equal(weight, teacher.encoder.layer[index].state_dict()[name])
    with torch.no_grad():
        next(student.encoder.layer[0].parameters()).zero_()
    assert next(teacher.encoder.layer[1].parameters()).abs().sum() > 0


def test_student_of_one_layer_computes_what_that_layer_computes(teacher) -> None:
    ids = torch.tensor([[2, 20, 30, 3]])
    with torch.no_grad():
        expected = teacher(ids, output_hidden_states=True).hidden_states[1]
        assert torch.equal(keep_layers(teacher, [0])(ids).last_hidden_state, expected)


def test_layers_that_do_not_exist(teacher) -> None:
    for layers in ([2], [], [-1]):
        with pytest.raises(ValueError, match="expected layers between 0 and 1"):
            keep_layers(teacher, layers)
    mini = MiniAlbertModel(MiniAlbertConfig(hidden_size=16, num_attention_heads=2, reduction_factor=4, vocab_size=9))
    with pytest.raises(ValueError, match=r"has no base_model.encoder.layer"):
        keep_layers(mini, [0])


def test_cut_vocabulary_changes_no_output_on_its_corpus(teacher, tokenizer, tmp_path) -> None:
    always = 5 + sum(len(piece.removeprefix("##")) == 1 for piece in tokenizer.get_vocab())
    student, smaller = cut_vocabulary(teacher, tokenizer, CORPUS, size=always + 5)
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
            assert torch.equal(teacher(**before).last_hidden_state, student(**after).last_hidden_state)
    assert smaller.tokenize("scan") == ["s", "##c", "##a", "##n"]
    assert smaller.model_max_length == tokenizer.model_max_length
    assert "number of pieces" in tokenizer_difference(tokenizer, smaller)
    assert tokenizer_difference(AutoTokenizer.from_pretrained(tmp_path), smaller) is None


def test_cut_vocabulary_writes_no_path_of_this_machine(teacher, tokenizer, tmp_path) -> None:
    tokenizer.save_pretrained(tmp_path / "here")
    loaded = AutoTokenizer.from_pretrained(tmp_path / "here")
    cut_vocabulary(teacher, loaded, CORPUS, size=120)[1].save_pretrained(tmp_path / "new")
    assert not any(str(tmp_path) in path.read_text() for path in (tmp_path / "new").iterdir())


def test_refusals(bert_config, tokenizer, teacher) -> None:
    with pytest.raises(ValueError, match="not of a language model"):
        cut_vocabulary(BertForMaskedLM(bert_config), tokenizer, CORPUS, size=120)
    with pytest.raises(ValueError, match=r"expected a size of at least \d+ \(special tokens and characters\), got 10"):
        cut_vocabulary(BertForTokenClassification(bert_config), tokenizer, CORPUS, size=10)
