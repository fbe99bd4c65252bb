"""Models cut out of larger ones: fewer layers, and narrower ones."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn
from transformers import BertForMaskedLM, PreTrainedModel
from transformers.models.bert.modeling_bert import BertPooler

from .poolers import Pooler, choose_pooler


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


def prune_width(
    teacher: PreTrainedModel,
    *,
    seed: int,
    hidden: int,
    feed_forward: int,
    layers: Sequence[int] | None = None,
    pooler: Pooler = "teacher",
) -> BertForMaskedLM:
    """Return a narrower copy of a BERT with a masked-language-model head, of the parts of its width that weigh most.

    Structured pruning by magnitude, as a start for distillation (Muralidharan et al., 2024,
    https://arxiv.org/abs/2407.14679, rank by activations on data; this needs none). With W[i] the row of a matrix that
    writes i, W[:, j] the column that reads j, and g the scale of the normalisation before, those are kept that have the
    largest

    - coordinates of the hidden states, the same in all layers: sum of (g[j] ||W[:, j]||)^2 over all matrices that read
      them (queries, keys, values, feed-forward networks, both of the head);
    - elements of the queries and keys of each head: ||g Wq[i]|| ||g Wk[i]||;
    - elements of the values of each head: ||g Wv[i]|| ||Wo[:, i]||;
    - neurons of the feed-forward networks: ||g W1[i]|| ||W2[:, i]||;
    - elements of a pooler, if there is one: ||g W[i]||,

    the norms from the second on over the kept coordinates. The number of heads stays. Queries are rescaled, as
    attention divides scores by the root of the head's width.

    Args:
        teacher: The BERT.
        seed: Without effect: nothing is random.
        hidden: Width of the hidden states.
        feed_forward: Width of the feed-forward networks.
        layers: The teacher's layers to keep, from 0; all by default.
        pooler: What classifiers read of the first token; see :func:`~nlpie_models.distillation.poolers.choose_pooler`.

    Raises:
        ValueError: No such teacher, layer or pooler, a width above the teacher's, or one that its heads do not divide.
    """
    if not isinstance(teacher, BertForMaskedLM):
        raise ValueError(f"expected a BERT with a masked-language-model head, got {type(teacher).__name__}")
    heads, widest = teacher.config.num_attention_heads, (teacher.config.hidden_size, teacher.config.intermediate_size)
    if hidden % heads or not 0 < hidden <= widest[0]:
        raise ValueError(f"expected a width up to {widest[0]} that {heads} heads divide, got {hidden}")
    if not 0 < feed_forward <= widest[1]:
        raise ValueError(f"expected feed-forward networks of a width up to {widest[1]}, got {feed_forward}")
    source: Any = teacher if layers is None else keep_layers(teacher, layers)
    config = copy.deepcopy(source.config)
    config.hidden_size, config.intermediate_size = hidden, feed_forward
    student: Any = BertForMaskedLM(config)
    with torch.no_grad():
        kept = _largest(_importance_of_coordinates(source), hidden)
        for name in ("word_embeddings", "position_embeddings", "token_type_embeddings"):
            own, other = (getattr(model.bert.embeddings, name) for model in (student, source))
            own.weight.copy_(other.weight[:, kept])
        _copy(student.bert.embeddings.LayerNorm, source.bert.embeddings.LayerNorm, kept)
        norm = source.bert.embeddings.LayerNorm
        for own, other in zip(student.bert.encoder.layer, source.bert.encoder.layer, strict=True):
            _copy_attention(own.attention, other.attention, norm, kept)
            _copy_feed_forward(own, other, kept)
            norm = other.output.LayerNorm
        own, other = student.cls.predictions, source.cls.predictions
        _copy(own.transform.dense, other.transform.dense, kept, kept)
        _copy(own.transform.LayerNorm, other.transform.LayerNorm, kept)
        _copy(own.decoder, other.decoder, slice(None), kept)
        if source.bert.pooler is not None:
            student.bert.pooler = BertPooler(config)
            pooled = _largest(_written(norm, source.bert.pooler.dense, kept), hidden)
            _copy(student.bert.pooler.dense, source.bert.pooler.dense, pooled, kept)
    choose_pooler(student, pooler)
    return student


def _importance_of_coordinates(model: Any) -> torch.Tensor:
    """Return that of each coordinate of the hidden states (H); see :func:`prune_width`."""
    norms = [norm.weight * matrix.weight.norm(dim=0) for norm, matrix in _readers(model)]
    return torch.stack(norms).square().sum(0)


def _readers(model: Any) -> Iterator[tuple[nn.LayerNorm, nn.Linear]]:
    """Return each matrix that reads hidden states, or the head's in the same coordinates, after its normalisation."""
    norm = model.bert.embeddings.LayerNorm
    for layer in model.bert.encoder.layer:
        attention = layer.attention
        yield from ((norm, matrix) for matrix in (attention.self.query, attention.self.key, attention.self.value))
        yield attention.output.LayerNorm, layer.intermediate.dense
        norm = layer.output.LayerNorm
    head = model.cls.predictions
    yield norm, head.transform.dense
    yield head.transform.LayerNorm, head.decoder


def _largest(importance: torch.Tensor, count: int, groups: int = 1) -> torch.Tensor:
    """Return the indices of the ``count`` largest in ascending order, as many of each of the equal ``groups``."""
    grouped = importance.view(groups, -1)
    chosen = grouped.topk(count // groups).indices.sort().values
    return (chosen + grouped.shape[1] * torch.arange(groups, device=chosen.device)[:, None]).flatten()


def _copy_attention(own: Any, other: Any, norm: nn.LayerNorm, kept: torch.Tensor) -> None:
    width, heads = len(kept), own.self.num_attention_heads
    query, key, value = (
        _written(norm, matrix, kept) for matrix in (other.self.query, other.self.key, other.self.value)
    )
    matched = _largest(query * key, width, heads)
    passed = _largest(value * _read(other.output.dense, kept), width, heads)
    _copy(own.self.query, other.self.query, matched, kept)
    for parameter in own.self.query.parameters():
        parameter.mul_((own.self.attention_head_size / other.self.attention_head_size) ** 0.5)
    _copy(own.self.key, other.self.key, matched, kept)
    _copy(own.self.value, other.self.value, passed, kept)
    _copy(own.output.dense, other.output.dense, kept, passed)
    _copy(own.output.LayerNorm, other.output.LayerNorm, kept)


def _copy_feed_forward(own: Any, other: Any, kept: torch.Tensor) -> None:
    written = _written(other.attention.output.LayerNorm, other.intermediate.dense, kept)
    neurons = _largest(written * _read(other.output.dense, kept), own.intermediate.dense.out_features)
    _copy(own.intermediate.dense, other.intermediate.dense, neurons, kept)
    _copy(own.output.dense, other.output.dense, kept, neurons)
    _copy(own.output.LayerNorm, other.output.LayerNorm, kept)


def _written(norm: nn.LayerNorm, matrix: nn.Linear, kept: torch.Tensor) -> torch.Tensor:
    """Return the norm of what a matrix after a normalisation writes each element with."""
    return (matrix.weight * norm.weight)[:, kept].norm(dim=1)


def _read(matrix: nn.Linear, kept: torch.Tensor) -> torch.Tensor:
    """Return the norm of what a matrix reads each element with."""
    return matrix.weight[kept].norm(dim=0)


def _copy(own: Any, other: Any, rows: torch.Tensor | slice, columns: torch.Tensor | None = None) -> None:
    """Give a linear layer these rows and columns of another, or a normalisation these elements."""
    weight = other.weight[rows]
    own.weight.copy_(weight if columns is None else weight[:, columns])
    own.bias.copy_(other.bias[rows])
