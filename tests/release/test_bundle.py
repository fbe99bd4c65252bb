"""Bundles: what arrives is what was sent, or nothing is installed; and it works without a network."""

import hashlib
import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from nlpie_models import load_clinical
from nlpie_models.cli import main
from nlpie_models.errors import CheckpointError, MissingHead, NlpieError
from nlpie_models.loading.find import find_installed
from nlpie_models.release.bundle import install_bundle, make_bundle, verify_bundle

ROOT = Path(__file__).parents[2]
CARDS = ROOT / "model_cards"
TEXT = "the patient has chest pain"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("NLPIE_MODELS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def source(ner_folder, tmp_path):
    folder = tmp_path / "carried"
    shutil.copytree(ner_folder, folder)
    return folder


@pytest.fixture
def tar(source, tmp_path):
    make_bundle(str(source), "ner", tmp_path / "carried.tar", cards=CARDS)
    return tmp_path / "carried.tar"


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def write(path: Path, contents: dict[str, bytes], *more: tarfile.TarInfo) -> None:
    with tarfile.open(path, "w") as tar:
        for name, data in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
        for entry in more:
            tar.addfile(entry)


def test_what_is_installed_annotates_as_what_was_bundled(source, tar, home) -> None:
    expected = load_clinical(source, "ner")(TEXT)
    shutil.rmtree(source)
    bundle, [folder] = install_bundle(tar)
    assert (bundle.name, bundle.task, folder) == ("carried", "ner", home / "carried")
    assert load_clinical("carried", "ner")(TEXT) == expected
    assert [path.name for path in home.iterdir()] == ["carried"]
    with pytest.raises(NlpieError, match="exists already; add --overwrite"):
        install_bundle(tar)
    install_bundle(tar, overwrite=True)


def test_an_installed_file_that_changes_later_is_refused(tar, home) -> None:
    install_bundle(tar)
    path = home / "carried" / "tokenizer.json"
    path.write_text(path.read_text() + " ")
    with pytest.raises(CheckpointError, match=r"tokenizer.json is not the file that SHA256SUMS names"):
        load_clinical("carried", "ner")


def test_the_manifest_is_what_sha256sum_reads_and_the_tar_the_same_every_time(source, tar, tmp_path) -> None:
    content = members(tar)
    sums = dict(reversed(line.split("  ")) for line in content["SHA256SUMS"].decode().splitlines())
    assert next(iter(content)) == "SHA256SUMS"
    assert sums == {n: hashlib.sha256(d).hexdigest() for n, d in content.items() if n != "SHA256SUMS"}
    assert {"checkpoints/carried/model.safetensors", "wheels.txt", "README.md"} <= content.keys()
    assert b"torch==" in content["wheels.txt"]
    make_bundle(str(source), "ner", tmp_path / "again.tar", cards=CARDS)
    assert (tmp_path / "again.tar").read_bytes() == tar.read_bytes()


def test_wheels_are_carried_with_their_hashes(source, tmp_path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with pytest.raises(NlpieError, match="holds no wheels; fill it with `pip download nlpie-models"):
        make_bundle(str(source), "ner", tmp_path / "x.tar", wheels=wheels, cards=CARDS)
    (wheels / "some_package-1.2-py3-none-any.whl").write_bytes(b"wheel")
    make_bundle(str(source), "ner", tmp_path / "x.tar", wheels=wheels, cards=CARDS)
    content = members(tmp_path / "x.tar")
    sha256 = hashlib.sha256(b"wheel").hexdigest()
    assert content["wheels.txt"].decode() == f"some-package==1.2 --hash=sha256:{sha256}\n"
    assert content["wheels/some_package-1.2-py3-none-any.whl"] == b"wheel"


def test_a_changed_byte_anywhere_is_refused(tar, home) -> None:
    whole = tar.read_bytes()
    with tarfile.open(tar) as opened:
        places = [member.offset_data for member in opened if member.size]
    for place in places:
        tar.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        for read in (verify_bundle, install_bundle):
            with pytest.raises(CheckpointError, match=r"has changed since it was made|is no whole bundle"):
                read(tar)
    assert list(home.iterdir()) == []
    tar.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="Copy it again"):
        verify_bundle(tar)


@pytest.mark.parametrize("name", ["../evil", "/evil", "checkpoints/../../evil"])
def test_a_member_that_leads_out_is_refused(tar, home, name) -> None:
    content = members(tar)
    data = b"evil"
    line = f"{hashlib.sha256(data).hexdigest()}  {name}\n".encode()
    write(tar, content | {"SHA256SUMS": content["SHA256SUMS"] + line, name: data})
    with pytest.raises(CheckpointError, match=r"is no plain file, leads out of the bundle"):
        install_bundle(tar)
    assert not list(home.parent.rglob("evil"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_a_member_that_is_no_plain_file_is_refused(tar, home, kind) -> None:
    entry = tarfile.TarInfo("checkpoints/carried/link")
    entry.type, entry.linkname = kind, "/etc/passwd"
    write(tar, members(tar), entry)
    with pytest.raises(CheckpointError, match="is no plain file"):
        install_bundle(tar)


def test_a_record_that_names_a_place_outside_is_refused(tar, home) -> None:
    content = members(tar)
    old = content["bundle.json"]
    content["bundle.json"] = json.dumps(json.loads(old) | {"checkpoints": ["../../evil"]}).encode()
    sums = (
        content["SHA256SUMS"]
        .decode()
        .replace(hashlib.sha256(old).hexdigest(), hashlib.sha256(content["bundle.json"]).hexdigest())
    )
    write(tar, content | {"SHA256SUMS": sums.encode()})
    with pytest.raises(CheckpointError, match=r"names a checkpoint '../../evil' that is not in it"):
        install_bundle(tar)


def test_what_is_not_bundled(source, tmp_path) -> None:
    with pytest.raises(MissingHead):
        make_bundle(str(source), "nli", tmp_path / "x.tar", cards=CARDS)
    (source / "run.py").write_text("print()")
    with pytest.raises(NlpieError, match=r"run.py is code"):
        make_bundle(str(source), "ner", tmp_path / "x.tar", cards=CARDS)
    assert not (tmp_path / "x.tar").exists()


def test_an_adapter_of_the_bundled_checkpoint_is_carried_with_its_card(tmp_path, home) -> None:
    made = make_bundle("open-notes-cancer", "classification", tmp_path / "x.tar", cards=CARDS)
    assert made.checkpoints == ("open-notes-cancer",)
    content = members(tmp_path / "x.tar")
    card = (CARDS / "open-notes-cancer.md").read_bytes()
    assert content["checkpoints/open-notes-cancer/README.md"] == card


def test_names_that_nothing_is_installed_under(home) -> None:
    (home / "org" / "name").mkdir(parents=True)
    assert find_installed("org/name") == home / "org" / "name"
    assert [find_installed(name) for name in ("../home", "/org", "org/../org", "a/b/c", "")] == [None] * 5


def test_the_command_with_and_without_the_word_make(source, tmp_path, home) -> None:
    for number, words in enumerate(([], ["make"])):
        output = tmp_path / f"{number}.tar"
        result = CliRunner().invoke(main, ["bundle", *words, str(source), "--task", "ner", "-o", str(output)])
        assert result.exit_code == 0, result.output
    assert "whole; carried for ner" in CliRunner().invoke(main, ["bundle", "verify", str(output)]).output
    result = CliRunner().invoke(main, ["bundle", "install", str(output)])
    assert 'load_clinical("carried", task="ner")' in result.output
    assert CliRunner().invoke(main, ["bundle", "--help"]).exit_code == 0
