"""``nlpie annotate``: inputs, outputs, failures, and runs that are resumed."""

import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest
from click.testing import CliRunner

from nlpie_models import Annotation, load_clinical
from nlpie_models.cli import main
from nlpie_models.data.texts import Columns

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


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _full(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


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

    assert "holds files that are not BRAT annotations, or inputs" in refused("-o", notes)
    assert "cannot write to '.'" in refused("-o", ".")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine.py").write_text("keep")
    assert "holds files that are not BRAT annotations" in refused("-o", tmp_path / "folder")
    table = tmp_path / "table.csv"
    table.write_text("text\nchest pain\n")
    same = run("annotate", table, "-c", ner_folder, "-o", table, "--overwrite", code=1)
    assert "is one of the inputs" in same.output
    assert table.read_text() == "text\nchest pain\n"
    assert len(list(notes.iterdir())) == 4


def test_tables_that_annotate_wrote_are_no_notes(notes, ner_folder, tmp_path) -> None:
    outputs = [argument for name in ("a.csv", "a.jsonl", "a.parquet", "a.html") for argument in ("-o", notes / name)]
    for more in ([], ["--overwrite"]):
        assert "4 texts annotated, 0 failed" in run("annotate", notes, "-c", ner_folder, *outputs, *more).output
    assert "4 texts annotated, 0 failed" in run("annotate", notes, "-c", ner_folder).output
    (notes / "mine.csv").write_text("id,text\n1,fever\n")
    assert "5 texts annotated, 0 failed" in run("annotate", notes, "-c", ner_folder).output
    named = run("annotate", notes, "-c", ner_folder, "-o", notes / "mine.csv", "--overwrite", code=1)
    assert "mine.csv is one of the inputs" in named.output
    brat = run("annotate", notes, "-c", ner_folder, "-o", notes / "brat", code=1)
    assert "its texts would be notes to the next run" in brat.output


def test_a_link_is_written_through(notes, ner_folder, tmp_path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real.jsonl").write_text("old")
    links = {"brat": "real", "out.jsonl": "real.jsonl", "new.csv": "real.csv", "later": "absent"}
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    outputs = [argument for name in links for argument in ("-o", tmp_path / name)]
    run("annotate", notes / "0.txt", "-c", ner_folder, *outputs, "--overwrite")
    assert all((tmp_path / name).is_symlink() for name in links)
    assert len(list((tmp_path / "real").iterdir())) == len(list((tmp_path / "absent").iterdir())) == 2
    assert len(rows(tmp_path / "real.jsonl")) == 1
    assert (tmp_path / "real.csv").read_text().startswith("id,start")
    assert {path.name for path in tmp_path.iterdir()} == {*links, *links.values(), "notes"}


def test_standard_output_is_named_by_a_dash(notes, ner_folder, tmp_path) -> None:
    result = run("annotate", notes, "-c", ner_folder, "-o", "-", "-o", tmp_path / "o.jsonl")
    assert result.stdout == (tmp_path / "o.jsonl").read_text()
    assert run("annotate", notes, "-c", ner_folder, "-o", "-").stdout == run("annotate", notes, "-c", ner_folder).stdout


def test_what_cannot_be_followed_is_reported(notes, ner_folder, tmp_path) -> None:
    (notes / "gone").symlink_to(tmp_path / "unmounted")
    result = run("annotate", notes, "-c", ner_folder, "-o", tmp_path / "o.jsonl", code=1)
    assert "4 texts annotated, 1 failed" in result.output
    assert f"failed {notes / 'gone'}: cannot be read: No such file or directory" in result.output
    again = run("annotate", notes, "-c", ner_folder, "-o", tmp_path / "o.jsonl", "--resume", code=1)
    assert f"failed {notes / 'gone'}" in again.output


def test_outputs_that_cannot_hold_the_field_of_a_task(mlm_folder, notes, tmp_path) -> None:
    result = run("annotate", notes, "-c", mlm_folder, "-t", "embedding", "-o", tmp_path / "o.csv", code=1)
    assert "CSV cannot hold the vectors of embedding; write .jsonl or .parquet" in result.output


def test_journal_is_private_and_bound_to_its_outputs(notes, ner_folder, tmp_path, monkeypatch) -> None:
    out = tmp_path / "out.jsonl"
    monkeypatch.setattr("nlpie_models.annotating.files.write_whole", _full)
    run("annotate", notes, "-c", ner_folder, "-o", out, code=1)
    journal = tmp_path / "out.jsonl.partial"
    assert journal.stat().st_mode & 0o777 == 0o600
    (tmp_path / "other.html").write_text("keep")
    both = ["-o", out, "-o", tmp_path / "other.html"]
    assert "made with different settings" in run("annotate", notes, "-c", ner_folder, *both, "--resume", code=1).output
    assert (tmp_path / "other.html").read_text() == "keep"


@pytest.mark.parametrize("option", ["name=x", "task=ner", "device=cpu", "window=32", "nonsense=1"])
def test_options_are_those_of_the_task(notes, ner_folder, option) -> None:
    result = run("annotate", notes, "-c", ner_folder, "-O", option, code=1)
    assert f"Unknown ner option {option.partition('=')[0]!r}" in result.output
    assert "Known: assertion, score, unit." in result.output


def test_unknown_device(ner_folder, notes) -> None:
    result = run("annotate", notes, "-c", ner_folder, "--device", "nonsense", code=1)
    assert "cannot run on device 'nonsense'" in result.output


def test_unknown_engine(ner_folder, notes) -> None:
    assert "Unknown engine 'nope'" in run("annotate", notes, "-c", ner_folder, "--engine", "nope", code=1).output


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


@pytest.mark.parametrize("kept_time", [None, 0])
def test_a_finished_run_is_not_resumed_where_notes_are_newer(kept_time, notes, ner_folder, tmp_path) -> None:
    out = tmp_path / "out.csv"
    run("annotate", notes, "-c", ner_folder, "-o", out)
    first = out.read_bytes()
    time.sleep(0.02)
    (notes / "new.txt").write_text("fever")
    if kept_time is not None:  # as `cp -p` and rsync keep it
        os.utime(notes / "new.txt", (kept_time, kept_time))
    result = run("annotate", notes, "-c", ner_folder, "-o", out, "--resume", code=1)
    assert "out.csv is finished, and 1 of 5 inputs are newer, such as" in result.output
    assert "new.txt" in result.output
    assert "--overwrite" in result.output
    assert out.read_bytes() == first


def test_a_reader_that_stops_early_is_no_error(notes, ner_folder, monkeypatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("nlpie_models.documents.exports.tables.json_line", stop)
    assert run("annotate", notes, "-c", ner_folder, code=1).output == ""


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
    assert "was made with different settings" in other.output
    run("annotate", notes, "-c", ner_folder, "-o", out, "--resume")
    assert out.read_bytes() == whole
    assert not journal.exists()


def test_failed_write_leaves_the_journal_and_nothing_half_written(notes, ner_folder, tmp_path, monkeypatch) -> None:
    out = tmp_path / "out.html"

    monkeypatch.setitem(sys.modules["nlpie_models.annotating.files"].EXPORTS, ".html", _full)
    result = run("annotate", notes, "-c", ner_folder, "-o", out, code=1)
    assert "No space left on device" in result.output
    assert not out.exists()
    monkeypatch.undo()
    assert "4 had been done before" in run("annotate", notes, "-c", ner_folder, "-o", out, "--resume").output
    assert out.exists()
