"""Corrupted sources: the error names file and line, says what was expected, and never quotes the text."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from nlpie_models.data.labelled import LabelledSource, get_format, list_formats
from nlpie_models.errors import DataError

SAMPLES = Path(__file__).parent / "samples"
BETH = "concept_assertion_relation_training_data/beth"
XML_2012 = "2012-07-15.original-annotation.release/1.xml"
XML_2014 = "training-PHI-Gold-Set1/220-01.xml"
ANN = "training_20180910/100.ann"
PUBTATOR = "CDR_TrainingSet.PubTator.txt"
BOMB = '<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>\n<deIdi2b2>'

# format, file, what is replaced by what (a file is removed if by None), and the message after the file's name
CORRUPTIONS = [
    ("i2b2-2010", f"{BETH}/concept/record-1.con", '2:5 2:5||t="treatment"', '2:5||t="treatment"', ":2: expected c="),
    ("i2b2-2010", f"{BETH}/concept/record-1.con", "2:5 2:5", "2:5 2:50", ":2: expected line:token offsets within"),
    ("i2b2-2010", f"{BETH}/concept/record-1.con", "2:5 2:5", "2:5 2:4", ":2: expected line:token offsets within"),
    ("i2b2-2010", f"{BETH}/concept/record-1.con", "2:5 2:5", "90:5 90:5", ":2: expected line:token offsets within"),
    ("i2b2-2010", f"{BETH}/concept/record-1.con", 't="test"', 't="exam"', ":3: expected one of problem, treatment"),
    ("i2b2-2010", f"{BETH}/ast/record-1.ast", 'a="present"', 'a="certain"', ":1: expected one of present, absent"),
    ("i2b2-2010", f"{BETH}/ast/record-1.ast", '||a="present"', "", ":1: expected c="),
    ("i2b2-2010", f"{BETH}/rel/record-1.rel", 'r="TeRP"', 'r="R"', ":2: expected one of PIP, TeCP"),
    ("i2b2-2010", f"{BETH}/rel/record-1.rel", '||r="TeRP"', "", ":2: expected c="),
    ("i2b2-2010", f"{BETH}/txt/record-1.txt", "", None, "concept/record-1.con:1: expected a text for it, record-1.txt"),
    ("i2b2-2012", XML_2012, "</TAGS>", "</TAG>", ":20: not XML: mismatched tag"),
    ("i2b2-2012", XML_2012, "]]></TEXT>", "</TEXT>", ": not XML: "),
    ("i2b2-2012", XML_2012, "TEXT>", "T>", ":1: expected one <TEXT> under the root"),
    ("i2b2-2012", XML_2012, "TLINK", "LINK", ":19: expected one of EVENT, SECTIME, TIMEX3, TLINK, got another"),
    ("i2b2-2012", XML_2012, 'start="1"', 'start="one"', ":10: expected 'start' to be a number of characters"),
    ("i2b2-2012", XML_2012, 'start="1"', 'start="11"', ":10: expected the end after the start"),
    ("i2b2-2012", XML_2012, 'text="Admission"', "", ":10: expected an attribute 'text'"),
    ("i2b2-2014", XML_2014, "<deIdi2b2>", BOMB, ":2: declares an entity, which is refused"),
    ("i2b2-2014", XML_2014, "<AGE", "<YEARS", ":12: expected one of AGE, CONTACT"),
    ("i2b2-2014", XML_2014, 'TYPE="AGE"', 'TYPE="' + "note text " * 9 + '"', ":12: expected a label"),
    ("i2b2-2014", XML_2014, "Record date: ", "Another text altogether ", ":10: expected annotations of this text"),
    ("n2c2-2018", ANN, "T2\tStrength 8 13", "T2 Strength 8 13", ":2: expected T1, a tab"),
    ("n2c2-2018", ANN, "Strength 8 13", "Strength 13 8", ":2: expected offsets in order"),
    ("n2c2-2018", ANN, "Strength 8 13", "Power 8 13", ":2: expected one of ADE, Dosage"),
    ("n2c2-2018", ANN, "Arg1:T2 Arg2:T1", "T2 T1", ":8: expected R1, a tab, and: relation"),
    ("n2c2-2018", ANN, "Arg1:T2", "Arg1:T99", ":8: expected a relation of spans that the file has"),
    ("brat", "one.ann", "#1\t", "?1\t", ":8: expected a line of BRAT standoff"),
    ("brat", "one.txt", "", None, "one.ann:1: expected a text for it, one.txt, beside it"),
    ("pubtator", PUBTATOR, "11|t|", "11|", ":1: expected a title"),
    ("pubtator", PUBTATOR, "11|a|", "10|a|", ":2: expected one abstract"),
    ("pubtator", PUBTATOR, "11\t9\t14\tfever", "11\t9\tfever", ":4: expected id, start, end, mention, type"),
    ("pubtator", PUBTATOR, "11\t9\t14", "11\t14\t9", ":4: expected the end after the start"),
    ("pubtator", PUBTATOR, "11\t9\t14", "10\t9\t14", ":4: expected an annotation of the document"),
    (
        "clinical-notes",
        "train.jsonl",
        '"start": 0',
        '"start": -1',
        ":2: expected a span within the text's 16",
    ),
    ("clinical-notes", "train.jsonl", '"treatment"', '"drug"', ":1: expected the label to be one of problem, test"),
    ("clinical-notes", "train.jsonl", '"historical"', '"past"', ":2: expected the assertion to be one of conditional"),
    (
        "clinical-notes",
        "train.jsonl",
        '"head": 0',
        '"head": 3',
        ":1: relation 0: expected head and tail to be",
    ),
    (
        "clinical-notes",
        "train.jsonl",
        '"head": 0, "tail": 1',
        '"head": 1, "tail": 0',
        ":1: relation 0: expected one",
    ),
    ("clinical-notes", "train.jsonl", '"head": 0, ', "", ":1: expected a relation with head, tail and label"),
    ("clinical-notes", "train.jsonl", '"given_for"', '"helps"', ":1: expected the label of a relation to be one of"),
    ("clinical-notes", "train.jsonl", '"entailment"', '"yes"', ":3: expected the label to be one of contradiction"),
    ("clinical-notes", "train.jsonl", '"hypothesis"', '"h"', ":3: expected text under 'hypothesis'"),
    ("clinical-notes", "dev.jsonl", '"text"', '"t"', ":1: expected text under 'text'"),
    ("clinical-notes", "dev.jsonl", '"relations": []', '"relations": 1', ":1: expected a list under 'relations'"),
    ("conll", "train.conll", "pain NN I-NP I-problem", "pain NN I-problem", ":5: expected 4 columns"),
    ("conll", "train.conll", "I-NP I-treatment", "I-NP problem", ":10: expected O, or a tag such as B-problem"),
    ("conll", "dev.conll", "No O", "No", ":1: expected 2 columns"),
    ("jsonl", "train.jsonl", '"text": "chest', '"text: "chest', ":2: not a JSON line"),
    ("jsonl", "train.jsonl", '"start": 7', '"start": -7', ":2: expected a span within the text's 11 characters"),
    ("jsonl", "train.jsonl", '"start": 3', '"start": "3"', ":1: expected a span within the text's 9 characters"),
    ("jsonl", "train.jsonl", '"end": 8, ', "", ":1: expected a span with start, end and label"),
    ("jsonl", "train.jsonl", '{"text": "chest', '{"t": "chest', ":2: expected text and entities as in the first row"),
    ("jsonl", "test.jsonl.gz", b"\x1f\x8b", b"\x1f\x8c", ":1: cannot be read: a damaged gzip file"),
    ("mednli", "mli_train_v1.jsonl", '"neutral"', '"maybe"', ":2: expected gold_label to be one of entailment"),
    (
        "mednli",
        "mli_train_v1.jsonl",
        '"sentence2": "He has a cough."',
        '"s": 1',
        ":2: expected a text under 'sentence2'",
    ),
    ("mednli", "mli_train_v1.jsonl", '{"gold_label": "neutral"', '["neutral"', ":2: not a JSON line"),
    ("icn", "terms.csv", "Free text", "breast cancer", ":1: expected a column called 'free text'"),
    ("icn", "terms.csv", "asthma,", "asthma,x,y", ":6: not CSV: broken quoting, or another number of cells"),
    ("icn", "terms.csv", "asthma,", '"asthma,', ":6: not CSV"),
    ("icn", "terms.csv", "alignant", "ystery", ":1: expected a column of classes that names malignant ones"),
]
WORDS = re.compile(
    r"chest|aspirin|fever|statins|bleed|admission|tylenol|invented|nowhere|tablet|zinc|asthma|cough", re.I
)


@pytest.fixture
def copy(tmp_path):
    def make(name: str) -> Path:
        return Path(shutil.copytree(SAMPLES / name, tmp_path / name))

    return make


def corrupt(path: Path, old: str | bytes, new: str | bytes | None) -> None:
    if new is None:
        path.unlink()
        return
    old, new = (value.encode() if isinstance(value, str) else value for value in (old, new))
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))


def test_every_format_is_corrupted() -> None:
    assert {row[0] for row in CORRUPTIONS} == {entry.name for entry in list_formats()}


@pytest.mark.parametrize(("name", "file", "old", "new", "message"), CORRUPTIONS)
def test_errors_name_file_and_line_and_never_quote_the_text(copy, name, file, old, new, message) -> None:
    folder = copy(name)
    corrupt(folder / file, old, new)
    with pytest.raises(DataError) as caught:
        get_format(name).read(LabelledSource(folder))
    shown = str(caught.value)
    assert message in shown
    assert new is None or shown.startswith(f"{folder / file}:")
    assert re.match(r".+\.\w+:\d+: ", shown)
    # The column that ICN is asked for is the only thing that a message may share with the sample.
    assert not WORDS.search(shown.replace(str(folder), ""))


def test_annotations_of_another_text(copy) -> None:
    """Many concepts that do not fit are no quirk of the corpus but another file."""
    folder = copy("i2b2-2010")
    concepts = folder / BETH / "concept" / "record-1.con"
    concepts.write_text("".join(f'c="other {number}" 2:{number} 2:{number}||t="problem"\n' for number in range(6)))
    with pytest.raises(DataError, match=r"record-1.con:4: expected annotations of this text"):
        get_format("i2b2-2010").read(LabelledSource(folder))


def test_tokens_and_tags_must_be_as_many(tmp_path) -> None:
    path = tmp_path / "train.jsonl"
    for tags, message in [
        (["O"], "as many ner_tags as tokens, got 1 and 2"),
        ([0, 1], "expected text under 'ner_tags'"),
    ]:
        path.write_text(json.dumps({"tokens": ["chest", "pain"], "ner_tags": tags}))
        with pytest.raises(DataError, match=f"train.jsonl:1: .*{message}"):
            get_format("jsonl").read(LabelledSource(path))


@pytest.mark.parametrize(
    ("name", "file", "content", "message"),
    [
        ("jsonl", "a.jsonl", '{"note": "chest"}', r"a.jsonl:1: expected the fields of a task \(text and head"),
        ("jsonl", "a.jsonl", "\n", "holds no rows"),
        ("jsonl", "a.jsonl", "[" * 100_000, "a.jsonl:1: not a JSON line"),
        ("jsonl", "a.jsonl", '{"text": "a", "label": "' + "chest " * 20 + '"}', "a.jsonl:1: expected a label, a short"),
        ("jsonl", "a.jsonl", '{"text": "chest \\ud800"}', "a.jsonl:1: expected characters, got half of a surrogate"),
        ("jsonl", "a.tar.gz", "", "expected a folder, or a .jsonl or .jsonl.gz file"),
        ("i2b2-2012", "a.tar.gz", "", "expected a folder, or a .xml file"),
        ("i2b2-2010", "a.txt", "text", "expected .con files beside the .txt files"),
        ("icn", "a.xlsx", "no sheet", "a.xlsx:1: not a workbook|needs `pip install"),
        ("conll", "a.conll", "\n\n", "holds nothing for conll-ner"),
    ],
)
def test_sources_of_another_kind(tmp_path, name, file, content, message) -> None:
    (tmp_path / file).write_text(content)
    with pytest.raises(DataError, match=message):
        get_format(name).read(LabelledSource(tmp_path / file))


@pytest.mark.parametrize("name", [entry.name for entry in list_formats()])
def test_empty_folder(tmp_path, name) -> None:
    with pytest.raises(DataError, match=r"expected .* (files; unpack archives first|found 0; name the file)"):
        get_format(name).read(LabelledSource(tmp_path))


def test_xlsx_without_its_library(tmp_path, monkeypatch) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(DataError, match=r"needs `pip install nlpie-models\[excel\]`, or save the sheet as CSV"):
        get_format("icn").read(LabelledSource(tmp_path / "a.xlsx"))
