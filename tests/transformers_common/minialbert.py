"""transformers' own common tests of models and configs, run on MiniALBERT.

`make test-transformers` takes them from transformers' source archive, unpacked into the folder TRANSFORMERS_SOURCE;
nothing of them is stored here. With ALL_SHAPES=1, every shape below is tested, and otherwise the first.
"""

import importlib
import os
import sys
import unittest
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import pytest
import torch
import transformers
from transformers.models.auto import modeling_auto

from nlpie_models.architectures.minialbert import (
    MiniAlbertConfig,
    MiniAlbertForMaskedLM,
    MiniAlbertForSequenceClassification,
    MiniAlbertForTokenClassification,
    MiniAlbertModel,
)

SHAPES: dict[str, dict[str, Any]] = {
    "adapters": {},
    "no_adapters": {"use_adapter": False},
    "groups": {"num_hidden_groups": 2},
    "same_width": {"embedding_size": 32},
    "same_width_no_adapters": {"embedding_size": 32, "use_adapter": False},
    "mean": {"classifier_pooling": "mean"},
    "pair": {"classifier_pooling": "pair"},
}
MODELS = {
    "MODEL_MAPPING_NAMES": MiniAlbertModel,
    "MODEL_FOR_MASKED_LM_MAPPING_NAMES": MiniAlbertForMaskedLM,
    "MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES": MiniAlbertForTokenClassification,
    "MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES": MiniAlbertForSequenceClassification,
}
"""The models, by the table of transformers in which the common tests look up what labels a model has."""
KNOWN = {
    "test_model_outputs_equivalence": "asks SDPA for attention maps, which MiniALBERT refuses and others leave out",
    "test_eager_matches_sdpa_inference_24_fp32_pad_left_output_attentions": "the same",
    "test_correct_missing_keys": "takes the encoder for a head: the published tensors have a part called albert",
}
"""Tests that MiniALBERT is to fail, by name, and why; one that passes is reported."""
PASSES = ("same_width_no_adapters", "test_correct_missing_keys")  # every tensor is in the part called albert
KNOWN_OF_PAIRS = "passes no token_type_ids, without which there is no pair"
ABSENT = {
    "exporters.test_export": {"ExportTesterMixin": type("ExportTesterMixin", (), {})},
    "generation.test_utils": {"GenerationTesterMixin": type("GenerationTesterMixin", (), {})},
    "utils.test_configuration_utils": {"config_common_kwargs": {"return_dict": False, "output_hidden_states": True}},
}
"""What the common tests import of folders that the source archive lacks, and MiniALBERT does without."""


def common(name: str) -> ModuleType:
    """Return a module of transformers' tests, which only run as parts of a package."""
    root = "tests_of_transformers"
    if root not in sys.modules:
        for place, values in ({"": {}} | {part: {} for part in ("exporters", "generation", "utils")} | ABSENT).items():
            module = ModuleType(f"{root}.{place}".rstrip("."))
            module.__path__ = [] if place else [str(Path(os.environ["TRANSFORMERS_SOURCE"], "tests"))]
            vars(module).update(values)
            sys.modules[module.__name__] = module
    with patch("transformers.utils.direct_transformers_import", lambda _: transformers):
        return importlib.import_module(f"{root}.{name}")


class Tester:
    """A tiny MiniALBERT and its inputs, as the common tests ask for them."""

    batch_size, seq_length, hidden_size, num_hidden_layers, num_attention_heads = 13, 7, 32, 2, 4
    is_training = True

    def __init__(self, parent: unittest.TestCase, shape: dict[str, Any]) -> None:
        self.parent, self.shape = parent, shape

    def get_config(self) -> MiniAlbertConfig:
        sizes = {
            "vocab_size": 99,
            "embedding_size": 16,
            "hidden_size": self.hidden_size,
            "num_hidden_layers": self.num_hidden_layers,
            "num_attention_heads": self.num_attention_heads,
            "intermediate_size": 37,
            "reduction_factor": 4,
            "num_labels": 3,
        }
        return MiniAlbertConfig(**{**sizes, **self.shape})

    def prepare_config_and_inputs_for_common(self) -> tuple[MiniAlbertConfig, dict[str, torch.Tensor]]:
        size = (self.batch_size, self.seq_length)
        segments = torch.zeros(size, dtype=torch.long)
        segments[:, self.seq_length // 2 :] = 1
        return self.get_config(), {
            "input_ids": torch.randint(1, 99, size),
            "attention_mask": torch.ones(size, dtype=torch.long),
            "token_type_ids": segments,
        }


def suite_of(shape: str) -> type:
    """Return the test case that holds every common test, for one shape."""

    def start(self: Any) -> None:
        self.model_tester = Tester(self, SHAPES[shape])
        self.config_tester = common("test_configuration_common").ConfigTester(
            self, config_class=MiniAlbertConfig, hidden_size=32, num_attention_heads=4
        )

    def test_config(self: Any) -> None:
        self.config_tester.run_common_tests()

    members = {"all_model_classes": tuple(MODELS.values()), "setUp": start, "test_config": test_config}
    case = type(
        f"TestMiniAlbert_{shape}", (common("test_modeling_common").ModelTesterMixin, unittest.TestCase), members
    )
    for name in dir(case):
        reason = KNOWN.get(name)
        if shape == "pair" and name.startswith("test_eager_matches_sdpa_inference"):
            reason = KNOWN_OF_PAIRS
        if reason and (shape, name) != PASSES:
            setattr(case, name, pytest.mark.xfail(reason=reason, strict=True)(getattr(case, name)))
    return case


for _table, _model in MODELS.items():
    getattr(modeling_auto, _table)["minialbert"] = _model.__name__
for _shape in SHAPES if os.environ.get("ALL_SHAPES") else [next(iter(SHAPES))]:
    globals()[f"TestMiniAlbert_{_shape}"] = suite_of(_shape)
