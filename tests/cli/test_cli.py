"""The command line as users run it."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from nlpie_models.cli import main

NOTE = "The patient has chest pain and fever. Was given aspirin for the pain.\n"


def run(*arguments: object, code: int = 0, stdin: bytes | None = None):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin)
    assert result.exit_code == code, result.output
    return result


def _full(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def test_list_and_show() -> None:
    output = run("list").output
    assert "distil-65m" in output
    where = {line.split()[0]: re.split(r"  +", line)[-1] for line in output.splitlines()}
    assert (where["open-notes"], where["open-base"]) == ("here, default", "here")
    assert (where["clinical-distilbert"], where["bio-minialbert-128"]) == ("download", "download, unpinned")
    assert {row["name"] for row in json.loads(run("list", "--json", "--task", "ner").output)} == {
        "clinical-distilbert-i2b2-2010",
        "clinical-mobilebert-i2b2-2010",
        "open-notes",
    }
    assert "where  download\n" in run("show", "mobile-25m").output
    assert "pin  pinned by commit; their hash is not known" in run("show", "mobile-25m").output
    assert json.loads(run("show", "open-notes", "--json").output)["default"]
    assert "4 GPUs  accelerate launch --multi_gpu --num_processes 4" in run("show", "distil-clinicalbert").output


WITH_EXAMPLES = [
    [],
    ["annotate"],
    ["benchmark", "efficiency"],
    ["demo"],
    ["data", "prepare"],
    ["evaluate"],
    ["compare"],
    ["report"],
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


def test_convert(tmp_path) -> None:
    source = Path(__file__).parent.parent / "reference" / "minialbert" / "masked_lm_adapters"
    assert "wrote" in run("convert", source, tmp_path / "new").output
    assert "exists already" in run("convert", source, tmp_path / "new", code=1).output
