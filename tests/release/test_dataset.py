"""Data sets on a Hub, over real HTTP: what is published, what is left out, and a suite that reads from there."""

import gzip
import hashlib
import json
import random
import re
from contextlib import suppress

import pytest
import yaml
from click.testing import CliRunner
from hub_server import TOKEN, Fault
from huggingface_hub import HfApi

from nlpie_models.cli import main
from nlpie_models.data.corpora import CORPORA_FOLDER, list_bundled_data
from nlpie_models.errors import DataError, RegistryError, ReleaseError
from nlpie_models.evaluation import suites
from nlpie_models.evaluation.results import find_results
from nlpie_models.evaluation.suites import read_suite
from nlpie_models.release.card_metadata import find_metadata_faults
from nlpie_models.release.dataset import find_candidates, publish, read_known_sets, stage_sets
from nlpie_models.util.files import MANIFEST

REPO = "org/sets"
ADDRESS = f"datasets/{REPO}"
WRITES = {"create", "upload", "commit"}
LICENCES = """
[[sets]]
name = "kinds"
task = "classification"
licence = "MIT"
source = "somebody/kinds"
release = { licence = "mit", cite = "Somebody, Kinds, 2020", changes = "split at random" }

[[sets]]
name = "spans"
task = "ner"
licence = "CC BY-NC 4.0"
source = "somebody/spans"
"""
SUITE = f"""
summary = "tiny"
repo = "{REPO}"
[budgets.quick]
summary = "very quick"
examples = 24
window = 32
epochs = 1
learning_rates = [5e-3]
batch = 8
warmup = 0.0
[[sets]]
name = "kinds"
task = "classification"
[[sets]]
name = "spans"
task = "ner"
options = {{ unit = "sentence" }}
"""
WORDS = ["chest pain", "fever", "no aspirin"]


@pytest.fixture
def sets(tmp_path, monkeypatch):
    """A uniform folder: a set that may be passed on, one that may not, one of which nothing is known, and no set."""
    folder = tmp_path / "sets"
    rng = random.Random(0)
    for split, count in (("train", 40), ("validation", 12), ("test", 12), ("extra", 2)):
        texts = [rng.choice(WORDS) for _ in range(count)]
        rows = {
            "kinds": [{"text": text, "label": text.split()[-1]} for text in texts],
            "spans": [{"text": text, "entities": [{"start": 0, "end": len(text), "label": "x"}]} for text in texts],
            "notes": [{"text": text} for text in texts],
        }
        for name, lines in rows.items():
            (folder / name).mkdir(parents=True, exist_ok=True)
            data = "".join(json.dumps(line) + "\n" for line in lines).encode()
            (folder / name / f"{split}.jsonl.gz").write_bytes(gzip.compress(data, mtime=0))
    (folder / "kinds" / "LICENSE").write_text("MIT License")
    (folder / "empty").mkdir()
    (tmp_path / "licences.toml").write_text(LICENCES)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def suite(tmp_path, monkeypatch):
    """The suite `open`, of two tiny sets."""
    folder = tmp_path / "suites"
    folder.mkdir()
    (folder / "open.toml").write_text(SUITE)
    monkeypatch.setattr(suites, "FOLDER", folder)
    read_suite.cache_clear()
    yield folder / "open.toml"
    read_suite.cache_clear()


def nlpie(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exit_code == code, result.output
    return result.output


def publish_by_command(sets, *options: str, code: int = 0) -> str:
    licences = sets.parent / "licences.toml"
    return nlpie("data", "publish", sets, "--repo", REPO, "--licences", licences, *options, code=code)


def candidates(sets):
    return find_candidates(sets, read_known_sets(sets.parent / "licences.toml"))


def push(hub, sets, **options):
    return publish(candidates(sets), REPO, api=HfApi(endpoint=hub.address, token=TOKEN), **options)


def published(hub) -> dict[str, bytes]:
    return {name: data for name, data in hub.repos[ADDRESS].main.items() if name != ".gitattributes"}


def is_whole(files: dict[str, bytes]) -> bool:
    sums = dict(reversed(line.split("  ")) for line in files.get(MANIFEST, b"").decode().splitlines())
    found = {name: hashlib.sha256(data).hexdigest() for name, data in files.items() if name != MANIFEST}
    return bool(sums) and sums == found


def test_without_yes_the_command_says_what_is_left_out_and_why(hub, sets) -> None:
    printed = publish_by_command(sets)
    assert re.search(r"kinds +publish +MIT, 66 rows", printed)
    assert re.search(r"spans +left out +licence: CC BY-NC 4.0", printed)
    assert re.search(r"notes +left out +no licence is declared for it", printed)
    assert "empty" not in printed
    assert f"{REPO}: would be created" in printed
    assert "+ kinds/train.jsonl.gz" in printed
    assert "Nothing was pushed; add --yes." in printed
    assert not hub.repos


def test_a_push_is_one_commit_and_a_second_one_nothing(hub, sets) -> None:
    assert f"{REPO}: pushed, " in publish_by_command(sets, "--yes")
    files = published(hub)
    names = {f"kinds/{split}.jsonl.gz" for split in ("train", "validation", "test", "extra")}
    assert set(files) == {*names, "kinds/LICENSE", "README.md", MANIFEST}
    assert all(files[name] == (sets / name).read_bytes() for name in names)
    assert is_whole(files)
    assert hub.calls.count("commit") == 1
    hub.calls.clear()
    commit = hub.repos[ADDRESS].refs["refs/heads/main"]
    assert f"{REPO}: nothing, {commit}" in publish_by_command(sets, "--yes")
    assert "it has these very files already" in publish_by_command(sets)
    assert not WRITES & set(hub.calls)


def test_the_card_is_what_load_dataset_and_the_hub_read(sets, tmp_path, monkeypatch) -> None:
    from datasets import load_dataset

    with stage_sets(candidates(sets), REPO) as folder:
        card = (folder / "README.md").read_text()
        loaded = load_dataset(str(folder), "kinds", cache_dir=str(tmp_path / "arrow"))
    metadata = yaml.safe_load(card.split("---\n")[1])
    assert (metadata["license"], metadata["task_categories"]) == (["mit"], ["text-classification"])
    assert {split: len(rows) for split, rows in loaded.items()} == {
        "train": 40,
        "validation": 12,
        "test": 12,
        "extra": 2,
    }
    assert list(loaded) == ["train", "validation", "test", "extra"]
    assert set(loaded["train"].column_names) == {"text", "label"}
    assert "| kinds | classification | train 40, validation 12, test 12, extra 2 | MIT | [somebody/kinds]" in card
    assert "Somebody, Kinds, 2020. Changes here: split at random." in card
    assert "spans" not in card


def test_what_was_published_before_and_may_not_be_is_removed(hub, sets) -> None:
    hub.seed(ADDRESS, {"spans/train.jsonl.gz": b"old", "README.md": b"---\nlicense: mit\n---\n"})
    assert "- spans/train.jsonl.gz" in publish_by_command(sets)
    push(hub, sets)
    assert is_whole(published(hub))


@pytest.mark.parametrize(
    "call", ["info", "tree", "yaml", "preupload", "batch", "upload", "verify", "commit", "resolve"]
)
def test_a_call_that_fails(hub, sets, call) -> None:
    old = {"kinds/train.jsonl.gz": b"old rows", "README.md": b"---\nlicense: mit\n---\n"}
    hub.seed(ADDRESS, old)
    hub.fault = Fault(call, times=float("inf"))
    with pytest.raises(ReleaseError, match=r"run the same command again"):
        push(hub, sets)
    assert published(hub) == old
    hub.fault = Fault(call)
    with suppress(ReleaseError):
        push(hub, sets)
    assert published(hub) == old or is_whole(published(hub))
    push(hub, sets)
    assert is_whole(published(hub))


def test_a_pull_request_leaves_main_alone(hub, sets) -> None:
    hub.seed(ADDRESS, {"README.md": b"---\nlicense: mit\n---\n"})
    pushed = push(hub, sets, pull_request=True)
    assert (pushed.outcome, pushed.url) == ("pull request", f"{hub.address}/{ADDRESS}/discussions/1")
    assert push(hub, sets, pull_request=True) == pushed
    assert set(published(hub)) == {"README.md"}
    hub.merge(ADDRESS, 1)
    assert push(hub, sets).outcome == "nothing"


def test_without_a_token(hub, sets, monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "none"))
    assert f"set HF_OIDC_RESOURCE to {ADDRESS}" in publish_by_command(sets, "--yes", code=1)
    assert not hub.repos


def test_folders_that_are_not_published(hub, sets, tmp_path) -> None:
    with gzip.open(sets / "kinds" / "test.jsonl.gz", "at") as file:
        file.write("[]\n")
    with pytest.raises(DataError, match=r"test.jsonl.gz:13: expected a JSON object"):
        candidates(sets)
    (sets / "kinds" / "test.jsonl.gz").unlink()
    (tmp_path / "elsewhere.gz").write_bytes(gzip.compress(b"{}\n"))
    (sets / "kinds" / "test.jsonl.gz").symlink_to(tmp_path / "elsewhere.gz")
    with pytest.raises(ReleaseError, match=r"is not published: test.jsonl.gz is a link that leads out"):
        candidates(sets)
    (sets / "kinds" / "test.jsonl.gz").unlink()
    (tmp_path / "licences.toml").write_text("sets = []")
    assert "no set here may be published" in publish_by_command(sets, "--yes", code=1)
    (tmp_path / "licences.toml").write_text(LICENCES.replace('"spans"', '"kinds"'))
    with pytest.raises(RegistryError, match="a set is named twice"):
        candidates(sets)
    (tmp_path / "licences.toml").write_text(LICENCES.replace('licence = "mit"', 'licence = "as you like"'))
    assert "license: expected an identifier of the Hub" in publish_by_command(sets, code=1)
    assert not hub.repos


def pin(suite, revision: str) -> None:
    """Let the suite name a revision of its repository."""
    suite.write_text(SUITE.replace(f'repo = "{REPO}"', f'repo = "{REPO}"\nrevision = "{revision}"'))
    read_suite.cache_clear()


def test_the_suite_open_reads_from_the_hub_in_a_fresh_cache(
    hub, sets, suite, ner_folder, tmp_path, monkeypatch
) -> None:
    commit = push(hub, sets).commit
    hub.calls.clear()

    def evaluate(name: str, *options: object, code: int = 0) -> str:
        asked = ["evaluate", ner_folder, "--suite", "open", "--seed", 1, "--results", tmp_path / name]
        return nlpie(*asked, *options, code=code)

    printed = evaluate("hub")
    assert f"left out, as {REPO} has no spans; --data reads a folder" in printed
    assert "ner kinds quick seed 1: macro_f1" in printed
    assert not WRITES & set(hub.calls)
    evaluate("folder", "--data", sets, "--set", "kinds")
    [ours], [theirs] = (list(find_results(tmp_path / name)) for name in ("hub", "folder"))
    for key in ("scores", "data_sha256", "key"):
        assert getattr(ours.runs[0], key) == getattr(theirs.runs[0], key)
    assert f"{REPO} has none of spans; give --data" in evaluate("none", "--set", "spans", code=1)

    hub.calls.clear()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "ner kinds quick seed 1" in evaluate("given", "--revision", commit, "--set", "kinds")
    pin(suite, commit)
    assert "ner kinds quick seed 1" in evaluate("pinned", "--set", "kinds")
    assert not hub.calls


def test_sets_that_cannot_be_had_from_the_hub(hub, sets, suite, ner_folder, tmp_path, monkeypatch) -> None:
    def evaluate(*options: object) -> str:
        return nlpie("evaluate", ner_folder, "--suite", "open", "--results", tmp_path / "results", *options, code=1)

    assert f"run `hf download {REPO} --repo-type dataset`; without one, give --data" in evaluate()
    hub.seed(ADDRESS, {"kinds/train.jsonl.gz": b""})
    assert f"{REPO} has no {MANIFEST}" in evaluate()
    push(hub, sets)
    [blob] = {hub.repos[ADDRESS].main["kinds/test.jsonl.gz"]}
    hub.repos[ADDRESS].main["kinds/test.jsonl.gz"] = blob[:-1] + b"x"
    assert "test.jsonl.gz is not the file that SHA256SUMS names" in evaluate()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "other"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    hub.calls.clear()
    pin(suite, "v1")
    assert "could not be downloaded" in (printed := evaluate())
    assert "`hf download org/sets --repo-type dataset --revision v1`" in printed
    assert "--revision v2`" in evaluate("--revision", "v2")
    assert not hub.calls
    refused = nlpie("evaluate", ner_folder, "--data", sets / "kinds", "--revision", "v1", code=2)
    assert "--revision is for --suite without --data" in refused
    suite.write_text(SUITE.replace(f'repo = "{REPO}"', ""))
    read_suite.cache_clear()
    assert "the sets of this suite are not on the Hub; give --data" in evaluate()


def test_the_data_in_the_package_can_be_published(hub, monkeypatch, tmp_path) -> None:
    from datasets import load_dataset

    printed = nlpie("data", "publish", CORPORA_FOLDER, "--repo", REPO)
    assert re.search(r"clinical_nli +publish +CC BY 4.0; .*, 7,185 rows", printed)
    assert re.search(r"clinical_notes +publish +CC BY 4.0; .*, 993 rows", printed)
    assert "+ clinical_notes/GUIDELINES.md" in printed
    assert "+ clinical_nli/LICENCE.md" in printed
    with stage_sets(find_candidates(CORPORA_FOLDER, read_known_sets()), REPO) as folder:
        card = (folder / "README.md").read_text()
        notes = load_dataset(str(folder), "clinical_notes", cache_dir=str(tmp_path / "arrow"))
    assert {split: len(rows) for split, rows in notes.items()} == {
        "train": 820,
        "validation": 59,
        "test": 70,
        "test_synthetic": 44,
    }
    assert {"start", "end", "label", "assertion"} == set(notes["test"][0]["entities"][0])
    assert card.count("**No clinician") == 2
    assert "## How clinical_notes was annotated\n\nWhole notes" in card
    assert "| clinical_nli | nli | train 5,919, validation 426, test 840 | CC BY 4.0; its premises" in card
    assert "| this project |" in card
    assert yaml.safe_load(card.split("---\n")[1])["task_categories"] == ["text-classification", "token-classification"]


def test_the_sets_that_the_package_knows() -> None:
    known = read_known_sets()
    assert {used.folder for used in read_suite("open").sets} <= set(known)
    assert {row.name for row in known.values() if row.source is None} == set(list_bundled_data())
    assert read_suite("open").repo
    assert len(known) > 20
    for row in known.values():
        terms = "not stated|NC|the copy|elsewhere|another|SA"
        assert (row.release is None) == bool(re.search(terms, row.licence)), row
        if row.release:
            assert not list(find_metadata_faults({"license": row.release.licence}, needed=("license",)))
