"""Configuration of MiniALBERT (Nouriborji et al., 2022, https://arxiv.org/abs/2210.06425)."""

from typing import Any, Literal, get_args

from transformers import PreTrainedConfig

ClassifierPooling = Literal["cls", "mean", "pair"]


class MiniAlbertConfig(PreTrainedConfig):
    """Configuration of a MiniALBERT encoder.

    Defaults are those of ``nlpie/clinical-miniALBERT-312``.

    Args:
        vocab_size: Number of word pieces.
        embedding_size: Width E of the factorised embeddings.
        hidden_size: Width H of the encoder; a linear projector maps E to H if they differ.
        num_hidden_layers: Number of recursions.
        num_hidden_groups: Number of distinct layers that the recursions share; 1 is one layer for all.
        inner_group_num: Layers within a group; only 1 is defined for MiniALBERT.
        num_attention_heads: Attention heads.
        intermediate_size: Width of the feed-forward network.
        hidden_act: Activation of the feed-forward network and of the MLM head.
        hidden_dropout_prob: Dropout of embeddings and of both sub-layers.
        attention_probs_dropout_prob: Dropout of the attention map.
        max_position_embeddings: Longest sequence, special tokens included.
        type_vocab_size: Number of token types.
        initializer_range: Standard deviation of new weights.
        layer_norm_eps: Epsilon of every layer normalisation but the adapters' (1e-12).
        classifier_dropout: Dropout before a classification head; ``hidden_dropout_prob`` if None.
        classifier_pooling: What a sequence classifier reads: the first token's last hidden state (``cls``, as in the
            published models), the mean of all tokens' (``mean``), or for two texts the concatenation of both means,
            their absolute difference and their product (``pair``; InferSent, Conneau et al., 2017,
            https://arxiv.org/abs/1705.02364).
        use_adapter: Whether each recursion has two bottleneck adapters of its own.
        reduction_factor: ``hidden_size`` divided by the width of the adapters' bottleneck.
        pad_token_id: Id of the padding piece.
        **kwargs: Other arguments of a transformers config.

    Raises:
        ValueError: The sizes do not go together, or there is no such pooling.
    """

    model_type = "minialbert"

    def __init__(
        self,
        vocab_size: int = 28996,
        embedding_size: int = 312,
        hidden_size: int = 768,
        num_hidden_layers: int = 6,
        num_hidden_groups: int = 1,
        inner_group_num: int = 1,
        num_attention_heads: int = 12,
        intermediate_size: int = 3072,
        hidden_act: str = "gelu",
        hidden_dropout_prob: float = 0.1,
        attention_probs_dropout_prob: float = 0.1,
        max_position_embeddings: int = 512,
        type_vocab_size: int = 2,
        initializer_range: float = 0.02,
        layer_norm_eps: float = 1e-12,
        classifier_dropout: float | None = None,
        classifier_pooling: ClassifierPooling = "cls",
        use_adapter: bool = True,
        reduction_factor: int = 16,
        pad_token_id: int | None = 0,
        **kwargs: Any,
    ) -> None:
        if hidden_size % num_attention_heads:
            raise ValueError(
                f"hidden_size ({hidden_size}) must be divisible by num_attention_heads ({num_attention_heads})"
            )
        if not 1 <= num_hidden_groups <= num_hidden_layers:
            raise ValueError(
                f"num_hidden_groups ({num_hidden_groups}) must be between 1 and num_hidden_layers ({num_hidden_layers})"
            )
        if inner_group_num != 1:
            raise ValueError(f"inner_group_num must be 1 in MiniALBERT, got {inner_group_num}")
        if use_adapter and not 1 <= reduction_factor <= hidden_size:
            raise ValueError(f"reduction_factor ({reduction_factor}) must be between 1 and hidden_size ({hidden_size})")
        if classifier_pooling not in get_args(ClassifierPooling):
            raise ValueError(f"classifier_pooling must be cls, mean or pair, got {classifier_pooling!r}")
        self.vocab_size = vocab_size
        self.embedding_size = embedding_size
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.num_hidden_groups = num_hidden_groups
        self.inner_group_num = inner_group_num
        self.num_attention_heads = num_attention_heads
        self.intermediate_size = intermediate_size
        self.hidden_act = hidden_act
        self.hidden_dropout_prob = hidden_dropout_prob
        self.attention_probs_dropout_prob = attention_probs_dropout_prob
        self.max_position_embeddings = max_position_embeddings
        self.type_vocab_size = type_vocab_size
        self.initializer_range = initializer_range
        self.layer_norm_eps = layer_norm_eps
        self.classifier_dropout = classifier_dropout
        self.classifier_pooling = classifier_pooling
        self.use_adapter = use_adapter
        self.reduction_factor = reduction_factor
        # Published configs say True, but embeddings (width E) and decoder (width H) are two matrices.
        kwargs["tie_word_embeddings"] = False
        super().__init__(pad_token_id=pad_token_id, **kwargs)

    @classmethod
    def get_config_dict(cls, pretrained_model_name_or_path: Any, **kwargs: Any) -> tuple[dict, dict]:
        """Read a config; one in the published form (``model_type: "bert"``) gets the type of MiniALBERT."""
        config, unused = super().get_config_dict(pretrained_model_name_or_path, **kwargs)
        if is_published_form(config):
            config["model_type"] = cls.model_type
        return config, unused


def is_published_form(config: dict[str, Any]) -> bool:
    """Return whether a config is of a MiniALBERT that is labelled as a BERT, as the published ones are."""
    architectures = config.get("architectures") or []
    return config.get("model_type") == "bert" and any(name.startswith("MiniAlbert") for name in architectures)
