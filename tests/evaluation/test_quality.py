"""The figure of quality, speed and size: what is in it, and when it is stale."""

import re
import sys

import pytest
from click.testing import CliRunner
from measured import file_cost, file_runs, make_run

from nlpie_models.cli import main
from nlpie_models.errors import NlpieError
from nlpie_models.evaluation.figures import draw_quality, is_current, size_points, speed_points
from nlpie_models.evaluation.report import render_tables

LINE = 9  # points: the size of the letters


def file_score(folder, name: str, dataset: str, score: float, protocol: str = "standard") -> None:
    file_runs(folder, name, dataset, make_run(scores={"f1": score}), protocol=protocol)


def file_speed(folder, name: str, speed: float) -> None:
    file_cost(folder, name, encoder_parameters=8_000_000, weight_bytes=8_000_000, stream_notes_per_second=speed)


@pytest.fixture
def folder(tmp_path):
    results = tmp_path / "results"
    for name, score in (("big", 0.8), ("small", 0.7), ("unmeasured", 0.6)):
        file_score(results, name, "one", score)
        file_score(results, name, "two", score - 0.2)
    file_score(results, "big", "bc2gm", 0.85, "subword")
    file_speed(results, "big", 2.0)
    file_speed(results, "small", 9.0)
    return results


def test_points_have_a_score_and_a_cost(folder) -> None:
    assert [(p.name, p.across, pytest.approx(p.score)) for p in speed_points(folder)] == [
        ("big", 2.0, 0.7),
        ("small", 9.0, 0.6),
    ]
    measured, *published = size_points(folder)
    assert (measured.name, measured.across, measured.score, measured.measured) == ("big", 8.0, 0.85, True)
    assert {point.name for point in published} >= {"distil-biobert"}
    assert not any(point.measured for point in published)


def test_a_checkpoint_that_lacks_a_set_is_left_out(folder) -> None:
    file_score(folder, "big", "three", 0.9)
    assert [point.name for point in speed_points(folder)] == ["big"]


def test_the_figure_names_them_and_knows_when_it_is_stale(folder, tmp_path) -> None:
    figure = tmp_path / "quality.svg"
    assert not is_current(figure, folder)
    draw_quality(folder, figure)
    drawn = figure.read_text()
    assert all(name in drawn for name in ("big", "small", "distil-biobert", "published, not measured here"))
    assert figure.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert is_current(figure, folder)
    file_score(folder, "big", "one", 0.81)
    assert not is_current(figure, folder)
    draw_quality(folder, tmp_path / "again.svg")
    assert is_current(tmp_path / "again.svg", folder)


def test_nothing_is_measured_yet(tmp_path) -> None:
    figure = tmp_path / "quality.svg"
    draw_quality(tmp_path / "nowhere", figure)
    assert "not measured yet" in figure.read_text()
    assert is_current(figure, tmp_path / "nowhere")
    page = render_tables("<!-- results: suite standard -->\n<!-- end of results -->\n", tmp_path / "nowhere")
    assert "No checkpoint has been measured with the budget `standard` yet." in page


def test_names_of_neighbours_lie_apart(folder, tmp_path) -> None:
    file_speed(folder, "small", 2.01)
    file_score(folder, "small", "one", 0.801)
    file_score(folder, "small", "two", 0.6)
    for name in ("one.svg", "two.svg"):
        draw_quality(folder, tmp_path / name)
    drawn = (tmp_path / "one.svg").read_text()
    assert drawn == (tmp_path / "two.svg").read_text()
    (big_x, big_y), (small_x, small_y) = (
        map(float, re.search(rf'x="([\d.]+)" y="([\d.]+)"[^>]*>{name}<', drawn).groups()) for name in ("big", "small")
    )
    assert abs(big_y - small_y) > LINE or abs(big_x - small_x) > 4 * LINE


def test_without_the_library_that_moves_names(folder, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "adjustText", None)
    with pytest.raises(NlpieError, match=r"pip install nlpie-models\[release\]"):
        draw_quality(folder, tmp_path / "quality.svg")
    assert not list(tmp_path.glob("quality.*"))


def test_a_report_draws_the_figure_that_it_shows(folder, tmp_path) -> None:
    readme, figure = tmp_path / "README.md", tmp_path / "quality.svg"
    arguments = ["report", str(readme), "--results", str(folder)]
    readme.write_text("<!-- results: suite standard -->\n<!-- end of results -->\n")
    assert CliRunner().invoke(main, arguments).exit_code == 0
    assert not figure.exists()
    readme.write_text(readme.read_text() + "![](quality.svg)\n")
    assert CliRunner().invoke(main, [*arguments, "--check"]).exit_code == 1
    assert CliRunner().invoke(main, arguments).exit_code == 0
    assert figure.exists()
    assert CliRunner().invoke(main, [*arguments, "--check"]).exit_code == 0
    assert "| big | 0.800 | 0.600 | 0.700 | 1 |" in readme.read_text()
