"""Shared fixtures: no network, tiny random checkpoints made in memory."""

import copy
import subprocess
from functools import cache
from pathlib import Path

import pytest
import torch
import transformers
from hub_server import HubServer
from pytest_socket import disable_socket, enable_socket
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForMaskedLM, BertForTokenClassification, BertTokenizer

from nlpie_models.tasks import get_task

WORDS = ["the", "patient", "has", "chest", "pain", "and", "fever", "no", "of", "with", "was", "given", "aspirin"]
WORDS += ["for", "a", "ct", "scan", "denies"]
TAGS = ["O", "B-problem", "I-problem", "B-treatment", "I-treatment", "B-test", "I-test"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def pytest_runtest_setup() -> None:
    disable_socket(allow_unix_socket=True)


@pytest.fixture(autouse=True)
def no_processes(request, monkeypatch) -> None:
    """Keep the fast tier fast: only the tests in ``integration/`` start processes."""
    if "integration" not in request.path.parts:
        start = subprocess.Popen

        def refuse(command: list[str], *arguments: object, **options: object) -> object:
            if command[0] == "fc-list":  # matplotlib lists the fonts of a machine, once
                return start(command, *arguments, **options)
            raise AssertionError(f"a test that starts a process belongs in tests/integration: {command}")

        monkeypatch.setattr("subprocess.Popen", refuse)


@pytest.fixture(scope="session")
def tokenizer() -> BertTokenizer:
    characters = [chr(code) for code in range(33, 127) if not chr(code).isupper()]
    pieces = [*SPECIAL, *characters, *(f"##{c}" for c in characters if c.isalnum()), *WORDS]
    vocabulary = {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}
    backend = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return BertTokenizer(tokenizer_object=backend, model_max_length=64)


@pytest.fixture(scope="session")
def bert_config(tokenizer: BertTokenizer) -> BertConfig:
    return BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=64,
        id2label=dict(enumerate(TAGS)),
        label2id={tag: index for index, tag in enumerate(TAGS)},
    )


def save(model: torch.nn.Module, tokenizer: BertTokenizer, folder: Path) -> Path:
    """Save a model with weights large enough for its random outputs to differ from token to token."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4.0) if parameter.dim() > 1 else None
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def ner_folder(tokenizer, bert_config, tmp_path_factory) -> Path:
    torch.manual_seed(0)
    return save(BertForTokenClassification(bert_config), tokenizer, tmp_path_factory.mktemp("tiny") / "ner")


@pytest.fixture(scope="session")
def mlm_folder(tokenizer, bert_config, tmp_path_factory) -> Path:
    torch.manual_seed(0)
    return save(BertForMaskedLM(bert_config), tokenizer, tmp_path_factory.mktemp("tiny") / "mlm")


@pytest.fixture
def hub(monkeypatch):
    """A Hub of this test's own, which huggingface_hub talks to in this process."""
    enable_socket()
    server = HubServer()
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.address)
    url = f"{server.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", url)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    yield server
    server.close()


CLASSES = ("malignant", "ambiguous", "other")


def save_head(task, labels, tokenizer, bert_config, folder: Path, *, multi_label: bool = False, **options) -> Path:
    """Save a tiny random checkpoint with a task's head."""
    config = copy.deepcopy(bert_config)
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: index for index, label in enumerate(labels)}
    config.problem_type = "multi_label_classification" if multi_label else None
    if options:
        config.task_options = {task.name: options}
    torch.manual_seed(0)
    return save(getattr(transformers, task.auto_class).from_config(config), tokenizer, folder)


@pytest.fixture(scope="session")
def head_folder(tokenizer, bert_config, tmp_path_factory):
    """Return a function from a task and its labels to the folder of a tiny checkpoint."""

    @cache
    def make(task_name: str, labels: tuple[str, ...] = CLASSES, multi_label: bool = False) -> Path:
        folder = tmp_path_factory.mktemp("heads") / task_name
        return save_head(get_task(task_name), labels, tokenizer, bert_config, folder, multi_label=multi_label)

    return make
