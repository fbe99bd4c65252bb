"""Every format: exact rows from samples, spans that cover what was annotated, and what must not matter."""

import gzip
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpie_models.data.labelled import LabelledSource, get_format, list_formats
from nlpie_models.data.labelled._format import DocumentRows, hold_out
from nlpie_models.data.labelled.i2b2_2010 import TextLines
from nlpie_models.data.labels import LabelMap
from nlpie_models.errors import UnknownName
from nlpie_models.tasks import get_task

HERE = Path(__file__).parent
SAMPLES, EXPECTED = HERE / "samples", HERE / "expected"
NAMES = [entry.name for entry in list_formats()]

# What the samples annotate, copied by hand: the covered text of each entity or argument, in the order of the rows.
COVERED = {
    "clinical-notes-ner": "ASA|CP|fever|MRI|stroke|Itch|Cough|CHF",
    "clinical-notes-relation": "ASA>CP|CHF>Cough",
    "brat-ner": "fever|Chest pain|pain|arm|Rash|leg|Itch",
    "brat-re": "fever>pain|fever>arm|Chest pain>pain|Chest pain>arm|Rash>leg|Itch>leg",
    "conll-ner": "severe pain|fever|aspirin|fever|CT|rash|chest pain|MRI|bone and joint ache|CT",
    "i2b2-2010-ner": "statins|muscle pain|weakness|chest pain|aspirin|CT of the head|a/small bleed|fever|exam|"
    'His "flu"',
    "i2b2-2010-re": "statins>muscle pain|statins>weakness|muscle pain>weakness|aspirin>chest pain|exam>fever",
    "i2b2-2010-assertion": 'muscle pain|weakness|chest pain|a/small bleed|fever|His "flu"',
    "i2b2-2012-ner": "the ER|H&P|a fever < 38|Admission|The patient&apos;s pain|rash|rash/resolved|tylenol|A fever",
    "i2b2-2012-timex": "today|09/29/1993|twice a day",
    "i2b2-2014-ner": "2071-01-02|plumber|2069-04-07|Nobody Invented|45|Nowhere Hospital|Möller|2070-01-02|Invented|"
    "0000000|2072-01-02|555-0100",
    "jsonl-ner": "chest\r/pain|pain|fever|aspirin",
    "n2c2-2018-ner": "Aspirin|81 mg|tablet|daily|chest/pain|rash|ibuprofen|Pénicilline|500 mg|metformin|"
    "low (oral) dose|5 mg",
    "n2c2-2018-re": "81 mg>Aspirin|81 mg>ibuprofen|tablet>Aspirin|tablet>ibuprofen|daily>Aspirin|daily>ibuprofen|"
    "chest/pain>Aspirin|chest/pain>ibuprofen|rash>Aspirin|rash>ibuprofen|500 mg>Pénicilline|low (oral) dose>metformin",
    "pubtator-ner": "Zinc|pain|Zinc|fever|Zinc|Zn|fever|chill|iron|Iron|pain",
    "pubtator-re": "Zinc>pain|Zinc>fever|Zn>fever|chill|iron>fever|chill|iron>fever|chill|Iron>pain",
}


def read(name, path=None, **columns):
    source = LabelledSource(path or SAMPLES / name, columns)
    return get_format(name).read(source), source.notes


def rows_of(entry):
    return {name: list(split.rows) for name, split in entry.splits.items()}


def covered(row):
    if "entities" in row:
        return [row["text"][entity["start"] : entity["end"]] for entity in row["entities"]]
    ends = [row[name] for name in ("head", "tail", "entity") if name in row]
    return [">".join(row["text"][end["start"] : end["end"]] for end in ends)]


def test_each_format_has_a_sample_and_the_rows_that_are_expected() -> None:
    assert len(NAMES) == 11
    assert sorted(path.stem for path in EXPECTED.glob("*.json")) == NAMES
    assert sorted(path.name for path in SAMPLES.iterdir() if path.is_dir()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_rows_and_counts_are_exactly_those_expected(name) -> None:
    expected = json.loads((EXPECTED / f"{name}.json").read_text(encoding="utf-8"))
    sets, notes = read(name)
    assert {entry.name: {"rows": rows_of(entry), "dropped": dict(entry.dropped)} for entry in sets} == expected["sets"]
    assert notes == expected["notes"]


@pytest.mark.parametrize("name", NAMES)
def test_every_span_covers_what_was_annotated(name) -> None:
    for entry in read(name)[0]:
        if entry.name in COVERED:
            found = [text for split in entry.splits.values() for row in split.rows for text in covered(row)]
            assert "|".join(found).replace("\n", "/") == COVERED[entry.name]
        else:
            assert entry.task in ("nli", "classification")


@pytest.mark.parametrize("name", NAMES)
def test_tasks_can_learn_from_the_rows(name) -> None:
    for entry in read(name)[0]:
        for split in entry.splits.values():
            rows, golds = get_task(entry.task).read_labelled([("here", row) for row in split.rows], LabelMap())
            assert len(rows) == len(golds) == len(split.rows)


@pytest.mark.parametrize("name", NAMES)
def test_ids_are_unique_and_no_group_is_in_two_splits(name) -> None:
    for entry in read(name)[0]:
        ids = [row["id"] for split in entry.splits.values() for row in split.rows]
        assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", sorted({*NAMES} - {"icn"}))
def test_line_ends_do_not_matter(name, tmp_path) -> None:
    """A corpus that an archiver gave CRLF has the same rows, though the offsets of standoff count LF."""
    shutil.copytree(SAMPLES / name, tmp_path / name)
    for path in (tmp_path / name).rglob("*.*"):
        if path.is_file() and path.suffix != ".gz":
            path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    assert [rows_of(entry) for entry in read(name, tmp_path / name)[0]] == [rows_of(entry) for entry in read(name)[0]]


def test_unknown_format() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'i2b2-2010'"):
        get_format("i2b2_2010")


def test_i2b2_2010_in_simple_folders(tmp_path) -> None:
    release = SAMPLES / "i2b2-2010"
    for split, parent in [("train", "concept_assertion_relation_training_data/beth"), ("test", "")]:
        (tmp_path / split).mkdir()
        for path in (release / parent).rglob("[!.]*.*"):
            if path.is_file() and (split == "train" or "0001" in path.name):
                shutil.copy(path, tmp_path / split)
    entry = read("i2b2-2010", tmp_path)[0][0]
    assert [row["id"] for row in rows_of(entry)["test"]] == ["0001"]
    assert [row["id"] for row in rows_of(entry)["train"]] == ["record-1"]
    assert entry.splits["train"].origin == "official"


def test_a_concept_of_two_types_is_no_pair_with_itself(tmp_path) -> None:
    (tmp_path / "1.txt").write_text("stress echo with pain\n")
    (tmp_path / "1.con").write_text(
        "".join(f'c="stress echo" 1:0 1:1||t="{kind}"\n' for kind in ("test", "problem"))
        + 'c="pain" 1:3 1:3||t="problem"'
    )
    (tmp_path / "1.rel").write_text('c="stress echo" 1:0 1:1||r="TeRP"||c="pain" 1:3 1:3\n')
    relations = read("i2b2-2010", tmp_path)[0][1]
    rows = [row for split in relations.splits.values() for row in split.rows]
    assert [covered(row) for row in rows] == [["stress echo>pain"]] * 2


@given(
    st.lists(st.lists(st.sampled_from(["a", "bé", "c.", ",", "\xa0"]), max_size=5), min_size=1, max_size=5), st.data()
)
def test_lines_and_tokens_are_places(tokens, data) -> None:
    """Whatever the white space, a place is its token; white space at the beginning of a line is a token before it."""
    margin = st.sampled_from(["", " ", "\t "])
    margins = [data.draw(margin) for _ in tokens]
    lines = TextLines("\n".join(start + "  ".join(line) + " " for start, line in zip(margins, tokens, strict=True)))
    assert lines.sentences == sum(any(token.strip() for token in line) for line in tokens)
    for number, (start, line) in enumerate(zip(margins, tokens, strict=True), start=1):
        for index, token in enumerate(line, start=bool(start)):
            first, last = lines.find_span((number, index), (number, index))
            assert lines.text[first:last] == token
            assert lines.line_of(first) == number - 1
        assert lines.find_span((number, len(line) + 1), (number, len(line) + 1)) is None


def test_escapes_of_xml_are_characters(tmp_path) -> None:
    path = tmp_path / "train" / "1.xml"
    path.parent.mkdir()
    path.write_text(
        "<deIdi2b2><TEXT>Dr. A &amp; B &#233;</TEXT><TAGS>"
        '<NAME start="4" end="9" text="A &amp; B" TYPE="DOCTOR"/></TAGS></deIdi2b2>'
    )
    (entry,), _ = read("i2b2-2014", tmp_path)
    assert rows_of(entry)["train"][0]["text"] == "Dr. A & B é"
    assert covered(rows_of(entry)["train"][0]) == ["A & B"]


@pytest.mark.parametrize(
    ("rows", "task"),
    [
        ([{"note": "a b", "class": "x"}, {"note": "c", "class": 1}], "classification"),
        ([{"note": "a b", "labels": ["x", "y"]}, {"note": "c", "labels": []}], "classification"),
        ([{"note": "a b", "class": "x", "entity": {"start": 0, "end": 1, "label": "y"}}], "classification"),
        (
            [
                {
                    "note": "a b",
                    "head": {"start": 0, "end": 1, "type": "y"},
                    "tail": {"start": 2, "end": 3, "type": "z"},
                    "class": "none",
                }
            ],
            "relation",
        ),
        ([{"premise": "a", "hypothesis": "b", "class": "neutral"}], "nli"),
        ([{"tokens": ["a", "b"], "ner_tags": ["I-x", "O"]}], "ner"),
        ([{"note": "only text"}], "corpus"),
    ],
)
def test_jsonl_with_named_columns(tmp_path, rows, task) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (entry,), _ = read("jsonl", path, text="note", label="class")
    assert entry.task == task
    assert entry.name == f"jsonl-{task}"
    assert sum(len(split.rows) for split in entry.splits.values()) == len(rows)


def test_prepared_sets_can_be_read_as_jsonl_again(tmp_path) -> None:
    (first, *_), _ = read("conll")
    for name, split in first.splits.items():
        (tmp_path / f"{name}.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, split.rows)).encode()))
    (again,), _ = read("jsonl", tmp_path)
    assert rows_of(again) == rows_of(first)


def write_brat(folder, *names: str, text: str = "Fever of {name}") -> None:
    for name in names:
        path = folder / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(name=name))
        path.with_suffix(".ann").write_text("T1\tproblem 0 5\tFever\n")


def documents_of(entry) -> dict[str, list[str]]:
    return {name: [row["id"] for row in split.rows] for name, split in entry.splits.items()}


def splits_of(documents: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return the documents with those that were held out among the training ones."""
    merged = {"train": sorted(documents.get("train", []) + documents.get("validation", []))}
    return merged | {name: ids for name, ids in documents.items() if name not in ("train", "validation")}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["note 1", "note 2", "stress test"], {"train": ["note 1", "note 2", "stress test"]}),
        (["a/train accident", "a/note"], {"train": ["note", "train accident"]}),
        (["train/stress test", "test/train ride"], {"train": ["stress test"], "test": ["train ride"]}),
        (["train-1", "train-2", "test-1"], {"train": ["train-1", "train-2"], "test": ["test-1"]}),
        (["rest/1", "rest/2", "test/3"], {"train": ["1", "2"], "test": ["3"]}),
    ],
)
def test_no_document_is_left_out_for_its_name(names, expected, tmp_path) -> None:
    write_brat(tmp_path, *names)
    [entry], notes = read("brat", tmp_path)
    assert splits_of(documents_of(entry)) == expected
    assert not notes


def test_files_beside_a_training_folder_are_left_out_and_noted(tmp_path) -> None:
    write_brat(tmp_path, "train/1", "test/2", "3")
    [entry], notes = read("brat", tmp_path)
    assert splits_of(documents_of(entry)) == {"train": ["1"], "test": ["2"]}
    assert notes == {"files in no train, dev or test folder, left out": 2}


def test_documents_of_one_name_in_several_folders(tmp_path) -> None:
    write_brat(tmp_path, "pat1/note", "pat2/note", "pat3/x/note", "pat3/other")
    write_brat(tmp_path, "again/note", "copy/note", text="Fever of pat1/note")
    (tmp_path / "alone.txt").write_text("Cough")
    [entry], notes = read("brat", tmp_path)
    assert sorted(id for ids in documents_of(entry).values() for id in ids) == [
        "note",
        "other",
        "pat2/note",
        "pat3/x/note",
    ]
    assert notes == {"documents given twice, the first taken": 2, "texts without an .ann file, left out": 1}


def test_names_in_upper_case(tmp_path) -> None:
    write_brat(tmp_path, "a", "b")
    for path in list(tmp_path.iterdir()):
        path.rename(path.with_suffix(path.suffix.upper()))
    [entry], notes = read("brat", tmp_path)
    assert splits_of(documents_of(entry)) == {"train": ["a", "b"]}
    assert not notes


@pytest.mark.parametrize("span", [[0, 5, "problem"], {"start": 0, "end": 5, "label": "problem"}])
def test_spans_as_doccano_writes_them(span, tmp_path) -> None:
    row = {"id": 1, "text": "Fever", "label": [span], "Comments": []}
    (tmp_path / "train.jsonl").write_bytes(b"\xef\xbb\xbf" + json.dumps(row).encode() + b"\n\n")
    [entry], _ = read("jsonl", tmp_path, entities="label")
    [found] = entry.splits["train"].rows
    assert found["entities"] == [{"start": 0, "end": 5, "label": "problem"}]
    relation = {"text": "Fever of x", "head": [0, 5, "a"], "tail": [9, 10, "b"], "label": "r"}
    (tmp_path / "train.jsonl").write_text(json.dumps(relation))
    [entry], _ = read("jsonl", tmp_path)
    assert entry.splits["train"].rows[0]["head"] == {"start": 0, "end": 5, "type": "a"}


def test_icn_workbook(tmp_path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in [("Words", "Class"), ("breast cancer", "Malignant"), ("asthma", None), ("NA", "other")]:
        book.active.append(row)
    book.save(tmp_path / "terms.xlsx")
    (entry,), _ = read("icn", tmp_path / "terms.xlsx", text="words")
    found = {row["text"]: row["label"] for split in entry.splits.values() for row in split.rows}
    assert found == {"breast cancer": "malignant", "asthma": "other", "NA": "other"}


def test_held_out_documents_are_a_tenth_and_always_the_same() -> None:
    items = [DocumentRows(f"note-{number}", [], f"patient-{number // 2}") for number in range(60)]
    kept, held = hold_out(items, 0.1)
    assert len(held) == 6
    assert not {item.group for item in kept} & {item.group for item in held}
    assert hold_out(items[::-1], 0.1)[1] == held[::-1]
