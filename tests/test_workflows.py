"""The GitHub workflows: no logic in YAML, no action that can change under us, no right that is not needed."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
STEPS = [
    (path.name, job, step)
    for path in WORKFLOWS
    for job, content in yaml.safe_load(path.read_text())["jobs"].items()
    for step in content["steps"]
]
RUNS = sorted({step["run"] for _, _, step in STEPS if "run" in step})


def test_all_are_seen() -> None:
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "release.yml"]
    assert len(STEPS) > 10


@pytest.mark.parametrize("line", RUNS)
def test_a_step_is_one_line_that_the_makefile_knows(line) -> None:
    words = re.fullmatch(r"make ([a-z-]+)( CONSTRAINTS=)?", line)
    assert words
    dry = subprocess.run([*line.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True)
    assert dry.returncode == 0, dry.stderr
    assert ".venv/bin/" in dry.stdout
    assert ("--constraint" in dry.stdout) == (words[2] is None) or "pip" not in dry.stdout


def test_actions_are_pinned_by_commit() -> None:
    used = [step["uses"] for _, _, step in STEPS if "uses" in step]
    assert used
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", each) for each in used)


def test_rights_are_the_least() -> None:
    for path in WORKFLOWS:
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] == {}
        for job in workflow["jobs"].values():
            assert job["permissions"].pop("contents") == "read"
            assert job["permissions"] == ({"id-token": "write"} if "environment" in job else {})


def test_a_release_is_guarded_and_takes_no_input_as_code() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
    [job] = workflow["jobs"].values()
    assert job["environment"] == "hub"
    assert [step["run"] for step in job["steps"] if "run" in step] == ["make release-check", "make release-push"]
    assert not any("${{" in line for line in RUNS)
    assert "secrets." not in (ROOT / ".github" / "workflows" / "release.yml").read_text()
