"""Smaller models cut out of larger ones."""

import copy
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import PreTrainedModel


def keep_layers(model: PreTrainedModel, layers: Sequence[int]) -> PreTrainedModel:
    """Return a copy of a BERT-like model with only these of its encoder's layers, in this order.

    Args:
        model: A model whose encoder keeps its layers in ``base_model.encoder.layer``.
        layers: Indices from 0.

    Raises:
        ValueError: An index that the model does not have, or an encoder without such a list.
    """
    student = copy.deepcopy(model)
    encoder: Any = getattr(student.base_model, "encoder", None)
    if not isinstance(getattr(encoder, "layer", None), nn.ModuleList):
        raise ValueError(f"{type(model).__name__} has no base_model.encoder.layer to choose from")
    available = len(encoder.layer)
    if not layers or not all(0 <= index < available for index in layers):
        raise ValueError(f"expected layers between 0 and {available - 1}, got {list(layers)}")
    encoder.layer = nn.ModuleList([encoder.layer[index] for index in layers])
    student.config.num_hidden_layers = len(layers)
    return student


def cut_vocabulary(
    model: PreTrainedModel, tokenizer: Any, texts: Iterable[str], *, size: int
) -> tuple[PreTrainedModel, Any]:
    """Return copies of a model and its WordPiece tokenizer with the ``size`` pieces that a corpus uses most.

    Special tokens and all single characters stay, so every word that could be written before still can be, at worst
    in more pieces. Pieces keep their order.

    Args:
        model: A model whose input embeddings are one row a piece (without a language-model head).
        tokenizer: Its fast WordPiece tokenizer.
        texts: The corpus.
        size: Pieces to keep, those that always stay included.

    Raises:
        ValueError: Not a WordPiece tokenizer, a model with an output vocabulary, or a size below what always stays.
    """
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    if state["model"]["type"] != "WordPiece":
        raise ValueError(f"expected a WordPiece tokenizer, got {state['model']['type']}")
    if model.get_output_embeddings() is not None:  # type: ignore[operator]
        raise ValueError("cut the vocabulary of an encoder or classifier, not of a language model")
    vocabulary: dict[str, int] = state["model"]["vocab"]
    always = {token["content"] for token in state["added_tokens"]}
    always |= {piece for piece in vocabulary if len(piece.removeprefix("##")) == 1}
    if size < len(always):
        raise ValueError(f"expected a size of at least {len(always)} (special tokens and characters), got {size}")
    backend = Tokenizer.from_str(json.dumps(state | {"truncation": None, "padding": None}))
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(backend.encode(text, add_special_tokens=False).tokens)
    frequent = [piece for piece, _ in counts.most_common() if piece not in always]
    kept = always | set(frequent[: size - len(always)])
    old_ids = sorted(vocabulary[piece] for piece in kept)
    pieces = {index: piece for piece, index in vocabulary.items()}
    state["model"]["vocab"] = {pieces[old]: new for new, old in enumerate(old_ids)}
    for token in state["added_tokens"]:
        token["id"] = state["model"]["vocab"][token["content"]]
    for name, ids in _special_ids(state.get("post_processor")):
        ids[:] = [state["model"]["vocab"][name]]

    student = copy.deepcopy(model)
    weight = student.get_input_embeddings().weight.detach()[torch.tensor(old_ids)].clone()  # type: ignore[union-attr, operator]
    padding = state["model"]["vocab"].get(tokenizer.pad_token)
    student.set_input_embeddings(nn.Embedding.from_pretrained(weight, freeze=False, padding_idx=padding))
    student.config.vocab_size = len(old_ids)
    student.config.pad_token_id = padding
    backend = Tokenizer.from_str(json.dumps(state))
    replaced = {"name_or_path", "vocab_file", "added_tokens_decoder"}
    options = {name: value for name, value in tokenizer.init_kwargs.items() if name not in replaced}
    smaller = type(tokenizer)(tokenizer_object=backend, **options)
    return student, smaller


def _special_ids(post_processor: dict[str, Any] | None) -> Iterable[tuple[str, list[int]]]:
    """Return the name and the (mutable) ids of each special token of a template."""
    for name, token in ((post_processor or {}).get("special_tokens") or {}).items():
        yield name, token["ids"]
