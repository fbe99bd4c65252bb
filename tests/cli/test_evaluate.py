"""``nlpie evaluate``, ``compare`` and ``report`` as users run them."""

import json
import re

from click.testing import CliRunner, Result
from measured import file_runs, run_of

from nlpie_models.cli import main
from nlpie_models.metrics.counts import Outcomes, count_labels

NOTE = "the patient has chest pain and fever"


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exit_code == code, result.output
    return result


def test_evaluate_files_the_subword_protocol_by_itself(ner_folder, tmp_path) -> None:
    data, results = tmp_path / "tiny", tmp_path / "results"
    data.mkdir()
    (data / "test.jsonl").write_text(
        json.dumps({"text": NOTE, "entities": [{"start": 16, "end": 26, "label": "problem", "assertion": "present"}]})
    )
    options = ["--data", data, "--split", "test", "--results", results, "--name", "tiny", "--protocol"]
    run("evaluate", ner_folder, *options, "subword")
    written = json.loads((results / "tiny" / "tiny.subword.json").read_text())
    assert written["protocol"] == "subword"
    assert written["runs"][0]["provenance"]["command"].endswith("--protocol subword --split test")
    assert written["runs"][0]["labels"]["problem"]["gold"] > 0  # and not of problem/present
    assert [path.name for path in (results / "tiny").iterdir()] == ["tiny.subword.json"]
    assert "Unknown protocol" in run("evaluate", ner_folder, *options, "pieces", code=1).output
    assert "a suite has budgets" in run("evaluate", ner_folder, *options, "subword", "--suite", "open", code=2).output


def _full(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def test_evaluate_writes_results_and_table(ner_folder, tmp_path, monkeypatch) -> None:
    data, results, readme = tmp_path / "tiny", tmp_path / "results", tmp_path / "README.md"
    data.mkdir()
    row = {"id": "1", "text": NOTE, "entities": [{"start": 16, "end": 26, "label": "problem", "assertion": "present"}]}
    (data / "test.jsonl").write_text(json.dumps(row))
    end = "<!-- end of results -->"
    readme.write_text(f"before\n<!-- results: ner -->\nold\n{end}\nafter\n<!-- results: tasks -->\n{end}\n")
    run("evaluate", ner_folder, "--data", data, "--split", "test", "--results", results, "--name", "tiny")
    printed = run("evaluate", ner_folder, "--data", data, "--split", "test", "--results", results, "--name", "tiny")
    [written] = json.loads((results / "tiny" / "tiny.own-head.json").read_text())["runs"]
    assert written["labels"]["problem"]["gold"] == 1
    assert {"overlap_precision", "overlap_recall", "overlap_f1"} <= written["scores"].keys()
    assert re.search(r"\n  all, by overlap +0\.\d+ +[01]\.\d+ +0\.\d+ +1\n", printed.output)
    assert len(written["data_sha256"]["test"]) == 64
    assert written["provenance"]["command"] == "nlpie evaluate tiny -t ner --data DATA/tiny --split test"
    assert "is stale" in run("report", readme, "--results", results, "--check", code=1).output
    assert "old" in readme.read_text()
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", _full)
        assert "No space left" in run("report", readme, "--results", results, code=1).output
    assert "old" in readme.read_text()
    run("report", readme, "--results", results)
    assert "| tiny | tiny | test | 0." in readme.read_text()
    assert "up to date" in run("report", readme, "--results", results, "--check").output


def answers(correct: int, wrong: int) -> Outcomes:
    return Outcomes.of([count_labels("a", "a")] * correct + [count_labels("a", "b")] * wrong)


def test_compare_says_which_is_better_and_where_that_is_unclear(tmp_path) -> None:
    def file(name: str, dataset: str, outcomes: Outcomes) -> None:
        run = run_of(outcomes, "accuracy")
        file_runs(tmp_path, name, dataset, run, task="classification", metric="accuracy")

    for name, correct in (("one", 90), ("two", 60), ("three", 90)):
        file(name, "alike", answers(9, 1))
        file(name, "apart", answers(correct, 100 - correct))
    file("one", "alone", answers(9, 1))
    lines = run("compare", "one", "two", "three", "--results", tmp_path).output.splitlines()
    assert lines[0].split() == ["data", "set", "score", "one", "two", "difference", "95%", "p", "verdict"]
    assert re.fullmatch(r"alike +accuracy +0.900  0.900 +\+0.000  \+0.000 to \+0.000 +1.000  unclear", lines[1])
    assert re.fullmatch(r"apart +accuracy +0.900  0.600 +\+0.300  \+0.\d+ to \+0.\d+  <0.001  better", lines[2])
    assert re.fullmatch(r"mean of 2 +\+0.150  \+0.[01]\d\d to \+0.[12]\d\d +better", lines[3])
    assert lines[4] == ""
    assert lines[5].split()[4] == "three"
    assert "unclear" in lines[7]
    worse = run("compare", "two", "one", "--results", tmp_path).output.splitlines()
    assert worse[2].endswith("worse")
    assert "Missing argument" in run("compare", "one", "--results", tmp_path, code=2).output
    missing = run("compare", "one", "two", "--protocol", "full", "--results", tmp_path, code=1).output
    assert "no data set that both have 'full' results for" in missing


def test_a_report_of_no_document_is_that_of_a_checkout(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "README.md"
    page.write_text("<!-- results: ner -->\n<!-- end of results -->\n")
    assert "No such file" in run("report", code=1).output
    (tmp_path / "model_cards").mkdir()
    document = tmp_path / "model_cards" / "README.md"
    document.write_text("<!-- results: efficiency -->\n<!-- end of results -->\n")
    assert run("report").output.splitlines() == ["README.md: up to date", "model_cards/README.md: written"]
    assert "| F1 by overlap |" in page.read_text()
    assert "| checkpoint |" in document.read_text()
    document.write_text("<!-- results: costs -->\n<!-- end of results -->\n")
    assert "Unknown table of results 'costs'" in run("report", code=1).output
    document.write_text("no table")
    assert "expected lines <!-- results: KIND -->" in run("report", code=1).output
