"""``nlpie demo`` as users run it."""

import json
from pathlib import Path

from click.testing import CliRunner

from nlpie_models.cli import main
from nlpie_models.cli.demo import DEMOS
from nlpie_models.data.demo import DEMO_FOLDER, DEMO_NOTES


def run(*arguments: object) -> str:
    result = CliRunner().invoke(main, ["demo", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


def test_every_example_is_annotated_and_written(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        output = run("-o", "results")
    assert all(title in output for title, _, _ in DEMOS)
    assert "[negated]" in output
    written = {path.name for path in (tmp_path / "results").iterdir()}
    assert written == {name for _, _, names in DEMOS for name in names}
    rows = [json.loads(line) for line in (tmp_path / "results" / "notes.jsonl").read_text().splitlines()]
    assert [DEMO_FOLDER / row["id"] for row in rows] == sorted(DEMO_NOTES.glob("*.txt"))
    assert all(row["coverage"]["characters"] == len((DEMO_FOLDER / row["id"]).read_bytes().decode()) for row in rows)
    assert Path.cwd() == tmp_path


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = set(DEMO_FOLDER.rglob("*"))
    assert "lisinopril" in run()
    assert not list(tmp_path.iterdir())
    assert set(DEMO_FOLDER.rglob("*")) == before
