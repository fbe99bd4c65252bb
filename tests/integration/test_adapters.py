"""Adapter checkpoints: small files that are joined with their base, and never with another one."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from conftest import save
from safetensors.torch import load_file, save_file

from nlpie_models import load_clinical
from nlpie_models.architectures.minialbert import MiniAlbertConfig, MiniAlbertModel
from nlpie_models.cli import main
from nlpie_models.cli.train import finetune_command
from nlpie_models.errors import CheckpointError
from nlpie_models.loading.adapters import load_whole, save_adapter
from nlpie_models.loading.local import LocalCheckpoint
from nlpie_models.loading.models import load_model, load_tokenizer

TEXTS = [("chest pain and fever", "malignant"), ("no aspirin was given", "other")]


@pytest.fixture(scope="module")
def base(tokenizer, tmp_path_factory) -> Path:
    """A tiny MiniALBERT encoder."""
    torch.manual_seed(0)
    config = MiniAlbertConfig(
        vocab_size=len(tokenizer), hidden_size=32, embedding_size=16, num_hidden_layers=3, num_attention_heads=2,
        intermediate_size=256, max_position_embeddings=64, use_adapter=True, reduction_factor=4,
    )  # fmt: skip
    return save(MiniAlbertModel(config), tokenizer, tmp_path_factory.mktemp("base") / "mini")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for split, count in (("train", 40), ("validation", 8)):
        rows = [{"text": TEXTS[i % 2][0], "label": TEXTS[i % 2][1]} for i in range(count)]
        (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def finetune(start: Path, data: Path, output: Path, *more: object):
    arguments = ["--task", "classification", "--start", start, "--data", data, "--output", output, "--window", 64]
    arguments += ["--epochs", 10, "--batch", 8, "--learning-rate", 3e-2, *more]
    return CliRunner().invoke(finetune_command, list(map(str, arguments)))


@pytest.fixture(scope="module")
def adapter(base, data, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("adapters") / "mini-classes"
    result = finetune(base, data, folder, "--tune", "adapters")
    assert result.exit_code == 0, result.output
    assert "macro_f1 1.0000 on validation" in result.output
    return folder


def test_stores_adapters_and_head_only(adapter, base) -> None:
    names = set(load_file(adapter / "adapter.safetensors"))
    assert any("att_adapters" in name for name in names)
    assert {"classifier.weight", "classifier.bias"} <= names
    assert not any("albert.albert" in name or "projector" in name for name in names)
    assert sorted(path.name for path in adapter.iterdir()) == ["adapter.safetensors", "config.json", "finetuning.json"]
    assert (adapter / "adapter.safetensors").stat().st_size < (base / "model.safetensors").stat().st_size / 2


def test_is_used_like_any_other_checkpoint(adapter, data) -> None:
    pipe = load_clinical(adapter, "classification", device="cpu")
    assert [pipe(text).label for text, _ in TEXTS] == [label for _, label in TEXTS]
    assert load_clinical(adapter, "embedding", device="cpu")("fever").embedding.shape == (32,)
    result = CliRunner().invoke(
        main, ["annotate", str(data / "validation.jsonl"), "-t", "classification", "-c", str(adapter)]
    )
    assert json.loads(result.stdout.splitlines()[0])["classification"]["label"] == "malignant"


def test_two_tasks_share_the_tensors_of_their_base(adapter, base, data, tmp_path) -> None:
    assert finetune(base, data, tmp_path / "second", "--tune", "adapters", "--seed", 5).exit_code == 0
    first, _ = load_whole(LocalCheckpoint(adapter), "AutoModelForSequenceClassification")
    second, _ = load_whole(LocalCheckpoint(tmp_path / "second"), "AutoModelForSequenceClassification")
    name = "albert.albert.embeddings.word_embeddings.weight"
    assert first.state_dict()[name].data_ptr() == second.state_dict()[name].data_ptr()
    assert not torch.equal(first.classifier.weight, second.classifier.weight)
    assert not any(parameter.is_meta for model in (first, second) for parameter in model.parameters())
    assert not any(buffer.is_meta for model in (first, second) for buffer in model.buffers())


def test_converted_it_is_a_whole_checkpoint_that_answers_the_same(adapter, tmp_path) -> None:
    result = CliRunner().invoke(main, ["convert", str(adapter), str(tmp_path / "whole")])
    assert result.exit_code == 0, result.output
    assert "base" not in json.loads((tmp_path / "whole" / "config.json").read_text())
    whole = load_clinical(tmp_path / "whole", "classification", device="cpu")
    joined = load_clinical(adapter, "classification", device="cpu")
    for text, _ in TEXTS:
        assert whole(text).scores == pytest.approx(joined(text).scores, abs=1e-6)


def test_another_base_is_refused(adapter, base, tmp_path) -> None:
    shutil.copytree(base, tmp_path / "base")
    shutil.copytree(adapter, tmp_path / "adapter")
    path = tmp_path / "base" / "model.safetensors"
    weights = load_file(path)
    weights["projector.bias"] += 1
    save_file(weights, path, metadata={"format": "pt"})
    config = json.loads((adapter / "config.json").read_text())
    config["base"]["name"] = str(tmp_path / "base")
    (tmp_path / "adapter" / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"was trained on a .* with SHA-256 \w+, and the one here has"):
        load_clinical(tmp_path / "adapter", "classification")
    for name in (str(tmp_path / "nowhere"), "some/repository"):
        config["base"]["name"] = name
        (tmp_path / "adapter" / "config.json").write_text(json.dumps(config))
        with pytest.raises(CheckpointError, match="adapter is an adapter, and its base is not at"):
            load_clinical(tmp_path / "adapter", "classification")


def test_a_damaged_or_incomplete_adapter_is_refused(adapter, tmp_path) -> None:
    shutil.copytree(adapter, tmp_path / "cut")
    path = tmp_path / "cut" / "adapter.safetensors"
    weights = load_file(path)
    del weights["classifier.bias"]
    save_file(weights, path)
    with pytest.raises(CheckpointError, match=r"do not make a MiniAlbertForSequenceClassification: .*classifier.bias"):
        load_clinical(tmp_path / "cut", "classification")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(CheckpointError, match=r"adapter.safetensors says that its header has"):
        load_clinical(tmp_path / "cut", "classification")


def test_layers_of_a_minialbert(base, data, tmp_path) -> None:
    output = tmp_path / "layers"
    result = finetune(base, data, output, "--tune", "layers", "--classifier-pooling", "mean", "--learning-rate", 3e-3)
    assert result.exit_code == 0, result.output
    assert json.loads((output / "config.json").read_text())["classifier_pooling"] == "mean"
    names = set(load_file(output / "adapter.safetensors"))
    for part in ("albert.albert.encoder.", "albert.att_adapters.", "classifier."):
        assert any(name.startswith(part) for name in names)
    assert not any("embeddings" in name or "projector" in name for name in names)
    assert load_clinical(output, "classification", device="cpu")("chest pain and fever").label == "malignant"
    refused = finetune(base, data, tmp_path / "none", "--tune", "last-layer")
    assert "MiniAlbertForSequenceClassification has no separate layers; tune layers or all" in refused.output


def test_a_head_that_compares_two_texts(base, data, tmp_path) -> None:
    texts = [text for text, _ in TEXTS]
    pairs = [{"premise": p, "hypothesis": h, "label": "same" if p == h else "other"} for p in texts for h in texts]
    for split, times in (("train", 10), ("validation", 2)):
        (tmp_path / f"{split}.jsonl").write_text("\n".join(map(json.dumps, pairs * times)))
    given = ["--task", "nli", "--tune", "adapters", "--classifier-pooling", "pair", "--probe", "--learning-rate", 1e-3]
    result = finetune(base, tmp_path, tmp_path / "pairs", *given)
    assert result.exit_code == 0, result.output
    answers = load_clinical(tmp_path / "pairs", "nli", device="cpu")(
        [(row["premise"], row["hypothesis"]) for row in pairs]
    )
    assert [answer.label for answer in answers] == [row["label"] for row in pairs]
    refused = finetune(base, data, tmp_path / "none", "--classifier-pooling", "pair")
    assert "pair compares two texts, and classification reads one; choose cls or mean" in refused.output


def test_changes_of_matrices_are_kept_in_8_bits(ner_folder, tmp_path) -> None:
    base = LocalCheckpoint(ner_folder)
    model = load_model(base, "AutoModelForTokenClassification")
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in model.bert.encoder.parameters():
            weight += 0.02 * torch.randn_like(weight)
    (tmp_path / "adapter").mkdir()
    save_adapter(model, tmp_path / "adapter", base, place=tmp_path / "adapter")
    stored = load_file(tmp_path / "adapter" / "adapter.safetensors")
    matrix = "bert.encoder.layer.0.output.dense.weight"
    assert (stored[matrix].dtype, stored[f"{matrix}.scale"].shape) == (torch.int8, (model.config.hidden_size, 1))
    joined, _ = load_whole(LocalCheckpoint(tmp_path / "adapter"), "AutoModelForTokenClassification")
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(joined.state_dict()[name], weight, rtol=1e-3, atol=0.02 * 6 / 254)
    encoder, _ = load_whole(LocalCheckpoint(tmp_path / "adapter"), "AutoModel")
    assert torch.equal(encoder.encoder.layer[0].output.dense.weight, joined.bert.encoder.layer[0].output.dense.weight)
    stored["bert.encoder.layer.9.output.dense.weight.scale"] = stored.pop(f"{matrix}.scale")
    save_file(stored, tmp_path / "adapter" / "adapter.safetensors")
    with pytest.raises(CheckpointError, match=r"holds a change of bert.encoder.layer.9.output.dense.weight, which"):
        load_whole(LocalCheckpoint(tmp_path / "adapter"), "AutoModelForTokenClassification")


@pytest.mark.parametrize(("tune", "layers"), [("last-layer", {"1"}), ("layers", {"0", "1"})])
def test_layers_of_a_bert(ner_folder, data, tmp_path, tune, layers) -> None:
    output = tmp_path / "last"
    result = finetune(ner_folder, data, output, "--tune", tune)
    assert result.exit_code == 0, result.output
    names = set(load_file(output / "adapter.safetensors"))
    assert {name.split(".")[3] for name in names if ".layer." in name} == layers
    assert not any(name.startswith("bert.embeddings") for name in names)
    assert load_clinical(output, "classification", device="cpu")("chest pain and fever").label == "malignant"
    refused = finetune(ner_folder, data, tmp_path / "none", "--tune", "adapters")
    assert "has no adapters to tune" in refused.output
    refused = finetune(ner_folder, data, tmp_path / "none", "--classifier-pooling", "mean")
    assert "BertModel has no choice of pooling" in refused.output
    refused = finetune(ner_folder, data, tmp_path / "none", "--task", "ner", "--probe")
    assert "classifier pooling and probe are for heads of whole texts, and ner labels tokens" in refused.output
    refused = finetune(ner_folder, data, tmp_path / "none", "--task", "ner", "--classifier-pooling", "mean")
    assert "classifier pooling and probe are for heads of whole texts, and ner labels tokens" in refused.output


def test_adapter_and_base_move_together_and_load_from_anywhere(adapter, base, data, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(base.parent)
    result = finetune(Path(base.name), data, Path("mine"), "--tune", "adapters")
    assert result.exit_code == 0, result.output
    shutil.copytree(base.parent, tmp_path / "elsewhere")
    shutil.rmtree(base.parent / "mine")
    monkeypatch.chdir(tmp_path)
    assert load_clinical(tmp_path / "elsewhere" / "mine", "classification", device="cpu")(TEXTS[0][0]).label
    refused = finetune(tmp_path / "elsewhere" / "mine", data, tmp_path / "next", "--tune", "adapters")
    assert "mine is an adapter: start from what `nlpie convert` makes of it" in refused.output


def test_an_adapter_brings_a_pooler_that_its_base_lacks(ner_folder, data, tmp_path) -> None:
    base = tmp_path / "base"
    load_model(LocalCheckpoint(ner_folder), "AutoModelForTokenClassification").save_pretrained(base)
    load_tokenizer(LocalCheckpoint(ner_folder)).save_pretrained(base)
    assert finetune(base, data, tmp_path / "adapter", "--tune", "last-layer").exit_code == 0
    assert "bert.pooler.dense.weight" in load_file(tmp_path / "adapter" / "adapter.safetensors")
    assert load_clinical(tmp_path / "adapter", "embedding", device="cpu")("fever").embedding.shape == (32,)


def test_what_shares_nothing_is_no_adapter(base, tmp_path) -> None:
    checkpoint = LocalCheckpoint(base)
    model, _ = load_whole(checkpoint, "AutoModel")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    with pytest.raises(CheckpointError, match="save the whole model instead"):
        save_adapter(model, tmp_path / "x", checkpoint, place=tmp_path / "x")
