"""The configs that the Hub really has: each is read as the class, the sizes and the labels that its row states."""

from pathlib import Path

import pytest
import torch

from nlpie_models.loading.local import LocalCheckpoint
from nlpie_models.loading.models import model_class_of
from nlpie_models.registry import get_checkpoint
from nlpie_models.tasks import get_task
from nlpie_models.tasks.serving import served_tasks

FOLDERS = sorted(path for path in (Path(__file__).parents[1] / "reference" / "hub").iterdir() if path.is_dir())


def open_config(folder: Path) -> LocalCheckpoint:
    return LocalCheckpoint(folder, get_checkpoint(f"nlpie/{folder.name}"))


def test_all_are_seen() -> None:
    assert len(FOLDERS) == 10


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_config_is_read_as_its_row_states(folder) -> None:
    checkpoint = open_config(folder)
    model_class, config = model_class_of(checkpoint, checkpoint.auto_class)
    shape = checkpoint.row.architecture
    assert [model_class.__name__] == checkpoint.config["architectures"]
    assert config.model_type == shape.model_type
    assert (config.num_hidden_layers, config.hidden_size, config.vocab_size) == (
        shape.layers,
        shape.hidden,
        shape.vocabulary,
    )
    with torch.device("meta"):
        model = model_class(config)
    assert model.base_model.num_parameters() + shape.unused_parameters == shape.parameters
    if shape.parameters_with_mlm_head:
        assert model.num_parameters() + shape.unused_parameters == shape.parameters_with_mlm_head
    assert shape.unused_parameters == (768 * 768 + 768 if shape.model_type == "minialbert" else 0)  # its pooler
    assert served_tasks(checkpoint) == sorted(checkpoint.row.tasks)


def test_the_traps_are_in_them() -> None:
    configs = {folder.name: open_config(folder).config for folder in FOLDERS}
    assert {name for name, config in configs.items() if "adapters" in config} == {
        "bio-distilbert-uncased",
        "bio-tinybert",
        "clinical-distilbert",
        "compact-biobert",
        "distil-clinicalbert",
        "tiny-biobert",
    }
    assert configs["clinical-miniALBERT-312"]["model_type"] == "bert"
    assert list(configs["clinical-mobilebert-i2b2-2010"]["id2label"].values())[:2] == ["I-treatment", "O"]


def test_labels_keep_their_order() -> None:
    checkpoint = open_config(next(folder for folder in FOLDERS if folder.name == "clinical-mobilebert-i2b2-2010"))
    model_class, config = model_class_of(checkpoint, get_task("ner").auto_class)
    assert (model_class.__name__, config.num_labels) == ("MobileBertForTokenClassification", 7)
    assert config.id2label[6] == "B-problem"
    assert config.label2id == {label: index for index, label in config.id2label.items()}
    assert {label.partition("-")[2] for label in config.id2label.values()} - {""} == set(checkpoint.row.labels)
