"""Tables for a terminal: colours take no room, and no row means no line."""

import click

from nlpie_models.cli.tables import align


def test_columns_are_aligned_to_either_side_and_colours_take_no_room() -> None:
    lines = align([("", "rows"), (click.style("train", bold=True), "1,000"), ("test", "7")], right={1})
    assert [click.unstyle(line) for line in lines] == ["        rows", "train  1,000", "test       7"]
    assert align([("a", "b"), ("long", "")]) == ["a     b", "long"]


def test_no_rows() -> None:
    assert align([]) == []
