"""The table of this package's architectures, and their registration with transformers.

Importing transformers takes seconds, so importing this package does not import it. The table is applied at the end of
the first ``import transformers``, before any part of it is used.
"""

import importlib
from dataclasses import dataclass
from types import ModuleType

import wrapt


@dataclass(frozen=True)
class AutoClasses:
    """What transformers' Auto classes return for a model type.

    Attributes:
        config: Name of the config class.
        tokenizer: Name of the tokenizer class, one of transformers.
        models: Names of model classes, by Auto class.
    """

    config: str
    tokenizer: str
    models: dict[str, str]


ARCHITECTURES = {
    "minialbert": AutoClasses(
        config="MiniAlbertConfig",
        tokenizer="BertTokenizer",
        models={
            "AutoModel": "MiniAlbertModel",
            "AutoModelForPreTraining": "MiniAlbertForMaskedLM",
            "AutoModelForMaskedLM": "MiniAlbertForMaskedLM",
            "AutoModelForTokenClassification": "MiniAlbertForTokenClassification",
            "AutoModelForSequenceClassification": "MiniAlbertForSequenceClassification",
        },
    ),
}


def register() -> None:
    """Register every architecture with transformers' Auto classes, as soon as transformers is imported."""
    wrapt.register_post_import_hook(_register_all, "transformers")


def _register_all(_: ModuleType) -> None:
    import transformers  # the lazy module that has just taken the place of the one passed

    for model_type, architecture in ARCHITECTURES.items():
        folder = f"{__package__}.{model_type}"
        config = getattr(importlib.import_module(f"{folder}.configuration_{model_type}"), architecture.config)
        classes = importlib.import_module(f"{folder}.modeling_{model_type}")
        tokenizer = getattr(transformers, architecture.tokenizer)
        transformers.AutoConfig.register(model_type, config, exist_ok=True)
        transformers.AutoTokenizer.register(config, tokenizer_class=tokenizer, exist_ok=True)
        for auto_class, model in architecture.models.items():
            getattr(transformers, auto_class).register(config, getattr(classes, model), exist_ok=True)
