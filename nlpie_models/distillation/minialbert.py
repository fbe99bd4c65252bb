"""A MiniALBERT made from a BERT: few shared layers, factorised embeddings, and adapters that change little.

Shapes use V (vocabulary), H (width of the teacher) and E (width of the student's embeddings).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
import transformers
from torch import nn
from transformers import PreTrainedModel

from ..architectures.minialbert import ClassifierPooling, MiniAlbertConfig, MiniAlbertForMaskedLM

_LAYER = {
    "attention.query": "attention.self.query",
    "attention.key": "attention.self.key",
    "attention.value": "attention.self.value",
    "attention.dense": "attention.output.dense",
    "attention.LayerNorm": "attention.output.LayerNorm",
    "ffn": "intermediate.dense",
    "ffn_output": "output.dense",
    "full_layer_layer_norm": "output.LayerNorm",
}
_HEAD = {
    "vocab_transform": "cls.predictions.transform.dense",
    "vocab_layer_norm": "cls.predictions.transform.LayerNorm",
    "vocab_projector": "cls.predictions.decoder",
}
_FROM_TEACHER = (
    "vocab_size",
    "hidden_size",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "max_position_embeddings",
    "type_vocab_size",
    "initializer_range",
    "layer_norm_eps",
    "pad_token_id",
)


def shrink_to_minialbert(
    teacher: PreTrainedModel,
    *,
    seed: int,
    embedding: int,
    layers: int | None = None,
    shared: int | Sequence[int] | Literal["mean"] = "mean",
    reduction_factor: int = 16,
    classifier_pooling: ClassifierPooling = "mean",
) -> MiniAlbertForMaskedLM:
    """Return a MiniALBERT (https://arxiv.org/abs/2210.06425) made from a BERT with a masked-language-model head.

    The teacher's embeddings are factorised into embeddings (V, E) and a projector (E, H) by truncated singular value
    decomposition and least squares. Each piece is weighted by how much the teacher's head expects it without context,
    the softmax of the head's bias. The adapters start so that they change almost nothing.

    Args:
        teacher: The BERT.
        seed: Seed of the first layers of the adapters.
        embedding: E.
        layers: Number of recursions; by default as many as the teacher has layers.
        shared: The teacher's layer, from 0, that is copied as the shared layer; ``mean`` for the mean of all layers; or
            several layers, each of which is shared by an equal run of recursions.
        reduction_factor: H divided by the width of the adapters' bottleneck.
        classifier_pooling: What sequence classifiers that start from the student read, as it has no pooler. Most
            objectives distil little into the first token (``cls``).

    Raises:
        ValueError: The teacher is no such BERT or has no such layer, there is no such pooling, the embeddings are wider
            than the teacher's, or the number of shared layers does not divide that of recursions.
    """
    encoder: Any = teacher.base_model
    if not hasattr(teacher, "cls") or not isinstance(getattr(encoder.encoder, "layer", None), nn.ModuleList):
        raise ValueError(f"expected a BERT with a masked-language-model head, got {type(teacher).__name__}")
    depth, width = len(encoder.encoder.layer), teacher.config.hidden_size
    if not 1 < embedding <= width:
        raise ValueError(f"expected an embedding width between 2 and {width}, got {embedding}")
    chosen = [shared] if isinstance(shared, int) else shared
    if chosen != "mean" and not (chosen and all(isinstance(layer, int) and 0 <= layer < depth for layer in chosen)):
        raise ValueError(f"expected shared to be mean or layers between 0 and {depth - 1}, got {shared!r}")
    groups, recursions = 1 if chosen == "mean" else len(chosen), layers or depth
    if recursions % groups:
        raise ValueError(f"expected as many shared layers as divide the {recursions} recursions, got {groups}")
    sizes = {name: getattr(teacher.config, name) for name in _FROM_TEACHER}
    config = MiniAlbertConfig(
        **sizes,
        embedding_size=embedding,
        num_hidden_layers=recursions,
        num_hidden_groups=groups,
        classifier_pooling=classifier_pooling,
        reduction_factor=reduction_factor,
    )
    transformers.set_seed(seed)
    student = MiniAlbertForMaskedLM(config)
    states = [layer.state_dict() for layer in encoder.encoder.layer]
    if chosen == "mean":
        starts = [{name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]}]
    else:
        starts = [states[index] for index in chosen]
    with torch.no_grad():
        for group, start in enumerate(starts):
            shared_layer = student.albert.albert.encoder.layer_of(group * recursions // groups)
            shared_layer.load_state_dict(_renamed(start))
        expected = teacher.get_output_embeddings().bias.softmax(0)  # type: ignore[operator]
        _factorise_embeddings(student, encoder.embeddings, expected)
        head = {name: teacher.get_submodule(path) for name, path in _HEAD.items()}
        for name, module in head.items():
            student.get_submodule(name).load_state_dict(module.state_dict())
        _start_adapters(student, encoder.embeddings.LayerNorm)
    return student


def main_directions(rows: torch.Tensor, rank: int, importance: torch.Tensor) -> torch.Tensor:
    """Return the orthonormal directions (E, H) onto which rows can be projected with the least squared error.

    They are the truncated singular value decomposition of the weighted rows (Eckart and Young, 1936).

    Args:
        rows: (V, H).
        rank: E.
        importance: The weight of each row's error (V).

    Raises:
        ValueError: The rank is above what the rows can have.
    """
    if not 0 < rank <= min(rows.shape):
        raise ValueError(f"expected a rank between 1 and {min(rows.shape)}, got {rank}")
    return torch.linalg.svd(rows * importance.sqrt()[:, None], full_matrices=False).Vh[:rank]


def _renamed(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the tensors of a BERT layer under the names of a MiniALBERT layer."""
    names = ((mini, bert, kind) for mini, bert in _LAYER.items() for kind in ("weight", "bias"))
    return {f"{mini}.{kind}": state[f"{bert}.{kind}"] for mini, bert, kind in names}


def _factorise_embeddings(student: Any, teacher: Any, importance: torch.Tensor) -> None:
    """Set the student's embeddings and projector so that together they return about what the teacher's embeddings do.

    The teacher normalises over H, but the student over E, before it widens. So the vectors before the teacher's
    normalisation are kept in their main E - 1 directions, written in E coordinates whose mean is always 0: the
    student's normalisation changes only their length. The projector is the least-squares map from the normalised
    coordinates to the teacher's output, over all pieces, each at one of the positions in turn.
    """
    embeddings, projector = student.albert.albert.embeddings, student.albert.projector
    rank, width = student.config.embedding_size, student.config.hidden_size
    if rank == width:
        embeddings.load_state_dict(
            {name: weight for name, weight in teacher.state_dict().items() if name != "position_ids"}
        )
        return
    pieces = torch.arange(len(importance))
    positions = pieces % len(teacher.position_embeddings.weight)
    expected = _embed(teacher, pieces, positions)
    kept = main_directions(expected - teacher.LayerNorm.bias, rank - 1, importance)
    ones_first = torch.eye(rank)
    ones_first[:, 0] = 1
    without_mean = torch.linalg.qr(ones_first).Q[:, 1:]
    for name in ("word_embeddings", "position_embeddings", "token_type_embeddings"):
        weight = getattr(teacher, name).weight
        scaled = (weight - weight.mean(-1, keepdim=True)) * teacher.LayerNorm.weight
        getattr(embeddings, name).weight.copy_(scaled @ kept.T @ without_mean.T)
    inputs = torch.cat([_embed(embeddings, pieces, positions) @ without_mean, torch.ones(len(pieces), 1)], 1)
    weights = importance.double().sqrt()[:, None]
    fitted = torch.linalg.lstsq(inputs.double() * weights, expected.double() * weights).solution.float()
    projector.weight.copy_(fitted[:-1].T @ without_mean.T)
    projector.bias.copy_(fitted[-1])


def _embed(embeddings: Any, pieces: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    words, places = embeddings.word_embeddings.weight[pieces], embeddings.position_embeddings.weight[positions]
    return embeddings.LayerNorm(words + places + embeddings.token_type_embeddings.weight[0])


def _start_adapters(student: Any, embeddings: nn.LayerNorm) -> None:
    """Make each adapter return about what the normalisation before it passes to it."""
    encoder = student.albert
    before = embeddings
    for recursion, adapters in enumerate(zip(encoder.att_adapters, encoder.mlp_adapters, strict=True)):
        layer = encoder.albert.encoder.layer_of(recursion)
        for adapter, norm in zip(adapters, (before, layer.attention.LayerNorm), strict=True):
            _imitate(adapter, norm)
        before = layer.full_layer_layer_norm


def _imitate(adapter: Any, norm: nn.LayerNorm) -> None:
    """Make an adapter (a ``MiniAlbertAdapter``) return about what a normalisation before it passes to it.

    The residual block starts at zero. The adapter's normalisation starts with the mean and deviation that the scale and
    shift of the normalisation before it put into a vector, which is exact if these are the same for all elements.
    """
    adapter.block[2].weight.zero_()
    adapter.block[2].bias.zero_()
    adapter.norm.weight.fill_((norm.weight.square().mean() + norm.bias.var(correction=0)).sqrt())
    adapter.norm.bias.fill_(norm.bias.mean())
