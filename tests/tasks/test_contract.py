"""What holds for every task of ``nlpie_models.tasks``, including any that is added."""

import copy
import json
import pickle
import random
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from datasets import Dataset

from nlpie_models import NlpieError, load_clinical
from nlpie_models.annotating.files import annotate_documents
from nlpie_models.cli import main
from nlpie_models.data.labels import LabelMap
from nlpie_models.data.texts import Columns
from nlpie_models.documents import FIELDS, Annotation
from nlpie_models.documents.exports.files import EXPORTS
from nlpie_models.errors import UnknownName
from nlpie_models.tasks import SEQUENCES, TOKENS, get_task, list_tasks

TASKS = [task.name for task in list_tasks()]
WORDS = ["the", "patient", "has", "chest", "pain", "and", "fever", "no", "aspirin", "was", "given"]
TAGS = ("O", "B-problem/family", "I-problem/family", "B-problem/present", "I-problem/present", "B-test", "I-test")


def folder_for(task, head_folder) -> Path:
    return head_folder(task.name, TAGS if task.auto_class == TOKENS else ("malignant", "ambiguous", "other"))


def make_row(task, words: int, seed: int = 0) -> dict:
    """Return a row that the task can read, with a text of so many words; a second text has a tenth of them."""
    rng = random.Random(seed)
    lengths = (words, max(1, words // 10))
    row = {
        name: " ".join(rng.choices(WORDS, k=length)) + ".\r\n"
        for name, length in zip(task.inputs, lengths, strict=False)
    }
    text = row[task.inputs[0]]
    if task.reads_special_tokens:
        row[task.inputs[0]] = f"{text}[MASK] and [MASK]"
    if "entities" in task.optional_inputs:
        starts = [0, text.index(" ") + 1] if words > 1 else [0]
        row["entities"] = [
            {"start": start, "end": start + len(text[start:].split()[0].rstrip(".")), "label": "problem"}
            for start in starts
        ]
    return row


def numbers(annotation: Annotation) -> list[float]:
    """Return every float of an annotation."""

    def walk(value):
        if isinstance(value, float):
            yield value
        elif isinstance(value, dict):
            for item in value.values():
                yield from walk(item)
        elif isinstance(value, list):
            for item in value:
                yield from walk(item)

    return list(walk(annotation.to_dict()))


@pytest.fixture(params=TASKS)
def task(request):
    return get_task(request.param)


@pytest.fixture
def pipe(task, head_folder):
    return load_clinical(folder_for(task, head_folder), task.name, device="cpu")


def test_there_are_at_least_the_six_of_the_readme() -> None:
    assert set(TASKS) >= {"ner", "relation", "nli", "classification", "embedding", "fill-mask"}


def test_any_batch_composition_gives_the_same(task, pipe) -> None:
    rows = [make_row(task, words, seed=words) for words in (3, 400, 8, 1, 90)]
    alone = [pipe(row) for row in rows]
    for together in (pipe(rows), list(pipe.stream(reversed(rows)))[::-1]):
        assert together == alone
        for one, other in zip(alone, together, strict=True):
            np.testing.assert_allclose(numbers(one), numbers(other), atol=1e-5)


def test_a_long_text_is_read_to_its_end(task, pipe) -> None:
    row = make_row(task, 5000)
    annotation = pipe(row)
    assert annotation.coverage.characters == len(row[task.inputs[0]])
    assert not annotation.coverage.truncated
    assert annotation.coverage.tokens > 5000
    if "entities" not in task.optional_inputs:
        assert annotation.coverage.windows > 50


def test_awkward_texts(task, pipe) -> None:
    for text in ("", " \r\n\t", "\x00", "\ud800 fever \U0001f600", "." * 5000, "a" * 5000):
        first, *others = task.inputs
        row = (
            {first: text}
            | dict.fromkeys(others, text[:500])
            | ({"entities": []} if "entities" in task.optional_inputs else {})
        )
        ((outcome,),) = pipe.stream_groups([row])
        if isinstance(outcome, NlpieError):
            assert not text.strip() or text not in str(outcome)
        else:
            assert outcome.text == text
            assert outcome.coverage.characters == len(text)


def test_annotation_says_what_it_gives_and_comes_back_from_json(task, pipe) -> None:
    annotation = pipe(make_row(task, 60))
    assert task.field in annotation.fields
    values = json.loads(json.dumps(annotation.to_dict()))
    assert set(values) == {"coverage", *annotation.fields}
    assert Annotation.from_dict(annotation.text, values, annotation.hypothesis) == annotation
    assert "chest pain and" not in repr(annotation)


def test_every_output_writes_it_or_says_why_not(task, pipe, tmp_path) -> None:
    annotation = pipe(make_row(task, 60))
    assert len(annotation.to_dataframe().columns) == len(FIELDS[annotation.fields[-1]].columns)
    assert annotation.to_html().startswith("<style>")
    assert annotation.to_spacy().text == annotation.text
    source = tmp_path / "rows.jsonl"
    source.write_text("\n".join(json.dumps({"id": str(seed), **make_row(task, 9, seed)}) for seed in range(3)))
    for kind in EXPORTS:
        path = tmp_path / ("out" if kind == "brat" else f"out{kind}")
        if (kind == ".csv" and not FIELDS[task.field].in_csv) or (kind == "brat" and not FIELDS[task.field].in_brat):
            with pytest.raises(NlpieError, match="cannot hold"):
                annotate_documents(pipe, [source], Columns(), [path])
            continue
        report, done = annotate_documents(pipe, [source], Columns(), [path])
        assert len(list(done)) == 3
        assert report.failures == []
        assert path.exists()


def test_datasets_map_takes_the_dictionaries(task, pipe) -> None:
    rows = [make_row(task, words) for words in (5, 40)]
    mapped = Dataset.from_list(rows).map(lambda row: pipe(row).to_dict())
    assert {"coverage", task.field} <= set(mapped.column_names)
    assert mapped[0]["coverage"]["characters"] == len(rows[0][task.inputs[0]])


def test_command_line(task, head_folder, tmp_path) -> None:
    lines = [json.dumps({"id": "good", **make_row(task, 9)}), json.dumps({"id": "bad"})]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    arguments = [
        "annotate",
        str(tmp_path / "rows.jsonl"),
        "--task",
        task.name,
        "-c",
        str(folder_for(task, head_folder)),
    ]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1, "a row without its text must be reported"
    assert json.loads(result.stdout)["id"] == "good"
    assert "1 texts annotated, 1 failed" in result.stderr
    assert "no text under" in result.stderr
    shown = CliRunner().invoke(main, [*arguments, "--show"])
    assert shown.stdout.startswith("good")


def test_a_bad_row_does_not_take_the_others_with_it(task, pipe) -> None:
    good = make_row(task, 5)
    rows = [good, None, 3, {}, {task.inputs[0]: 3}, good]
    (outcomes,) = pipe.stream_groups(rows)
    assert [isinstance(outcome, NlpieError) for outcome in outcomes] == [False, True, True, True, True, False]
    with pytest.raises(NlpieError, match=f"expected {task.inputs[0]} to be a text|needs"):
        pipe(rows)


def test_options_are_known_by_name(task, pipe, head_folder) -> None:
    with pytest.raises(UnknownName, match=f"Unknown {task.name} option 'nonsense'"):
        pipe(make_row(task, 5), nonsense=1)
    with pytest.raises(UnknownName, match="nonsense"):
        load_clinical(folder_for(task, head_folder), task.name, nonsense=1)
    assert json.loads(json.dumps(pipe.settings))["task"] == task.name


@pytest.mark.parametrize(
    ("name", "option", "value", "message"),
    [
        ("classification", "thresholds", 5, "expected a table, got 5"),
        ("classification", "thresholds", {"other": "0.5"}, "\\.other: expected a value of type float, got '0.5'"),
        ("classification", "thresholds", {"other": True}, "expected a value of type float, got True"),
        ("classification", "thresholds", {1: 0.5}, "a value of type str, got 1"),
        ("relation", "types", 5, "expected a list, got 5"),
        ("relation", "types", "ab", "expected a list, got 'ab'"),
        ("relation", "types", [("a", "b"), "ab"], "\\[1\\]: expected a list, got 'ab'"),
        ("relation", "types", [["a", 1]], "a value of type str, got 1"),
        ("relation", "unrelated", 1, "a value of type str, got 1"),
        ("relation", "max_distance", "x", "expected a value of type int, got 'x'"),
        ("fill-mask", "top_k", 0, "expected a whole number of at least 1, got 0"),
        ("ner", "assertion", "yes", "expected bool or 'model' or 'rules', got 'yes'"),
    ],
)
def test_options_of_the_wrong_kind(name, option, value, message) -> None:
    with pytest.raises(NlpieError, match=f"{name} option: {option}.*{message}"):
        get_task(name).read_options({option: value})


def test_options_of_the_right_kind() -> None:
    values = {"unrelated": "none", "max_distance": 9, "context": "window", "threshold": 0}
    options = get_task("relation").read_options({"types": [["a", "b"], ("c", "d")], **values})
    assert options.types == (("a", "b"), ("c", "d"))
    assert asdict(options).items() >= values.items()
    nothing = dict.fromkeys(("types", "unrelated", "max_distance"))
    assert asdict(get_task("relation").read_options(nothing)).items() >= nothing.items()
    thresholds = {"a": 1, "b": np.float64(0.5)}
    assert get_task("classification").read_options({"thresholds": thresholds}).thresholds == thresholds


def test_a_task_is_itself_after_pickling(task) -> None:
    assert pickle.loads(pickle.dumps(task)) is task
    assert copy.deepcopy(task) is task


def test_the_sample_of_a_task_is_annotated(task, pipe) -> None:
    assert pipe(task.sample).text in task.sample.values()
    assert task.summary
    assert task.hub_pipeline
    assert task.usage.startswith("(")


def test_transformers_task_names_are_aliases() -> None:
    for alias in ("token-classification", "text-classification", "fill-mask", "feature-extraction"):
        assert get_task(alias).name in TASKS


def labelled_row(task, seed: int) -> dict:
    row = make_row(task, 7, seed)
    if task.auto_class == TOKENS:
        entity = {"start": 0, "end": len(row["text"].split()[0]), "label": "problem", "assertion": "family"}
        return {**row, "entities": [entity]}
    row["label"] = ("malignant", "other")[seed % 2]
    if "head" in task.optional_inputs:
        ends = [{**entity, "type": entity["label"]} for entity in row.pop("entities")]
        row |= {"head": ends[0], "tail": ends[1]}
    return row


@pytest.mark.parametrize("name", [task.name for task in list_tasks() if task.metric])
def test_gold_answers_score_full_marks_and_fit_the_passages(name, head_folder) -> None:
    task = get_task(name)
    pipe = load_clinical(folder_for(task, head_folder), name, device="cpu")
    rows, golds = task.read_labelled((("here", labelled_row(task, seed)) for seed in range(6)), LabelMap())
    assert task.outcomes(golds, golds).score(task.metric) == 1.0
    predictions = [task.predicted_of(annotation) for annotation in pipe(rows)]
    assert 0.0 <= task.outcomes(golds, predictions).score(task.metric) < 1.0
    labels = task.labels_of(golds)
    for row, gold in zip(rows, golds, strict=True):
        plan = task.plan(row, pipe.reader, pipe.options)
        targets = task.targets(plan, gold, labels)
        assert len(targets) == len(plan.passages) > 0
        for target, passage in zip(targets, plan.passages, strict=True):
            assert target.shape == ((len(passage),) if task.auto_class == TOKENS else ())
            assert target.max() < len(labels)
    assert task.auto_class in (TOKENS, SEQUENCES)
