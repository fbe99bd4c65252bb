"""MiniALBERT: one transformer layer applied recursively, with an adapter per recursion."""

import transformers  # noqa: F401  (it registers these modules, so its import must end before theirs begins)

from .configuration_minialbert import ClassifierPooling, MiniAlbertConfig
from .modeling_minialbert import (
    MiniAlbertForMaskedLM,
    MiniAlbertForSequenceClassification,
    MiniAlbertForTokenClassification,
    MiniAlbertModel,
    MiniAlbertPreTrainedModel,
)

__all__ = [
    "ClassifierPooling",
    "MiniAlbertConfig",
    "MiniAlbertForMaskedLM",
    "MiniAlbertForSequenceClassification",
    "MiniAlbertForTokenClassification",
    "MiniAlbertModel",
    "MiniAlbertPreTrainedModel",
]
