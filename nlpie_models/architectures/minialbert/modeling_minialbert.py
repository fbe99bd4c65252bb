"""MiniALBERT in PyTorch (Nouriborji et al., 2022, https://arxiv.org/abs/2210.06425).

Shapes below use B (batch), L (sequence), E (embedding_size), H (hidden_size), A (heads) and V (vocabulary).
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.activations import ACT2FN
from transformers.masking_utils import create_bidirectional_mask
from transformers.modeling_outputs import (
    BaseModelOutput,
    MaskedLMOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)
from transformers.utils.generic import can_return_tuple

from .configuration_minialbert import MiniAlbertConfig
from .layers_minialbert import MiniAlbertAdapter, MiniAlbertShared

VOCABULARY_LAYER_NORM_EPS = 1e-12


class MiniAlbertPreTrainedModel(PreTrainedModel):
    """Loading, saving and initialisation common to the MiniALBERT models."""

    config_class = MiniAlbertConfig
    base_model_prefix = "albert"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    _no_split_modules: ClassVar = ["MiniAlbertLayer"]
    # Published files carry a pooler that nothing reads and a buffer that is an arange.
    _keys_to_ignore_on_load_unexpected: ClassVar = [r"(^|\.)pooler\.", r"embeddings\.position_ids$"]

    def train_adapters_only(self) -> None:
        """Freeze embeddings, shared layers and projector; adapters and head stay trainable (adapter tuning).

        Raises:
            ValueError: The model was configured without adapters.
        """
        if not self.config.use_adapter:
            raise ValueError("train_adapters_only() needs a config with use_adapter=True")
        self.freeze_embeddings()
        self.base_model.albert.encoder.requires_grad_(False)

    def freeze_embeddings(self) -> None:
        """Freeze embeddings and projector; shared layers, adapters and head stay trainable."""
        for module in (self.base_model.albert.embeddings, self.base_model.projector):
            module.requires_grad_(False)


class MiniAlbertModel(MiniAlbertPreTrainedModel):
    """MiniALBERT encoder without a head."""

    def __init__(self, config: MiniAlbertConfig) -> None:
        super().__init__(config)
        self.albert = MiniAlbertShared(config)
        same_width = config.embedding_size == config.hidden_size
        self.projector = nn.Identity() if same_width else nn.Linear(config.embedding_size, config.hidden_size)
        make = MiniAlbertAdapter if config.use_adapter else lambda _: nn.Identity()
        self.att_adapters = nn.ModuleList([make(config) for _ in range(config.num_hidden_layers)])
        self.mlp_adapters = nn.ModuleList([make(config) for _ in range(config.num_hidden_layers)])
        self.post_init()

    @property
    def base_model(self) -> nn.Module:
        """The encoder itself (its ``albert`` child is a part, not the base model)."""
        return self

    def get_input_embeddings(self) -> nn.Module:
        return self.albert.embeddings.word_embeddings

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.albert.embeddings.word_embeddings = value

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        **kwargs: Any,
    ) -> BaseModelOutput:
        """Encode a batch.

        Args:
            input_ids: Word pieces (B, L); exactly one of this and ``inputs_embeds``.
            attention_mask: 1 for tokens, 0 for padding, (B, L); or a ready additive bias (B, 1, L, L).
            token_type_ids: Segment of each token (B, L); zeros if None.
            position_ids: Position of each token (B, L); 0..L-1 if None.
            inputs_embeds: Word embeddings (B, L, E) in place of ``input_ids``.
            output_attentions: Return the maps after the softmax, one (B, A, L, L) a recursion; needs eager attention.
            output_hidden_states: Return the projected embeddings and each recursion's output, (B, L, H) each.
            **kwargs: ``return_dict=False`` for a tuple; others are ignored, as transformers passes some to all models.

        Returns:
            The last hidden state (B, L, H), and the maps and hidden states that were asked for.

        Raises:
            ValueError: Both inputs or neither are given, attention maps are asked of an implementation that does not
                compute them, or the sequence is longer than the position embeddings.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("pass exactly one of input_ids and inputs_embeds")
        if output_attentions is None:
            output_attentions = self.config.output_attentions
        if output_hidden_states is None:
            output_hidden_states = self.config.output_hidden_states
        if output_attentions and self.config._attn_implementation != "eager":
            raise ValueError(
                "output_attentions needs attn_implementation='eager', "
                f"this model runs {self.config._attn_implementation!r}; load it with attn_implementation='eager'"
            )
        if inputs_embeds is None:
            inputs_embeds = self.get_input_embeddings()(input_ids)
        hidden_states = self.projector(self.albert.embeddings(inputs_embeds, token_type_ids, position_ids))
        mask = create_bidirectional_mask(config=self.config, inputs_embeds=hidden_states, attention_mask=attention_mask)

        all_hidden_states = [hidden_states]
        all_attentions = []
        for recursion, adapters in enumerate(zip(self.att_adapters, self.mlp_adapters, strict=True)):
            layer = self.albert.encoder.layer_of(recursion)
            hidden_states, attention_map = layer(hidden_states, mask, *(adapter.__call__ for adapter in adapters))
            all_hidden_states.append(hidden_states)
            all_attentions.append(attention_map)
        return BaseModelOutput(
            last_hidden_state=hidden_states,
            hidden_states=tuple(all_hidden_states) if output_hidden_states else None,
            attentions=tuple(all_attentions) if output_attentions else None,
        )


class MiniAlbertForMaskedLM(MiniAlbertPreTrainedModel):
    """MiniALBERT with a masked-language-model head whose decoder is its own matrix (untied)."""

    def __init__(self, config: MiniAlbertConfig) -> None:
        super().__init__(config)
        self.albert = MiniAlbertModel(config)
        self.vocab_transform = nn.Linear(config.hidden_size, config.hidden_size)
        self.activation = ACT2FN[config.hidden_act]
        self.vocab_layer_norm = nn.LayerNorm(config.hidden_size, eps=VOCABULARY_LAYER_NORM_EPS)
        self.vocab_projector = nn.Linear(config.hidden_size, config.vocab_size)
        self.post_init()

    def get_output_embeddings(self) -> nn.Module:
        return self.vocab_projector

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        self.vocab_projector = new_embeddings

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> MaskedLMOutput:
        """Score the vocabulary at each position: logits (B, L, V).

        Args:
            input_ids: Word pieces (B, L).
            attention_mask: As in :meth:`MiniAlbertModel.forward`, like the next three.
            token_type_ids: Segment of each token (B, L).
            position_ids: Position of each token (B, L).
            inputs_embeds: Word embeddings (B, L, E) in place of ``input_ids``.
            labels: Original pieces (B, L), -100 where none was masked; adds the cross-entropy as ``loss``.
            **kwargs: ``output_attentions``, ``output_hidden_states`` and ``return_dict``, as there.
        """
        loss_kwargs = _take_loss_kwargs(kwargs)
        encoded = self.albert(
            input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds, return_dict=True, **kwargs
        )
        logits = self.vocab_projector(
            self.vocab_layer_norm(self.activation(self.vocab_transform(encoded.last_hidden_state)))
        )
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=self.config.vocab_size, **loss_kwargs)
        return MaskedLMOutput(
            loss=loss, logits=logits, hidden_states=encoded.hidden_states, attentions=encoded.attentions
        )


class MiniAlbertForTokenClassification(MiniAlbertPreTrainedModel):
    """MiniALBERT with a linear classifier on each token's last hidden state."""

    def __init__(self, config: MiniAlbertConfig) -> None:
        super().__init__(config)
        self.albert = MiniAlbertModel(config)
        self.dropout = nn.Dropout(_head_dropout(config))
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> TokenClassifierOutput:
        """Score the labels at each token: logits (B, L, num_labels).

        Args:
            input_ids: Word pieces (B, L).
            attention_mask: As in :meth:`MiniAlbertModel.forward`, like the next three.
            token_type_ids: Segment of each token (B, L).
            position_ids: Position of each token (B, L).
            inputs_embeds: Word embeddings (B, L, E) in place of ``input_ids``.
            labels: Label of each token (B, L), -100 where it does not count; adds the cross-entropy as ``loss``.
            **kwargs: ``output_attentions``, ``output_hidden_states`` and ``return_dict``, as there.
        """
        loss_kwargs = _take_loss_kwargs(kwargs)
        encoded = self.albert(
            input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds, return_dict=True, **kwargs
        )
        logits = self.classifier(self.dropout(encoded.last_hidden_state))
        loss = None
        if labels is not None:
            loss = self.loss_function(logits, labels, self.config, **loss_kwargs)
        return TokenClassifierOutput(
            loss=loss, logits=logits, hidden_states=encoded.hidden_states, attentions=encoded.attentions
        )


class MiniAlbertForSequenceClassification(MiniAlbertPreTrainedModel):
    """MiniALBERT with a linear classifier on the last hidden states, pooled as ``config.classifier_pooling`` says."""

    def __init__(self, config: MiniAlbertConfig) -> None:
        super().__init__(config)
        self.albert = MiniAlbertModel(config)
        self.dropout = nn.Dropout(_head_dropout(config))
        vectors = 4 if config.classifier_pooling == "pair" else 1
        self.classifier = nn.Linear(vectors * config.hidden_size, config.num_labels)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> SequenceClassifierOutput:
        """Score the labels of each sequence: logits (B, num_labels).

        ``config.problem_type`` (``regression``, ``single_label_classification``, ``multi_label_classification``)
        chooses the loss; if None, it follows from ``num_labels`` and the labels' type, as elsewhere in transformers.

        Args:
            input_ids: Word pieces (B, L).
            attention_mask: As in :meth:`MiniAlbertModel.forward`, like the next three.
            token_type_ids: Segment of each token (B, L).
            position_ids: Position of each token (B, L).
            inputs_embeds: Word embeddings (B, L, E) in place of ``input_ids``.
            labels: (B,) classes or values, or (B, num_labels) for several labels or values; adds ``loss``.
            **kwargs: ``output_attentions``, ``output_hidden_states`` and ``return_dict``, as there.

        Raises:
            ValueError: ``pair`` pooling of a row without a second text, or ``mean`` and ``pair`` without a mask (B, L).
        """
        loss_kwargs = _take_loss_kwargs(kwargs)
        encoded = self.albert(
            input_ids, attention_mask, token_type_ids, position_ids, inputs_embeds, return_dict=True, **kwargs
        )
        pooled = self._pool(encoded.last_hidden_state, attention_mask, token_type_ids)
        logits = self.classifier(self.dropout(pooled))
        loss = None
        if labels is not None:
            loss = self.loss_function(labels=labels, pooled_logits=logits, config=self.config, **loss_kwargs)
            if loss_kwargs and self.config.problem_type != "single_label_classification":
                # transformers' losses of several labels and of values are means of this batch alone
                loss = loss * (labels.numel() / loss_kwargs["num_items_in_batch"])
        return SequenceClassifierOutput(
            loss=loss, logits=logits, hidden_states=encoded.hidden_states, attentions=encoded.attentions
        )

    def _pool(
        self, states: torch.Tensor, attention_mask: torch.Tensor | None, token_type_ids: torch.Tensor | None
    ) -> torch.Tensor:
        """Return the vector of each sequence that the classifier reads: (B, L, H) -> (B, H), or (B, 4H) of a pair."""
        if self.config.classifier_pooling == "cls":
            return states[:, 0]
        mask = torch.ones_like(states[..., 0]) if attention_mask is None else attention_mask
        if mask.dim() != 2:
            raise ValueError(
                f"classifier_pooling={self.config.classifier_pooling!r} needs an attention_mask (batch, tokens), "
                f"got {tuple(mask.shape)}"
            )
        if self.config.classifier_pooling == "mean":
            return _mean(states, mask)
        if token_type_ids is None:
            raise ValueError("classifier_pooling='pair' reads two texts: pass the token_type_ids that tell them apart")
        segments = [mask * (token_type_ids == segment) for segment in (0, 1)]
        if not torch.compiler.is_compiling():  # a graph cannot branch on values
            _check_pairs(segments)
        first, second = (nn.functional.rms_norm(_mean(states, kept), states.shape[-1:]) for kept in segments)
        return torch.cat([first, second, (first - second).abs(), first * second], dim=-1)


def _mean(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Average the states that a mask (B, L) keeps: (B, L, H) -> (B, H); zeros where it keeps none."""
    kept = mask[..., None]
    return ((states.float() * kept).sum(1) / kept.sum(1).clamp(min=1)).to(states.dtype)


def _check_pairs(segments: Sequence[torch.Tensor]) -> None:
    """Refuse a batch with a row that lacks one of its two texts, whose masks (B, L) are given."""
    for place, kept in zip(("first", "second"), segments, strict=True):
        empty = (kept.sum(1) == 0).nonzero().flatten().tolist()
        if empty:
            raise ValueError(
                f"classifier_pooling='pair' reads two texts, and row {empty[0]} of the batch has no {place} one: "
                "pass both to the tokenizer, with token_type_ids 0 and 1"
            )


def _head_dropout(config: MiniAlbertConfig) -> float:
    return config.hidden_dropout_prob if config.classifier_dropout is None else config.classifier_dropout


def _take_loss_kwargs(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Take the number of labels in all accumulated batches, which the Trainer passes for the loss, out of kwargs."""
    items = kwargs.pop("num_items_in_batch", None)
    return {} if items is None else {"num_items_in_batch": items}
