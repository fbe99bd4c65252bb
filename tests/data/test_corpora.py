"""The labelled data in the package: what it holds, and how it is found by its name."""

import json
from collections import Counter

import pytest
from click.testing import CliRunner

import nlpie_models
from nlpie_models.cli import main
from nlpie_models.data.corpora import CORPORA_FOLDER, find_data, list_bundled_data, name_of_set
from nlpie_models.data.rows import find_split, read_rows
from nlpie_models.errors import DataError, UnknownName
from nlpie_models.evaluation.suites import SuiteSet, locate_sets, read_suite

ROWS = {
    "clinical_notes": {"train": 820, "validation": 59, "test": 70, "test_synthetic": 44},
    "clinical_nli": {"train": 5_919, "validation": 426, "test": 840},
}


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exit_code == code, result.output
    return result.output


def test_each_has_its_splits_its_guidelines_and_its_licence() -> None:
    assert sorted(ROWS) == sorted(list_bundled_data()) == sorted(path.name for path in CORPORA_FOLDER.iterdir())
    for name, splits in ROWS.items():
        files = {path.name for path in (CORPORA_FOLDER / name).iterdir()}
        assert files == {"GUIDELINES.md", "LICENCE.md", *(f"{split}.jsonl.gz" for split in splits)}
        assert "No clinician" in (licence := (CORPORA_FOLDER / name / "LICENCE.md").read_text(encoding="utf-8"))
        assert "CC BY 4.0" in licence
        ids = []
        for split, count in splits.items():
            rows = nlpie_models.load_data(name, split)
            assert len(rows) == count
            ids += rows["id"]
        assert len(ids) == len(set(ids))


def test_the_notes_hold_what_the_licence_says() -> None:
    labels, assertions, relations, sources = Counter(), Counter(), 0, Counter()
    for split in ROWS["clinical_notes"]:
        for row in nlpie_models.load_data("clinical_notes", split):
            sources[row["source"]] += 1
            relations += len(row["relations"])
            for entity in row["entities"]:
                assert row["text"][entity["start"] : entity["end"]].strip()
                labels[entity["label"]] += 1
                assertions[entity["label"], entity["assertion"] is None] += 1
    assert (sum(labels.values()), labels["problem"], relations) == (41_516, 22_200, 6_265)
    assert sources == {"mtsamples": 678, "synthetic": 244, "aci_bench": 40, "primock57": 31}
    assert set(assertions) == {("problem", False), ("treatment", True), ("test", True)}


def test_rows_for_a_task() -> None:
    notes = nlpie_models.load_data("clinical_notes", "test_synthetic")
    for task in ("ner", "assertion"):
        rows = nlpie_models.load_data("clinical_notes", "test_synthetic", task)
        assert rows.column_names == ["id", "text", "entities"]
        assert rows["entities"][:] == notes["entities"][:]
    pairs = nlpie_models.load_data("clinical_notes", split="test_synthetic", task="relation")
    assert len(pairs) == 2_104
    assert sum(label != "none" for label in pairs["label"]) == sum(map(len, notes["relations"]))
    assert nlpie_models.load_data("clinical_nli", "test", "nli")[0] == nlpie_models.load_data("clinical_nli", "test")[0]


def test_the_notes_are_prepared_by_name(tmp_path) -> None:
    printed = run("data", "prepare", "clinical-notes", "clinical_notes", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clinical-notes-ner", "clinical-notes-relation"]
    assert "test_synthetic: as the source has it" in printed
    for split in ROWS["clinical_notes"]:
        for task in ("ner", "relation"):
            path = find_split(tmp_path / f"clinical-notes-{task}", split)
            rows = [row for _, row in read_rows(path)]
            assert len(rows) == len(nlpie_models.load_data("clinical_notes", split, task))
    assert rows == list(nlpie_models.load_data("clinical_notes", "test_synthetic", "relation"))
    run("data", "prepare", "clinical-notes", "clinical_nli", tmp_path)
    pairs = [row for _, row in read_rows(find_split(tmp_path / "clinical-notes-nli", "train"))]
    assert len(pairs) == ROWS["clinical_nli"]["train"]


def test_a_name_a_split_or_a_task_that_is_none() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'clinical_notes'"):
        nlpie_models.load_data("clinical-notes")
    with pytest.raises(UnknownName, match=r"Unknown task of clinical_nli 'ner'\. Known: nli"):
        nlpie_models.load_data("clinical_nli", task="ner")
    with pytest.raises(DataError, match=r"has no tset\.jsonl.*test, test_synthetic, train, validation"):
        nlpie_models.load_data("clinical_notes", "tset")


def test_a_name_of_the_package_is_taken_before_a_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_data("clinical_nli") == CORPORA_FOLDER / "clinical_nli"
    (tmp_path / "clinical_nli").mkdir()
    with pytest.warns(UserWarning, match="taken for the data in the package; the folder is './clinical_nli'"):
        assert find_data("clinical_nli") == CORPORA_FOLDER / "clinical_nli"
    assert find_data("./clinical_nli").samefile(tmp_path / "clinical_nli")
    with pytest.raises(DataError, match="no folder 'clinical_note'; data in the package: clinical_nli, clinical_notes"):
        find_data("clinical_note")


def test_evaluate_by_name_files_each_task_under_a_name_for_itself(ner_folder, head_folder, tmp_path) -> None:
    options = ["--split", "test_synthetic", "--results", tmp_path / "results", "--name", "tiny", "--data"]
    assert "clinical_notes test_synthetic: f1 0." in run("evaluate", ner_folder, *options, "clinical_notes")
    note = {"id": "n", "text": "fever with chest pain", "relations": [{"head": 0, "tail": 1, "label": "causes"}]}
    note["entities"] = [{"start": start, "end": end, "label": "problem"} for start, end in ((0, 5), (11, 21))]
    folder = tmp_path / "clinical_notes"
    folder.mkdir()
    (folder / "test_synthetic.jsonl").write_text(json.dumps(note))
    relations = head_folder("relation", ("causes", "none"))
    said = run("evaluate", relations, "-t", "relation", *options, folder)
    assert "clinical_notes-relation test_synthetic: f1" in said
    files = {path.name: json.loads(path.read_text()) for path in (tmp_path / "results" / "tiny").iterdir()}
    assert set(files) == {"clinical_notes.own-head.json", "clinical_notes-relation.own-head.json"}
    commands = [files[name]["runs"][0]["provenance"]["command"] for name in sorted(files, reverse=True)]
    assert "--data clinical_notes --split test_synthetic" in commands[0]
    assert "-t relation --data DATA/clinical_notes --split test_synthetic" in commands[1]
    assert "no folder 'clinical_note'" in run("evaluate", ner_folder, "--data", "clinical_note", code=2)


def test_results_of_two_tasks_do_not_mix(ner_folder, head_folder, tmp_path) -> None:
    (tmp_path / "data").mkdir()
    row = {"id": "1", "text": "chest pain", "entities": [{"start": 0, "end": 10, "label": "problem"}], "label": "other"}
    (tmp_path / "data" / "test.jsonl").write_text(json.dumps(row))
    options = ["--data", tmp_path / "data", "--split", "test", "--results", tmp_path / "results", "--name", "tiny"]
    run("evaluate", ner_folder, *options)
    said = run("evaluate", head_folder("classification"), "-t", "classification", *options, code=1)
    assert "has results of the task ner; file these under another --name" in said


def test_finetuning_takes_a_name(monkeypatch, ner_folder, tmp_path) -> None:
    taken = []

    def finetune(start, labelled, *_: object, **__: object) -> dict:
        taken.append(labelled)
        return {"metric": "macro_f1", "best_on_validation": 0.5}

    monkeypatch.setattr("nlpie_models.training.finetuning.finetune_checkpoint", finetune)
    options = ["--start", ner_folder, "--output", tmp_path / "out", "--data", "clinical_notes"]
    run("train", "finetune", "--task", "relation", *options)
    [labelled] = taken
    assert (len(labelled.train.rows), len(labelled.validation.rows)) == (22_200, 2_133)
    assert labelled.options["unrelated"] == "none"
    assert labelled.options["types"] == [["problem", "problem"], ["test", "problem"], ["treatment", "problem"]]


def test_a_suite_reads_the_package_unless_its_folder_has_the_data(tmp_path) -> None:
    pairs = SuiteSet(name="clinical_notes-relation", task="relation", data="clinical_notes")
    terms = SuiteSet(name="icn", task="classification")
    suite = read_suite("open")
    assert locate_sets(suite, [pairs]) == [(pairs, CORPORA_FOLDER / "clinical_notes")]
    located = locate_sets(suite, [terms, pairs], tmp_path)
    assert located == [(terms, tmp_path / "icn"), (pairs, CORPORA_FOLDER / "clinical_notes")]
    (tmp_path / "clinical_notes").mkdir()
    assert locate_sets(suite, [pairs], tmp_path) == [(pairs, tmp_path / "clinical_notes")]
    assert name_of_set(tmp_path / "clinical_notes", "relation") == pairs.name
    assert name_of_set(tmp_path / "icn", "classification") == "icn"
