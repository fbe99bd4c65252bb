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
from measured import PROVENANCE

from nlpie_models.cli import main
from nlpie_models.distillation import list_objectives
from nlpie_models.errors import DataError, NlpieError
from nlpie_models.evaluation.forgetting import Change, Forgetting
from nlpie_models.registry import TrainingData, default_checkpoint, get_checkpoint, list_checkpoints
from nlpie_models.release.card_metadata import find_metadata_faults
from nlpie_models.release.cards import (
    Numbers,
    Texts,
    card_path,
    is_stale,
    list_rows_with_cards,
    make_card,
    read_numbers,
    render_card,
)
from nlpie_models.util.toml import read_toml

CARDS = Path(__file__).parents[2] / "model_cards"
BUNDLED = [row for row in list_rows_with_cards() if row.status == "bundled"]
PUBLISHED = [row for row in list_rows_with_cards() if row.status == "published"]


def metadata_of(card: str) -> dict:
    return yaml.safe_load(card.split("---\n")[1])


def test_every_checkpoint_with_weights_has_a_card_and_no_other() -> None:
    names = {path.stem for path in CARDS.glob("*.md")} - {"README", "template"}
    assert names == {row.name for row in list_checkpoints() if row.status != "planned"}
    assert len(names) > 15


@pytest.mark.parametrize("row", list_rows_with_cards(), ids=lambda row: row.name)
def test_a_card_is_fresh_and_what_the_hub_takes(row) -> None:
    assert not is_stale(row, CARDS)
    card = card_path(row, CARDS).read_text()
    assert list(find_metadata_faults(metadata_of(card))) == []
    assert ModelCard(card).data.license == row.licence
    assert "not a medical device" in card
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


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: row.name)
def test_what_was_not_measured_is_said_to_be_so(row) -> None:
    card = card_path(row, CARDS).read_text()
    assert card.count("Not measured here.") == 1
    assert not re.search("^## (Efficiency|What it has forgotten)", card, re.MULTILINE)
    assert "model-index" not in metadata_of(card)


@pytest.mark.parametrize("row", BUNDLED, ids=lambda row: row.name)
def test_every_number_is_from_the_results(row) -> None:
    card = card_path(row, CARDS).read_text()
    results = metadata_of(card)["model-index"][0]["results"]
    assert results
    for result in results:
        content = json.loads((CARDS / "results" / row.name / f"{result['dataset']['name']}.own-head.json").read_text())
        runs = [run for run in content["runs"] if run["split"] == "test"]
        [run] = [run for run in runs if run["weights_sha256"] == row.weights.sha256]
        [metric] = result["metrics"]
        assert metric["value"] == run["scores"][content["metric"]]
        assert metric["args"]["interval_95"] == run["interval"]
        assert metric["args"]["weights_sha256"] == row.weights.sha256
        for tested in runs:
            assert f"| {tested['scores'][content['metric']]:.3f} |" in card
        assert run["provenance"]["command"] in card


@pytest.mark.parametrize("row", BUNDLED, ids=lambda row: row.name)
def test_the_one_line_use_runs(row) -> None:
    code = re.search(r"```python\n(.*?)```", card_path(row, CARDS).read_text(), re.DOTALL)[1]
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(code, "card", "exec"), {})
    expected = {
        "ner": "text='aspirin'", "relation": "label='given_for'", "classification": "malignant", "nli": "entailment",
    }  # fmt: skip
    assert re.search(rf"\b{expected[row.heads[0]]}", printed.getvalue())


@pytest.mark.parametrize(
    "row", [row for row in list_rows_with_cards() if getattr(row.recipe, "corpora", ())], ids=lambda row: row.name
)
def test_the_command_that_repeats_a_recipe_takes_the_name(row) -> None:
    card = card_path(row, CARDS).read_text()
    [command, *_] = re.findall(rf"^nlpie (train \w+ {row.name} --data DATA .*)$", card, re.MULTILINE)
    said = CliRunner().invoke(main, command.split())
    assert "Directory 'DATA' does not exist" in said.output, said.output


def render(row) -> str:
    return render_card(row, Numbers([], [], []), (CARDS / "template.md").read_text(), CARDS)


@pytest.mark.parametrize(
    ("name", "access", "said"),
    [
        ("MedNLI", "agreement", "It was trained on records under a data-use agreement (MedNLI): treat"),
        ("n2c2-2018", "agreement", "It was trained on records under a data-use agreement (n2c2-2018): treat"),
        ("MTSamples", "open", "It was not trained on records under a data-use agreement."),
        ("notes", "unknown", "Whether it was trained on records under a data-use agreement is not stated."),
        (None, None, "Whether it was trained on records under a data-use agreement is not stated."),
    ],
)
def test_privacy_is_said_by_the_access_to_the_training_data(name, access, said) -> None:
    data = TrainingData(name=name, access=access, terms="not stated", licence="not stated", source="x", use="labels")
    assert said in render(replace(get_checkpoint("open-notes"), training_data=(data,) if name else ()))


def test_the_pin_is_said_where_the_hash_is_not_known() -> None:
    assert "Its weights are pinned by commit; their hash is not known." in render(get_checkpoint("mobile-25m"))
    assert "Its weights are not pinned" in render(get_checkpoint("distil-65m-ner"))
    assert "Its weights are" not in render(get_checkpoint("distil-65m"))


def test_the_notes_on_a_checkpoint_are_linked(tmp_path) -> None:
    for name in ("template.md", "texts.toml"):
        shutil.copy(CARDS / name, tmp_path)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "open-notes.md").write_text("how")
    assert "[How it was made, and what was tried](notes/open-notes.md)." in make_card(
        get_checkpoint("open-notes"), tmp_path
    )


def test_the_forgetting_report_is_shown() -> None:
    change = Change("notes", "perplexity", before=12.0, after=6.0, size=100)
    made = replace(PROVENANCE, command="nlpie forgetting a b")
    report = Forgetting("a", "open-notes", "quick", (change,), (), (), 0.01, (-0.01, 0.02), made)
    numbers = replace(read_numbers("open-notes", CARDS), forgetting=[report])
    card = render_card(get_checkpoint("open-notes"), numbers, (CARDS / "template.md").read_text(), CARDS)
    assert "| open-notes | a | notes | perplexity | 12.00 | 6.00 | -50% |" in card
    assert "nlpie forgetting a b" in card


def test_a_recorded_output_is_shown_with_its_limits() -> None:
    card = card_path(get_checkpoint("distil-65m-ner"), CARDS).read_text()
    said = card.partition("## Beside a recorded output\n")[2].partition("\n## ")[0]
    assert "| clinical-distilbert-i2b2-2010 (recorded) | 0.374 (" in said
    assert "The guidelines differ" in said
    assert "stopped after 512 tokens" in said
    assert "396 of the 402" in said
    assert "Macemmie/clinical-nlp-cner-poc/blob/9f722c9/entities_long.csv" in said
    assert said in card_path(default_checkpoint(), CARDS).read_text()
    assert "recorded output" not in card_path(get_checkpoint("open-base"), CARDS).read_text()


def test_every_text_is_used() -> None:
    texts = read_toml(Texts, CARDS / "texts.toml")
    rows = list_checkpoints()
    objectives = {objective.name for objective in list_objectives()}
    assert set(texts.objectives) == {row.recipe.objective for row in rows} - objectives
    assert set(texts.papers) == {row.paper for row in rows if row.paper}


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
        make_card(get_checkpoint("open-notes"), tmp_path)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"license": "MIT"}, "license: expected an identifier of the Hub, such as mit, got 'MIT'"),
        ({"language": "English"}, "language: expected a code of ISO 639"),
        ({"base_model": "all MiniLM"}, "base_model: expected the name of a repository"),
        ({"base_model_relation": "distilled"}, "base_model_relation: expected finetune or adapter"),
        ({"pipeline_tag": "ner"}, "pipeline_tag: expected "),
        ({"library_name": "torch"}, "library_name: expected transformers or nlpie-models"),
        ({"model-index": [{"name": "x", "results": [{"task": {"type": "ner"}}]}]}, "model-index: expected a name"),
        ({"library_name": None, "license": None}, "license: "),
    ],
)
def test_metadata_that_the_hub_would_refuse(changed, fault) -> None:
    good = metadata_of(card_path(get_checkpoint("open-notes"), CARDS).read_text())
    bad = {key: value for key, value in (good | changed).items() if value is not None}
    assert next(find_metadata_faults(bad)).startswith(fault)


def test_a_row_with_a_licence_that_the_hub_does_not_know() -> None:
    row = replace(get_checkpoint("open-notes"), licence="free")
    with pytest.raises(DataError, match="the card of open-notes has metadata that the Hub would refuse: license"):
        render(row)
