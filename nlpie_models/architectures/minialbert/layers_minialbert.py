"""Embeddings, attention, adapters and layers of MiniALBERT (Nouriborji et al., 2022, https://arxiv.org/abs/2210.06425).

Parameter names are those of the published checkpoints, so this code and the authors' can read each other's files.
Shapes below use B (batch), L (sequence), E (embedding_size), H (hidden_size) and A (heads).
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from transformers.activations import ACT2FN
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.pytorch_utils import apply_chunking_to_forward

from .configuration_minialbert import MiniAlbertConfig

Adapter = Callable[[torch.Tensor], torch.Tensor]
MaskOfAttention = Any  # a tensor, None or a BlockMask, as the attention function that the config names wants it
ADAPTER_LAYER_NORM_EPS = 1e-12


class MiniAlbertEmbeddings(nn.Module):
    """Sum of word, position and token-type embeddings, normalised: (B, L) -> (B, L, E)."""

    def __init__(self, config: MiniAlbertConfig) -> None:
        super().__init__()
        size = config.embedding_size
        self.word_embeddings = nn.Embedding(config.vocab_size, size, padding_idx=config.pad_token_id)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, size)
        self.LayerNorm = nn.LayerNorm(size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(
        self,
        inputs_embeds: torch.Tensor,
        token_type_ids: torch.Tensor | None,
        position_ids: torch.Tensor | None,
    ) -> torch.Tensor:
        batch, length = inputs_embeds.shape[:2]
        if position_ids is None:
            limit = self.position_embeddings.num_embeddings
            if length > limit:
                raise ValueError(
                    f"sequence of {length} tokens is longer than the model's {limit} positions; cut it into windows"
                )
            position_ids = torch.arange(length, device=inputs_embeds.device).unsqueeze(0)
        if token_type_ids is None:
            token_type_ids = torch.zeros((batch, length), dtype=torch.long, device=inputs_embeds.device)
        embeddings = inputs_embeds + self.token_type_embeddings(token_type_ids) + self.position_embeddings(position_ids)
        return self.dropout(self.LayerNorm(embeddings))


class MiniAlbertAttention(nn.Module):
    """Post-normalised multi-head self-attention: (B, L, H) -> (B, L, H) and, if asked, maps (B, A, L, L)."""

    def __init__(self, config: MiniAlbertConfig) -> None:
        super().__init__()
        self.head_size = config.hidden_size // config.num_attention_heads
        self.scaling = self.head_size**-0.5
        self.is_causal = False  # read by transformers' attention functions
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.attention_dropout = nn.Dropout(config.attention_probs_dropout_prob)
        self.output_dropout = nn.Dropout(config.hidden_dropout_prob)
        self.config = config

    def _split_heads(self, states: torch.Tensor) -> torch.Tensor:
        return states.view(*states.shape[:2], -1, self.head_size).transpose(1, 2)

    def forward(
        self, hidden_states: torch.Tensor, attention_mask: MaskOfAttention
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        query, key, value = (
            self._split_heads(project(hidden_states)) for project in (self.query, self.key, self.value)
        )
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(self.config._attn_implementation, attend_eagerly)
        dropout = self.attention_dropout.p if self.training else 0.0
        context, attention_map = attend(self, query, key, value, attention_mask, dropout=dropout, scaling=self.scaling)
        context = context.flatten(2)
        return self.LayerNorm(hidden_states + self.output_dropout(self.dense(context))), attention_map


def attend_eagerly(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attend as in the paper: (B, A, L, H / A) each -> context (B, L, A, H / A), and the maps (B, A, L, L)."""
    scores = query @ key.transpose(-1, -2) * scaling
    if attention_mask is not None:
        scores = scores + attention_mask
    attention_map = scores.softmax(dim=-1)
    context = nn.functional.dropout(attention_map, p=dropout, training=module.training) @ value
    return context.transpose(1, 2), attention_map


class MiniAlbertAdapter(nn.Module):
    """Residual bottleneck: LayerNorm(x + W2 gelu(W1 x)), H -> H // reduction_factor -> H."""

    def __init__(self, config: MiniAlbertConfig) -> None:
        super().__init__()
        bottleneck = config.hidden_size // config.reduction_factor
        self.block = nn.Sequential(
            nn.Linear(config.hidden_size, bottleneck), nn.GELU(), nn.Linear(bottleneck, config.hidden_size)
        )
        self.norm = nn.LayerNorm(config.hidden_size, eps=ADAPTER_LAYER_NORM_EPS)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.norm(hidden_states + self.block(hidden_states))


class MiniAlbertLayer(GradientCheckpointingLayer):
    """The layer that recursions share; each recursion passes its own adapters (or identities).

    They are passed as functions: accelerate, which loads a model piece by piece, would move modules among arguments.
    """

    def __init__(self, config: MiniAlbertConfig) -> None:
        super().__init__()
        self.attention = MiniAlbertAttention(config)
        self.ffn = nn.Linear(config.hidden_size, config.intermediate_size)
        self.ffn_output = nn.Linear(config.intermediate_size, config.hidden_size)
        self.activation = ACT2FN[config.hidden_act]
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.chunk_size = config.chunk_size_feed_forward
        self.full_layer_layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: MaskOfAttention,
        attention_adapter: Adapter,
        feed_forward_adapter: Adapter,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        attended, attention_map = self.attention(attention_adapter(hidden_states), attention_mask)
        attended = feed_forward_adapter(attended)
        feed_forward = apply_chunking_to_forward(self._feed_forward, self.chunk_size, 1, attended)
        return self.full_layer_layer_norm(attended + self.dropout(feed_forward)), attention_map

    def _feed_forward(self, states: torch.Tensor) -> torch.Tensor:
        return self.ffn_output(self.activation(self.ffn(states)))


class MiniAlbertLayerGroup(nn.Module):
    """A group of one layer; it only makes parameter names those of stored files."""

    def __init__(self, config: MiniAlbertConfig) -> None:
        super().__init__()
        self.albert_layers = nn.ModuleList([MiniAlbertLayer(config)])


class MiniAlbertLayerGroups(nn.Module):
    """The distinct layers, each of which serves an equal run of recursions."""

    def __init__(self, config: MiniAlbertConfig) -> None:
        super().__init__()
        self.recursions_per_group = config.num_hidden_layers / config.num_hidden_groups
        self.albert_layer_groups = nn.ModuleList(
            [MiniAlbertLayerGroup(config) for _ in range(config.num_hidden_groups)]
        )

    def layer_of(self, recursion: int) -> MiniAlbertLayer:
        return self.albert_layer_groups[int(recursion / self.recursions_per_group)].albert_layers[0]


class MiniAlbertShared(nn.Module):
    """Embeddings and shared layers, which adapter tuning freezes."""

    def __init__(self, config: MiniAlbertConfig) -> None:
        super().__init__()
        self.embeddings = MiniAlbertEmbeddings(config)
        self.encoder = MiniAlbertLayerGroups(config)
