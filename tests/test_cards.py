"""Cards: fresh, deterministic, true to the registry and the results, and of a form that the Hub takes."""

import io
import json
import re
import shutil
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from huggingface_hub import ModelCard

from nlpie_models.card_metadata import find_faults
from nlpie_models.cards import Numbers, Texts, card_path, carded, is_stale, make_card, read_numbers, render_card
from nlpie_models.cli import main
from nlpie_models.errors import DataError, NlpieError
from nlpie_models.evaluation.forgetting import Change, Forgetting
from nlpie_models.registry import get_checkpoint, list_checkpoints
from nlpie_models.strict_toml import read_toml

CARDS = Path(__file__).parent.parent / "model_cards"
BUNDLED = [row for row in carded() if row.status == "bundled"]


def metadata_of(card: str) -> dict:
    return yaml.safe_load(card.split("---\n")[1])


def test_every_checkpoint_with_weights_has_a_card_and_no_other() -> None:
    names = {path.stem for path in CARDS.glob("*.md")} - {"template"}
    assert names == {row.name for row in list_checkpoints() if row.status != "planned"}
    assert len(names) > 15


@pytest.mark.parametrize("row", carded(), ids=lambda row: row.name)
def test_a_card_is_fresh_and_what_the_hub_takes(row) -> None:
    assert not is_stale(row, CARDS)
    card = card_path(row, CARDS).read_text()
    assert list(find_faults(metadata_of(card))) == []
    assert ModelCard(card).data.license == row.licence
    assert "not a\n  medical device" in card
    for note in row.notes:
        assert note in card
    assert not re.search(r"\n{3,}|[ \t]\n|\bNone\b|\{\{|\{%", card)


def test_known_mistakes_of_the_old_cards_are_corrected() -> None:
    tiny = card_path(get_checkpoint("tiny-clinicalbert"), CARDS).read_text()
    assert "hidden size 312" in tiny
    assert "13.78M parameters" in tiny
    assert "The Hub card says hidden size 768 and 15M parameters; the weights have 312 and 13.8M." in tiny
    mini = card_path(get_checkpoint("clinical-minialbert-312"), CARDS).read_text()
    assert "The config on the Hub says model_type bert" in mini
    assert "minialbert: 6 layers (one shared layer" in mini
    assert "base_model" not in metadata_of(tiny).keys() | metadata_of(mini).keys()


@pytest.mark.parametrize("row", [row for row in carded() if row.status == "published"], ids=lambda row: row.name)
def test_what_was_not_measured_is_said_to_be_so(row) -> None:
    card = card_path(row, CARDS).read_text()
    assert card.count("Not measured here.") == 4
    assert "model-index" not in metadata_of(card)


@pytest.mark.parametrize("row", BUNDLED, ids=lambda row: row.name)
def test_every_number_is_from_the_results(row) -> None:
    card = card_path(row, CARDS).read_text()
    [result] = metadata_of(card)["model-index"][0]["results"]
    content = json.loads((CARDS / "results" / row.name / f"{result['dataset']['name']}.own-head.json").read_text())
    runs = [run for run in content["runs"] if run["split"] == "test"]
    [run] = [run for run in runs if run["weights_sha256"] == row.weights.sha256]
    [metric] = result["metrics"]
    assert metric["value"] == run["scores"][content["metric"]]
    assert metric["args"]["interval_95"] == run["interval"]
    assert metric["args"]["weights_sha256"] == row.weights.sha256
    for each in runs:
        assert f"| {each['scores'][content['metric']]:.3f} |" in card
    assert run["command"] in card


@pytest.mark.parametrize("row", BUNDLED, ids=lambda row: row.name)
def test_the_one_line_use_runs(row) -> None:
    code = re.search(r"## Use\n\n```python\n(.*?)```", card_path(row, CARDS).read_text(), re.DOTALL)[1]
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(code, "card", "exec"), {})
    expected = {
        "ner": "text='aspirin'", "relation": "label='causes'", "classification": "malignant", "nli": "entailment",
    }  # fmt: skip
    assert re.search(rf"\b{expected[row.heads[0]]}", printed.getvalue())


@pytest.mark.parametrize(
    "row", [row for row in carded() if row.recipe and row.recipe.corpora], ids=lambda row: row.name
)
def test_the_command_that_repeats_a_recipe_takes_the_name(row) -> None:
    card = card_path(row, CARDS).read_text()
    [command, *_] = re.findall(rf"^nlpie (train \w+ {row.name} --data DATA .*)$", card, re.MULTILINE)
    said = CliRunner().invoke(main, command.split())
    assert "Directory 'DATA' does not exist" in said.output, said.output


def test_the_forgetting_report_is_shown() -> None:
    change = Change("notes", "perplexity", before=12.0, after=6.0, size=100)
    made = {"command": "nlpie forgetting a b"}
    report = Forgetting("a", "open-mini", "quick", (change,), (), (), 0.01, (-0.01, 0.02), made)
    numbers = replace(read_numbers("open-mini", CARDS), forgetting=[report])
    card = render_card(get_checkpoint("open-mini"), numbers, (CARDS / "template.md").read_text(), CARDS)
    assert "| open-mini | a | notes | perplexity | 12.00 | 6.00 | -50% |" in card
    assert "nlpie forgetting a b" in card


def test_every_text_is_used() -> None:
    texts = read_toml(Texts, CARDS / "texts.toml")
    rows = list_checkpoints()
    assert set(texts.objectives) == {row.recipe.objective for row in rows if row.recipe.objective}
    assert set(texts.papers) == {row.paper for row in rows if row.paper}
    assert set(texts.uses) == {row.tasks[0] for row in rows}


def test_the_command_writes_what_is_stale_and_check_does_not(tmp_path) -> None:
    for name in ("template.md", "texts.toml"):
        shutil.copy(CARDS / name, tmp_path)
    arguments = ["card", "tiny-15m", "--cards", str(tmp_path)]
    checked = CliRunner().invoke(main, [*arguments, "--check"])
    assert checked.exit_code == 1
    assert "is stale: run `nlpie card tiny-clinicalbert`" in checked.stderr
    assert not (tmp_path / "tiny-clinicalbert.md").exists()
    assert CliRunner().invoke(main, arguments).exit_code == 0
    assert (tmp_path / "tiny-clinicalbert.md").read_text() == (CARDS / "tiny-clinicalbert.md").read_text()
    assert CliRunner().invoke(main, [*arguments, "--check"]).exit_code == 0


def test_outside_a_checkout(tmp_path) -> None:
    with pytest.raises(NlpieError, match="cards are made in a checkout of the repository"):
        make_card(get_checkpoint("open-mini"), tmp_path)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"license": "MIT"}, "license: expected an identifier of the Hub, such as mit, got 'MIT'"),
        ({"language": "English"}, "language: expected a code of ISO 639"),
        ({"base_model": "all MiniLM"}, "base_model: expected the name of a repository"),
        ({"base_model_relation": "distilled"}, "base_model_relation: expected finetune or adapter"),
        ({"pipeline_tag": "ner"}, "pipeline_tag: expected "),
        ({"datasets": ["a b"]}, "datasets: expected the name of a data set"),
        ({"model-index": [{"name": "x", "results": [{"task": {"type": "ner"}}]}]}, "model-index: expected a name"),
        ({"library_name": None, "license": None}, "license: "),
    ],
)
def test_metadata_that_the_hub_would_not_take(changed, fault) -> None:
    good = metadata_of(card_path(get_checkpoint("open-mini"), CARDS).read_text())
    bad = {key: value for key, value in (good | changed).items() if value is not None}
    assert next(find_faults(bad)).startswith(fault)


def test_a_row_with_a_licence_that_the_hub_does_not_know() -> None:
    row = replace(get_checkpoint("open-mini"), licence="free")
    with pytest.raises(DataError, match="the card of open-mini has metadata that the Hub would not take: license"):
        render_card(row, Numbers([], [], []), (CARDS / "template.md").read_text(), CARDS)
