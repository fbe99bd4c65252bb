"""Corpora: small files in the form of each release, read one document at a time, and what is wrong with them."""

import gzip
import itertools
import json

import pytest

from nlpie_models.data.files import Failure
from nlpie_models.data.tables import BROKEN
from nlpie_models.data.texts import Columns
from nlpie_models.data.unlabelled import (
    CorpusSource,
    Note,
    find_source_files,
    get_corpus,
    list_corpora,
    read_notes,
)
from nlpie_models.errors import DataError, UnknownName

HEADER_III = (
    '"ROW_ID","SUBJECT_ID","HADM_ID","CHARTDATE","CHARTTIME","STORETIME",'
    '"CATEGORY","DESCRIPTION","CGID","ISERROR","TEXT"\n'
)
MIMIC_III = (
    HEADER_III + '1,22,99,2151-08-04,,,"Discharge summary","Report",,,'
    '"Admission Date:  [**2151-7-16**]\n\nHe said ""no"", twice.\n"\n'
    + '2,22,99,2151-08-04,,,"Nursing","Report",5,1,"written in error"\n'
    + '3,23,,2151-08-05,,,"Physician ","Note",5,,"chest pain"\n'
    + '4,23,,2151-08-05,,,"Nursing","Report",5,,""\n'
)
MIMIC_IV = (
    "note_id,subject_id,hadm_id,note_type,note_seq,charttime,storetime,text\n"
    "10000032-DS-21,10000032,22595853,DS,21,2180-05-07 00:00:00,2180-05-09 15:26:00,"
    '" \nName:  ___   Unit No:   ___\n\nfever"\n'
    '10000032-AD-1,10000032,22595853,AD,1,2180-05-07 00:00:00,,"addendum"\n'
)
PUBMED = """<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2024//EN" "https://dtd.nlm.nih.gov/x.dtd">
<PubmedArticleSet>
<PubmedArticle><MedlineCitation Status="MEDLINE"><PMID Version="1">11</PMID><Article>
<ArticleTitle>Effect of <i>in vitro</i> H<sub>2</sub>O &amp; more.</ArticleTitle>
<Abstract><AbstractText Label="BACKGROUND" NlmCategory="BACKGROUND">One
 two.</AbstractText><AbstractText Label="RESULTS">Three &lt; four.</AbstractText>
<CopyrightInformation>(c)</CopyrightInformation></Abstract>
</Article><OtherAbstract><AbstractText>autre</AbstractText></OtherAbstract></MedlineCitation>
<PubmedData><ReferenceList><Reference><ArticleIdList/></Reference></ReferenceList></PubmedData></PubmedArticle>
<PubmedArticle><MedlineCitation><PMID>12</PMID><Article><ArticleTitle>No abstract.</ArticleTitle></Article>
</MedlineCitation></PubmedArticle>
<PubmedArticle><MedlineCitation><PMID>13</PMID><Article><ArticleTitle/>
<Abstract><AbstractText>Only this.</AbstractText></Abstract></Article></MedlineCitation></PubmedArticle>
<DeleteCitation><PMID Version="1">99</PMID></DeleteCitation>
</PubmedArticleSet>
"""


def read(name: str, *paths, **options) -> list:
    corpus, source = get_corpus(name), CorpusSource(tuple(map(str, paths)), **options)
    return list(read_notes(corpus, find_source_files(corpus, source), source))


def failures(items) -> list[tuple[str, str]]:
    return [(item.id.rpartition("/")[2], item.message) for item in items if isinstance(item, Failure)]


def test_corpora_are_found_by_name() -> None:
    assert [corpus.name for corpus in list_corpora()] == ["mimic-iii", "mimic-iv-note", "pubmed", "text"]
    with pytest.raises(UnknownName, match=r"Unknown corpus 'mimic-ii'\. Did you mean 'mimic-iii'"):
        get_corpus("mimic-ii")


@pytest.mark.parametrize("zipped", [False, True])
def test_mimic_iii(tmp_path, zipped) -> None:
    path = tmp_path / ("NOTEEVENTS.csv.gz" if zipped else "noteevents.csv")
    path.write_bytes(gzip.compress(MIMIC_III.encode()) if zipped else MIMIC_III.encode())
    (tmp_path / "PATIENTS.csv").write_text("ROW_ID\n1\n")
    items = read("mimic-iii", tmp_path)
    assert [item for item in items if isinstance(item, Note)] == [
        Note("1", 'Admission Date:  [**2151-7-16**]\n\nHe said "no", twice.\n', "22"),
        Note("3", "chest pain", "23"),
    ]
    assert failures(items) == [
        (f"{path.name}:6", "marked as an error by a clinician (ISERROR)"),
        (f"{path.name}:8", "no text"),
    ]


def test_mimic_iii_categories_and_case_of_columns(tmp_path) -> None:
    (tmp_path / "notes.csv").write_text(MIMIC_III.replace(HEADER_III, HEADER_III.lower()))
    items = read("mimic-iii", tmp_path / "notes.csv", categories=("Physician",))
    assert [item.id for item in items if isinstance(item, Note)] == ["3"]
    assert [message for _, message in failures(items)].count("not among those that were asked for") == 2
    with pytest.raises(UnknownName, match="Did you mean 'Nursing'"):
        read("mimic-iii", tmp_path / "notes.csv", categories=("nursin",))


def test_mimic_iv_note(tmp_path) -> None:
    (tmp_path / "discharge.csv.gz").write_bytes(gzip.compress(MIMIC_IV.encode()))
    (tmp_path / "discharge.csv").write_text(MIMIC_IV)  # unpacked beside it: the same notes
    (tmp_path / "discharge_detail.csv.gz").write_bytes(gzip.compress(b"note_id\n"))
    items = read("mimic-iv-note", tmp_path)
    assert items == [
        Note("10000032-DS-21", " \nName:  ___   Unit No:   ___\n\nfever", "10000032"),
        Note("10000032-AD-1", "addendum", "10000032"),
    ]
    assert [item.id for item in read("mimic-iv-note", tmp_path, categories=("DS",)) if isinstance(item, Note)] == [
        "10000032-DS-21"
    ]


@pytest.mark.parametrize("zipped", [False, True])
def test_pubmed(tmp_path, zipped) -> None:
    path = tmp_path / f"pubmed24n0001.xml{'.gz' * zipped}"
    path.write_bytes(gzip.compress(PUBMED.encode()) if zipped else PUBMED.encode())
    items = read("pubmed", tmp_path)
    assert [item for item in items if isinstance(item, Note)] == [
        Note("11", "Effect of in vitro H2O & more.\nBACKGROUND: One two.\nRESULTS: Three < four."),
        Note("13", "Only this."),
    ]
    assert [message for _, message in failures(items)] == ["an article without an abstract"]


def test_text_in_every_format(tmp_path) -> None:
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "b.jsonl").write_text(json.dumps({"id": 7, "text": "two"}) + "\n{\n")
    (tmp_path / "c.csv").write_text("text\nthree\n")
    items = read("text", tmp_path)
    assert [(item.id.rpartition("/")[2], item.text) for item in items if isinstance(item, Note)] == [
        ("a.txt", "one"),
        ("7", "two"),
        ("c.csv:1", "three"),
    ]
    assert failures(items) == [("b.jsonl:2", "not a JSON line (Expecting property name enclosed in double quotes)")]
    named = read("text", tmp_path / "c.csv", columns=Columns(text="text", id="text"))
    assert named == [Note("three", "three")]


@pytest.mark.parametrize(
    ("name", "file", "content", "message"),
    [
        ("text", "a.csv", "note\nx\n", "no column 'text' among its 1 columns"),
        ("text", "a.csv", "", "no column 'text' among its 0 columns"),
        ("text", "a.csv.gz", "no gzip", "cannot be read"),
        ("mimic-iii", "NOTEEVENTS.csv", MIMIC_III.replace('"TEXT"', '"NOTE"'), "no column 'text' among its 11 columns"),
        ("mimic-iv-note", "radiology.csv", MIMIC_III, "no column 'note_id' among its 11 columns"),
        ("mimic-iv-note", "radiology.csv", '"a', "its header is not CSV"),
        ("mimic-iii", "ADMISSIONS.csv", MIMIC_III, r"no NOTEEVENTS.csv\[.gz\] file in it"),
        ("pubmed", "a.txt", "", r"no .xml\[.gz\] file in it"),
    ],
)
def test_what_is_not_such_a_source_is_refused_before_anything_is_read(tmp_path, name, file, content, message) -> None:
    (tmp_path / file).write_text(content)
    with pytest.raises(DataError, match=message):
        find_source_files(get_corpus(name), CorpusSource((str(tmp_path),)))


def test_standard_input_is_no_corpus() -> None:
    with pytest.raises(DataError, match="read from files"):
        find_source_files(get_corpus("text"), CorpusSource(("-",)))


def test_a_broken_row_of_mimic_does_not_take_the_next_along(tmp_path) -> None:
    broken = '9,22,,2151-08-04,,,"Nursing","Report",5,,"never closed, he said\n1,2\n\nno more\n'
    (tmp_path / "NOTEEVENTS.csv").write_text(MIMIC_III.replace("3,23", broken + "3,23"))
    items = read("mimic-iii", tmp_path)
    assert [item.id for item in items if isinstance(item, Note)] == ["1", "3"]
    assert failures(items)[1] == ("NOTEEVENTS.csv:7", BROKEN)


def test_pubmed_cut_short_gives_what_there_is(tmp_path) -> None:
    (tmp_path / "a.xml").write_text(PUBMED[: PUBMED.index("Only this")])
    (tmp_path / "b.xml.gz").write_bytes(gzip.compress(PUBMED.encode())[:-20])
    (tmp_path / "c.xml").write_text(PUBMED)
    items = read("pubmed", tmp_path)
    assert [item.id for item in items if isinstance(item, Note)][-2:] == ["11", "13"]
    assert failures(items)[1][0] == "a.xml"
    assert failures(items)[1][1].startswith("not XML: ")


def test_entities_are_refused(tmp_path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>\n<PubmedArticleSet>&b;</PubmedArticleSet>'
    (tmp_path / "a.xml").write_text(bomb)
    assert failures(read("pubmed", tmp_path)) == [("a.xml", "declares an entity, which is refused")]


def test_documents_come_before_the_file_is_read_through(tmp_path) -> None:
    with (tmp_path / "discharge.csv").open("w") as file:
        file.write(MIMIC_IV)
        file.writelines(f'1-DS-{number},1,,DS,1,,,"note {number}"\n' for number in range(50_000))
    corpus, source = get_corpus("mimic-iv-note"), CorpusSource((str(tmp_path),))
    items = read_notes(corpus, find_source_files(corpus, source), source)
    assert len(list(itertools.islice(items, 3))) == 3
    items.close()
