"""Relations: what the model reads of a pair, which pairs are made, and entities that cannot be used."""

import json
import warnings

import pytest

from nlpie_models import Entity, NlpieError, load_clinical
from nlpie_models.documents import Annotation, Coverage, Encoder, Reader, Relation
from nlpie_models.errors import TextTooLong
from nlpie_models.tasks import get_task
from nlpie_models.tasks.relation import RelationOptions

TEXT = "the patient has fever. aspirin was given for chest pain. no ct scan."
FEVER, ASPIRIN, PAIN = (16, 21), (23, 30), (45, 55)
LABELS = ("none", "treats")


@pytest.fixture(scope="module")
def pipe(head_folder):
    return load_clinical(head_folder("relation", LABELS), "relation", device="cpu")


@pytest.fixture
def read(tokenizer):
    """Return a function from a row and options to the passages as text."""

    def passages(row, window=64, **options) -> list[str]:
        reader = Reader(Encoder(tokenizer.backend_tokenizer), tokenizer.cls_token_id, tokenizer.sep_token_id, window)
        plan = get_task("relation").plan({"text": TEXT, **row}, reader, RelationOptions(**options))
        return [tokenizer.decode(passage.input_ids[1:-1]) for passage in plan.passages]

    return passages


def pair(head, tail, head_type="A", tail_type="No_Fever") -> dict:
    return {
        "head": {"start": head[0], "end": head[1], "type": head_type},
        "tail": {"start": tail[0], "end": tail[1], "type": tail_type},
    }


def test_typed_markers(read) -> None:
    assert read(pair(ASPIRIN, PAIN)) == ["@ * a * aspirin @ was given for # ^ no fever ^ chest pain # ."]
    assert read(pair(PAIN, ASPIRIN, "a", "no")) == ["# ^ no ^ aspirin # was given for @ * a * chest pain @ ."]


def test_placeholders(read) -> None:
    options = {"marking": "placeholders"}
    assert read(pair(ASPIRIN, PAIN, "a", "no"), **options) == ["@ a $ was given for @ no $ ."]
    nested = read(pair((45, 55), (51, 55), "a", "no"), **options)
    assert nested == ["aspirin was given for @ a - no $ ."]


def test_nested_markers(read) -> None:
    assert read(pair((45, 55), (51, 55), "a", "no")) == ["aspirin was given for @ * a * chest # ^ no ^ pain # @ ."]
    assert read(pair((45, 50), (45, 55), "a", "no")) == ["aspirin was given for # ^ no ^ @ * a * chest @ pain # ."]


def test_context(read) -> None:
    assert read(pair(FEVER, PAIN, "a", "no")) == [
        "the patient has @ * a * fever @ . aspirin was given for # ^ no ^ chest pain # ."
    ]
    window = read(pair(ASPIRIN, PAIN, "a", "no"), context="window")
    assert window[0].startswith("the patient has fever .")
    assert window[0].endswith("no ct scan .")
    narrow = read(pair(ASPIRIN, PAIN, "a", "no"), context="window", window=21)
    assert narrow == [". @ * a * aspirin @ was given for # ^ no ^ chest pain # . no"]


def entities(*spans, label="problem") -> dict:
    return {"entities": [{"start": start, "end": end, "label": label} for start, end in spans]}


def test_pairs_are_made_within_a_sentence_or_a_window(read) -> None:
    assert len(read(entities(FEVER, ASPIRIN, PAIN))) == 2
    assert len(read(entities(FEVER, ASPIRIN, PAIN), context="window")) == 6
    assert len(read(entities(FEVER, ASPIRIN, PAIN), context="window", max_distance=5)) == 2
    assert len(read(entities(FEVER, ASPIRIN, PAIN), context="window", types=[["problem", "test"]])) == 0
    assert len(read(entities(FEVER))) == 0
    assert len(read(entities(ASPIRIN, ASPIRIN))) == 0


def test_relations_of_given_entities(pipe) -> None:
    annotation = pipe(TEXT, entities=[Entity(*PAIN, "problem", "x"), {"start": 23, "end": 30, "label": "treatment"}])
    assert [(entity.text, entity.label) for entity in annotation.entities] == [
        ("aspirin", "treatment"),
        ("chest pain", "problem"),
    ]
    assert [(relation.head.text, relation.tail.text) for relation in annotation.relations] == [
        ("aspirin", "chest pain"),
        ("chest pain", "aspirin"),
    ]
    label = annotation.relations[0].label
    kept = pipe(TEXT, entities=[ASPIRIN, PAIN], unrelated=label).relations
    assert all(relation.label != label for relation in kept)
    assert len(pipe(TEXT, entities=[ASPIRIN, PAIN], unrelated=label, keep_unrelated=True).relations) == 2


def test_one_pair_always_has_an_answer(pipe) -> None:
    for unrelated in LABELS:
        (relation,) = pipe(TEXT, head=ASPIRIN, tail=PAIN, unrelated=unrelated).relations
        assert (relation.head.start, relation.tail.start) == (ASPIRIN[0], PAIN[0])
        assert 0.5 <= relation.score <= 1


def test_a_threshold_decides_whether_there_is_a_relation(pipe) -> None:
    """The model is confident of neither label."""
    row = {"head": ASPIRIN, "tail": PAIN}
    (none,) = pipe(TEXT, **row, unrelated="none", threshold=1.0).relations
    (treats,) = pipe(TEXT, **row, unrelated="none", threshold=0.0).relations
    assert (none.label, treats.label) == ("none", "treats")
    assert none.score + treats.score == pytest.approx(1)
    (edge,) = pipe(TEXT, **row, unrelated="none", threshold=treats.score).relations
    assert edge.label == "treats"
    assert pipe(TEXT, **row, unrelated="none", threshold="best") == pipe(TEXT, **row, unrelated="none")
    for unrelated in (None, "no such label"):
        assert pipe(TEXT, **row, unrelated=unrelated, threshold=1.0) == pipe(TEXT, **row)
    with pytest.raises(NlpieError, match="threshold"):
        pipe(TEXT, **row, threshold="high")


def test_types_that_are_no_pairs(pipe) -> None:
    with pytest.raises(NlpieError, match=r"expected pairs of a head's and a tail's type, got \['problem'\]"):
        pipe(TEXT, head=ASPIRIN, tail=PAIN, types=[["problem"]])


def test_the_best_threshold_is_chosen_by_f1() -> None:
    """True positives: the first, the third and the fourth; the fifth has a relation of another label."""
    scores, labels = (0.9, 0.6, 0.5, 0.3, 0.2), ("a", "a", "a", "b", "a")
    golds = ("a", "none", "a", "b", "b")

    def annotate(threshold: float) -> list[Annotation]:
        assert threshold == 0
        head, tail = (Entity(0, 1, "x", "t", 1.0), Entity(1, 2, "x", "h", 1.0))
        return [
            Annotation("th", Coverage(2, 2, 1), fields=("relations",), relations=[Relation(head, tail, label, score)])
            for label, score in zip(labels, scores, strict=True)
        ]

    tuned = get_task("relation").tuned_options
    assert tuned(golds, annotate, RelationOptions(unrelated="none", threshold="best")) == {"threshold": 0.25}
    assert tuned(golds, annotate, RelationOptions(unrelated="none")) == {}
    assert tuned(golds, annotate, RelationOptions(threshold="best")) == {}


def test_from_raw_text_with_a_ner_checkpoint(head_folder, ner_folder) -> None:
    ner = load_clinical(ner_folder, device="cpu")
    pipe = load_clinical(head_folder("relation", LABELS), "relation", ner=ner_folder, device="cpu", assertion=True)
    annotation = pipe(TEXT * 30)
    assert [entity.start for entity in annotation.entities] == [entity.start for entity in ner(TEXT * 30).entities]
    assert annotation.relations
    assert annotation.coverage.characters == len(TEXT) * 30
    assert pipe(TEXT, entities=[]).relations == []
    assert pipe.settings["ner"]["task"] == "ner"
    assert pipe([TEXT, {"text": TEXT, "head": ASPIRIN, "tail": PAIN}])[1].relations[0].head.text == "aspirin"
    with pytest.raises(NlpieError, match=r"ner takes no entities, so ner=\.\.\. has no use"):
        load_clinical(ner_folder, "ner", ner=ner_folder)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, r"relation needs head and tail, or entities, or a checkpoint that finds them \(ner=...\)"),
        ({"head": ASPIRIN}, "relation needs both head and tail"),
        ({"head": ASPIRIN, "tail": ASPIRIN}, "head and tail are the same span, 23 to 30"),
        ({"head": ASPIRIN, "tail": (60, 99)}, "tail 60 to 99 is empty or outside the text of 68 characters"),
        ({"head": (5, 5), "tail": PAIN}, "head 5 to 5 is empty or outside"),
        ({"head": (-3, 2), "tail": PAIN}, "head -3 to 2 is empty or outside"),
        ({"head": (3, 4), "tail": PAIN}, "head 3 to 4 is blank"),
        ({"head": "aspirin", "tail": PAIN}, r"head: expected \(start, end, label\), an Entity, or a mapping .*got str"),
        ({"entities": [{"start": 1}]}, "entity: expected .*got dict"),
        ({"entities": [(0, 500)]}, "entity 0 to 500 is empty or outside"),
        ({"entities": 5}, "entities: expected a list, got int"),
        ({"entities": [{"start": 0, "end": float("inf")}]}, "entity: expected .*got dict"),
        ({"entities": [{"start": 0, "end": 3, "score": None}]}, "entity: expected .*got dict"),
        ({"entities": [{"start": 0, "end": 3, "assertion": ["x"]}]}, "entity 0 to 3: expected an assertion of family"),
    ],
)
def test_entities_that_cannot_be_used(pipe, row, message) -> None:
    good = {"text": TEXT, "head": ASPIRIN, "tail": PAIN}
    (outcomes,) = pipe.stream_groups([good, {"text": TEXT, **row}, good])
    assert [isinstance(outcome, NlpieError) for outcome in outcomes] == [False, True, False]
    with pytest.raises(NlpieError, match=message):
        pipe({"text": TEXT, **row})


@pytest.fixture(scope="module")
def bundled():
    return load_clinical(task="relation")


CAUSED = "rash caused by amoxicillin"


@pytest.mark.parametrize(
    "entities",
    [
        [{"label": "problem", "start": 0, "end": 4}, {"type": "treatment", "start": 15, "end": 26}],
        [{"entity_group": "problem", "start": 0, "end": 4}, {"entity_group": "treatment", "start": 15, "end": 26}],
        [(0, 4, "problem"), [15, 26, "treatment"]],
        [Entity(0, 4, "problem", ""), Entity(15, 26, "treatment", "")],
    ],
)
def test_given_entities_state_their_type_in_several_ways(bundled, entities) -> None:
    found = bundled(CAUSED, entities=entities).relations
    assert [(pair.head.text, pair.label, pair.tail.text) for pair in found] == [("amoxicillin", "causes", "rash")]


@pytest.mark.parametrize(
    ("entities", "kind"),
    [
        ([{"label": "PROBLEM", "start": 0, "end": 4}, {"label": "TREATMENT", "start": 15, "end": 26}], "PROBLEM"),
        ([(0, 4, "problem"), (15, 26, "drug")], "drug"),
        ([(0, 4, "problem"), (15, 26)], "entity"),
        ([(0, 4, "problem"), (15, 26, "treatment "), (5, 11, "treatment")], "treatment "),
    ],
)
def test_given_types_that_are_never_related_are_an_error(bundled, entities, kind) -> None:
    message = f"is of the type {kind!r}, .* it relates problem to problem, test to problem, treatment to problem"
    with pytest.raises(NlpieError, match=message):
        bundled(CAUSED, entities=entities)
    good = {"text": CAUSED, "entities": []}
    (outcomes,) = bundled.stream_groups([good, {"text": CAUSED, "entities": entities}, good])
    assert [isinstance(outcome, NlpieError) for outcome in outcomes] == [False, True, False]


def test_found_types_that_are_never_related_are_no_error(head_folder, ner_folder) -> None:
    pipe = load_clinical(head_folder("relation", LABELS), "relation", ner=ner_folder, types=[["drug", "allergy"]])
    assert pipe("The patient has chest pain and fever.").relations == []


def test_what_many_pairs_of_a_sentence_cost_is_said(read) -> None:
    words = [f"w{number}" for number in range(24)]
    text = " ".join(words)
    spans = [(text.index(word), text.index(word) + len(word), "drug") for word in words]
    with pytest.warns(UserWarning, match=r"^a text has 552 pairs of entities to read, [\d,]+ tokens; .*max_distance"):
        read({"text": text, "entities": spans}, window=512)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read({"text": text, "entities": spans}, window=512, max_distance=10)) < 200


def test_a_named_pair_too_far_apart_for_a_window_is_read_in_two_excerpts(pipe, read) -> None:
    text = TEXT + " fever" * 60 + " of a scan and pain"
    row = {"text": text, **pair(ASPIRIN, (len(text) - 4, len(text)), "a", "no")}
    for context in ("sentence", "window"):
        (passage,) = read(row, window=40, context=context)
        assert "@ * a * aspirin @ was given for" in passage
        assert passage.endswith("fever of a scan and # ^ no ^ pain #")
        assert len(passage.split()) <= 38
    assert len(pipe(row).relations) == 1
    with pytest.raises(TextTooLong, match=r"entities 23 to 30 and 68 to .* do not fit into the window of 64 tokens"):
        pipe(text, head=ASPIRIN, tail=(len(TEXT), len(text)))


def test_every_pair_that_is_made_is_read(read) -> None:
    """Also one that stands in one window only as long as its markers are not written into it."""
    text = "aspirin " + "fever " * 58 + "pain, " + "fever " * 40 + "pain."
    spans = [(0, 7), (text.index("pain"), text.index("pain") + 4), (len(text) - 5, len(text) - 1)]
    passages = read({"text": text, **entities(*spans, label="no")})
    assert len(passages) == 4
    assert [passage.startswith(("@ * no * aspirin", "# ^ no ^ aspirin")) for passage in passages] == [True] * 2 + [
        False
    ] * 2


def test_entities_come_from_a_pipeline_for_entities(pipe, head_folder, ner_folder) -> None:
    folder = head_folder("relation", LABELS)
    assert load_clinical(folder, "relation", device="cpu", ner=load_clinical(ner_folder))(TEXT).relations is not None
    with pytest.raises(NlpieError, match=r"expected ner=.* to be a pipeline that finds entities, got one for relation"):
        load_clinical(folder, "relation", ner=pipe)


def test_relation_survives_json_and_brat(pipe, tmp_path) -> None:
    from nlpie_models.documents.exports.files import EXPORTS

    annotation = pipe(TEXT, entities=[ASPIRIN, PAIN])
    assert json.loads(json.dumps(annotation.to_dict()))["relations"][0]["head"]["text"] == "aspirin"
    EXPORTS["brat"]([("a", annotation)], tmp_path / "brat")
    lines = (tmp_path / "brat" / "a.ann").read_text().splitlines()
    assert [line.split("\t")[0] for line in lines] == ["T1", "T2", "R1", "R2"]
    assert lines[2].split("\t")[1].endswith("Arg1:T1 Arg2:T2")
    assert annotation.to_dataframe()["head_text"].tolist() == ["aspirin", "chest pain"]
    doc = annotation.to_spacy()
    assert [(head.text, tail.text) for head, tail, *_ in doc._.relations[:1]] == [("aspirin", "chest pain")]


def test_scores_are_of_relations_and_not_of_pairs_without_one() -> None:
    task = get_task("relation")
    outcomes = task.outcomes(["causes", "none", "none", "treats"], ["causes", "none", "causes", "none"])
    assert outcomes.labels == ("causes", "treats")
    assert (outcomes.scores()["precision"], outcomes.scores()["recall"]) == (0.5, 0.5)
    assert outcomes.score("macro_f1") == pytest.approx((2 / 3 + 0) / 2)


def test_the_other_direction_of_a_pair_of_one_type_is_learnt_as_unrelated() -> None:
    ends = [{"start": start, "end": start + 1, "type": kind} for start, kind in ((0, "p"), (4, "p"), (8, "drug"))]

    def row(head: int, tail: int) -> dict:
        return {"text": "a   b   c", "head": ends[head], "tail": ends[tail]}

    task = get_task("relation")
    rows = [row(0, 1), row(2, 0)]
    for golds, options, added in [
        (["none", "none"], {"unrelated": "none"}, [row(1, 0)]),
        (["meets", "none"], {"unrelated": "none"}, []),
        (["none", "none"], {"unrelated": None}, []),
    ]:
        assert task.complete(rows, golds, options) == ([*rows, *added], [*golds, *["none"] * len(added)])
    directed = [row(0, 1), {**row(1, 0), "text": "b   a   c"}]
    _, golds = task.complete(directed, ["causes", "causes"], {"unrelated": "none"})
    assert golds == ["causes", "causes", "none", "none"]
    assert task.complete([row(0, 1), row(1, 0)], ["none", "causes"], {"unrelated": "none"})[1] == ["none", "causes"]
