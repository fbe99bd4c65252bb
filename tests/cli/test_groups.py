"""The table of commands, and the help that is made from it."""

import warnings

import click
import pytest
from click.testing import CliRunner, Result

from nlpie_models.cli import SECTIONS, main
from nlpie_models.cli.groups import CommandTable, FriendlyCommand, FriendlyGroup
from nlpie_models.errors import NlpieError

ROWS = [(name, summary) for commands in SECTIONS.values() for name, (_, summary) in commands.items()]


@pytest.mark.parametrize(("name", "summary"), ROWS, ids=[name for name, _ in ROWS])
def test_each_row_is_a_command_of_its_name(name, summary) -> None:
    command = main.get_command(click.Context(main), name)
    assert command.name == name
    assert command.help
    assert len(summary) < 66  # one line of a terminal


def test_the_help_has_sections_with_whole_summaries() -> None:
    lines = CliRunner().invoke(main, ["--help"]).output.splitlines()
    assert [line for line in ("Use:", "Make:", "Maintain:") if line in lines] == [f"{name}:" for name in SECTIONS]
    for name, summary in ROWS:
        assert any(line.split(maxsplit=1) == [name, summary] for line in lines)


def test_no_module_is_imported_for_the_table() -> None:
    table = CommandTable("nlpie", sections={"Use": {"gone": ("no_such_module:gone", "It is not there.")}})
    assert "gone  It is not there." in CliRunner().invoke(table, ["--help"]).output
    assert CliRunner().invoke(table, ["here"]).exit_code == 2


def test_a_group_shows_the_whole_first_line_of_each_command() -> None:
    group = FriendlyGroup("group")
    first = "Say something that goes on for so long that it would be cut at the end of a line of a terminal."
    group.add_command(click.Command("long", help=f"{first}\n\nMore."))
    said = " ".join(CliRunner().invoke(group, ["--help"]).output.split())
    assert f"long {first}" in said
    assert "More." not in said


def fail(error: Exception, cause: Exception | None = None) -> Result:
    """Run a command that fails."""

    def callback() -> None:
        raise error from cause

    return CliRunner().invoke(FriendlyCommand("fail", callback=callback))


@pytest.mark.parametrize("error", [NlpieError("wrong"), OSError("wrong")])
def test_an_error_that_the_user_can_mend_is_one_line(error) -> None:
    result = fail(error)
    assert (result.output, result.exit_code) == ("Error: wrong\n", 1)


def test_a_warning_to_the_user_is_one_line_and_others_stay() -> None:
    def callback() -> None:
        warnings.warn("2 of 3 spans", stacklevel=1)
        warnings.warn("old", FutureWarning, stacklevel=1)

    group = FriendlyGroup("group", commands=[FriendlyCommand("warn", callback=callback)])
    with warnings.catch_warnings(record=True) as others:
        warnings.simplefilter("always")
        result = CliRunner().invoke(group, ["warn"])
    assert (result.stderr, result.exit_code) == ("Warning: 2 of 3 spans\n", 0)
    assert [other.category for other in others] == [FutureWarning]


def test_a_broken_pipe_is_quiet() -> None:
    result = fail(BrokenPipeError(32, "Broken pipe"))
    assert (result.output, result.exit_code) == ("", 1)


def test_an_error_of_the_package_is_a_traceback() -> None:
    for error in (ValueError("wrong"), ModuleNotFoundError("wrong", name="nlpie_models.training.continual")):
        assert fail(error).exception is error


def test_a_command_whose_libraries_are_missing_says_what_to_install() -> None:
    missing = ModuleNotFoundError("No module named 'accelerate'", name="accelerate")
    message = (
        'Error: accelerate is not installed; run `pip install "nlpie-models[train]"` to train, [eval] to evaluate and '
        "[release] to publish\n"
    )
    assert fail(missing).output == message
    assert fail(ModuleNotFoundError("Could not import module 'Trainer'"), missing).output == message
