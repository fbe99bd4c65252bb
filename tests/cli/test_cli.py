"""The command line as users run it."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest
from click.testing import CliRunner

from nlpie_models import Annotation, load_clinical
from nlpie_models.cli import main
from nlpie_models.data.documents import Columns

NOTE = "The patient has chest pain and fever. Was given aspirin for the pain.\n"


@pytest.fixture
def notes(tmp_path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.txt").write_text(NOTE * (1 + 4 * (number == 3)))
    return folder


def run(*arguments: object, code: int = 0, stdin: bytes | None = None):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin)
    assert result.exit_code == code, result.output
    return result


def test_a_command_whose_libraries_are_missing_says_what_to_install(notes, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "accelerate", None)
    given = ["train", "continue", "--start", "open-mini", "--corpus", notes, "--output", tmp_path / "x"]
    said = run(*given, code=1).stderr
    assert said == (
        'Error: accelerate is not installed; run `pip install "nlpie-models[train]"` to train, [eval] to evaluate and '
        "[release] to publish\n"
    )
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "nlpie_models.training.continual", None)
    result = CliRunner().invoke(main, list(map(str, given)))
    assert isinstance(result.exception, ModuleNotFoundError)


def _full(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_list_and_show() -> None:
    output = run("list").output
    assert "distil-65m" in output
    assert "published, unpinned" in output
    assert "bundled, default" in output
    assert {row["name"] for row in json.loads(run("list", "--json", "--task", "ner").output)} == {
        "clinical-distilbert-i2b2-2010",
        "clinical-mobilebert-i2b2-2010",
        "open-mini",
        "open-small-ner",
    }
    assert "unpinned; with a network, run `nlpie pin clinical-distilbert`" in run("show", "distil-65m").output
    assert json.loads(run("show", "open-mini", "--json").output)["default"]
    assert "4 GPUs  accelerate launch --multi_gpu --num_processes 4" in run("show", "distil-clinicalbert").output


WITH_EXAMPLES = [
    [],
    ["annotate"],
    ["benchmark"],
    ["data", "prepare"],
    ["evaluate"],
    ["forgetting"],
    ["train", "continue"],
    ["train", "distill"],
]


@pytest.mark.parametrize("command", WITH_EXAMPLES, ids=str)
def test_help_shows_each_example_on_its_line(command) -> None:
    lines = run(*command, "--help").output.splitlines()
    assert sum(line.startswith("  nlpie ") for line in lines) > 1
    assert not any("\\b" in line for line in lines)


def test_error_is_one_line(ner_folder) -> None:
    result = run("show", "distil-66m", code=1)
    assert result.output.startswith("Error: Unknown checkpoint 'distil-66m'. Did you mean 'distil-65m'?")
    assert result.output.count("\n") == 1


def test_annotate_writes_every_format(notes, ner_folder, tmp_path) -> None:
    names = ["out.jsonl", "out.csv", "out.parquet", "out.html", "brat"]
    outputs = [argument for name in names for argument in ("-o", tmp_path / name)]
    result = run("annotate", notes, "-c", ner_folder, *outputs)
    assert "4 texts annotated, 0 failed" in result.output
    assert all((tmp_path / name).exists() for name in names)
    pipe = load_clinical(ner_folder)
    for row in rows(tmp_path / "out.jsonl"):
        text = Path(row["id"]).read_text()
        assert row["coverage"]["characters"] == len(text)
        assert Annotation.from_dict(text, row) == pipe(text)
    leftovers = {path.name for path in tmp_path.iterdir()} - {*names, "notes"}
    assert leftovers == set()


def test_annotate_reads_standard_input_and_tables(ner_folder, tmp_path) -> None:
    result = run("annotate", "-", "-c", ner_folder, stdin=NOTE.encode())
    assert json.loads(result.stdout)["coverage"]["characters"] == len(NOTE)
    (tmp_path / "t.csv").write_text('KEY,NOTE\n7,"chest pain,\nfever"\n')
    run(
        "annotate",
        tmp_path / "t.csv",
        "-c",
        ner_folder,
        "--text-column",
        "NOTE",
        "--id-column",
        "KEY",
        "-o",
        tmp_path / "o.jsonl",
    )
    assert [row["id"] for row in rows(tmp_path / "o.jsonl")] == ["7"]


def test_annotate_shows_entities(notes, ner_folder) -> None:
    output = run("annotate", notes / "0.txt", "-c", ner_folder, "--show").stdout
    assert f"{len(NOTE):,} characters" in output


@pytest.mark.parametrize("task", ["embedding", "fill-mask"])
def test_annotate_other_tasks(task, mlm_folder, tmp_path) -> None:
    (tmp_path / "a.txt").write_text("the patient has [MASK] pain")
    run("annotate", tmp_path / "a.txt", "-c", mlm_folder, "-t", task, "-o", tmp_path / "o.jsonl", "--show")
    (row,) = rows(tmp_path / "o.jsonl")
    assert ("embedding" in row) == (task == "embedding")


def test_outputs_never_take_the_place_of_anything_else(notes, ner_folder, mlm_folder, tmp_path) -> None:
    def refused(*arguments: object) -> str:
        return run("annotate", notes, "-c", ner_folder, "--overwrite", *arguments, code=1).output

    assert "holds other files than BRAT annotations, or inputs" in refused("-o", notes)
    assert "cannot write to '.'" in refused("-o", ".")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine.py").write_text("keep")
    assert "holds other files than BRAT annotations" in refused("-o", tmp_path / "folder")
    table = tmp_path / "table.csv"
    table.write_text("text\nchest pain\n")
    same = run("annotate", table, "-c", ner_folder, "-o", table, "--overwrite", code=1)
    assert "is one of the inputs" in same.output
    assert table.read_text() == "text\nchest pain\n"
    assert len(list(notes.iterdir())) == 4


def test_outputs_that_cannot_hold_what_a_task_gives(mlm_folder, notes, tmp_path) -> None:
    result = run("annotate", notes, "-c", mlm_folder, "-t", "embedding", "-o", tmp_path / "o.csv", code=1)
    assert "embedding gives vectors, which CSV cannot hold; write .jsonl or .parquet" in result.output


def test_journal_is_private_and_bound_to_its_outputs(notes, ner_folder, tmp_path, monkeypatch) -> None:
    out = tmp_path / "out.jsonl"
    monkeypatch.setattr("nlpie_models.batch.write_whole", _full)
    run("annotate", notes, "-c", ner_folder, "-o", out, code=1)
    journal = tmp_path / "out.jsonl.partial"
    assert journal.stat().st_mode & 0o777 == 0o600
    (tmp_path / "other.html").write_text("keep")
    both = ["-o", out, "-o", tmp_path / "other.html"]
    assert "made with other settings" in run("annotate", notes, "-c", ner_folder, *both, "--resume", code=1).output
    assert (tmp_path / "other.html").read_text() == "keep"


def test_control_characters_do_not_reach_the_terminal() -> None:
    from nlpie_models.cli.annotate import _printable

    assert _printable("chest\x1b[2J\n\tpain") == "chest\ufffd[2J pain"


@pytest.mark.parametrize("option", ["name=x", "task=ner", "device=cpu", "window=32", "nonsense=1"])
def test_options_are_those_of_the_task(notes, ner_folder, option) -> None:
    result = run("annotate", notes, "-c", ner_folder, "-O", option, code=1)
    assert f"Unknown ner option {option.partition('=')[0]!r}" in result.output
    assert "Known: assertion, unit." in result.output


def test_unknown_device(ner_folder, notes) -> None:
    result = run("annotate", notes, "-c", ner_folder, "--device", "nonsense", code=1)
    assert "cannot run on device 'nonsense'" in result.output


def test_failures_are_isolated_and_reported(notes, ner_folder, tmp_path) -> None:
    (notes / "1.txt").write_bytes(b"caf\xe9")
    result = run("annotate", notes, "-c", ner_folder, "-o", tmp_path / "out.jsonl", code=1)
    assert "3 texts annotated, 1 failed" in result.output
    assert "1.txt: not UTF-8 at byte 3" in result.output
    assert [Path(row["id"]).name for row in rows(tmp_path / "out.jsonl")] == ["0.txt", "2.txt", "3.txt"]


def test_long_text_as_an_error_is_isolated(notes, ner_folder, tmp_path) -> None:
    result = run("annotate", notes, "-c", ner_folder, "--on-long", "error", "-o", tmp_path / "out.jsonl", code=1)
    assert "3.txt: the text has" in result.output
    assert [Path(row["id"]).name for row in rows(tmp_path / "out.jsonl")] == ["0.txt", "1.txt", "2.txt"]


def test_outputs_are_not_overwritten_unasked(notes, ner_folder, tmp_path) -> None:
    out = tmp_path / "out.jsonl"
    run("annotate", notes, "-c", ner_folder, "-o", out)
    first = out.read_bytes()
    assert "exists already; add --overwrite" in run("annotate", notes, "-c", ner_folder, "-o", out, code=1).output
    assert "nothing to do" in run("annotate", notes, "-c", ner_folder, "-o", out, "--resume").output
    run("annotate", notes, "-c", ner_folder, "-o", out, "--overwrite")
    assert out.read_bytes() == first


def test_unfinished_run_must_be_resumed_or_overwritten(notes, ner_folder, mlm_folder, tmp_path) -> None:
    out = tmp_path / "out.jsonl"
    run("annotate", notes, "-c", ner_folder, "-o", out)
    whole = out.read_bytes()
    journal = out.with_name("out.jsonl.partial")
    settings = {**load_clinical(ner_folder).settings, **asdict(Columns()), "outputs": [str(out)]}
    journal.write_text(json.dumps(settings, sort_keys=True) + "\n" + '{"id": "cut in the mid')
    out.unlink()
    assert "add --resume to go on or --overwrite" in run("annotate", notes, "-c", ner_folder, "-o", out, code=1).output
    other = run("annotate", notes, "-c", ner_folder, "-o", out, "--resume", "--on-long", "truncate", code=1)
    assert "was made with other settings" in other.output
    run("annotate", notes, "-c", ner_folder, "-o", out, "--resume")
    assert out.read_bytes() == whole
    assert not journal.exists()


def test_killed_and_resumed_gives_the_same_file(ner_folder, tmp_path) -> None:
    texts = [{"id": str(number % 40), "text": NOTE * (1 + number % 7)} for number in range(300)]
    source = tmp_path / "notes.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in texts))
    run("annotate", source, "-c", ner_folder, "-o", tmp_path / "whole.jsonl")

    out, journal = tmp_path / "out.jsonl", tmp_path / "out.jsonl.partial"
    command = [sys.executable, "-m", "nlpie_models", "annotate", source, "-c", ner_folder, "-o", out, "--resume"]
    kills = 0
    for _ in range(2):
        size = journal.stat().st_size if journal.exists() else 0
        process = subprocess.Popen(
            list(map(str, command)), stderr=subprocess.DEVNULL, env=os.environ | {"HF_HUB_OFFLINE": "1"}
        )
        while process.poll() is None and not (journal.exists() and journal.stat().st_size > size + 1000):
            time.sleep(0.001)
        time.sleep(random.random() * 0.02)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
    assert kills
    run("annotate", source, "-c", ner_folder, "-o", out, "--resume")
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_failed_write_leaves_the_journal_and_nothing_half_written(notes, ner_folder, tmp_path, monkeypatch) -> None:
    out = tmp_path / "out.html"

    monkeypatch.setitem(sys.modules["nlpie_models.batch"].EXPORTS, ".html", _full)
    result = run("annotate", notes, "-c", ner_folder, "-o", out, code=1)
    assert "No space left on device" in result.output
    assert not out.exists()
    monkeypatch.undo()
    assert "4 had been done before" in run("annotate", notes, "-c", ner_folder, "-o", out, "--resume").output
    assert out.exists()


def test_convert(tmp_path) -> None:
    source = Path(__file__).parent.parent / "reference" / "minialbert" / "masked_lm_adapters"
    assert "wrote" in run("convert", source, tmp_path / "new").output
    assert "exists already" in run("convert", source, tmp_path / "new", code=1).output


def test_evaluate_files_the_subword_protocol_by_itself(ner_folder, tmp_path) -> None:
    data, results = tmp_path / "tiny", tmp_path / "results"
    data.mkdir()
    (data / "test.jsonl").write_text(
        json.dumps({"text": NOTE, "entities": [{"start": 16, "end": 26, "label": "problem"}]})
    )
    options = ["--data", data, "--split", "test", "--results", results, "--name", "tiny", "--protocol"]
    run("evaluate", ner_folder, *options, "subword")
    written = json.loads((results / "tiny" / "tiny.subword.json").read_text())
    assert written["protocol"] == "subword"
    assert written["runs"][0]["command"].endswith("--protocol subword --split test")
    assert [path.name for path in (results / "tiny").iterdir()] == ["tiny.subword.json"]
    assert "Unknown protocol" in run("evaluate", ner_folder, *options, "pieces", code=1).output
    assert (
        "a suite has its budgets" in run("evaluate", ner_folder, *options, "subword", "--suite", "open", code=2).output
    )


def test_evaluate_writes_results_and_table(ner_folder, tmp_path, monkeypatch) -> None:
    data, results, readme = tmp_path / "tiny", tmp_path / "results", tmp_path / "README.md"
    data.mkdir()
    row = {"id": "1", "text": NOTE, "entities": [{"start": 16, "end": 26, "label": "problem"}]}
    (data / "test.jsonl").write_text(json.dumps(row))
    end = "<!-- end of results -->"
    readme.write_text(f"before\n<!-- results: ner -->\nold\n{end}\nafter\n<!-- results: tasks -->\n{end}\n")
    run("evaluate", ner_folder, "--data", data, "--split", "test", "--results", results, "--name", "tiny")
    run("evaluate", ner_folder, "--data", data, "--split", "test", "--results", results, "--name", "tiny")
    [written] = json.loads((results / "tiny" / "tiny.own-head.json").read_text())["runs"]
    assert written["scores"]["labels"]["problem"]["gold"] == 1
    assert len(written["data_sha256"]["test"]) == 64
    assert written["command"] == "nlpie evaluate tiny -t ner --data DATA/tiny --split test"
    assert "is stale" in run("evaluate", "--report", readme, "--results", results, "--check", code=1).output
    assert "old" in readme.read_text()
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", _full)
        assert "No space left" in run("evaluate", "--report", readme, "--results", results, code=1).output
    assert "old" in readme.read_text()
    run("evaluate", "--report", readme, "--results", results)
    assert "| tiny | tiny | test | 0." in readme.read_text()
    assert "up to date" in run("evaluate", "--report", readme, "--results", results, "--check").output
