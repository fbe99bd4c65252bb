"""A task that is added by one module has every output and a card; ``integration/test_new_task.py`` trains one."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from plugins import added_module

import nlpie_models
from nlpie_models import get_checkpoint, load_clinical, tasks
from nlpie_models.cli import main
from nlpie_models.release.cards import Numbers, render_card

CARDS = Path(__file__).parents[2] / "model_cards"
OPENING = '''
"""The first word of a text, as an entity."""

from nlpie_models.documents import Entity
from nlpie_models.tasks import TOKENS, Task, plan_text


class OpeningTask(Task):
    name = "opening"
    summary = "the first word"
    auto_class = TOKENS
    output = "logits"
    field = "entities"
    hub_pipeline = "token-classification"
    usage = '("Fever.").entities'
    sample = {"text": "Fever."}

    def plan(self, row, reader, options):
        return plan_text(row["text"], reader)

    def reduce(self, plan, index, output, head):
        return None

    def finish(self, plan, parts, head, options):
        start, end = plan.reading.encoding.words[0].tolist()
        return {"entities": [Entity(start, end, "word", plan.text[start:end])]}


TASK = OpeningTask()
'''


@pytest.fixture
def opening(tmp_path_factory):
    with added_module(tasks, tmp_path_factory.mktemp("plugin"), "opening", OPENING):
        yield


def test_a_task_of_one_module_has_every_output(opening, ner_folder, tmp_path) -> None:
    pipe = load_clinical(ner_folder, "opening")
    assert pickle.loads(pickle.dumps(pipe)).task is pipe.task
    annotation = pipe("Fever since <Monday>.")
    assert '">Fever<small>word</small></mark> since &lt;Monday&gt;.' in annotation.to_html()
    assert nlpie_models.to_dataframe([annotation])["text"].tolist() == ["Fever"]

    (tmp_path / "a.txt").write_text("Fever since Monday.")
    outputs = [tmp_path / name for name in ("brat", "page.html", "table.csv", "table.parquet", "lines.jsonl")]
    arguments = ["annotate", tmp_path / "a.txt", "-t", "opening", "-c", ner_folder, "--show"]
    arguments += [argument for output in outputs for argument in ("-o", output)]
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    assert "word  Fever" in result.output
    assert all(output.exists() for output in outputs)
    [standoff] = (tmp_path / "brat").glob("*.ann")
    assert standoff.read_text() == "T1\tword 0 5\tFever\n"


def test_a_task_of_one_module_has_a_card(opening) -> None:
    row = replace(get_checkpoint("open-notes"), heads=("opening",))
    card = render_card(row, Numbers([], [], []), (CARDS / "template.md").read_text(), CARDS)
    assert "pipeline_tag: token-classification\n" in card
    assert 'load_clinical("open-notes", task="opening")("Fever.").entities' in card
