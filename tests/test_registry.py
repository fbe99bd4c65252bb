"""The registry: every shipped row, and each way a row can be wrong."""

import re
from collections import Counter

import pytest

from nlpie_models.errors import RegistryError, UnknownName
from nlpie_models.registry import (
    CHECKPOINTS_FOLDER,
    Pin,
    default_checkpoint,
    get_checkpoint,
    list_checkpoints,
    read_checkpoint,
    read_registry,
)
from nlpie_models.tasks import list_tasks

PUBLISHED = {
    "bio-distilbert-cased",
    "bio-distilbert-uncased",
    "bio-minialbert-128",
    "bio-mobilebert",
    "bio-tinybert",
    "clinical-distilbert",
    "clinical-distilbert-i2b2-2010",
    "clinical-minialbert-312",
    "clinical-mobilebert",
    "clinical-mobilebert-i2b2-2010",
    "compact-biobert",
    "distil-biobert",
    "distil-clinicalbert",
    "minialbert-128",
    "tiny-biobert",
    "tiny-clinicalbert",
}
OPEN = {
    "open-base",
    "open-mini-encoder",
    "open-notes",
    "open-notes-cancer",
    "open-notes-nli",
    "open-notes-relations",
    "open-small",
    "open-tiny",
}
ROW = """
name = "{name}"
summary = "a test"
status = "planned"
licence = "mit"
default = {default}
{more}
[architecture]
model_type = "bert"
layers = 2
hidden = 8
embedding = 8
heads = 2
feed_forward = 16
vocabulary = 100
cased = true
"""


def write(folder, name="one", *, default="true", more="", text=ROW):
    path = folder / f"{name}.toml"
    path.write_text(text.format(name=name, default=default, more=more))
    return path


def test_the_published_checkpoints_are_all_there() -> None:
    assert {row.name for row in list_checkpoints() if row.status == "published"} == PUBLISHED
    assert {row.name for row in list_checkpoints()} - PUBLISHED == OPEN
    assert len(list_checkpoints()) == len(list(CHECKPOINTS_FOLDER.glob("*.toml")))


@pytest.mark.parametrize("row", list_checkpoints(), ids=lambda row: row.name)
def test_every_row_is_complete(row) -> None:
    assert set(row.tasks) <= {task.name for task in list_tasks()}
    assert row.recipe is not None
    if row.status == "published":
        assert row.hub_id.startswith("nlpie/")
        assert row.architecture.parameters > 10_000_000
    if "ner" in row.heads:
        assert row.labels == ("problem", "treatment", "test")


@pytest.mark.parametrize(
    ("called", "name"),
    [
        ("distil-65m", "clinical-distilbert"),
        ("mobile-25m", "clinical-mobilebert"),
        ("tiny-15m", "tiny-clinicalbert"),
        ("mini-18m", "clinical-minialbert-312"),
        ("nlpie/clinical-miniALBERT-312", "clinical-minialbert-312"),
        ("Open-Notes", "open-notes"),
    ],
)
def test_names_aliases_and_hub_ids(called, name) -> None:
    assert get_checkpoint(called).name == name


def test_size_name_leads_to_the_ner_fine_tune() -> None:
    assert get_checkpoint("distil-65m").siblings["ner"] == "clinical-distilbert-i2b2-2010"


def test_what_identifies_the_weights() -> None:
    assert default_checkpoint().name == "open-notes"
    assert default_checkpoint().pin is Pin.FILES
    pins = {row.name: row.pin for row in list_checkpoints() if row.name in PUBLISHED}
    assert Counter(pins.values()) == {Pin.FULL: 8, Pin.COMMIT: 5, Pin.NONE: 2, Pin.HASH: 1}
    assert pins["clinical-distilbert"] is Pin.FULL
    assert pins["bio-tinybert"] is Pin.HASH
    assert {name for name, pin in pins.items() if pin is Pin.NONE} == {
        "bio-minialbert-128",
        "clinical-distilbert-i2b2-2010",
    }


@pytest.mark.parametrize("row", list_checkpoints(), ids=lambda row: row.name)
def test_access_to_the_training_data(row) -> None:
    assert row.data_access == ("agreement" if row.name in PUBLISHED and "clinical" in row.name else "open")


def test_a_base_with_more_restricted_data(tmp_path) -> None:
    notes = "[[training_data]]\nname = 'n2c2'\naccess = 'agreement'\nterms = 'restrictive'\n"
    notes += "licence = 'agreement'\nsource = 'n2c2'\nuse = 'labels'"
    write(tmp_path, more=notes)
    write(tmp_path, "two", default="false", more="base_model = 'one'")
    with pytest.raises(RegistryError, match=r"two.toml: training_data: it learned from one, .* access is 'agreement'"):
        read_registry(tmp_path)
    write(tmp_path, "two", default="false", more=f"base_model = 'one'\n{notes}")
    assert read_registry(tmp_path)[0]["two"].data_access == "agreement"


def test_unknown_name_suggests() -> None:
    with pytest.raises(UnknownName, match=r"Did you mean 'distil-65m'\?.*open-notes"):
        get_checkpoint("distil-66m")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ('speed = "fast"', "one.toml: speed: unknown key"),
        ("aliases = 3", "one.toml: aliases: expected a list, got 3"),
        ("aliases = [3]", r"one.toml: aliases\[0\]: expected a value of type str, got 3"),
        ("notes = [", "one.toml: not a valid TOML file"),
        ("[weights]\nrevision = 'abc'", "one.toml: weights.file: missing"),
        (
            "[recipe]\nkind = 'magic'\ndata = 'x'",
            "one.toml: recipe.kind: expected one of continual, distill",
        ),
    ],
)
def test_wrong_rows_name_file_and_key(tmp_path, more, message) -> None:
    with pytest.raises(RegistryError, match=message):
        read_checkpoint(write(tmp_path, more=more))


def test_missing_and_misnamed(tmp_path) -> None:
    path = write(tmp_path, text=ROW.replace('licence = "mit"', ""))
    with pytest.raises(RegistryError, match=r"one.toml: licence: missing, and it is required"):
        read_checkpoint(path)
    other = path.rename(tmp_path / "two.toml")
    other.write_text(ROW.format(name="one", default="true", more=""))
    with pytest.raises(RegistryError, match=r"two.toml: name: expected 'two'"):
        read_checkpoint(other)


def test_published_row_needs_hub_id_and_weights(tmp_path) -> None:
    path = write(tmp_path, text=ROW.replace("planned", "published"))
    with pytest.raises(RegistryError, match="hub_id, weights"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("more", "default", "message"),
    [
        ("aliases = ['one']", "false", "two.toml: 'one' is already taken by 'one'"),
        ("", "true", re.escape("expected one checkpoint with default = true, found ['one', 'two']")),
        ("[siblings]\nner = 'three'", "false", "siblings.ner: no checkpoint 'three' has that head"),
        (
            "[recipe]\nkind = 'continual'\ndata = 'x'\nstart = 'one, cut'",
            "false",
            "recipe.start: expected the name of a checkpoint or a Hub id, got 'one, cut'",
        ),
    ],
)
def test_rows_that_do_not_fit_together(tmp_path, more, default, message) -> None:
    write(tmp_path)
    write(tmp_path, "two", default=default, more=more)
    with pytest.raises(RegistryError, match=message):
        read_registry(tmp_path)
