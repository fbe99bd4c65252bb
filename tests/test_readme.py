"""The front page: short, and everything that it prints is what the code prints."""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest
import yaml

from nlpie_models import __version__
from nlpie_models.evaluation.benchmarks import find_benchmark
from nlpie_models.evaluation.benchmarks.recorded import READ, WHOLE
from nlpie_models.evaluation.report import render_tables

ROOT = Path(__file__).parent.parent
SNIPPETS = re.findall(r"```python\n(.*?)```\n```text\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


@pytest.mark.parametrize(("name", "lines"), [("README.md", 200), ("recipes/README.md", 150)])
def test_a_page_is_short(name, lines) -> None:
    assert len((ROOT / name).read_text().splitlines()) <= lines


def test_snippets_are_seen() -> None:
    assert len(SNIPPETS) == 6


@pytest.mark.parametrize(("code", "expected"), SNIPPETS, ids=range(len(SNIPPETS)))
def test_a_snippet_prints_what_the_page_says(code, expected) -> None:
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    assert printed.getvalue() == expected


def test_the_tables_are_those_of_the_results() -> None:
    page = (ROOT / "README.md").read_text()
    assert render_tables(page, ROOT / "model_cards" / "results") == page


def test_the_score_of_the_published_model_is_that_of_its_recorded_output() -> None:
    [found] = find_benchmark(ROOT / "model_cards" / "results", "recorded")
    whole, read = (found.results[f"{found.settings['outputs'][0]}, {part}"]["f1"] for part in (WHOLE, READ))
    [row] = re.findall(
        r"^\| entities, of the paper \| `clinical-distilbert-i2b2-2010`.*$", (ROOT / "README.md").read_text(), re.M
    )
    assert f"strict F1 {read:.2f} on 17 notes as far as it read, {whole:.2f} on the whole notes" in row
    assert "guidelines differ" in row


def test_links_within_the_repository_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "recipes" / "README.md"]
    pages += [ROOT / "model_cards" / "README.md", *(ROOT / "model_cards" / "notes").glob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^):]+)\)", page.read_text())]
    assert len(links) > 10
    assert [(page.name, link) for page, link in links if not (page.parent / link).exists()] == []


def test_the_citation_is_of_this_version() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == __version__
