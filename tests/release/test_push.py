"""Pushes to a Hub over real HTTP: what main has after each fault, and what is said of it."""

import hashlib
import os
import re
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner
from hub_server import TOKEN, Fault, HubServer
from huggingface_hub import HfApi

from nlpie_models.cli import main
from nlpie_models.errors import ReleaseError
from nlpie_models.registry import Pin, read_checkpoint
from nlpie_models.release.cards import card_path, is_stale
from nlpie_models.release.checks import Finding
from nlpie_models.release.plan import Subject
from nlpie_models.release.push import TAG, push
from nlpie_models.release.smoke import Smoke
from nlpie_models.util.files import MANIFEST

ROOT = Path(__file__).parents[2]
CARDS = ROOT / "model_cards"
REPO = "org/tiny-ner"
CALLS = ("info", "tree", "refs", "yaml", "preupload", "batch", "upload", "verify", "commit", "resolve", "tag")
WRITES = {"create", "upload", "commit", "tag"}
ROW = """
name = "tiny-ner"
summary = "A test"
status = "planned"
licence = "mit"
heads = ["ner"]
labels = ["problem", "treatment", "test"]

[architecture]
model_type = "bert"
layers = 2
hidden = 32
embedding = 32
heads = 2
feed_forward = 48
vocabulary = {vocabulary}
cased = false

[recipe]
kind = "finetuning"
data = "made-up sentences"
"""


@dataclass
class Case:
    """A checkpoint to release, the Hub, and what its main may have."""

    subject: Subject
    hub: HubServer
    registry: Path
    old: dict[str, bytes] | None = None
    api: HfApi = field(init=False)

    def __post_init__(self) -> None:
        self.api = HfApi(endpoint=self.hub.address, token=TOKEN)

    def push(self, **options):
        return push(self.subject, REPO, api=self.api, registry=self.registry, **options)

    @property
    def main(self) -> dict[str, bytes]:
        return {name: data for name, data in self.hub.repos[REPO].main.items() if name != ".gitattributes"}

    def is_whole(self, files: dict[str, bytes]) -> bool:
        """Whether files are a whole release: those that their manifest names, and no other."""
        sums = dict(reversed(line.split("  ")) for line in files.get(MANIFEST, b"").decode().splitlines())
        return bool(sums) and sums == {
            name: hashlib.sha256(data).hexdigest()
            for name, data in files.items()
            if name not in (MANIFEST, ".gitattributes")
        }

    def assert_never_half_written(self) -> None:
        repo = self.hub.repos[REPO]
        for commit in repo.history:
            files = {name: data for name, data in repo.commits[commit].items() if name != ".gitattributes"}
            assert files in ({}, self.old or {}) or self.is_whole(files)

    def assert_released(self) -> None:
        repo = self.hub.repos[REPO]
        row = read_checkpoint(self.registry / "tiny-ner.toml")
        assert self.is_whole(self.main)
        assert self.main["model.safetensors"] == (self.subject.folder / "model.safetensors").read_bytes()
        assert repo.refs[f"refs/tags/{TAG}"] == repo.refs["refs/heads/main"] == row.weights.revision
        assert (row.hub_id, row.status, row.pin) == (REPO, "published", Pin.FULL)
        assert self.main["README.md"].decode() == card_path(row, self.subject.cards).read_text()
        assert not is_stale(row, self.subject.cards)
        self.assert_never_half_written()


def fake_smoke(folder, tasks) -> Smoke:
    """Stand in for a fresh process: what the weights would say is their hash."""
    weights = (folder / "model.safetensors").read_bytes()
    return Smoke({"ner": hashlib.sha256(weights).hexdigest()}, "AutoModelForTokenClassification", (), True)


@pytest.fixture
def case(hub, ner_folder, tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr("nlpie_models.release.push.run_checks", lambda subject: (Finding("all", "ok", ""),))
    monkeypatch.setattr("nlpie_models.release.push.try_folder", fake_smoke)
    monkeypatch.setattr("nlpie_models.release.plan.try_folder", fake_smoke)
    folder, registry, cards = tmp_path / "tiny-ner", tmp_path / "registry", tmp_path / "cards"
    shutil.copytree(ner_folder, folder)
    registry.mkdir()
    (registry / "tiny-ner.toml").write_text(ROW.format(vocabulary=len(tokenizer)))
    cards.mkdir()
    for name in ("template.md", "texts.toml"):
        shutil.copy(CARDS / name, cards)
    return Case(Subject(folder, read_checkpoint(registry / "tiny-ner.toml"), cards), hub, registry)


@pytest.fixture
def second(case):
    """The same, where the Hub has an older form of the checkpoint."""
    case.old = {"pytorch_model.bin": b"old weights", "config.json": b"{}", "README.md": b"---\nlicense: mit\n---\n"}
    case.hub.seed(REPO, case.old)
    return case


def test_a_first_push_makes_the_repository_and_a_second_one_nothing(case) -> None:
    pushed = case.push()
    assert pushed.outcome == "pushed"
    case.assert_released()
    assert case.hub.calls.count("commit") == 1
    case.hub.calls.clear()
    again = case.push()
    assert (again.outcome, again.commit) == ("nothing", pushed.commit)
    assert not WRITES & set(case.hub.calls)


def test_what_only_the_hub_has_is_removed_in_the_same_commit(second) -> None:
    second.push()
    second.assert_released()
    assert "pytorch_model.bin" not in second.main
    assert second.hub.calls.count("commit") == 1


@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_fails_once(second, call) -> None:
    second.hub.fault = Fault(call)
    with suppress(ReleaseError):
        second.push()
    assert second.hub.fault.times == 0
    assert second.main == second.old or second.is_whole(second.main)
    second.push()
    second.assert_released()


@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_always_fails(second, call) -> None:
    second.hub.fault = Fault(call, times=float("inf"))
    with pytest.raises(ReleaseError, match=r"run the same command again") as caught:
        second.push()
    if call == "tag":
        assert "main has the whole release, and no tag" in str(caught.value)
        assert second.is_whole(second.main)
    else:
        assert re.search(r"Nothing was changed|main is as it was|main has its old files again", str(caught.value))
        assert second.main == second.old
    assert read_checkpoint(second.registry / "tiny-ner.toml").pin is Pin.NONE
    second.assert_never_half_written()
    second.hub.fault = None
    second.push()
    second.assert_released()


@pytest.mark.parametrize("call", ["commit", "tag"])
def test_an_answer_that_is_lost(second, call) -> None:
    second.hub.fault = Fault(call, after=True)
    with pytest.raises(ReleaseError, match=r"run the same command again"):
        second.push()
    assert second.is_whole(second.main)
    assert second.push().outcome == "finished"
    second.assert_released()


def test_a_repository_that_cannot_be_made(case) -> None:
    case.hub.fault = Fault("create", times=float("inf"), status=403)
    with pytest.raises(ReleaseError, match=r"could not create org/tiny-ner.*check that the token may write there"):
        case.push()
    case.hub.fault = None
    case.push()
    case.assert_released()


@pytest.mark.parametrize("call", ["create", "upload", "commit", "resolve", "tag"])
def test_a_process_that_is_killed(case, call) -> None:
    child = os.fork()
    if child == 0:
        time.sleep(0.2)
        case.push()
        os._exit(0)
    case.hub.before[call] = partial(os.kill, child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    if REPO in case.hub.repos:
        case.assert_never_half_written()
    case.push()
    case.assert_released()


def test_somebody_elses_commit_in_between_is_kept(second) -> None:
    theirs = {**second.old, "theirs.txt": b"new"}
    second.hub.before["commit"] = lambda: second.hub.seed(REPO, theirs)
    with pytest.raises(ReleaseError, match=r"could not push to org/tiny-ner: .*main is as it was"):
        second.push()
    assert second.main["theirs.txt"] == b"new"
    second.old = theirs
    second.hub.repos[REPO].history.pop(0)
    second.push()
    second.assert_released()


def test_other_bytes_than_were_pushed_are_taken_back(second) -> None:
    def spoil(files: dict[str, bytes]) -> None:
        files["model.safetensors"] = files["model.safetensors"][:-1] + b"x"

    second.hub.after_commit = spoil
    with pytest.raises(ReleaseError, match=r"other bytes than were pushed: model.safetensors.*its old files again"):
        second.push()
    assert second.main == second.old
    assert f"refs/tags/{TAG}" not in second.hub.repos[REPO].refs


def test_what_cannot_be_taken_back_is_said(second) -> None:
    def spoil(files: dict[str, bytes]) -> None:
        second.hub.fault = Fault("resolve", times=float("inf"))
        second.hub.before["preupload"] = lambda: setattr(second.hub, "fault", Fault("preupload", times=float("inf")))

    second.hub.after_commit = spoil
    with pytest.raises(ReleaseError, match=r"could not take it back: .*main has the whole new release, unproven"):
        second.push()
    assert second.is_whole(second.main)


def test_a_pull_request_leaves_main_alone_until_it_is_merged(second) -> None:
    pushed = second.push(pull_request=True)
    assert (pushed.outcome, pushed.url) == ("pull request", f"{second.hub.address}/{REPO}/discussions/1")
    assert second.main == second.old
    assert second.push(pull_request=True) == pushed
    assert second.hub.calls.count("commit") == 1
    assert read_checkpoint(second.registry / "tiny-ner.toml").pin is Pin.NONE
    second.hub.merge(REPO, 1)
    assert second.push().outcome == "finished"
    second.assert_released()


def test_a_tag_of_another_release_is_not_moved(second) -> None:
    second.api.create_tag(REPO, tag=TAG)
    with pytest.raises(ReleaseError, match=rf"has the tag {TAG} already, .*Nothing was changed; raise the version"):
        second.push()
    assert second.main == second.old
    second.push(tag="v9")
    assert second.hub.repos[REPO].refs["refs/tags/v9"] == second.hub.repos[REPO].refs["refs/heads/main"]


def test_without_a_token_or_with_a_wrong_one(second, monkeypatch, tmp_path) -> None:
    for name in ("HF_TOKEN", "HF_OIDC_RESOURCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "none"))
    second.api = HfApi(endpoint=second.hub.address)
    with pytest.raises(ReleaseError, match=r"there is no token: run `hf auth.* HF_OIDC_RESOURCE to org/tiny-ner"):
        second.push()
    second.api = HfApi(endpoint=second.hub.address, token="hf_wrong")
    with pytest.raises(ReleaseError, match="could not push to org/tiny-ner") as caught:
        second.push()
    assert "hf_wrong" not in str(caught.value)
    assert second.main == second.old


def test_keyless_from_github_actions(second, monkeypatch) -> None:
    monkeypatch.setattr("huggingface_hub.utils._auth._OIDC_TOKEN_CACHE", None)
    for name, value in {
        "GITHUB_ACTIONS": "true",
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{second.hub.address}/id-token",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "runner",
        "HF_OIDC_RESOURCE": REPO,
    }.items():
        monkeypatch.setenv(name, value)
    second.api = HfApi(endpoint=second.hub.address)
    second.push()
    second.assert_released()
    assert second.hub.calls.count("exchange") == 1


def test_an_unfit_checkpoint_is_not_pushed(second, monkeypatch) -> None:
    failed = Finding("numbers", "FAIL", "no results")
    monkeypatch.setattr("nlpie_models.release.push.run_checks", lambda subject: (failed,))
    with pytest.raises(ReleaseError, match="not fit to be released: numbers: no results"):
        second.push()
    assert second.hub.calls == []


def test_without_yes_the_command_shows_the_difference_and_changes_nothing(second, monkeypatch) -> None:
    monkeypatch.setattr("nlpie_models.release.plan.find_subject", lambda name, cards: second.subject)
    monkeypatch.setattr("nlpie_models.release.checks.run_checks", lambda subject: (Finding("all", "ok", "fine"),))
    before = dict(second.hub.repos[REPO].refs)
    result = CliRunner().invoke(main, ["release", "push", "tiny-ner", "--repo", REPO])
    assert result.exit_code == 0, result.output
    assert all(line in result.output for line in ("  + model.safetensors", "  ~ config.json", "  - pytorch_model.bin"))
    assert "Nothing was pushed; add --yes." in result.output
    assert second.hub.repos[REPO].refs == before
    assert not WRITES & set(second.hub.calls)
