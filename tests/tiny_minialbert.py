"""The sizes of a MiniALBERT that tests can afford."""

from nlpie_models.architectures.minialbert import MiniAlbertConfig


def tiny_config(**changes: object) -> MiniAlbertConfig:
    """Return the config of a tiny MiniALBERT, with other values where given."""
    sizes = {
        "vocab_size": 50,
        "embedding_size": 8,
        "hidden_size": 16,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "intermediate_size": 24,
        "max_position_embeddings": 32,
        "reduction_factor": 4,
        "num_labels": 3,
    }
    return MiniAlbertConfig(**{**sizes, **changes})
