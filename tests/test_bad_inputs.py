"""The table of bad inputs in README.md beside this file: each raises a one-line error that says what to do."""

import json
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from transformers import BertModel

from nlpie_models import NlpieError, load_clinical
from nlpie_models.cli import main
from nlpie_models.loading import find
from nlpie_models.loading.local import LocalCheckpoint
from nlpie_models.loading.models import load_model
from nlpie_models.registry import get_checkpoint
from nlpie_models.util.files import sha256_of


@pytest.fixture
def copy(ner_folder, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(ner_folder, folder)
    return folder


def refuse(*arguments, match: str, **options) -> None:
    """Check the error of load_clinical, and that the command line shows the same in one line."""
    with pytest.raises(NlpieError, match=match) as caught:
        load_clinical(*arguments, **options)
    name, task = (*arguments, "ner")[:2]
    result = CliRunner().invoke(main, ["annotate", __file__, "-c", str(name), "-t", task])
    assert result.exit_code == 1
    assert result.stderr == f"Error: {caught.value}\n"


def change_json(path, **values) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_wrong_folder(tmp_path) -> None:
    refuse(tmp_path, match=r"is not a checkpoint folder: it has no config.json\. Pass a folder written by")
    refuse(tmp_path / "absent", match=r"there is no folder '.*absent'; check the path")
    refuse(str(tmp_path / "absent"), match=r"there is no folder '.*absent'; check the path")
    refuse("my models/ner", match=r"my models/ner is not on this machine and could not be downloaded \(Repo id must")


def test_a_path_is_a_folder_and_a_name_is_the_zoo_s(copy, monkeypatch) -> None:
    named = copy.rename(copy.with_name("open-notes"))
    monkeypatch.chdir(named.parent)
    assert load_clinical(Path("open-notes"), "ner", device="cpu").checkpoint.folder == Path("open-notes")
    assert load_clinical("./open-notes", "ner", device="cpu").checkpoint.row is None
    with pytest.warns(
        UserWarning, match=r"'open-notes' is taken for the checkpoint of the zoo; the folder is './open-notes'"
    ):
        assert load_clinical("open-notes", "ner", device="cpu").checkpoint.row
    with pytest.raises(NlpieError, match="is a folder, which has no revision v1; leave it out"):
        load_clinical("./open-notes", "ner", revision="v1")


def test_figures_of_what_the_hub_s_cache_has_go_under_the_repository(copy, tmp_path) -> None:
    snapshot = tmp_path / "models--org--my-model" / "snapshots" / ("a" * 40)
    assert LocalCheckpoint(shutil.copytree(copy, snapshot)).short_name == "my-model"
    assert LocalCheckpoint(copy).short_name == "copy"


def test_config_that_is_not_json(copy) -> None:
    (copy / "config.json").write_text("{")
    refuse(copy, match=r"cannot read .*config.json.*Copy or download the checkpoint again")
    (copy / "config.json").write_text("[]")
    refuse(copy, match="does not hold a JSON object")
    (copy / "config.json").write_text('{"model_type": "nonsense", "architectures": ["XForTokenClassification"]}')
    refuse(copy, match="model_type 'nonsense', which has no AutoModel")


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"max_position_embeddings": "512"}, "config.json: max_position_embeddings: expected .* int, got '512'"),
        ({"window_tokens": None}, "config.json: window_tokens: expected a value of type int, got None"),
        ({"id2label": ["O", "B-problem"]}, "config.json: id2label: expected a table, got"),
        ({"id2label": {"O": "0"}}, "config.json: id2label: expected labels by number, from 0, got O"),
        ({"id2label": {"1": "O", "2": "B-x"}}, "config.json: id2label: expected labels by number, from 0, got 1, 2"),
        ({"id2label": {"0": 0}}, "config.json: id2label.0: expected a value of type str, got 0"),
        ({"num_labels": "3", "id2label": None}, "config.json: num_labels: expected a value of type int, got '3'"),
        ({"task_options": {"ner": "sentence"}}, "config.json: task_options.ner: expected a table, got 'sentence'"),
        ({"architectures": 5}, "config.json: architectures: expected a list, got 5"),
        ({"base": {}}, "config.json: base.name: missing, and it is required"),
        ({"hidden_size": "32"}, "config.json is not usable: .*'hidden_size' expected int, got str"),
    ],
)
def test_config_with_values_of_another_type(copy, values, match) -> None:
    change_json(copy / "config.json", **values)
    refuse(copy, match=match)


def test_corrupt_safetensors(copy) -> None:
    (copy / "model.safetensors").write_bytes(struct.pack("<Q", 8) + b"\xff" * 100)
    refuse(copy, match=r"cannot load the weights in .*copy or download the checkpoint again")


def test_huge_header_length(copy) -> None:
    (copy / "model.safetensors").write_bytes(struct.pack("<Q", 10**10) + b"{}")
    refuse(copy, match=r"says that its header has 10,000,000,000 bytes.*copy or download the checkpoint again")


def test_truncated_weights(copy) -> None:
    content = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(content[: len(content) // 2])
    refuse(copy, match=r"cannot load the weights in .*may be truncated or damaged")


def test_no_weights(copy) -> None:
    (copy / "model.safetensors").unlink()
    refuse(copy, match=r"has no weights: expected model.safetensors or pytorch_model.bin")


def test_encoder_with_tensors_left_over(bert_config, tokenizer, tmp_path) -> None:
    BertModel(bert_config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    load_clinical(tmp_path, "embedding")
    change_json(tmp_path / "config.json", num_hidden_layers=1)
    refuse(tmp_path, "embedding", match="do not fit BertModel: unexpected encoder.layer.1")


def test_revision_of_a_bundled_checkpoint() -> None:
    with pytest.raises(NlpieError, match="open-notes comes with this package and has no revisions; got 'v2'"):
        load_clinical("open-notes", revision="v2")


def test_pinned_file_is_the_one_that_is_loaded(copy) -> None:
    (copy / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(NlpieError, match="cannot load the weights"):
        load_model(LocalCheckpoint(copy, None, "pytorch_model.bin"), "AutoModelForTokenClassification")
    load_model(LocalCheckpoint(copy, None, "model.safetensors"), "AutoModelForTokenClassification")
    assert LocalCheckpoint(copy, None, "pytorch_model.bin").weights.name == "pytorch_model.bin"


def test_half_downloaded_snapshot_is_not_taken_for_a_whole_one(tmp_path, monkeypatch) -> None:
    snapshot = tmp_path / "models--someone--else" / "snapshots" / ("c" * 40)
    snapshot.mkdir(parents=True)
    (snapshot.parent.parent / "refs").mkdir()
    (snapshot.parent.parent / "refs" / "main").write_text("c" * 40)
    (snapshot / "tokenizer.json").write_text("{}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    refuse("someone/else", match="could not be downloaded")


def test_no_tokenizer(copy) -> None:
    (copy / "tokenizer.json").unlink()
    refuse(copy, match=r"has no tokenizer: expected tokenizer.json or vocab.txt")


def test_damaged_tokenizer(copy) -> None:
    (copy / "tokenizer.json").write_text("{")
    refuse(copy, match=r"cannot load the tokenizer in .*Copy or download the checkpoint again")


def test_tokenizer_of_another_model(copy) -> None:
    weights = load_file(copy / "model.safetensors")
    name = "bert.embeddings.word_embeddings.weight"
    weights[name] = weights[name][:50].clone()
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    change_json(copy / "config.json", vocab_size=50)
    refuse(copy, match=r"the tokenizer has \d+ pieces and the model only 50")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda weights: weights.pop("classifier.weight"), "missing classifier.weight"),
        (lambda weights: weights.update(extra=weights["classifier.bias"].clone()), "unexpected extra"),
        (
            lambda weights: weights.update({"classifier.weight": weights["classifier.weight"][:3].clone()}),
            "misshapen classifier.weight",
        ),
    ],
)
def test_tensors_that_do_not_fit(copy, change, match) -> None:
    weights = load_file(copy / "model.safetensors")
    change(weights)
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    refuse(copy, match=rf"do not fit BertForTokenClassification: {match}")


def test_wrong_head(mlm_folder) -> None:
    refuse(
        mlm_folder, "ner", match=r"has no ner head \(it serves: embedding, fill-mask\). Checkpoints that serve ner: "
    )
    refuse("tiny-clinicalbert", "ner", match="tiny-clinicalbert has no ner head.*clinical-distilbert-i2b2-2010")


def test_unknown_name() -> None:
    refuse("distil-66m", match=r"Unknown checkpoint 'distil-66m'. Did you mean 'distil-65m'\?")


def test_planned_checkpoint(monkeypatch) -> None:
    row = replace(get_checkpoint("open-base"), name="open-next", status="planned", weights=None)
    monkeypatch.setattr(find, "get_checkpoint", lambda name: row)
    refuse("open-next", "embedding", match=r"open-next has no weights yet \(status: planned\). Use open-notes")


def test_no_network(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for name, repository in [("distil-65m", "nlpie/clinical-distilbert-i2b2-2010"), ("someone/else", "someone/else")]:
        refuse(
            name,
            match=f"{repository} is not on this machine and could not be downloaded.*run `hf download {repository}`",
        )


def test_pinned_hash_that_does_not_match(copy, monkeypatch) -> None:
    from dataclasses import replace

    row = get_checkpoint("open-notes")
    other = replace(row, weights=replace(row.weights, sha256="0" * 64))
    monkeypatch.setattr(find, "BUNDLED_FOLDER", copy.parent)
    monkeypatch.setattr(find, "get_checkpoint", lambda _: other)
    copy.rename(copy.parent / "open-notes")
    refuse("open-notes", match="is not the pinned file: expected SHA-256 0000")


def test_hash_is_sha256(tmp_path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert sha256_of(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("note.txt", b"caf\xe9 pain", "not UTF-8 at byte 3; convert the file, for example with `iconv -t utf-8`"),
        ("note.pdf", b"%PDF", "unknown format '.pdf'; known: .txt, .jsonl, .csv, .parquet"),
        ("note.jsonl", b"{", "not a JSON line"),
    ],
)
def test_files_that_cannot_be_read(ner_folder, tmp_path, name, content, match) -> None:
    (tmp_path / name).write_bytes(content)
    result = CliRunner().invoke(main, ["annotate", str(tmp_path / name), "-c", str(ner_folder)])
    assert result.exit_code == 1
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("failed")]
    assert name in line
    assert match in line


def test_unreadable_file(ner_folder, tmp_path, monkeypatch) -> None:
    path = tmp_path / "note.txt"
    path.write_text("fever")

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refused)
    from nlpie_models.data.files import Failure
    from nlpie_models.data.texts import read_documents

    assert list(read_documents([path])) == [Failure(str(path), "cannot be read: Permission denied")]


def test_empty_file_is_an_empty_note(ner_folder, tmp_path) -> None:
    (tmp_path / "empty.txt").write_bytes(b"")
    result = CliRunner().invoke(main, ["annotate", str(tmp_path / "empty.txt"), "-c", str(ner_folder)])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["entities"] == []


def test_nothing_to_read(ner_folder, tmp_path) -> None:
    result = CliRunner().invoke(main, ["annotate", str(tmp_path / "*.txt"), "-c", str(ner_folder)])
    assert result.exit_code == 1
    assert "nothing to read at" in result.stderr
