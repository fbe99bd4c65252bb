"""Smaller models made out of larger ones, or beside them."""

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import torch
import transformers
from tokenizers import Tokenizer
from torch import nn
from transformers import AutoConfig, PreTrainedModel

from .contract import check_options
from .minialbert import shrink_to_minialbert
from .poolers import Pooler, choose_pooler, keep_pooler
from .pruning import keep_layers, prune_width

_MASKED_LM = "AutoModelForMaskedLM"


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


def put_head_on(encoder: PreTrainedModel, auto_class: str, seed: int) -> Any:
    """Return a model of one of transformers' Auto classes with an encoder's tensors, and a head drawn from a seed."""
    transformers.set_seed(seed)
    model = getattr(transformers, auto_class).from_config(encoder.config)
    body = getattr(model, model.base_model_prefix)
    weights = {name: weight for name, weight in encoder.state_dict().items() if name in body.state_dict()}
    body.load_state_dict({**body.state_dict(), **weights})
    if auto_class == _MASKED_LM:
        keep_pooler(model, encoder)
    return model


def take_layers(
    teacher: PreTrainedModel,
    *,
    seed: int,
    layers: Sequence[int] | None = None,
    every: int | None = None,
    head: Literal["teacher", "new"] = "teacher",
    pooler: Pooler = "teacher",
) -> PreTrainedModel:
    """Return a masked language model with the teacher's embeddings and some of its layers.

    Args:
        teacher: A BERT-like masked language model.
        seed: Of a new head.
        layers: Which, from 0.
        every: Or the last of every so many: 2 takes 1, 3, 5 and so on.
        head: Whether the head is the teacher's too, or a new one.
        pooler: What classifiers read of the first token; see :func:`~nlpie_models.distillation.poolers.choose_pooler`.

    Raises:
        ValueError: Not exactly one of ``layers`` and ``every``, layers that the teacher does not have, or no such head
            or pooler.
    """
    if (layers is None) == (every is None) or head not in ("teacher", "new"):
        raise ValueError(
            f"expected layers or every, and head teacher or new, got layers={layers}, every={every}, head={head}"
        )
    depth: int = teacher.config.num_hidden_layers
    chosen = range(every - 1, depth, every) if every else layers or ()
    if head == "teacher":
        student = keep_layers(teacher, chosen)
    else:
        student = put_head_on(keep_layers(teacher.base_model, chosen), _MASKED_LM, seed)  # type: ignore[arg-type]
    choose_pooler(student, pooler)
    return student


def make_new(
    teacher: PreTrainedModel,
    *,
    seed: int,
    layers: int,
    hidden: int,
    heads: int,
    feed_forward: int,
    embedding: int | None = None,
    architecture: str = "bert",
) -> PreTrainedModel:
    """Return a masked language model with random weights that reads what the teacher reads.

    Args:
        teacher: Gives the vocabulary and the number of positions.
        seed: Of the weights.
        layers: Its layers, or the recursions of a shared one.
        hidden: Its width.
        heads: Its attention heads.
        feed_forward: Width of its feed-forward networks.
        embedding: Width of its embeddings, where the architecture factorises them.
        architecture: The model type, such as bert or minialbert.

    Raises:
        ValueError: Sizes that do not fit together, or that the architecture does not have.
    """
    sizes: dict[str, Any] = {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": feed_forward,
    }
    if embedding is not None:
        sizes["embedding_size"] = embedding
    if hidden % heads:
        raise ValueError(f"expected a width that {heads} heads divide, got {hidden}")
    known = AutoConfig.for_model(architecture)
    if strange := [size for size in sizes if size not in {*known.to_dict(), *known.attribute_map}]:
        raise ValueError(f"{architecture} has no {', '.join(strange)} to choose; choose another architecture")
    shared = ("vocab_size", "max_position_embeddings", "type_vocab_size", "pad_token_id")
    sizes |= {name: getattr(teacher.config, name) for name in shared if hasattr(teacher.config, name)}
    transformers.set_seed(seed)
    return getattr(transformers, _MASKED_LM).from_config(AutoConfig.for_model(architecture, **sizes))


FORMS: Mapping[str, Callable[..., PreTrainedModel]] = {
    "layers": take_layers,
    "pruned": prune_width,
    "new": make_new,
    "minialbert": shrink_to_minialbert,
}
"""How a student can start from its teacher, a masked language model; each takes a ``seed`` and its own options."""


def make_student(form: str, teacher: PreTrainedModel, *, seed: int, **options: Any) -> PreTrainedModel:
    """Return a student of a form in ``FORMS``, in float32 and on the teacher's device.

    Raises:
        ValueError: No such form or option, or a teacher that the form cannot be made from.
    """
    if form not in FORMS:
        raise ValueError(f"expected a student form among {', '.join(FORMS)}, got {form!r}")
    check_options(f"student form {form}", FORMS[form], options)
    return FORMS[form](teacher, seed=seed, **options).float().to(teacher.device)
