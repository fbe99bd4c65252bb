"""What the heads of MiniALBERT take: names, places, forms of output, and graphs."""

import inspect

import pytest
import torch
from tiny_minialbert import tiny_config
from transformers import BertForTokenClassification, BertTokenizerFast, pipeline

from nlpie_models.architectures.minialbert import (
    MiniAlbertForMaskedLM,
    MiniAlbertForSequenceClassification,
    MiniAlbertForTokenClassification,
)

INPUTS = ["input_ids", "attention_mask", "token_type_ids", "position_ids", "inputs_embeds", "labels"]
HEADS = [MiniAlbertForMaskedLM, MiniAlbertForSequenceClassification, MiniAlbertForTokenClassification]
POOLINGS = ["cls", "mean", "pair"]


def pairs(rows: int = 2, length: int = 9) -> dict[str, torch.Tensor]:
    mask = torch.ones(rows, length, dtype=torch.long)
    mask[-1, length - 2 :] = 0
    segments = torch.zeros_like(mask)
    segments[:, length // 2 :] = 1
    ids = torch.randint(1, 50, (rows, length))
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": segments}


@pytest.mark.parametrize("head", HEADS)
def test_the_inputs_are_named_in_the_order_of_bert(head) -> None:
    names = [*inspect.signature(head.forward).parameters][1:]
    assert names == [*INPUTS, "kwargs"]
    assert names[:6] == [*inspect.signature(BertForTokenClassification.forward).parameters][1:7]


@pytest.mark.parametrize("head", HEADS)
def test_the_second_place_is_the_masks(head) -> None:
    model, batch = head(tiny_config()).eval(), pairs()
    with torch.no_grad():
        by_place = model(*batch.values())
        assert by_place.loss is None
        assert torch.equal(by_place.logits, model(**batch).logits)
        assert not torch.equal(by_place.logits, model(batch["input_ids"]).logits)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_embeddings_may_take_the_place_of_pieces(pooling) -> None:
    model, batch = (
        MiniAlbertForSequenceClassification(tiny_config(classifier_pooling=pooling)).eval(),
        pairs(),
    )
    embedded = model.get_input_embeddings()(batch["input_ids"])
    masks = {name: batch[name] for name in ("attention_mask", "token_type_ids")}
    with torch.no_grad():
        assert torch.equal(model(**batch).logits, model(inputs_embeds=embedded, **masks).logits)


@pytest.mark.parametrize("where", ["call", "config"])
@pytest.mark.parametrize("head", HEADS)
def test_the_output_may_be_a_tuple(head, where) -> None:
    model, batch = head(tiny_config()).eval(), pairs()
    with torch.no_grad():
        expected = model(**batch, output_hidden_states=True)
        model.config.return_dict = where == "call"
        options = {"return_dict": False} if where == "call" else {}
        logits, states = model(**batch, output_hidden_states=True, **options)
    assert torch.equal(logits, expected.logits)
    assert len(states) == len(expected.hidden_states)


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ([[0, 0, 0, 0], [0, 0, 1, 1]], "row 0 of the batch has no second one"),
        ([[0, 0, 1, 1], [1, 1, 1, 1]], "row 1 of the batch has no first one"),
        ([[0, 0, 1, 1], [0, 0, 0, 1]], "row 1 of the batch has no second one"),  # its only token is padding
    ],
)
def test_a_head_for_pairs_refuses_one_text(segments, message) -> None:
    model = MiniAlbertForSequenceClassification(tiny_config(classifier_pooling="pair")).eval()
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
    with pytest.raises(ValueError, match=message):
        model(torch.ones_like(mask), mask, torch.tensor(segments))


def test_a_pipeline_of_transformers_with_a_head_for_pairs_refuses_one_text(tmp_path) -> None:
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "fever", "cough"]))
    tokenizer = BertTokenizerFast(str(tmp_path / "vocab.txt"))
    model = MiniAlbertForSequenceClassification(tiny_config(classifier_pooling="pair"))
    classify = pipeline("text-classification", model=model, tokenizer=tokenizer)
    assert classify({"text": "fever", "text_pair": "cough"})["label"].startswith("LABEL_")
    with pytest.raises(ValueError, match="no second one: pass both to the tokenizer"):
        classify("fever")


@pytest.mark.parametrize("pooling", ["mean", "pair"])
def test_a_mask_that_cannot_be_pooled_is_refused(pooling) -> None:
    model, batch = (
        MiniAlbertForSequenceClassification(tiny_config(classifier_pooling=pooling)).eval(),
        pairs(),
    )
    batch["attention_mask"] = torch.zeros(2, 1, 9, 9)
    with pytest.raises(ValueError, match=r"needs an attention_mask \(batch, tokens\), got \(2, 1, 9, 9\)"):
        model(**batch)


@pytest.mark.parametrize(
    ("head", "pooling"), [*((head, "cls") for head in HEADS), *((HEADS[1], pooling) for pooling in POOLINGS[1:])]
)
def test_an_exported_graph_takes_other_shapes(head, pooling) -> None:
    model = head(tiny_config(classifier_pooling=pooling)).eval()
    sizes = {0: torch.export.Dim("rows", max=64), 1: torch.export.Dim("tokens", max=32)}
    batch = pairs(3, 8)
    graph = torch.export.export(model, (), batch, dynamic_shapes=dict.fromkeys(batch, sizes)).module()
    for rows, length in [(3, 8), (2, 5), (5, 32)]:
        batch = pairs(rows, length)
        with torch.no_grad():
            torch.testing.assert_close(graph(**batch).logits, model(**batch).logits, rtol=0, atol=1e-6)
