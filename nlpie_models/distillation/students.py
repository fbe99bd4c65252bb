"""Students: models made from a teacher, smaller than it, that distillation starts from."""

import copy
import inspect
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import torch
import transformers
from tokenizers import Tokenizer
from torch import nn
from transformers import AutoConfig, PreTrainedModel

from .minialbert import shrink_to_minialbert
from .poolers import Pooler, choose_pooler, keep_pooler
from .pruning import keep_layers, prune_width

_MASKED_LM = "AutoModelForMaskedLM"


def cut_vocabulary(
    model: PreTrainedModel, tokenizer: Any, texts: Iterable[str], *, size: int
) -> tuple[PreTrainedModel, Any]:
    """Return copies of a model and its WordPiece tokenizer that have only the pieces that a corpus uses most.

    Special tokens and single characters stay, so the smaller tokenizer can still write every word, at worst in more
    pieces. Pieces keep their order.

    Args:
        model: A model without a language-model head.
        tokenizer: Its fast WordPiece tokenizer.
        texts: The corpus.
        size: Number of pieces to keep, special tokens and single characters included.

    Raises:
        ValueError: The tokenizer is not a WordPiece tokenizer, the model has a language-model head, or ``size`` is less
            than the number of special tokens and single characters.
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

    student = _with_pieces(model, old_ids, padding=state["model"]["vocab"].get(tokenizer.pad_token))
    backend = Tokenizer.from_str(json.dumps(state))
    replaced = {"name_or_path", "vocab_file", "added_tokens_decoder"}
    options = {name: value for name, value in tokenizer.init_kwargs.items() if name not in replaced}
    smaller = type(tokenizer)(tokenizer_object=backend, **options)
    return student, smaller


def match_vocabulary(model: PreTrainedModel, tokenizer: Any, other: Any) -> PreTrainedModel:
    """Return a copy of a model that reads the tokens of another tokenizer, all of whose pieces it knows.

    A teacher can so be given a student's tokenizer, whose ids are in another order or whose vocabulary has been cut.
    Special tokens need not have the same name: each takes the embedding of the one with its role.

    Args:
        model: A model without a language-model head.
        tokenizer: Its tokenizer.
        other: The tokenizer whose ids the copy is to read.

    Raises:
        ValueError: The other tokenizer has pieces that the model does not know, or the model has a language-model head.
    """
    if model.get_output_embeddings() is not None:  # type: ignore[operator]
        raise ValueError("match the vocabulary of an encoder or classifier, not of a language model")
    known, roles = tokenizer.get_vocab(), tokenizer.special_tokens_map
    same_role = {token: roles.get(role) for role, token in other.special_tokens_map.items()}
    pieces = sorted(other.get_vocab(), key=other.get_vocab().__getitem__)
    ids = [known.get(same_role.get(piece) or piece) for piece in pieces]
    unknown = [piece for piece, index in zip(pieces, ids, strict=True) if index is None]
    if unknown:
        raise ValueError(f"{len(unknown):,} pieces of the other tokenizer are not the model's, such as {unknown[0]!r}")
    return _with_pieces(model, [index for index in ids if index is not None], padding=other.pad_token_id)


def _with_pieces(model: PreTrainedModel, ids: Sequence[int], *, padding: int | None) -> PreTrainedModel:
    """Return a copy of a model whose embeddings of tokens are these rows of its own, in this order."""
    copied = copy.deepcopy(model)
    weight = copied.get_input_embeddings().weight.detach()[torch.tensor(ids)].clone()  # type: ignore[union-attr, operator]
    copied.set_input_embeddings(nn.Embedding.from_pretrained(weight, freeze=False, padding_idx=padding))
    copied.config.vocab_size = len(ids)
    copied.config.pad_token_id = padding
    return copied


def _special_ids(post_processor: dict[str, Any] | None) -> Iterable[tuple[str, list[int]]]:
    """Yield the name of each special token of a post-processor, and the list of its ids, to be changed in place."""
    for name, token in ((post_processor or {}).get("special_tokens") or {}).items():
        yield name, token["ids"]


def with_new_head(encoder: PreTrainedModel, auto_class: str, seed: int) -> Any:
    """Return an encoder with a new head.

    Args:
        encoder: The encoder, whose tensors are copied.
        auto_class: Name of the transformers Auto class of the model, such as ``AutoModelForTokenClassification``.
        seed: Seed of the head's random weights.
    """
    transformers.set_seed(seed)
    model = getattr(transformers, auto_class).from_config(encoder.config)
    body = getattr(model, model.base_model_prefix)
    weights = {name: weight for name, weight in encoder.state_dict().items() if name in body.state_dict()}
    body.load_state_dict({**body.state_dict(), **weights})
    if auto_class == _MASKED_LM:
        keep_pooler(model, encoder)
    return model


def student_from_layers(
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
        seed: Seed of a new head.
        layers: Layers of the teacher to keep, from 0.
        every: Instead of ``layers``, keep the last of every so many: 2 keeps layers 1, 3, 5 and so on.
        head: Whether the head is a copy of the teacher's, or new.
        pooler: The student's pooler; see :func:`~nlpie_models.distillation.poolers.choose_pooler`.

    Raises:
        ValueError: Not exactly one of ``layers`` and ``every`` is given, the teacher has no such layer, or there is no
            such head or pooler.
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
        student = with_new_head(keep_layers(teacher.base_model, chosen), _MASKED_LM, seed)  # type: ignore[arg-type]
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
    """Return a masked language model with random weights, and with the teacher's vocabulary and number of positions.

    Args:
        teacher: A masked language model.
        seed: Seed of the weights.
        layers: Number of layers, or of recursions where the architecture shares layers.
        hidden: Width of the hidden states.
        heads: Number of attention heads.
        feed_forward: Width of the feed-forward networks.
        embedding: Width of the embeddings, where the architecture factorises them.
        architecture: The model type, such as ``bert`` or ``minialbert``.

    Raises:
        ValueError: The number of heads does not divide the width, or the architecture has no such size.
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
    if unknown := [size for size in sizes if size not in {*known.to_dict(), *known.attribute_map}]:
        raise ValueError(f"{architecture} has no {', '.join(unknown)} to choose; choose another architecture")
    shared = ("vocab_size", "max_position_embeddings", "type_vocab_size", "pad_token_id")
    sizes |= {name: getattr(teacher.config, name) for name in shared if hasattr(teacher.config, name)}
    transformers.set_seed(seed)
    return getattr(transformers, _MASKED_LM).from_config(AutoConfig.for_model(architecture, **sizes))


STUDENT_INITIALISATIONS: Mapping[str, Callable[..., PreTrainedModel]] = {
    "layers": student_from_layers,
    "pruned": prune_width,
    "new": make_new,
    "minialbert": shrink_to_minialbert,
}
"""How a student can be made from its teacher, a masked language model; each takes a ``seed`` and options of its own."""


def make_student(form: str, teacher: PreTrainedModel, *, seed: int, **options: Any) -> PreTrainedModel:
    """Return a student made from a teacher, in float32 and on the teacher's device.

    Args:
        form: Name of the way to make it, in ``STUDENT_INITIALISATIONS``.
        teacher: A masked language model.
        seed: Seed of the student's random weights, if it has any.
        **options: Options of the form.

    Raises:
        ValueError: There is no such form or option, or the teacher does not suit the form.
    """
    if form not in STUDENT_INITIALISATIONS:
        raise ValueError(f"expected a student form among {', '.join(STUDENT_INITIALISATIONS)}, got {form!r}")
    initialise = STUDENT_INITIALISATIONS[form]
    _check_options(form, initialise, options)
    return initialise(teacher, seed=seed, **options).float().to(teacher.device)


def _check_options(form: str, initialise: Callable[..., Any], options: Mapping[str, Any]) -> None:
    parameters = inspect.signature(initialise).parameters.values()
    known = {item.name: item for item in parameters if item.kind is item.KEYWORD_ONLY and item.name != "seed"}
    unknown = [name for name in options if name not in known]
    missing = [name for name, item in known.items() if item.default is item.empty and name not in options]
    if unknown or missing:
        problem = f"has no option {unknown[0]!r}" if unknown else f"requires the option {missing[0]!r}"
        raise ValueError(f"student form {form} {problem}; its options: {', '.join(known)}")
