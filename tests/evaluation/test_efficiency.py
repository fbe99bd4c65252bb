"""Efficiency: counts against counts by hand, and what a fresh process says of itself."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from nlpie_models import load_clinical
from nlpie_models.errors import DataError, NlpieError
from nlpie_models.evaluation.benchmarks import efficiency
from nlpie_models.evaluation.benchmarks._fresh import FreshProcess
from nlpie_models.evaluation.benchmarks.efficiency import (
    count_parameters,
    count_window_macs,
    get_single_text_task,
    latency_percentiles,
    load_arguments,
    measure_efficiency,
    measure_speed,
)
from nlpie_models.evaluation.efficiency import find_efficiency
from nlpie_models.evaluation.report import render_tables
from nlpie_models.evaluation.results import write_record
from nlpie_models.loading.find import find_checkpoint
from nlpie_models.tasks import get_task

NOTES = ["The patient has chest pain and fever. " * 12, "No fever."]
HIDDEN, MIDDLE, LAYERS, POSITIONS, SEGMENTS, LABELS = 32, 48, 2, 64, 2, 7  # the tiny BERT of conftest.py


@pytest.fixture
def fresh(monkeypatch) -> list[int]:
    """Put numbers in the place of fresh processes, and return how many notes each was given."""
    given: list[int] = []

    def run(load, notes):
        given.append(len(notes))
        return FreshProcess(len(given), 10**8 * (1 + len(notes)))

    monkeypatch.setattr(efficiency, "run_fresh", run)
    return given


def measure(pipe, name="tiny"):
    return measure_efficiency(pipe, NOTES, name=name, command=["nlpie", "benchmark", "efficiency", name], rounds=2)


def test_parameters_equal_a_hand_count(ner_folder, tokenizer) -> None:
    norm = 2 * HIDDEN
    embeddings = (len(tokenizer) + POSITIONS + SEGMENTS) * HIDDEN + norm
    attention = 4 * (HIDDEN * HIDDEN + HIDDEN) + norm
    feed_forward = HIDDEN * MIDDLE + MIDDLE + MIDDLE * HIDDEN + HIDDEN + norm
    encoder = embeddings + LAYERS * (attention + feed_forward)
    model = load_clinical(ner_folder, device="cpu").engine.model
    assert count_parameters(model.base_model) == encoder
    assert count_parameters(model) == encoder + HIDDEN * LABELS + LABELS


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("window", [64, 24])
def test_macs_equal_a_hand_count(ner_folder, attention, window) -> None:
    pipe = load_clinical(ner_folder, device="cpu", window=window)
    model = pipe.engine.model
    model.set_attn_implementation(attention)
    projections = 4 * window * HIDDEN * HIDDEN
    attended = 2 * window * window * HIDDEN  # the scores, and the mean of the values, over both heads
    feed_forward = 2 * window * HIDDEN * MIDDLE
    head = window * HIDDEN * LABELS
    assert count_window_macs(model, pipe) == LAYERS * (projections + attended + feed_forward) + head


def test_percentiles_of_known_latencies() -> None:
    latencies = np.arange(1, 102)[::-1] / 1000
    assert latency_percentiles(latencies) == {"latency_p50_ms": 51.0, "latency_p95_ms": 96.0}
    assert latency_percentiles([0.25]) == {"latency_p50_ms": 250.0, "latency_p95_ms": 250.0}


def test_speed_follows_from_the_clock(ner_folder, monkeypatch) -> None:
    pipe = load_clinical(ner_folder, device="cpu")
    seconds = iter([0.1, 0.3, 0.2] * 2)  # in each round: the first note, the second, and both in a stream

    def clock(call):
        call()
        return next(seconds)

    monkeypatch.setattr(efficiency, "_seconds", clock)
    tokens = sum(annotation.coverage.tokens for annotation in pipe(NOTES))
    assert measure_speed(pipe, NOTES, rounds=2) == {
        "tokens": tokens,
        "single_notes_per_second": 5.0,
        "single_tokens_per_second": pytest.approx(tokens / 0.4),
        "stream_notes_per_second": 10.0,
        "stream_tokens_per_second": pytest.approx(tokens / 0.2),
        "latency_p50_ms": 200.0,
        "latency_p95_ms": 300.0,
    }


def test_disk_is_that_of_the_files(ner_folder, fresh) -> None:
    measured = measure(load_clinical(ner_folder, device="cpu"))
    assert measured.weight_bytes == (ner_folder / "model.safetensors").stat().st_size
    assert measured.folder_bytes == sum(path.stat().st_size for path in ner_folder.iterdir())
    assert measured.base_weight_bytes is None
    assert measured.base_folder_bytes is None


def test_an_adapter_needs_its_base_too(fresh) -> None:
    measured = measure(load_clinical("open-notes-cancer", "classification", device="cpu"))
    base = find_checkpoint("open-notes")
    assert measured.base_weight_bytes == base.weights.stat().st_size
    assert measured.base_folder_bytes == sum(path.stat().st_size for path in base.folder.rglob("*") if path.is_file())
    assert measured.weight_bytes < measured.folder_bytes < measured.base_weight_bytes
    assert measured.provenance.base_sha256 == base.row.weights.sha256
    assert measured.provenance.engine in ("onnx", "openvino")


def test_fresh_processes_are_three_starts_and_all_notes_and_none(ner_folder, fresh) -> None:
    measured = measure(load_clinical(ner_folder, device="cpu"))
    assert fresh == [1, 1, 1, len(NOTES), 0]
    assert measured.cold_start_seconds == 2
    assert (measured.peak_bytes, measured.import_peak_bytes) == (3 * 10**8, 10**8)


def test_provenance_names_no_path(ner_folder, fresh) -> None:
    measured = measure(load_clinical(ner_folder, device="cpu"))
    assert str(ner_folder) not in json.dumps(asdict(measured))
    assert all(getattr(measured.provenance, key) for key in ("versions", "hardware", "cpu", "threads", "command"))
    assert all(len(getattr(measured.provenance, key)) == 64 for key in ("weights_sha256", "notes_sha256"))


def test_a_fresh_process_has_the_same_pipeline(head_folder) -> None:
    pipe = load_clinical(
        head_folder("classification"), "classification", device="cpu", window=32, overlap=4, pooling="max"
    )
    arguments = json.loads(json.dumps(load_arguments(pipe)))
    again = load_clinical(**arguments)
    assert again.settings == pipe.settings
    assert (again.engine.name, again.engine.device) == (pipe.engine.name, pipe.engine.device) == ("torch", "cpu")


@pytest.mark.parametrize("name", ["ner", "embedding", "classification", "fill-mask", "feature-extraction"])
def test_tasks_of_one_text(name) -> None:
    assert get_single_text_task(name) is get_task(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nli", "nli needs premise and hypothesis, and notes have only text; .*: classification, embedding, fill-mask"),
        ("relation", "relation needs text and head and tail"),
        ("nerr", "Unknown task 'nerr'. Did you mean 'ner'?"),
    ],
)
def test_other_tasks(name, message) -> None:
    with pytest.raises(NlpieError, match=message):
        get_single_text_task(name)


def test_notes_that_cannot_be_timed(ner_folder, mlm_folder) -> None:
    with pytest.raises(NlpieError, match="there is no word in the notes"):
        measure_speed(load_clinical(ner_folder, device="cpu"), ["", " \n"], rounds=1)
    with pytest.raises(NlpieError, match="fill-mask needs a text with the mask token"):
        measure_speed(load_clinical(mlm_folder, "fill-mask", device="cpu"), NOTES, rounds=1)


def test_table_of_the_folder_beside_the_results(ner_folder, fresh, tmp_path) -> None:
    pipe = load_clinical(ner_folder, device="cpu")
    for name in ("tiny-b", "tiny"):
        measured = measure(pipe, name)
        write_record(measured.path(tmp_path / "results"), measured)
    assert [efficiency.checkpoint for efficiency in find_efficiency(tmp_path / "results")] == ["tiny", "tiny-b"]
    text = "# Speed\n<!-- results: efficiency -->\nold\n<!-- end of results -->\nend\n"
    first, *table, last, end = render_tables(text, tmp_path / "results").splitlines()[1:]
    assert (first, last, end) == ("<!-- results: efficiency -->", "<!-- end of results -->", "end")
    heads, rule, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in table)
    assert len(heads) == len(rule) == len(rows[0]) == len(rows[1])
    assert [row[0] for row in rows] == ["tiny", "tiny-b"]
    shown = dict(zip(heads, rows[0], strict=True))
    assert shown["cold start, s"] == "7.0"  # tiny-b took the first five of the processes
    assert shown["GMACs of a window (tokens)"] == "0.00 (64)"
    assert shown["peak MB (import)"] == "300 (100)"
    assert "threads: " in shown["machine"]


def test_table_of_a_file_of_another_kind(tmp_path) -> None:
    (tmp_path / "efficiency").mkdir()
    (tmp_path / "efficiency" / "tiny.json").write_text('{"checkpoint": "tiny"}')
    with pytest.raises(
        DataError, match=r"tiny.json is not a file of `nlpie benchmark efficiency`: tiny.json: task: missing"
    ):
        render_tables("<!-- results: efficiency -->\n<!-- end of results -->\n", tmp_path / "results")
