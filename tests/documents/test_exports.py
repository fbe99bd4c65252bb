"""HTML, file exports, tables of many texts, and spaCy documents."""

import csv
import json
import pickle
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import pyarrow.parquet
import pytest
from click import unstyle

from nlpie_models.documents import FIELDS, Annotation, Coverage, Entity, Relation, to_dataframe
from nlpie_models.documents.exports.brat import free_stem
from nlpie_models.documents.exports.files import EXPORTS, format_of
from nlpie_models.documents.exports.html import render_page
from nlpie_models.documents.exports.tables import json_line
from nlpie_models.documents.exports.terminal import render_lines
from nlpie_models.errors import NlpieError

TEXT = "Denies <script>alert('pain')</script> & chest\r\npain; on aspirin."


def entity(text: str, start: str, end: str, label: str) -> Entity:
    first, last = text.index(start), text.index(end) + len(end)
    return Entity(first, last, label, text[first:last], score=0.875)


@pytest.fixture
def annotation() -> Annotation:
    entities = [entity(TEXT, "chest", "\npain", "problem"), entity(TEXT, "aspirin", "aspirin", "treatment")]
    return Annotation(TEXT, Coverage(len(TEXT), 20, 1), entities=entities)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append(tag)

    def handle_data(self, data) -> None:
        self.text += data


RENDERERS = [Annotation.to_html, Annotation._repr_html_, lambda annotation: "".join(render_page([("x", annotation)]))]


@pytest.mark.parametrize("render", RENDERERS)
def test_html_shows_the_note_as_text(annotation, render) -> None:
    reader = _Reader()
    reader.feed(render(annotation))
    assert "script" not in reader.tags
    assert reader.tags.count("mark") == 4  # two spans and two legend entries
    assert "<script>alert('pain')</script> & " in reader.text
    assert "aspirintreatment" in reader.text


def test_html_escapes_labels_and_document_names(annotation) -> None:
    hostile = Annotation("x", Coverage(1, 1, 1), entities=[Entity(0, 1, '"><img src=x>', "x", 0.5)])
    page = "".join(render_page([("<img src=y>", hostile)], title="<img src=z>"))
    assert "<img" not in page


def test_html_escapes_what_rows_bring() -> None:
    entity = Entity(0, 5, "x\ud800<i>", "fever", assertion='x"><script>alert(1)</script>')
    html = Annotation("fever", Coverage(5, 1, 1), entities=[entity]).to_html()
    assert "<script>" not in html
    assert "<i>" not in html
    html.encode()


def test_html_of_nul_and_lone_surrogates_can_be_written() -> None:
    page = "".join(render_page([("a", Annotation("x\0\ud800y", Coverage(4, 1, 1)))]))
    assert "x\ufffd\ufffdy" in page
    page.encode("utf-8")


def test_jsonl(annotation, tmp_path) -> None:
    EXPORTS[".jsonl"]([("a", annotation)], tmp_path / "out")
    row = json.loads((tmp_path / "out").read_text())
    assert row["id"] == "a"
    assert row["entities"][1] == {
        "start": TEXT.index("aspirin"),
        "end": TEXT.index("aspirin") + 7,
        "label": "treatment",
        "text": "aspirin",
        "score": 0.875,
        "assertion": None,
    }


def test_csv_and_parquet_hold_a_row_an_entity(annotation, tmp_path) -> None:
    EXPORTS[".csv"]([("a", annotation), ("b", annotation)], tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    EXPORTS[".parquet"]([("a", annotation), ("b", annotation)], tmp_path / "out.parquet")
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert [row["text"] for row in rows] == [row["text"] for row in table] == ["chest\r\npain", "aspirin"] * 2
    assert [int(row["start"]) for row in rows] == [row["start"] for row in table]


def test_brat_offsets_point_into_the_written_text(annotation, tmp_path) -> None:
    EXPORTS["brat"]([("notes/a.txt", annotation)], tmp_path / "brat")
    text = (tmp_path / "brat" / "notes__a.txt").read_bytes().decode()
    lines = (tmp_path / "brat" / "notes__a.ann").read_text().splitlines()
    assert lines[0].startswith("T1\tproblem ")
    for line in lines:
        _, middle, words = line.split("\t")
        fragments = middle.split(" ", 1)[1].split(";")
        assert " ".join(text[slice(*map(int, fragment.split()))] for fragment in fragments) == words


def test_brat_keeps_documents_of_one_name_apart(annotation, tmp_path) -> None:
    EXPORTS["brat"]([("a/b", annotation), ("a__b", annotation)], tmp_path / "brat")
    assert sorted(path.name for path in (tmp_path / "brat").glob("*.ann")) == ["a__b-2.ann", "a__b.ann"]


AWKWARD_IDS = ["a", "a", "a-2", "A", "a-3", "a", "x\0y\nz", "é" * 300, "é" * 300, "\ud800", "..", "/", 'n.jsonl:3 "?"']


def test_brat_writes_every_document_whatever_its_id(tmp_path) -> None:
    named = [(name, Annotation(str(number), Coverage(1, 1, 1))) for number, name in enumerate(AWKWARD_IDS)]
    EXPORTS["brat"](named, tmp_path / "brat")
    texts = [path.read_text() for path in (tmp_path / "brat").glob("*.txt")]
    assert sorted(texts, key=int) == [annotation.text for _, annotation in named]
    names = {path.name.lower() for path in (tmp_path / "brat").iterdir()}
    assert len(names) == 2 * len(named)
    assert {"a.txt", "a-2.txt", "a-2-2.txt", "x_y_z.txt", "n.jsonl_3 ___.txt"} < names


def test_brat_names_many_documents_of_one_id_in_time(tmp_path) -> None:
    taken = Counter()
    assert len({free_stem("a", taken) for _ in range(50_000)}) == 50_000


@pytest.mark.parametrize("kind", list(EXPORTS))
def test_every_export_writes_ids_that_utf8_cannot_hold(kind, annotation, tmp_path) -> None:
    EXPORTS[kind]([("a\udce9b", annotation)], tmp_path / "o")
    if kind == ".csv":
        assert (tmp_path / "o").read_text().splitlines()[1].startswith("a\ufffdb,")


@pytest.mark.parametrize("kind", list(EXPORTS))
def test_every_export_writes_what_utf8_cannot_hold(kind, tmp_path) -> None:
    text = "pa\ud800in\t\u2028x\r\n\r\ny"
    EXPORTS[kind](
        [("a", Annotation(text, Coverage(9, 9, 1), entities=[Entity(0, len(text), "problem", text, 0.5)]))],
        tmp_path / "o",
    )
    if kind == "brat":
        assert (tmp_path / "o" / "a.ann").read_text().count("\t") == 2
    if kind == ".jsonl":
        import pyarrow.json

        assert pyarrow.json.read_json(tmp_path / "o")["entities"][0][0]["text"].as_py() == text.replace(
            "\ud800", "\ufffd"
        )


@pytest.mark.parametrize("text", ["\ud83d", "a\ude00b", r"C:\ud83d", "\N{GRINNING FACE} \udc00\ud800", "caf\xe9"])
def test_halves_of_characters_are_replaced_and_nothing_else_is(text) -> None:
    kept = "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    annotation = Annotation(text, Coverage(9, 9, 1), entities=[Entity(0, len(text), "problem", text, 0.5)])
    line = json_line(text, annotation)
    assert line.isascii()
    assert (json.loads(line)["id"], json.loads(line)["entities"][0]["text"]) == (kept, kept)
    doc = annotation.to_spacy()
    assert (doc.text, len(doc.text), doc.ents[0].text) == (kept, len(text), kept)


def test_spacy_keeps_relations_in_a_binary(annotation) -> None:
    from spacy.tokens import Doc, DocBin
    from spacy.vocab import Vocab

    text = "cough on lisinopril"
    head, tail = entity(text, "lisinopril", "lisinopril", "treatment"), entity(text, "cough", "cough", "problem")
    relations = [Relation(head, tail, "causes", 0.5), Relation(tail, head, "treats", 0.25)]
    plain = annotation.to_spacy()
    doc = replace(annotation, text=text, entities=[tail, head], relations=relations).to_spacy()
    stored = DocBin(store_user_data=True, docs=[doc, plain]).to_bytes()
    copies = [
        *DocBin(store_user_data=True).from_bytes(stored).get_docs(Vocab()),
        Doc(Vocab()).from_bytes(doc.to_bytes()),
    ]
    for copy in (doc, copies[0], copies[2], pickle.loads(pickle.dumps(doc))):
        found = [(str(head), head.label_, str(tail), tail.label_, *rest) for head, tail, *rest in copy._.relations]
        assert found == [
            ("lisinopril", "treatment", "cough", "problem", "causes", 0.5),
            ("cough", "problem", "lisinopril", "treatment", "treats", 0.25),
        ]
    assert plain._.relations == copies[1]._.relations == Doc(Vocab())._.relations == []


def test_spacy_tells_two_entities_of_one_span_apart() -> None:
    import spacy

    entities = [Entity(3, 7, "problem", "pain", 0.5, "negated"), Entity(3, 7, "test", "pain", 0.25)]
    doc = Annotation("no pain", Coverage(7, 2, 1), entities=entities).to_spacy()
    for copy in (doc, spacy.tokens.Doc(doc.vocab).from_bytes(doc.to_bytes())):
        group = copy.spans["entities"]
        assert [(span.text, span.label_) for span in group] == [("pain", "problem"), ("pain", "test")]
        assert group.attrs == {"scores": [0.5, 0.25], "assertions": ["negated", None]}


def test_spacy_entities_are_the_longest_that_do_not_overlap() -> None:
    text = "severe chest pain on aspirin"
    entities = [entity(text, "severe", "chest", "a"), entity(text, "chest", "pain", "b"), entity(text, "on", "on", "c")]
    entities.append(entity(text, "severe", "pain", "d"))
    doc = Annotation(text, Coverage(len(text), 5, 1), entities=entities).to_spacy()
    assert [(span.text, span.label_) for span in doc.ents] == [("severe chest pain", "d"), ("on", "c")]
    assert len(doc.spans["entities"]) == 4


def test_one_table_of_many_texts(annotation) -> None:
    nothing = Annotation("", Coverage(0, 0, 0))
    table = to_dataframe(iter([nothing, annotation, annotation]))
    assert table["id"].tolist() == [1, 1, 2, 2]
    assert table.drop(columns="id")[:2].equals(annotation.to_dataframe())
    named = to_dataframe([nothing, annotation], ids=iter("ab"))
    assert named["id"].tolist() == ["b", "b"]
    assert list(named.columns) == ["id", *FIELDS["entities"].columns]


@pytest.mark.parametrize("annotations", [[], [Annotation("", Coverage(0, 0, 0))]])
def test_an_empty_table_has_the_same_columns_of_the_same_types(annotation, annotations) -> None:
    empty, full = to_dataframe(annotations).dtypes, to_dataframe([annotation]).dtypes
    numbers = [name for name, dtype in full.items() if dtype.kind in "fi"]
    assert numbers == ["id", "start", "end", "score"]
    assert empty[numbers].equals(full[numbers])
    assert list(empty.index) == list(full.index)


def test_annotations_that_make_no_table(annotation) -> None:
    masks = Annotation("x", Coverage(1, 1, 1), fields=("masks",))
    with pytest.raises(NlpieError, match="expected annotations of one task, got entities and masks"):
        to_dataframe([annotation, masks])
    with pytest.raises(NlpieError, match="expected an id for each of 2 annotations, got 1"):
        to_dataframe([annotation] * 2, ids=["a"])


def test_terminal_shows_each_label_once_and_no_control_characters(annotation) -> None:
    escaped = Entity(0, 4, "problem", "a\x1b[2J\n\tb", assertion="negated")
    lines = unstyle(render_lines("note", replace(annotation, entities=[*annotation.entities, escaped]))).splitlines()
    assert lines[0] == f"note  {len(TEXT)} characters, 20 tokens in 1 windows"
    assert lines[1:] == ["  problem  chest pain, a\ufffd[2J b [negated]", "  treatment  aspirin"]


def test_formats_by_suffix(tmp_path) -> None:
    assert format_of(tmp_path / "x.html") == ".html"
    assert format_of(tmp_path / "folder") == "brat"
    with pytest.raises(NlpieError, match=r"cannot write to '.*x.doc'; use one of .jsonl, .csv"):
        format_of(tmp_path / "x.doc")
