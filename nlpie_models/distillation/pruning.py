"""Students that are cut out of their teacher: some of its layers, or the parts of its width that weigh most."""

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
        model: A model whose encoder has its layers in ``base_model.encoder.layer``.
        layers: Indices of layers, from 0; a layer can be repeated.

    Raises:
        ValueError: The model has no such layer, or no such list of layers.
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
    """Return a narrower copy of a BERT with a masked-language-model head, which keeps the parts that weigh most.

    This is structured pruning by magnitude, as a start for distillation. (Muralidharan et al., 2024,
    https://arxiv.org/abs/2407.14679, rank by activations, for which they need data.) W[i] is the row of a matrix that
    writes element i, W[:, j] the column that reads element j, and g the scale of the normalisation before the matrix.
    Kept are the elements with the largest

    - sum of (g[j] ||W[:, j]||)^2 over all matrices that read hidden states (queries, keys, values, feed-forward
      networks, both matrices of the head), for the coordinates of the hidden states, the same in all layers;
    - ||g Wq[i]|| ||g Wk[i]||, for the queries and keys of each head;
    - ||g Wv[i]|| ||Wo[:, i]||, for the values of each head;
    - ||g W1[i]|| ||W2[:, i]||, for the neurons of the feed-forward networks;
    - ||g W[i]||, for the pooler, if there is one.

    All but the first are computed over the kept coordinates. The number of heads stays. Queries are rescaled, because
    attention divides its scores by the square root of the head's width.

    Args:
        teacher: The BERT.
        seed: Has no effect, as nothing is random.
        hidden: Width of the hidden states.
        feed_forward: Width of the feed-forward networks.
        layers: Layers of the teacher to keep, from 0; all by default.
        pooler: The student's pooler; see :func:`~nlpie_models.distillation.poolers.choose_pooler`.

    Raises:
        ValueError: The teacher is no such BERT or has no such layer, there is no such pooler, or a width is above the
            teacher's or not divided by its heads.
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
            rows = getattr(source.bert.embeddings, name).weight[:, kept]
            getattr(student.bert.embeddings, name).weight.copy_(rows)
        _copy(student.bert.embeddings.LayerNorm, source.bert.embeddings.LayerNorm, kept)
        norm = source.bert.embeddings.LayerNorm
        for student_layer, layer in zip(student.bert.encoder.layer, source.bert.encoder.layer, strict=True):
            _copy_attention(student_layer.attention, layer.attention, norm, kept)
            _copy_feed_forward(student_layer, layer, kept)
            norm = layer.output.LayerNorm
        student_head, head = student.cls.predictions, source.cls.predictions
        _copy(student_head.transform.dense, head.transform.dense, kept, kept)
        _copy(student_head.transform.LayerNorm, head.transform.LayerNorm, kept)
        _copy(student_head.decoder, head.decoder, slice(None), kept)
        if source.bert.pooler is not None:
            student.bert.pooler = BertPooler(config)
            pooled = _largest(_written(norm, source.bert.pooler.dense, kept), hidden)
            _copy(student.bert.pooler.dense, source.bert.pooler.dense, pooled, kept)
    choose_pooler(student, pooler)
    return student


def _importance_of_coordinates(model: Any) -> torch.Tensor:
    """Return the importance (H) of each coordinate of the hidden states; see :func:`prune_width`."""
    norms = [norm.weight * matrix.weight.norm(dim=0) for norm, matrix in _readers(model)]
    return torch.stack(norms).square().sum(0)


def _readers(model: Any) -> Iterator[tuple[nn.LayerNorm, nn.Linear]]:
    """Yield each matrix that reads hidden states, those of the head included, with the normalisation before it."""
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
    """Return the indices of the ``count`` largest elements in ascending order, equally many from each equal group."""
    grouped = importance.view(groups, -1)
    chosen = grouped.topk(count // groups).indices.sort().values
    return (chosen + grouped.shape[1] * torch.arange(groups, device=chosen.device)[:, None]).flatten()


def _copy_attention(student: Any, teacher: Any, norm: nn.LayerNorm, kept: torch.Tensor) -> None:
    width, heads = len(kept), student.self.num_attention_heads
    matrices = teacher.self.query, teacher.self.key, teacher.self.value
    query, key, value = (_written(norm, matrix, kept) for matrix in matrices)
    compared = _largest(query * key, width, heads)
    passed = _largest(value * _read(teacher.output.dense, kept), width, heads)
    _copy(student.self.query, teacher.self.query, compared, kept)
    for parameter in student.self.query.parameters():
        parameter.mul_((student.self.attention_head_size / teacher.self.attention_head_size) ** 0.5)
    _copy(student.self.key, teacher.self.key, compared, kept)
    _copy(student.self.value, teacher.self.value, passed, kept)
    _copy(student.output.dense, teacher.output.dense, kept, passed)
    _copy(student.output.LayerNorm, teacher.output.LayerNorm, kept)


def _copy_feed_forward(student: Any, teacher: Any, kept: torch.Tensor) -> None:
    written = _written(teacher.attention.output.LayerNorm, teacher.intermediate.dense, kept)
    neurons = _largest(written * _read(teacher.output.dense, kept), student.intermediate.dense.out_features)
    _copy(student.intermediate.dense, teacher.intermediate.dense, neurons, kept)
    _copy(student.output.dense, teacher.output.dense, kept, neurons)
    _copy(student.output.LayerNorm, teacher.output.LayerNorm, kept)


def _written(norm: nn.LayerNorm, matrix: nn.Linear, kept: torch.Tensor) -> torch.Tensor:
    """Return the norm of the weights with which a matrix, after a normalisation, writes each of its outputs."""
    return (matrix.weight * norm.weight)[:, kept].norm(dim=1)


def _read(matrix: nn.Linear, kept: torch.Tensor) -> torch.Tensor:
    """Return the norm of the weights with which a matrix reads each of its inputs."""
    return matrix.weight[kept].norm(dim=0)


def _copy(student: Any, teacher: Any, rows: torch.Tensor | slice, columns: torch.Tensor | None = None) -> None:
    """Copy these rows and columns of a teacher's linear layer, or these elements of its normalisation."""
    weight = teacher.weight[rows]
    student.weight.copy_(weight if columns is None else weight[:, columns])
    student.bias.copy_(teacher.bias[rows])
