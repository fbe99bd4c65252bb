"""MiniALBERT against the authors' outputs, and as a citizen of transformers."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_minialbert import tiny_config
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)

from nlpie_models.architectures.minialbert import (
    MiniAlbertConfig,
    MiniAlbertForMaskedLM,
    MiniAlbertForSequenceClassification,
    MiniAlbertForTokenClassification,
    MiniAlbertModel,
)

REFERENCE = Path(__file__).parent.parent / "reference" / "minialbert"
CLASSES = {
    "masked_lm_adapters": MiniAlbertForMaskedLM,
    "masked_lm_no_adapters": MiniAlbertForMaskedLM,
    "sequence_classification_adapters": MiniAlbertForSequenceClassification,
    "sequence_classification_multi_label": MiniAlbertForSequenceClassification,
    "token_classification_adapters": MiniAlbertForTokenClassification,
}
HEADS = sorted(set(CLASSES.values()), key=lambda cls: cls.__name__)
TOLERANCE = {"rtol": 0, "atol": 1e-5}


@pytest.fixture
def config() -> MiniAlbertConfig:
    return tiny_config()


def batch_of(config: MiniAlbertConfig, rows: int = 2, length: int = 9) -> dict[str, torch.Tensor]:
    mask = torch.ones(rows, length, dtype=torch.long)
    mask[-1, length - 3 :] = 0
    return {"input_ids": torch.randint(1, config.vocab_size, (rows, length)), "attention_mask": mask}


def reference(name: str) -> tuple[dict[str, torch.Tensor], dict[str, np.ndarray]]:
    arrays = dict(np.load(REFERENCE / name / "expected.npz"))
    inputs = {key: torch.from_numpy(arrays.pop(key)) for key in ("input_ids", "attention_mask", "token_type_ids")}
    return {**inputs, "labels": torch.from_numpy(arrays.pop("labels"))}, arrays


def test_every_reference_folder_is_compared() -> None:
    assert sorted(CLASSES) == sorted(path.name for path in REFERENCE.iterdir())


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("name", sorted(CLASSES))
def test_matches_the_authors_outputs(name: str, attention: str) -> None:
    inputs, expected = reference(name)
    model, info = CLASSES[name].from_pretrained(
        REFERENCE / name, attn_implementation=attention, output_loading_info=True
    )
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    with torch.no_grad():
        output = model.eval()(**inputs, output_hidden_states=True, output_attentions=attention == "eager")
    np.testing.assert_allclose(output.loss, expected.pop("loss"), **TOLERANCE)
    np.testing.assert_allclose(output.logits, expected.pop("logits"), **TOLERANCE)
    for layer, states in enumerate(output.hidden_states):
        np.testing.assert_allclose(states, expected.pop(f"hidden_{layer}"), **TOLERANCE)
    maps = [expected.pop(f"attention_{layer}") for layer in range(model.config.num_hidden_layers)]
    if attention == "eager":
        for attention_map, published in zip(output.attentions, maps, strict=True):
            np.testing.assert_allclose(attention_map, published, **TOLERANCE)
    assert not expected


def test_published_config_gets_its_own_type() -> None:
    config = MiniAlbertConfig.from_pretrained(REFERENCE / "masked_lm_adapters")
    assert config.model_type == "minialbert"
    assert config.embedding_size == 24
    assert not config.tie_word_embeddings


def test_encoder_reads_a_published_head_checkpoint() -> None:
    inputs, expected = reference("masked_lm_adapters")
    inputs.pop("labels")
    model = MiniAlbertModel.from_pretrained(REFERENCE / "masked_lm_adapters")
    with torch.no_grad():
        states = model.eval()(**inputs).last_hidden_state
    np.testing.assert_allclose(states, expected["hidden_3"], **TOLERANCE)


@pytest.mark.parametrize(
    ("auto", "model_class"),
    [
        (AutoModel, MiniAlbertModel),
        (AutoModelForMaskedLM, MiniAlbertForMaskedLM),
        (AutoModelForTokenClassification, MiniAlbertForTokenClassification),
        (AutoModelForSequenceClassification, MiniAlbertForSequenceClassification),
    ],
)
def test_safetensors_round_trip_through_the_auto_classes(config, tmp_path, auto, model_class) -> None:
    model = model_class(config).eval()
    model.save_pretrained(tmp_path)
    assert [path.name for path in tmp_path.glob("*.safetensors")] == ["model.safetensors"]
    assert isinstance(AutoConfig.from_pretrained(tmp_path), MiniAlbertConfig)
    loaded, info = auto.from_pretrained(tmp_path, output_loading_info=True)
    assert type(loaded) is model_class
    assert not info["missing_keys"] | info["unexpected_keys"]
    batch = batch_of(config)
    with torch.no_grad():
        assert torch.equal(model(**batch)[0], loaded.eval()(**batch)[0])


def test_head_starts_from_a_saved_encoder(config, tmp_path) -> None:
    encoder = MiniAlbertModel(config)
    encoder.save_pretrained(tmp_path)
    model, info = MiniAlbertForTokenClassification.from_pretrained(tmp_path, output_loading_info=True)
    assert set(info["missing_keys"]) == {"classifier.weight", "classifier.bias"}
    for name, weight in encoder.state_dict().items():
        assert torch.equal(weight, model.albert.state_dict()[name])


def test_padding_does_not_change_the_other_tokens(config) -> None:
    model = MiniAlbertModel(config).eval()
    ids = torch.randint(1, 50, (1, 6))
    padded = torch.cat([ids, torch.zeros(1, 4, dtype=torch.long)], dim=1)
    with torch.no_grad():
        alone = model(ids).last_hidden_state
        together = model(padded, attention_mask=(padded > 0).long()).last_hidden_state[:, :6]
    torch.testing.assert_close(alone, together, rtol=0, atol=1e-6)


def test_inputs_embeds_equal_input_ids(config) -> None:
    model = MiniAlbertModel(config).eval()
    batch = batch_of(config)
    embeds = model.get_input_embeddings()(batch["input_ids"])
    with torch.no_grad():
        from_embeds = model(inputs_embeds=embeds, attention_mask=batch["attention_mask"])
        assert torch.equal(model(**batch).last_hidden_state, from_embeds.last_hidden_state)


@pytest.mark.parametrize("reentrant", [False, True])
def test_gradient_checkpointing_gives_the_same_gradients(config, reentrant) -> None:
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    model = MiniAlbertForTokenClassification(config).train()
    batch = {**batch_of(config), "labels": torch.randint(0, 3, (2, 9))}
    gradients = []
    for checkpointing in (False, True):
        if checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": reentrant})
            model.enable_input_require_grads()
        model.zero_grad()
        model(**batch).loss.backward()
        gradients.append({name: parameter.grad.clone() for name, parameter in model.named_parameters()})
    assert model.albert.albert.encoder.layer_of(0).gradient_checkpointing
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], msg=name)


@pytest.mark.parametrize("model_class", HEADS)
def test_adapter_tuning_trains_adapters_and_head_only(config, model_class) -> None:
    model = model_class(config)
    model.train_adapters_only()
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    shared = {name for name, _ in model.named_parameters() if name.startswith(("albert.albert.", "albert.projector."))}
    assert frozen == shared


def test_adapter_tuning_needs_adapters(config) -> None:
    config.use_adapter = False
    with pytest.raises(ValueError, match="use_adapter=True"):
        MiniAlbertModel(config).train_adapters_only()


def test_embeddings_and_decoder_resize_together(config) -> None:
    model = MiniAlbertForMaskedLM(config)
    kept = model.get_input_embeddings().weight[:50].clone()
    model.resize_token_embeddings(57)
    assert model.config.vocab_size == 57
    assert model.get_input_embeddings().weight.shape == (57, 8)
    assert torch.equal(model.get_input_embeddings().weight[:50], kept)
    assert model(**batch_of(config)).logits.shape == (2, 9, 57)


@pytest.mark.parametrize(
    ("problem", "labels", "loss"),
    [
        ("single_label_classification", torch.tensor([0, 2]), torch.nn.CrossEntropyLoss()),
        ("multi_label_classification", torch.tensor([[0.0, 1, 1], [1, 0, 0]]), torch.nn.BCEWithLogitsLoss()),
        ("regression", torch.tensor([[0.5, 1, 2], [1, 0, 0.1]]), torch.nn.MSELoss()),
    ],
)
def test_sequence_classification_losses(config, problem, labels, loss) -> None:
    config.problem_type = problem
    output = MiniAlbertForSequenceClassification(config).eval()(**batch_of(config), labels=labels)
    torch.testing.assert_close(output.loss, loss(output.logits, labels))


def test_a_head_can_read_the_mean_of_the_tokens(config, tmp_path) -> None:
    config.classifier_pooling = "mean"
    model = MiniAlbertForSequenceClassification(config).eval()
    batch = batch_of(config)
    short = batch["input_ids"][1:, :6]
    with torch.no_grad():
        states = model.albert(**batch).last_hidden_state
        means = torch.stack([states[0].mean(0), states[1, :6].mean(0)])
        torch.testing.assert_close(model(**batch).logits, model.classifier(means), rtol=0, atol=1e-6)
        torch.testing.assert_close(model(short).logits, model(**batch).logits[1:], rtol=0, atol=1e-6)
    model.save_pretrained(tmp_path)
    assert AutoModelForSequenceClassification.from_pretrained(tmp_path).config.classifier_pooling == "mean"


def test_a_head_can_read_what_two_texts_have_in_common(config) -> None:
    config.classifier_pooling = "pair"
    model = MiniAlbertForSequenceClassification(config).eval()
    batch = batch_of(config)
    segments = torch.zeros_like(batch["input_ids"])
    segments[0, 4:], segments[1, 3:6] = 1, 1
    with torch.no_grad():
        states = model.albert(**batch, token_type_ids=segments).last_hidden_state
        read = []
        for row, (cut, end) in zip(states, [(4, states.shape[1]), (3, 6)], strict=True):
            u, v = (mean / mean.square().mean().sqrt() for mean in (row[:cut].mean(0), row[cut:end].mean(0)))
            read.append(torch.cat([u, v, (u - v).abs(), u * v]))
        logits = model(**batch, token_type_ids=segments).logits
    torch.testing.assert_close(logits, model.classifier(torch.stack(read)), rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match="pass the token_type_ids that tell them apart"):
        model(**batch)


def test_several_groups_spread_the_recursions(config) -> None:
    config.num_hidden_groups, config.num_hidden_layers = 2, 4
    encoder = MiniAlbertModel(config).albert.encoder
    first, second = (group.albert_layers[0] for group in encoder.albert_layer_groups)
    assert [encoder.layer_of(recursion) for recursion in range(4)] == [first, first, second, second]


def test_returns_a_tuple_on_request(config) -> None:
    output = MiniAlbertModel(config)(**batch_of(config), return_dict=False, output_hidden_states=True)
    assert isinstance(output, tuple)
    assert len(output[1]) == 4


def test_code_travels_with_the_checkpoint(config, tmp_path) -> None:
    MiniAlbertConfig.register_for_auto_class()
    MiniAlbertModel.register_for_auto_class("AutoModel")
    try:
        MiniAlbertModel(config).save_pretrained(tmp_path)
    finally:
        MiniAlbertConfig._auto_class = MiniAlbertModel._auto_class = None
    saved = json.loads((tmp_path / "config.json").read_text())
    assert saved["auto_map"] == {
        "AutoConfig": "configuration_minialbert.MiniAlbertConfig",
        "AutoModel": "modeling_minialbert.MiniAlbertModel",
    }
    assert {"configuration_minialbert.py", "modeling_minialbert.py"} <= {path.name for path in tmp_path.iterdir()}


def test_our_class_wins_over_a_hostile_auto_map(config, tmp_path) -> None:
    MiniAlbertModel(config).save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "config.json").read_text())
    saved["auto_map"] = {"AutoConfig": "evil.EvilConfig", "AutoModel": "evil.EvilModel"}
    (tmp_path / "config.json").write_text(json.dumps(saved))
    (tmp_path / "evil.py").write_text("raise SystemExit('hostile code ran')")
    assert type(AutoModel.from_pretrained(tmp_path)) is MiniAlbertModel


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_attention_heads": 5}, "divisible by num_attention_heads"),
        ({"num_hidden_groups": 9}, "num_hidden_groups"),
        ({"inner_group_num": 2}, "inner_group_num must be 1"),
        ({"reduction_factor": 0}, "reduction_factor"),
        ({"classifier_pooling": "max"}, "classifier_pooling must be cls, mean or pair, got 'max'"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(wrong, message) -> None:
    with pytest.raises(ValueError, match=message):
        MiniAlbertConfig(**wrong)


def test_wrong_calls_are_refused(config) -> None:
    model = MiniAlbertModel(config)
    batch = batch_of(config)
    with pytest.raises(ValueError, match="exactly one of"):
        model()
    with pytest.raises(ValueError, match="attn_implementation='eager'"):
        model(**batch, output_attentions=True)
    with pytest.raises(ValueError, match="longer than the model's 32 positions"):
        model(torch.ones(1, 40, dtype=torch.long))


def test_the_attention_can_be_chosen_later(config) -> None:
    model = MiniAlbertModel(config).eval()
    batch = batch_of(config)
    fused = model(**batch)
    model.set_attn_implementation("eager")
    eager = model(**batch, output_attentions=True)
    assert len(eager.attentions) == config.num_hidden_layers
    torch.testing.assert_close(eager.last_hidden_state, fused.last_hidden_state, atol=1e-5, rtol=1e-5)


def test_published_pickle_with_code_is_refused(tmp_path) -> None:
    folder = tmp_path / "hostile"
    shutil.copytree(REFERENCE / "masked_lm_adapters", folder)
    torch.save({"albert.projector.weight": _Hostile()}, folder / "pytorch_model.bin")
    with pytest.raises(Exception, match=r"(?i)weights.only|unpickl"):
        MiniAlbertForMaskedLM.from_pretrained(folder)


class _Hostile:
    def __reduce__(self):
        return (exec, ("raise SystemExit('hostile code ran')",))
