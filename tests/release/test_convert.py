"""Conversion of published checkpoints, and export of trained ones."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer

from nlpie_models import load_clinical
from nlpie_models.architectures.minialbert import MiniAlbertForTokenClassification
from nlpie_models.errors import CheckpointError, NlpieError
from nlpie_models.loading.sentence_transformers import read_embedding_options, write_embedding_options
from nlpie_models.registry import get_checkpoint
from nlpie_models.release.checks import Finding, run_checks
from nlpie_models.release.convert import convert_checkpoint, export_checkpoint
from nlpie_models.release.plan import Subject
from nlpie_models.release.smoke import Smoke

CARDS = Path(__file__).parents[2] / "model_cards"
PUBLISHED = Path(__file__).parents[1] / "reference" / "minialbert"


@pytest.fixture
def published(tokenizer, tmp_path):
    """A published token classifier: config says bert, pickle weights, and a tokenizer of its size."""
    folder = tmp_path / "published"
    shutil.copytree(PUBLISHED / "token_classification_adapters", folder)
    small = {piece: index for piece, index in tokenizer.get_vocab().items() if index < 120}
    ordered = sorted(small, key=small.get)
    (folder / "vocab.txt").write_text("\n".join(ordered) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True, "model_max_length": 64}))
    return folder


def test_published_form_loads_directly(published) -> None:
    pipe = load_clinical(published, device="cpu")
    assert isinstance(pipe.engine.model, MiniAlbertForTokenClassification)
    assert pipe("chest pain " * 200).coverage.windows > 3


def test_converted_form_is_what_transformers_loads(published, tmp_path) -> None:
    destination = tmp_path / "converted"
    convert_checkpoint(published, destination)
    names = {path.name for path in destination.iterdir()}
    assert "model.safetensors" in names
    assert not any(name.endswith(".bin") for name in names)
    assert json.loads((destination / "config.json").read_text())["model_type"] == "minialbert"
    assert type(AutoModel.from_pretrained(destination)).__name__ == "MiniAlbertModel"
    text = "the patient has chest pain"
    before, after = (load_clinical(folder, device="cpu") for folder in (published, destination))
    assert before(text * 30) == after(text * 30)
    assert AutoTokenizer.from_pretrained(destination).tokenize(text) == text.split()


def test_conversion_keeps_every_tensor_that_a_model_reads(tmp_path) -> None:
    source = PUBLISHED / "masked_lm_adapters"
    convert_checkpoint(source, tmp_path / "converted")
    old = torch.load(source / "pytorch_model.bin", weights_only=True)
    new = AutoModelForMaskedLM.from_pretrained(tmp_path / "converted").state_dict()
    dropped = set(old) - set(new)
    assert dropped == {
        "albert.albert.pooler.weight",
        "albert.albert.pooler.bias",
        "albert.albert.embeddings.position_ids",
    }
    assert all(torch.equal(old[name], tensor) for name, tensor in new.items())


def test_a_converted_minialbert_has_the_size_that_its_row_states(published, tmp_path, monkeypatch) -> None:
    smoke = Smoke({}, "AutoModelForTokenClassification", (), True)
    monkeypatch.setattr("nlpie_models.release.plan.try_folder", lambda folder, tasks: smoke)
    convert_checkpoint(published, tmp_path / "converted")
    stored = torch.load(published / "pytorch_model.bin", weights_only=True)
    sizes = {name: tensor.numel() for name, tensor in stored.items() if not name.endswith("position_ids")}
    row = get_checkpoint("clinical-minialbert-312")
    shape = replace(
        row.architecture,
        parameters=sum(size for name, size in sizes.items() if not name.startswith("classifier.")),
        unused_parameters=sum(size for name, size in sizes.items() if ".pooler." in name),
    )
    subject = Subject(tmp_path / "converted", replace(row, architecture=shape), CARDS)
    assert size_of(subject).outcome == "ok"
    all_used = replace(row, architecture=replace(shape, unused_parameters=0))
    assert size_of(replace(subject, row=all_used)).detail.endswith(f"and the row says {shape.parameters:,}")


def size_of(subject: Subject) -> Finding:
    """Return what the release check finds of the size."""
    return next(finding for finding in run_checks(subject) if finding.check == "size")


def test_conversion_never_destroys(tmp_path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "mine.txt").write_text("keep")
    with pytest.raises(NlpieError, match="exists already; add --overwrite"):
        convert_checkpoint(PUBLISHED / "masked_lm_adapters", target)
    broken = tmp_path / "broken"
    broken.mkdir()
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        convert_checkpoint(broken, target, overwrite=True)
    nameless = tmp_path / "nameless"
    shutil.copytree(PUBLISHED / "masked_lm_adapters", nameless)
    config = json.loads((nameless / "config.json").read_text())
    (nameless / "config.json").write_text(json.dumps(config | {"architectures": None, "model_type": "minialbert"}))
    with pytest.raises(CheckpointError, match=r"expected config.json to name the model"):
        convert_checkpoint(nameless, target, overwrite=True)
    assert (target / "mine.txt").read_text() == "keep"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_sentence_transformers_loads_a_converted_folder(ner_folder, tmp_path) -> None:
    convert_checkpoint(ner_folder, tmp_path / "plain")
    theirs = SentenceTransformer(str(tmp_path / "plain"), device="cpu", local_files_only=True)
    texts = ["the patient has chest pain", "no fever"]
    ours = load_clinical(tmp_path / "plain", "embedding", device="cpu")
    vectors = [annotation.embedding for annotation in ours(texts)]
    np.testing.assert_allclose(vectors, theirs.encode(texts), atol=1e-5)
    assert abs(np.linalg.norm(vectors[0]) - 1) > 0.01


@pytest.mark.parametrize("pooling", ["cls", "max", "mean"])
def test_a_sentence_transformers_folder_brings_its_pooling(ner_folder, tmp_path, pooling) -> None:
    folder = tmp_path / "model"
    convert_checkpoint(ner_folder, folder)
    write_embedding_options(folder, {"pooling": pooling, "normalize": True}, width=32, window=64)
    assert read_embedding_options(folder) == {"pooling": pooling, "normalize": True}
    convert_checkpoint(folder, tmp_path / "again")
    assert read_embedding_options(tmp_path / "again") == {"pooling": pooling, "normalize": True}
    vector = load_clinical(folder, "embedding", device="cpu")("the patient has chest pain").embedding
    theirs = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    np.testing.assert_allclose(vector, theirs.encode("the patient has chest pain"), atol=1e-5)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_a_pooling_that_is_not_known_is_refused(ner_folder, tmp_path) -> None:
    convert_checkpoint(ner_folder, tmp_path / "model")
    path = tmp_path / "model" / "1_Pooling" / "config.json"
    path.write_text(json.dumps({"pooling_mode_mean_sqrt_len_tokens": True}))
    with pytest.raises(CheckpointError, match=r"asks for another pooling; the embedding task knows .* cls, mean, max"):
        load_clinical(tmp_path / "model", "embedding")
    (tmp_path / "model" / "modules.json").write_text("[]")
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_clinical(tmp_path / "model", "embedding")


def test_sentences_have_vectors_of_their_own(ner_folder) -> None:
    pipe = load_clinical(ner_folder, "embedding", device="cpu", unit="sentence")
    text = "The patient has chest pain.\r\nNo fever. " + "fever " * 100
    annotation = pipe(text)
    pieces = [text[sentence.start : sentence.end] for sentence in annotation.sentences]
    assert pieces[:2] == ["The patient has chest pain.", "No fever."]
    assert len(pieces) == 3
    alone = load_clinical(ner_folder, "embedding", device="cpu")
    np.testing.assert_allclose(annotation.sentences[1].embedding, alone("No fever.").embedding, atol=1e-5)
    assert annotation.fields == ("embedding", "sentences")
    assert alone(text, normalize=True).embedding @ alone(text, normalize=True).embedding == pytest.approx(1, abs=1e-5)


def test_an_exported_checkpoint_is_half_as_large_and_is_computed_in_full_precision(ner_folder, tmp_path) -> None:
    source = tmp_path / "source"
    shutil.copytree(ner_folder, source)
    (source / "onnx").mkdir()
    (source / "onnx" / "logits.onnx").write_bytes(b"a graph that is there already")
    exported = export_checkpoint(source, tmp_path / "half")
    assert (tmp_path / "half" / "onnx" / "logits.onnx").read_bytes() == b"a graph that is there already"
    weights = tmp_path / "half" / "model.safetensors"
    assert exported.megabytes == round(weights.stat().st_size / 1e6, 1)
    assert exported.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert weights.stat().st_size < 0.6 * (ner_folder / "model.safetensors").stat().st_size
    text = "the patient has chest pain"
    half, full = (load_clinical(folder, engine="torch") for folder in (tmp_path / "half", ner_folder))
    assert half.engine.model.dtype == torch.float32
    assert exported.parameters == sum(weight.numel() for weight in full.engine.model.base_model.parameters())
    assert [entity.label for entity in half(text).entities] == [entity.label for entity in full(text).entities]
    with pytest.raises(NlpieError, match="exists"):
        export_checkpoint(source, tmp_path / "half")
