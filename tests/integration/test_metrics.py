"""Metrics in new processes: without a network, without traces, without torch; scoring without the extras."""

import json
import os
import subprocess
import sys

NOTE = "the patient has chest pain and fever"
GOOD = {"SpanF1": [{"start": 0, "end": 1, "label": "a"}], "SubwordF1": ["B-a"]}


CODE = """
import socket
def refuse(*_, **__): raise AssertionError("the network was asked for")
socket.socket.connect = socket.getaddrinfo = refuse
from nlpie_models.metrics import hf
for name, item in GOOD.items():
    metric = getattr(hf, name)()
    metric.add_batch(predictions=[item], references=[item])
    metric.add(prediction=item, reference=item)
    assert 1.0 in metric.compute().values()
    metric.compute(predictions=[], references=[])
    metric.add_batch(predictions=[item], references=[item])  # never computed
"""


def test_nothing_is_fetched_and_nothing_left_behind(tmp_path) -> None:
    places = ["HOME", "HF_HOME", "HF_EVALUATE_CACHE", "HF_METRICS_CACHE", "HF_DATASETS_CACHE", "TMPDIR"]
    environment = {name: str(tmp_path / name) for name in (*places, "XDG_CACHE_HOME")}
    (tmp_path / "TMPDIR").mkdir()
    work = tmp_path / "work"
    work.mkdir()
    path = os.pathsep.join(sys.path)
    subprocess.run(
        [sys.executable, "-c", f"GOOD = {GOOD!r}\n{CODE}"],
        check=True,
        cwd=work,
        env={**os.environ, **environment, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["TMPDIR", "work"]


def test_metrics_need_no_torch() -> None:
    code = (
        "import sys; from nlpie_models.metrics import calibration, counts, subwords; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


EXTRAS = ["accelerate", "datasets", "evaluate", "matplotlib", "scipy", "seqeval", "sklearn"]


def test_scoring_needs_no_extra(ner_folder, tmp_path) -> None:
    data = tmp_path / "tiny"
    data.mkdir()
    row = {"text": NOTE, "entities": [{"start": 16, "end": 26, "label": "problem"}]}
    (data / "test.jsonl").write_text(json.dumps(row))
    arguments = ["evaluate", str(ner_folder), "--data", str(data), "--split", "test", "--results", str(tmp_path / "r")]
    code = f"import sys; sys.modules |= dict.fromkeys({EXTRAS}); from nlpie_models.cli import main; main({arguments})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "tiny test: f1 0." in done.stdout
