"""A checkpoint that is calibrated after its training."""

import json

import pytest

from nlpie_models import load_clinical
from nlpie_models.errors import DataError
from nlpie_models.training.calibrating import calibrate_checkpoint

TEXTS = ["The patient has chest pain.", "Was given aspirin for fever.", "No fever.", "A ct scan was given."]


def test_a_head_that_is_calibrated_later_has_its_thresholds_chosen_anew(head_folder, tmp_path) -> None:
    start = head_folder("classification", ("pain", "fever"), multi_label=True)
    rows = [
        {"text": text, "labels": [label for label in ("pain", "fever") if label in text]}
        for text in TEXTS
        for _ in range(5)
    ]
    (tmp_path / "validation.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = calibrate_checkpoint(str(start), ["classification"], tmp_path, output=tmp_path / "later")
    assert found.error_after <= found.error_before
    pipe = load_clinical(tmp_path / "later", "classification")
    assert set(pipe.options.thresholds) == {"pain", "fever"}
    best = max(annotation.classification.scores["pain"] for annotation in pipe(TEXTS))
    assert 0 < pipe.options.thresholds["pain"] <= best

    rows[0]["labels"] = ["nausea"]
    (tmp_path / "validation.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(DataError, match=r"validation has labels that .* lacks: nausea"):
        calibrate_checkpoint(str(start), ["classification"], tmp_path, output=tmp_path / "other")
