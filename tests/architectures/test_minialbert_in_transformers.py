"""What transformers does to MiniALBERT: choice of attention, chunks, activations, and weights left on disk."""

import pytest
import torch
from tiny_minialbert import tiny_config
from transformers import AttentionInterface
from transformers.activations import ACT2FN

from nlpie_models.architectures.minialbert import (
    MiniAlbertForMaskedLM,
    MiniAlbertForTokenClassification,
    MiniAlbertModel,
)
from nlpie_models.architectures.minialbert.layers_minialbert import attend_eagerly

BATCH = {"input_ids": torch.arange(1, 17).reshape(2, 8), "attention_mask": torch.tensor([[1] * 8, [1] * 5 + [0] * 3])}


def states(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(**BATCH)[0]


def test_an_attention_of_the_users_is_called_once_a_recursion(monkeypatch) -> None:
    calls = []

    def counting(module, query, key, value, attention_mask, **kwargs):
        calls.append(query.shape)
        return attend_eagerly(module, query, key, value, None, **kwargs)

    monkeypatch.setattr(AttentionInterface, "_global_mapping", {**AttentionInterface._global_mapping})
    AttentionInterface.register("counting", counting)
    model = MiniAlbertModel(tiny_config())
    expected = states(model)
    model.set_attn_implementation("counting")
    found = states(model)
    assert calls == [(2, 4, 8, 4)] * 3
    torch.testing.assert_close(found[0], expected[0], rtol=0, atol=1e-6)
    assert not torch.allclose(found[1], expected[1], atol=1e-3)  # without the mask, the padding is read


def test_an_unknown_attention_is_refused() -> None:
    with pytest.raises(ValueError, match="no_such_attention"):
        MiniAlbertModel(tiny_config()).set_attn_implementation("no_such_attention")


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_row_of_nothing_but_padding_stays_finite(dtype, attention) -> None:
    model = MiniAlbertModel(tiny_config()).to(dtype).eval()
    model.set_attn_implementation(attention)
    mask = BATCH["attention_mask"].clone()
    mask[1] = 0
    with torch.no_grad():
        assert model(BATCH["input_ids"], mask)[0].isfinite().all()


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_a_ready_bias_is_the_same_as_a_mask(attention) -> None:
    model = MiniAlbertModel(tiny_config())
    model.set_attn_implementation(attention)
    bias = (1.0 - BATCH["attention_mask"][:, None, None].float()) * torch.finfo(torch.float32).min
    with torch.no_grad():
        found = model.eval()(BATCH["input_ids"], bias.expand(2, 1, 8, 8))[0]
    assert torch.equal(found, states(model))


@pytest.mark.parametrize("size", [1, 2, 8])
def test_the_feed_forward_runs_in_chunks(size) -> None:
    model = MiniAlbertModel(tiny_config(chunk_size_feed_forward=size))
    lengths = []
    layer = model.albert.encoder.layer_of(0)
    layer.ffn.register_forward_hook(lambda _, inputs, __: lengths.append(inputs[0].shape[1]))
    chunked = states(model)
    assert lengths == [size] * (3 * 8 // size)
    layer.chunk_size = 0
    torch.testing.assert_close(chunked, states(model), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["relu", "silu", "gelu_new"])
def test_both_activations_are_the_configs(name) -> None:
    model = MiniAlbertForMaskedLM(tiny_config(hidden_act=name))
    assert type(model.activation) is type(model.albert.albert.encoder.layer_of(0).activation) is type(ACT2FN[name])


@pytest.mark.parametrize("adapters", [True, False])
@pytest.mark.parametrize("where", ["", "albert.att_adapters", "albert.mlp_adapters.1", "albert.albert.encoder"])
def test_weights_may_stay_on_disk(adapters, where, tmp_path) -> None:
    pytest.importorskip("accelerate")
    model = MiniAlbertForTokenClassification(tiny_config(use_adapter=adapters))
    model.save_pretrained(tmp_path / "model")
    device_map = {"": "disk"} if not where else {**dict.fromkeys(places(model, where), "cpu"), where: "disk"}
    offloaded = MiniAlbertForTokenClassification.from_pretrained(
        tmp_path / "model", device_map=device_map, offload_folder=tmp_path / "weights"
    )
    assert torch.equal(states(offloaded), states(model))


def places(model: torch.nn.Module, apart: str) -> list[str]:
    """Return the modules that together hold every tensor which is not of the module ``apart``."""
    names = [name for name, module in model.named_modules() if not [*module.children()]]
    return [name for name in names if not f"{name}.".startswith(f"{apart}.")]
