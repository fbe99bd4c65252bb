"""Values of a MiniALBERT config: compared, stored, and checked."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
from transformers import AlbertConfig, AutoConfig

from nlpie_models.architectures.minialbert import MiniAlbertConfig


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_size": 384},
        {"classifier_pooling": "mean"},
        {"use_adapter": False},
        {"id2label": {0: "no", 1: "yes"}},
        {"classifier_dropout": 0.0},
        {"chunk_size_feed_forward": 8},
    ],
)
def test_configs_that_differ_are_unequal(changes) -> None:
    assert MiniAlbertConfig(**changes) != MiniAlbertConfig()
    assert MiniAlbertConfig(**changes) == MiniAlbertConfig(**changes)


def test_a_config_equals_its_copies_and_no_other_type(tmp_path) -> None:
    config = MiniAlbertConfig(num_labels=3, hidden_size=384)
    config.save_pretrained(tmp_path)
    for copy in (deepcopy(config), pickle.loads(pickle.dumps(config)), AutoConfig.from_pretrained(tmp_path)):
        assert copy == config
    assert config != AlbertConfig()
    assert config != config.to_dict()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"hidden_size": "384"}, "hidden_size must be an integer, got '384'"),
        ({"num_hidden_layers": 2.5}, "num_hidden_layers must be an integer, got 2.5"),
        ({"hidden_act": 3}, "hidden_act must be a string, got 3"),
        ({"num_attention_heads": 0}, "num_attention_heads must be at least 1, got 0"),
        ({"vocab_size": -1}, "vocab_size must be at least 1, got -1"),
        ({"vocab_size": True}, "vocab_size must be an integer, got True"),
        ({"use_adapter": 1}, "use_adapter must be True or False, got 1"),
        ({"use_adapter": None}, "use_adapter must be True or False, got None"),
        ({"classifier_dropout": "0.1"}, "classifier_dropout must be a number or None, got '0.1'"),
        ({"hidden_dropout_prob": 1.5}, "hidden_dropout_prob must be between 0 and 1, got 1.5"),
        ({"attention_probs_dropout_prob": float("nan")}, "must be between 0 and 1, got nan"),
        ({"pad_token_id": 1.0}, "pad_token_id must be an integer or None, got 1.0"),
        ({"classifier_pooling": ["cls"]}, "classifier_pooling must be cls, mean or pair, got"),
        ({"intermediate_size": np.ones(2)}, "intermediate_size must be an integer, got array"),
    ],
)
def test_wrong_values_are_refused_in_one_line(wrong, message) -> None:
    with pytest.raises(ValueError, match=message) as refusal:
        MiniAlbertConfig(**wrong)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_attention_heads": 7}, "divisible by num_attention_heads"),
        ({"hidden_size": "384"}, "an integer"),
        ({"num_hidden_groups": 7}, "between 1 and num_hidden_layers"),
    ],
)
def test_wrong_values_are_refused_beside_a_folder_too(wrong, message, tmp_path) -> None:
    MiniAlbertConfig().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=message):
        MiniAlbertConfig.from_pretrained(tmp_path, **wrong)
    with pytest.raises(ValueError, match=message):
        AutoConfig.from_pretrained(tmp_path, **wrong)


def test_values_are_checked_together_with_those_of_the_folder(tmp_path) -> None:
    MiniAlbertConfig(hidden_size=384, num_attention_heads=6).save_pretrained(tmp_path)
    config, unused = MiniAlbertConfig.from_pretrained(
        tmp_path, hidden_size=770, num_attention_heads=7, other=1, return_unused_kwargs=True
    )
    assert (config.hidden_size, config.num_attention_heads, unused) == (770, 7, {"other": 1})


def test_integers_are_numbers_and_padding_may_be_absent() -> None:
    config = MiniAlbertConfig(hidden_dropout_prob=0, classifier_dropout=1, pad_token_id=None)
    assert MiniAlbertConfig.from_dict(config.to_dict()) == config
