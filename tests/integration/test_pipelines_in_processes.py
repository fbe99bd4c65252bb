"""A pipeline in many processes and threads has the same answers as in one."""

import copy
import json
import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import datasets
import pytest
from click.testing import CliRunner

from nlpie_models import load_clinical
from nlpie_models.cli import main
from nlpie_models.errors import NlpieError
from nlpie_models.tasks import list_tasks

TEXTS = [f"The patient has chest pain and fever, {number} mg aspirin was given. " * 4 for number in range(24)]

INHERITED = {}

LOAD_IN_THREADS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from nlpie_models import load_clinical

with ThreadPoolExecutor(4) as pool:
    for pipe in pool.map(lambda folder: load_clinical(folder, device="cpu"), sys.argv[1:] * 4):
        pipe("chest pain")
assert "transformers" in sys.modules
"""


def answers(pipe, texts=TEXTS):
    return [pipe(text).to_dict() for text in texts]


def rounded(values):
    if isinstance(values, dict):
        return {name: rounded(value) for name, value in values.items()}
    if isinstance(values, list):
        return [rounded(value) for value in values]
    return round(values, 4) if isinstance(values, float) else values


@pytest.fixture(scope="module")
def pipe(ner_folder):
    return load_clinical(ner_folder, device="cpu", assertion=True)


@pytest.mark.parametrize("task", [task.name for task in list_tasks() if task.inputs == ("text",)])
def test_a_pickled_and_a_copied_pipeline(task, head_folder, ner_folder, mlm_folder) -> None:
    folders = {"ner": ner_folder, "embedding": ner_folder, "fill-mask": mlm_folder}
    if task == "assertion":
        folders[task] = head_folder("ner", ("O", "B-problem/negated", "B-problem/present"))
    pipe = load_clinical(folders.get(task) or head_folder(task), task, device="cpu")
    reads_entities = task in ("assertion", "relation")
    text = {"text": "[MASK] chest pain"} | ({"entities": [(7, 12), (13, 17)]} if reads_entities else {})
    expected = rounded(pipe(text).to_dict())
    assert rounded(pickle.loads(pickle.dumps(pipe))(text).to_dict()) == expected
    assert rounded(copy.deepcopy(pipe)(text).to_dict()) == expected


def test_eight_threads(pipe) -> None:
    expected = answers(pipe)
    with ThreadPoolExecutor(8) as pool:
        assert rounded(list(pool.map(lambda text: pipe(text).to_dict(), TEXTS))) == rounded(expected)


def test_the_first_loads_of_a_process_in_several_threads(ner_folder) -> None:
    subprocess.run([sys.executable, "-c", LOAD_IN_THREADS, str(ner_folder)], check=True)


def answer_inherited(texts):
    return answers(INHERITED["pipe"], texts)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork here")
def test_forked_processes_inherit_a_pipeline_that_has_run(pipe, monkeypatch) -> None:
    monkeypatch.setitem(INHERITED, "pipe", pipe)
    expected = answers(pipe)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        halves = pool.map_async(answer_inherited, [TEXTS[:12], TEXTS[12:]]).get(timeout=120)
    assert rounded([answer for half in halves for answer in half]) == rounded(expected)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork here")
def test_a_data_set_is_mapped_by_two_processes(pipe, tmp_path) -> None:
    expected = answers(pipe)
    rows = datasets.Dataset.from_dict({"text": TEXTS})
    found = rows.map(
        lambda batch: {"found": [json.dumps(annotation.to_dict()) for annotation in pipe(batch["text"])]},
        batched=True,
        num_proc=2,
        cache_file_name=str(tmp_path / "mapped.arrow"),
    )
    assert rounded(list(map(json.loads, found["found"]))) == rounded(expected)


def test_spawned_processes_are_sent_a_pipeline(pipe) -> None:
    expected = answers(pipe)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        halves = pool.map(answers, [pipe, pipe], [TEXTS[:12], TEXTS[12:]], timeout=120)
        assert rounded([answer for half in halves for answer in half]) == rounded(expected)


def test_a_stream_in_two_processes_has_the_annotations_of_one(pipe) -> None:
    texts = [*TEXTS * 12, 5, "chest pain"]
    alone, shared = ([outcome for group in pipe.stream_groups(texts, processes=n) for outcome in group] for n in (1, 2))
    assert isinstance(shared[-2], NlpieError)
    assert str(shared[-2]) == str(alone[-2])
    del alone[-2], shared[-2]
    assert [annotation.to_dict() for annotation in shared] == [annotation.to_dict() for annotation in alone]


def test_the_command_in_two_processes_writes_the_file_of_one(ner_folder, tmp_path) -> None:
    source = tmp_path / "notes.jsonl"
    source.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS * 12))
    outputs = [tmp_path / f"{processes}.jsonl" for processes in (1, 2)]
    for processes, output in enumerate(outputs, start=1):
        command = ["annotate", source, "-c", ner_folder, "-o", output, "--processes", processes]
        result = CliRunner().invoke(main, list(map(str, command)))
        assert result.exit_code == 0, result.output
    assert outputs[0].read_bytes() == outputs[1].read_bytes() != b""
