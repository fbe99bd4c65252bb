"""Fine-tuning: a teacher and its student by command line, and pipelines from rows in memory."""

import gc
import json
import runpy
from pathlib import Path

import pandas
import pytest
from click.testing import CliRunner, Result

from nlpie_models import finetune, load_clinical
from nlpie_models.cli.train import finetune_command
from nlpie_models.errors import DataError, NlpieError
from nlpie_models.evaluation.score import evaluate_pipeline
from nlpie_models.training.runs import runs_folder

MAKE_STUDENT = runpy.run_path(str(Path(__file__).parents[2] / "recipes" / "make_student.py"))["main"]
SENTENCES = [
    ("The patient has chest pain. ", [("chest pain", "Sign_symptom")]),
    ("Was given aspirin for fever. ", [("aspirin", "Medication"), ("fever", "Sign_symptom")]),
    ("No fever.\n", [("fever", "Sign_symptom")]),
    ("A ct scan was given. ", [("ct scan", "Diagnostic_procedure")]),
]
COMPLAINTS = [{"text": text, "label": label} for text, label in (("chest pain", "pain"), ("no fever", "none"))]
QUICK = {"epochs": 2, "window": 32, "learning_rate": 5e-3}


def document(number: int) -> dict:
    text, entities = "", []
    for index in range(4):
        sentence, spans = SENTENCES[(number + index) % len(SENTENCES)]
        for words, label in spans:
            start = len(text) + sentence.index(words)
            entities.append({"start": start, "end": start + len(words), "label": label})
        text += sentence
    return {"id": str(number), "text": text, "entities": entities}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for split, count in (("train", 24), ("validation", 4), ("test", 4)):
        lines = [json.dumps(document(number)) for number in range(count)]
        (folder / f"{split}.jsonl").write_text("\n".join(lines))
    (folder / "map.toml").write_text(
        '[labels]\nproblem = ["Sign_symptom"]\ntreatment = ["Medication"]\ntest = ["Diagnostic_procedure"]'
    )
    return folder


def run(command, *arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(command, list(map(str, arguments)))
    assert result.exit_code == code, result.output
    return result


def test_teacher_then_student_by_command_line(data, ner_folder, tmp_path) -> None:
    start, teacher, student = tmp_path / "start", tmp_path / "teacher", tmp_path / "student"
    texts = [item for split in ("train", "validation") for item in ("--texts", data / f"{split}.jsonl")]
    run(MAKE_STUDENT, "--start", ner_folder, "--output", start, "--vocabulary", 110, *texts)
    small = ["--epochs", 12, "--batch", 8, "--learning-rate", 5e-3, "--window", 64, "--size", 32]
    run(finetune_command, "--start", start, "--data", data, "--output", teacher, *small)
    assert "B-Sign_symptom" in json.loads((teacher / "config.json").read_text())["label2id"]

    run(MAKE_STUDENT, "--start", start, "--output", tmp_path / "cut", "--layers", "0")
    mapped = ["--data", data, "--label-map", data / "map.toml"]
    taught = ["--teacher", teacher, "--unlabelled", data / "validation.jsonl"]
    run(finetune_command, "--start", tmp_path / "cut", "--output", student, *mapped, *taught, *small, "--join", 64)
    record = json.loads((student / "finetuning.json").read_text())
    assert record["best_on_validation"] > 0.85
    assert record["arguments"]["join"] == 64
    pipe = load_clinical(student)
    assert evaluate_pipeline(pipe, data, "test", str(data / "map.toml")).scores["f1"] > 0.7
    assert pipe.reader.window == 64

    refused = run(
        finetune_command, "--start", ner_folder, "--output", tmp_path / "no", *mapped, *taught, *small, code=1
    )
    assert "have different tokenizers" in refused.output


def test_what_cannot_be_cut_out_of_a_model_is_said_in_one_line(ner_folder, tmp_path) -> None:
    refused = run(MAKE_STUDENT, "--start", ner_folder, "--output", tmp_path / "x", "--layers", "0,99", code=1)
    assert refused.output.startswith("Error: cannot make a student of")
    assert not (tmp_path / "x").exists()


def test_a_data_frame_becomes_a_pipeline_whose_folder_goes_with_it(ner_folder) -> None:
    rows = [{**row, "text": f"{row['text']} {number}"} for number in range(10) for row in COMPLAINTS]
    pipe = finetune(ner_folder, pandas.DataFrame(rows), task="classification", **QUICK)
    annotation = pipe("chest pain")
    assert set(annotation.classification.scores) == {"none", "pain"}
    folder = pipe.checkpoint.folder
    record = json.loads((folder / "finetuning.json").read_text())
    assert record["arguments"]["epochs"] == 2
    assert not runs_folder(folder).exists()
    del pipe
    gc.collect()
    assert not folder.exists()


def test_rows_with_rows_for_validation_are_written_to_a_folder(ner_folder, tmp_path) -> None:
    rows = [document(number) for number in range(4)]
    output = tmp_path / "mine"
    pipe = finetune(ner_folder, rows, task="ner", validation=rows[:1], output=output, unit="window", **QUICK)
    assert pipe.checkpoint.folder == output
    assert pipe.options.unit == "window"
    with pytest.raises(NlpieError, match="exists already"):
        finetune(ner_folder, rows, task="ner", validation=rows[:1], output=output, **QUICK)


@pytest.mark.parametrize(
    ("rows", "arguments", "message"),
    [
        (
            [{"text": "pain"}],
            {},
            "row 0: not a labelled row .*: 'label' is missing; such a row holds `text`, and `label`",
        ),
        (["pain"], {}, "row 0: expected a mapping, got str"),
        (COMPLAINTS[:1], {}, "expected rows of two texts at least, of which one is held out"),
        (COMPLAINTS, {"epoch": 3}, "finetune: epoch: unknown key; known keys: label_map, .*epochs"),
        (COMPLAINTS, {"batch": "all"}, "finetune: batch: expected a value of type int, got 'all'"),
        (COMPLAINTS, {"task_options": {"poling": "max"}}, "Unknown classification option 'poling'"),
        (COMPLAINTS, {"validation": [{"text": "a", "label": "x"}]}, "validation has labels that train lacks: x"),
    ],
)
def test_rows_and_arguments_that_cannot_be(ner_folder, rows, arguments, message) -> None:
    with pytest.raises((DataError, NlpieError), match=message):
        finetune(ner_folder, rows, task="classification", **arguments)
