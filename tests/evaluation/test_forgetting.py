"""The forgetting report: perplexities and vectors by hand, scores, the table, and what does not compare."""

import json
import math
import re

import pytest
import torch
from click.testing import CliRunner
from measured import file_runs, run_of
from transformers import AutoModelForMaskedLM, AutoTokenizer

from nlpie_models.cli import main
from nlpie_models.errors import DataError
from nlpie_models.evaluation.forgetting import find_forgetting
from nlpie_models.evaluation.perplexity import compare_vectors, measure_perplexity
from nlpie_models.loading.find import find_checkpoint
from nlpie_models.metrics.counts import Outcomes, count_labels

NOTES = ["the patient has chest pain and fever .", "no aspirin was given for a ct scan .", "denies pain ."]


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "notes.jsonl"
    path.write_text("\n".join(json.dumps({"text": f"{note} {number}"}) for number, note in enumerate(NOTES * 5)))
    return path


@pytest.fixture
def indifferent(mlm_folder, tmp_path):
    """A model to which every piece is as likely as any other."""
    model = AutoModelForMaskedLM.from_pretrained(mlm_folder)
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    model.save_pretrained(tmp_path / "indifferent")
    AutoTokenizer.from_pretrained(mlm_folder).save_pretrained(tmp_path / "indifferent")
    return tmp_path / "indifferent"


def run(*given: object, code: int = 0) -> str:
    result = CliRunner().invoke(main, list(map(str, given)))
    assert result.exit_code == code, result.output
    return result.output


def file_scores(folder, name: str, correct: int) -> None:
    outcomes = Outcomes.of([count_labels("a", "a")] * correct + [count_labels("a", "b")] * (100 - correct))
    run = run_of(outcomes, "accuracy")
    file_runs(folder, name, "kinds", run, task="classification", metric="accuracy")


def test_an_indifferent_model_is_as_perplexed_as_its_vocabulary_is_large(indifferent, text) -> None:
    [found] = measure_perplexity([find_checkpoint(indifferent), find_checkpoint(indifferent)], {"notes": str(text)})
    size = len(AutoTokenizer.from_pretrained(indifferent))
    assert found.perplexities == pytest.approx((size, size), rel=1e-4)
    assert found.masked_tokens >= 15
    assert math.isfinite(found.perplexities[0])


def test_vectors_that_turn(mlm_folder, indifferent, text, tmp_path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(mlm_folder)
    models = [AutoModelForMaskedLM.from_pretrained(mlm_folder).eval() for _ in range(2)]
    torch.nn.init.zeros_(models[1].bert.encoder.layer[1].attention.output.dense.weight)
    models[1].save_pretrained(tmp_path / "turned")
    tokenizer.save_pretrained(tmp_path / "turned")
    given = tokenizer(f"{NOTES[0]} 0", return_tensors="pt")
    by_hand = torch.cosine_similarity(*(model.bert(**given).last_hidden_state[0].mean(0) for model in models), dim=0)
    start, turned, nowhere = map(find_checkpoint, (mlm_folder, tmp_path / "turned", indifferent))
    texts = {"notes": str(text)}
    assert compare_vectors(start, turned, texts, most=1) == {"notes": pytest.approx(by_hand.item(), abs=1e-4)}
    assert compare_vectors(start, turned, texts)["notes"] < 0.999
    assert compare_vectors(start, start, texts) == {"notes": pytest.approx(1.0, abs=1e-4)}
    assert compare_vectors(start, nowhere, texts) == {"notes": pytest.approx(0.0, abs=1e-4)}


def test_report_table_and_figure(indifferent, mlm_folder, text, tmp_path) -> None:
    results = tmp_path / "cards" / "results"
    file_scores(results, "start", 90)
    file_scores(results, mlm_folder.name, 60)
    asked = ["forgetting", indifferent, mlm_folder, "--scores-of", "start", "--text", f"notes={text}"]
    printed = run(*asked, "--results", results)
    assert re.search(r"kinds +accuracy +0.900 +0.600", printed)
    assert "mean change of the scores: -0.300" in printed
    [report] = find_forgetting(results)
    assert (report.before, report.after) == ("start", mlm_folder.name)
    assert report.interval[1] < 0
    assert report.path(results).with_suffix(".svg").exists()
    assert report.path(results).with_suffix(".png").exists()
    readme = tmp_path / "README.md"
    readme.write_text("<!-- results: forgetting -->\n<!-- end of results -->\n")
    run("report", readme, "--results", results)
    written = readme.read_text()
    assert "| notes | perplexity |" in written
    assert "| notes | cosine of vectors | 1.000 | 0.000 | -1.000 |" in written
    assert "| kinds | accuracy | 0.900 | 0.600 | -0.300 |" in written
    assert str(text) not in written + report.path(results).read_text()


def test_what_does_not_compare(indifferent, ner_folder, mlm_folder, text, tmp_path) -> None:
    results = tmp_path / "results"
    asked = ["--text", f"notes={text}", "--results", results]
    assert "no data set that both have" in run("forgetting", indifferent, mlm_folder, *asked, code=1)
    file_scores(results, mlm_folder.name, 60)
    for other in (indifferent, ner_folder):
        file_scores(results, other.name, 90)
    assert "no masked-language-model head" in run("forgetting", ner_folder, mlm_folder, *asked, code=1)
    pieces = indifferent / "tokenizer.json"
    pieces.write_text(pieces.read_text().replace('"fever"', '"cough"'))
    assert "cut text into different tokens" in run("forgetting", indifferent, mlm_folder, *asked, code=1)
    assert not (tmp_path / "forgetting").exists()
    (tmp_path / "forgetting").mkdir()
    (tmp_path / "forgetting" / "x.json").write_text("{}")
    with pytest.raises(DataError, match=r"x.json is not a forgetting report"):
        find_forgetting(results)
