"""Configuration of MiniALBERT (Nouriborji et al., 2022, https://arxiv.org/abs/2210.06425)."""

from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from transformers import PreTrainedConfig

ClassifierPooling = Literal["cls", "mean", "pair"]
_SIZES = (
    "vocab_size",
    "embedding_size",
    "hidden_size",
    "num_hidden_layers",
    "num_hidden_groups",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "type_vocab_size",
)
_PROBABILITIES = ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout")


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
        ValueError: A value is of another type or out of its range, or the sizes do not go together.
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
        self._check()

    def __eq__(self, other: object) -> bool:
        """Return whether the other is a config of the same class with the same values, wherever it was loaded from."""
        if not isinstance(other, MiniAlbertConfig):
            return NotImplemented
        return {**self.to_dict(), "_name_or_path": None} == {**other.to_dict(), "_name_or_path": None}

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """Make a config of stored values and of ``kwargs``, which win, and check them together."""
        made = super().from_dict(config_dict, **kwargs)
        (made[0] if isinstance(made, tuple) else made)._check()
        return made

    def _check(self) -> None:
        for name, expected in get_type_hints(MiniAlbertConfig.__init__).items():
            if name in ("kwargs", "return"):
                continue
            value = getattr(self, name)
            if not _is_of(value, expected):
                raise ValueError(f"{name} must be {_words(expected)}, got {value!r}")
            if name in _SIZES and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
            if name in _PROBABILITIES and value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} must be between 0 and 1, got {value}")
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size ({self.hidden_size}) must be divisible by "
                f"num_attention_heads ({self.num_attention_heads})"
            )
        if self.num_hidden_groups > self.num_hidden_layers:
            raise ValueError(
                f"num_hidden_groups ({self.num_hidden_groups}) must be between 1 and "
                f"num_hidden_layers ({self.num_hidden_layers})"
            )
        if self.inner_group_num != 1:
            raise ValueError(f"inner_group_num must be 1 in MiniALBERT, got {self.inner_group_num}")
        if self.use_adapter and not 1 <= self.reduction_factor <= self.hidden_size:
            raise ValueError(
                f"reduction_factor ({self.reduction_factor}) must be between 1 and hidden_size ({self.hidden_size})"
            )

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


def _is_of(value: Any, hint: Any) -> bool:
    """Return whether a value is of an annotated type; an integer is a number too, and True is no number."""
    kinds = get_args(hint) or (hint,)
    if get_origin(hint) is Literal:
        return value in kinds
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, kinds) or (float in kinds and isinstance(value, int))


def _words(hint: Any) -> str:
    """Return an annotated type in words: ``cls, mean or pair``, ``a number or None``."""
    if get_origin(hint) is Literal:
        *first, last = get_args(hint)
        return f"{', '.join(first)} or {last}"
    names = {int: "an integer", float: "a number", str: "a string", bool: "True or False", NoneType: "None"}
    return " or ".join(names[kind] for kind in get_args(hint) or (hint,))
