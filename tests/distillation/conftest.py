import copy

import pytest
import torch
from transformers import BertForMaskedLM


@pytest.fixture
def teacher(bert_config):
    """A masked language model of four layers."""
    config = copy.deepcopy(bert_config)
    config.num_hidden_layers = 4
    torch.manual_seed(0)
    return BertForMaskedLM(config).eval()
