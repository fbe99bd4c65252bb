"""The GitHub workflows: no logic in YAML, no action that can change under us, no right that is not needed."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from nlpie_models.cli import main
from nlpie_models.registry import get_checkpoint, list_checkpoints
from nlpie_models.release import plan

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
STEPS = [
    (path.name, job, step)
    for path in WORKFLOWS
    for job, content in yaml.safe_load(path.read_text())["jobs"].items()
    for step in content["steps"]
]
RUNS = sorted({step["run"] for _, _, step in STEPS if "run" in step})


def test_all_are_seen() -> None:
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "evaluate.yml", "publish.yml", "release.yml"]
    assert len(STEPS) > 10


@pytest.mark.parametrize("line", RUNS)
def test_a_step_is_one_line_that_the_makefile_knows(line) -> None:
    words = re.fullmatch(r"make ([a-z-]+)( CONSTRAINTS=)?( ALL_SHAPES=1)?", line)
    assert words
    dry = subprocess.run([*line.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True)
    assert dry.returncode == 0, dry.stderr
    assert ".venv/bin/" in dry.stdout or ".ci/" in dry.stdout or line == "make check-tag"
    assert ("--constraint" in dry.stdout) == (words[2] is None) or "pip" not in dry.stdout


def test_actions_are_pinned_by_commit() -> None:
    used = [step["uses"] for _, _, step in STEPS if "uses" in step]
    assert used
    assert all(re.fullmatch(r"(actions/[a-z-]+|pypa/gh-action-pypi-publish)@[0-9a-f]{40}", action) for action in used)


READ = {"contents": "read"}
RIGHTS = {
    "release.yml: release": READ | {"id-token": "write"},
    "publish.yml: publish": {"id-token": "write"},
    "evaluate.yml: evaluate": {"contents": "write", "pull-requests": "write"},
}


def test_rights_are_the_least() -> None:
    for path in WORKFLOWS:
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] == {}
        for name, job in workflow["jobs"].items():
            assert job["permissions"] == RIGHTS.get(f"{path.name}: {name}", READ)


def test_only_the_step_that_proposes_results_sees_a_token() -> None:
    checkouts = [step for _, _, step in STEPS if "checkout" in step.get("uses", "")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)
    texts = [path.read_text() for path in WORKFLOWS]
    assert sum(text.count("github.token") + text.count("secrets.") for text in texts) == 1
    [step] = [step for _, _, step in STEPS if "github.token" in str(step.get("env"))]
    assert step["run"] == "make propose-results"
    assert "pull_request" not in yaml.safe_load((ROOT / ".github" / "workflows" / "evaluate.yml").read_text())[True]


def test_what_builds_the_package_cannot_publish_it_and_what_publishes_it_runs_no_code_of_ours() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "publish.yml").read_text())
    assert workflow[True] == {"push": {"tags": ["v*"]}}
    build, publish = workflow["jobs"].values()
    assert [step["run"] for step in build["steps"] if "run" in step] == ["make check-tag", "make wheel"]
    assert (publish["needs"], publish["environment"]) == ("build", "pypi")
    assert not any("run" in step or "checkout" in step["uses"] for step in publish["steps"])


@pytest.mark.parametrize(("tag", "fits"), [("v1.2.0", True), ("v1.2", False), ("1.2.0", True), ("v1x2.0", False)])
def test_a_tag_names_the_version(tmp_path, tag, fits) -> None:
    (tmp_path / "nlpie_models").mkdir()
    (tmp_path / "nlpie_models" / "_version.py").write_text('__version__ = "1.2.0"\n')
    shutil.copy(ROOT / "Makefile", tmp_path)
    environment = os.environ | {"GITHUB_REF_NAME": tag}
    done = subprocess.run(["make", "check-tag"], cwd=tmp_path, env=environment, capture_output=True)
    assert (done.returncode == 0) is fits


def test_a_release_is_guarded_and_takes_no_input_as_code() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
    [job] = workflow["jobs"].values()
    assert job["environment"] == "hub"
    assert [step["run"] for step in job["steps"] if "run" in step] == ["make release-check", "make release-push"]
    assert not any("${{" in line for line in RUNS)
    assert "secrets." not in (ROOT / ".github" / "workflows" / "release.yml").read_text()


STUB = """#!/bin/sh
echo "${0##*/} $*" >> "$LOG"
case "$*" in
    "release changed"*) echo '["open-base"]' ;;
    *"--suite open") mkdir -p model_cards && echo "$CHECKPOINT $RESULT" > model_cards/results.json ;;
    "pr list"*) cat "$PULLS" ;;
    "pr create"*) echo '[{"number": 1}]' > "$PULLS" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path):
    """Return a function that runs a line of a workflow in a checkout where nlpie and gh only write down their call."""
    root, log = tmp_path / "checkout", tmp_path / "log"
    for name in ("Makefile", "pyproject.toml", "constraints.txt", ".ci/propose-results", ".gitignore"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    (root / "README.md").write_text("tables")
    (root / "model_cards").mkdir()
    (root / "model_cards" / "results.json").write_text("old")
    for path in (root / ".venv" / "bin" / "nlpie", tmp_path / "bin" / "gh", root / ".venv" / "bin" / "pip"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(STUB)
        path.chmod(0o755)
    (root / ".venv" / ".dev").touch()
    (tmp_path / "pulls").write_text("[]\n")
    variables = {"LOG": log, "PULLS": tmp_path / "pulls", "CHECKPOINT": "open-base", "SINCE": "v1", "RESULT": "0.7"}
    variables |= {"GITHUB_OUTPUT": tmp_path / "output", "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    variables |= {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}

    def run(*words: str, **changed: str) -> str:
        environment = os.environ | {name: str(value) for name, value in (variables | changed).items()}
        done = subprocess.run(words, cwd=root, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("git", "init", "--quiet", "--bare", "../remote")
    run("git", "init", "--quiet", "--initial-branch", "main")
    run("git", "remote", "add", "origin", "../remote")
    run("git", "add", ".")
    run("git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message", "first")
    run("git", "push", "--quiet", "origin", "main")
    run.log = lambda: log.read_text().splitlines()
    run.output = tmp_path / "output"
    return run


def test_the_matrix_goes_to_the_next_job(checkout) -> None:
    checkout("make", "changed")
    assert checkout.output.read_text() == 'checkpoints=["open-base"]\n'
    assert checkout.log() == ["nlpie release changed --since v1"]


def test_results_are_proposed_once_and_brought_up_to_date(checkout) -> None:
    for result in ("0.7", "0.8"):
        checkout("make", "evaluate", RESULT=result)
        checkout("make", "propose-results")
        proposed = checkout("git", "show", "origin/results/open-base:model_cards/results.json")
        assert proposed == f"open-base {result}\n"
    assert "there is nothing new" in checkout("make", "propose-results")
    assert checkout("git", "show", "origin/main:model_cards/results.json") == "old"
    calls = checkout.log()
    assert calls[:3] == [
        "nlpie evaluate open-base --suite open",
        "nlpie report",
        "nlpie card --all",
    ]
    assert sum(call.startswith("gh pr create --head results/open-base --base main") for call in calls) == 1


def test_changed_checkpoints_of_a_range_of_commits(checkout, tmp_path, monkeypatch) -> None:
    rows = [*list_checkpoints(), replace(get_checkpoint("open-base"), name="open-next", status="planned")]
    monkeypatch.setattr(plan, "list_checkpoints", lambda: rows)
    monkeypatch.chdir(tmp_path / "checkout")
    names = ["zoo/open-base/model.safetensors", "nlpie_models/checkpoints/tiny-clinicalbert.toml", "README.md"]
    names += ["nlpie_models/bundled/open-notes/config.json", "zoo/README.md", "model_cards/open-notes.md", "zoo/gone/a"]
    names += ["nlpie_models/checkpoints/open-next.toml", "nlpie_models/bundled/open-notes-cancer/adapter.safetensors"]
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("new")
    checkout("git", "add", "--force", ".")
    checkout("git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message", "second")
    command = ["release", "changed", "--since"]
    changed = json.loads(CliRunner().invoke(main, [*command, "HEAD^"]).output)
    assert changed == ["open-base", "open-notes", "tiny-clinicalbert"]
    assert json.loads(CliRunner().invoke(main, [*command, "HEAD"]).output) == []
    for wrong in ("nonsense", "--output=x"):
        result = CliRunner().invoke(main, [*command, wrong])
        assert result.exit_code == 1
        assert f"cannot compare {wrong!r} with this checkout" in result.output
