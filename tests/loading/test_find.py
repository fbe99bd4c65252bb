"""Where checkpoints are looked for, and whether they are there."""

from pathlib import Path

from nlpie_models.loading.find import is_here, models_home
from nlpie_models.registry import get_checkpoint


def test_home_of_installed_checkpoints(monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("NLPIE_MODELS_HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert models_home() == Path.home() / ".local" / "share" / "nlpie_models"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert models_home() == tmp_path / "nlpie_models"
    monkeypatch.setenv("NLPIE_MODELS_HOME", str(tmp_path / "given"))
    assert models_home() == tmp_path / "given"


def test_a_checkpoint_is_here_once_it_is_whole_in_the_cache_or_installed(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NLPIE_MODELS_HOME", str(tmp_path / "home"))
    row = get_checkpoint("tiny-15m")
    snapshot = tmp_path / "cache" / "models--nlpie--tiny-clinicalbert" / "snapshots" / row.weights.revision
    snapshot.mkdir(parents=True)
    for name in ("config.json", "vocab.txt", "pytorch_model.bin"):
        assert not is_here(row)
        (snapshot / name).touch()
    assert is_here(row)
    assert is_here(get_checkpoint("open-notes"))
    assert not is_here(get_checkpoint("mobile-25m"))
    (tmp_path / "home" / "clinical-mobilebert").mkdir(parents=True)
    assert is_here(get_checkpoint("mobile-25m"))
