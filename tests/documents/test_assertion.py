"""Assertion: triggers, scopes, pseudo-triggers, terminations and sections."""

import json
import random
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpie_models.documents import Entity
from nlpie_models.documents.assertion.assertion import assert_entities
from nlpie_models.documents.assertion.rules import ASSERTIONS, load_rules, read_rules
from nlpie_models.documents.words import find_words
from nlpie_models.errors import RegistryError
from nlpie_models.metrics.counts import Outcomes, count_labels

# Each entity is in brackets, with the first letter of its assertion, or = where none applies.
NEGATED = [
    "No [n:fever].",
    "no [n:fever], [n:chills] or [n:cough], and she has [=:nausea]",
    "no [n:fever], [n:chills], or [n:cough]; [=:nausea] since Monday",
    "Denies any [n:chest pain], [n:dyspnea], or history of [n:syncope].",
    "No [n:edema]. [=:Cough] for two days.",
    "No [n:rash] but [=:itching]; no [n:rash] except [=:acne]; no [n:rash] although [=:itching]",
    "Negative for [n:malignancy]. [=:MRI] was negative.",
    "[n:Pneumonia] was ruled out. The patient ruled out for [n:MI].",
    "A [n:stone] was not seen. [n:Babinski sign] is absent. [n:Echo] was not done.",
    "COMPLICATIONS: None. [n:Drains]: None.",
    "He never had [n:bleeding]. No h/o [n:asthma]. No history of [n:MI]. No prior [n:stroke].",
    "not associated with [n:nausea], [n:vomiting], [n:fever], [n:chills], or [n:sweats]",
    "He does not have [n:pain]. He denies that he has [n:pain]. I do not think she has [n:PE].",
    "no lesion suspicious for [n:cancer]; no stage I [n:cancer]",
    "no [n:fever], possible [u:flu], history of [h:asthma], return if [c:pain]",
    "NO\t\t[n:FEVER], No  evidence\n of [n:pneumonia], I didn\u2019t see [n:edema]",
    "[n:no fever], [n:no evidence of PE], no [n:history of MI]. [=:pain without radiation]",
]
PSEUDO_TRIGGERS = [
    "No change in the [=:mass]. No significant increase in [=:edema].",
    "Not only [=:pain]. Gram negative [=:sepsis]. Rh negative [=:antigen]. Tylenol No. 3 for [=:pain].",
    "He could not tolerate [=:metoprolol]. No longer [=:smoking].",
    "No-touch [=:technique]; noted [=:fever]; know [=:pain]",
    "A 2-week history of [=:cough]. A long history of [=:reflux]. 54-year-old [=:man]. Prior to [=:surgery].",
    "History of present illness: [=:cough].",
    "Mother reports [=:fever]. Tylenol p.r.n. and [=:aspirin].",
]
UNCERTAIN = [
    "Possible [u:pneumonia], [=:cough].",
    "rule out [u:MI], [u:PE]. [u:DVT] cannot be excluded. [u:DVT] cannot be ruled out. [u:PE] is unlikely.",
    "[u:Pneumonia] versus [u:atelectasis]. ?[u:PE]. It is not certain whether he has [u:stroke].",
    "consistent with [u:sprain]; findings confirm [=:cancer]; concern for [u:sepsis]; may have [u:flu]",
    "[=:Chest pain], likely secondary to [u:reflux]. She appears to have [u:asthma].",
    "History of possible [u:TIA]. [u:possible TIA].",
    "DIFFERENTIAL DIAGNOSIS: [u:Stroke], [u:migraine]. PLAN: [=:MRI].",
]
HISTORICAL = [
    "History of [h:MI], [h:stroke] and [h:asthma], who presents with [=:fever].",
    "h/o [h:CVA], s/p [h:appendectomy], status post [h:CABG], prior [h:stroke]. [h:history of MI].",
    "He had [h:MI] in 1998. [h:Appendicitis] as a child. [h:Stroke] 3 years ago. [h:Edema] has resolved.",
    "PAST MEDICAL HISTORY: [h:Asthma]. No [n:diabetes]. MEDICATIONS: [=:albuterol].",
    "PAST SURGICAL HISTORY\n1. [h:CABG]\n2. [h:Appendectomy]\nMEDICATIONS\n[=:Aspirin]",
    "Past medical history: [h:asthma]\r\nMedications: [=:albuterol]",
    "HPI: [=:Cough]. PMH: [h:HTN]. EXAM: [=:rales].",
]
FAMILY = [
    "Her mother had [f:cancer] and [f:diabetes]. [=:Fever].",
    "No family history of [f:cancer]. There is [f:cancer] in her father. [f:Gout] runs in the family.",
    "FAMILY HISTORY: [f:Gout]. Father: No [f:stroke]. SOCIAL HISTORY: [=:Alcohol].",
    ",PAST MEDICAL HISTORY: ,[h:Asthma].,FAMILY HISTORY: ,[f:gout].,ALLERGIES: ,[=:penicillin]",
    "Her husband had [f:flu] and the patient has [=:cough].",
]
CONDITIONAL = [
    "Return if [c:fever] develops, [c:pain] worsens or there is no [n:relapse]. Continue [=:aspirin].",
    "Should she have [c:pain], call. Call for any [c:bleeding]. Monitor for [c:infection]. [=:Pain].",
    "[=:Tylenol] p.r.n. [c:pain], [=:aspirin] daily. [=:Norco] as needed for [c:back pain].",
    "The risks of the [=:operation], including [c:bleeding] and [c:infection], were explained.",
    "Symptoms including [=:fever]. Risk of [c:stroke]. To prevent [c:stroke].",
    "Prophylaxis for [c:DVT]. [c:DVT] prophylaxis with [=:heparin].",
]
LINES = [
    "No [n:fever]\n[=:Cough]",
    "No [n:fever],\nchills or\n[n:cough]",
    "No [n:fever],\r\nchills or\r\n[n:cough]",
    "denies any history of\n[n:MI] today",
    "no [n:fever]\n\n[=:cough]",
    "1. No [n:fever]\n2. [=:Cough]",
    "Dr. X saw no [n:rash]. \U0001f600 No [n:fever] \U0001f600. Possible \U0001f600 [u:flu]. \U0001f600",
    "No\x00[n:fever]\x00. [=:Cough]\x00",
    "\u0130\u0130 no [n:fever]. [=:cough]",
]
SENTENCES = [*NEGATED, *PSEUDO_TRIGGERS, *UNCERTAIN, *HISTORICAL, *FAMILY, *CONDITIONAL, *LINES]
BY_LETTER = {"=": None} | {assertion[0]: assertion for assertion in ASSERTIONS}


def parse(marked: str) -> tuple[str, list[Entity], list[str | None]]:
    text, entities, assertions = "", [], []
    for before, letter, span in re.findall(r"([^\[]*)(?:\[(.):([^\]]*)\])?", marked):
        text += before
        if letter:
            entities.append(Entity(len(text), len(text) + len(span), "problem", span, 0.5))
            assertions.append(BY_LETTER[letter])
        text += span
    return text, entities, assertions


@pytest.mark.parametrize("marked", SENTENCES)
def test_sentences(marked) -> None:
    text, entities, assertions = parse(marked)
    asserted = assert_entities(text, entities)
    assert [(entity.text, entity.assertion) for entity in asserted] == [
        (entity.text, assertion) for entity, assertion in zip(entities, assertions, strict=True)
    ]


def test_a_whole_note_is_the_sum_of_its_lines() -> None:
    parsed = [parse(marked) for marked in SENTENCES if "HISTORY" not in marked.upper() and "PMH" not in marked]
    note, entities, assertions = "", [], []
    for text, of_text, expected in parsed:
        entities += [replace(e, start=e.start + len(note), end=e.end + len(note)) for e in of_text]
        assertions += expected
        note += text + "\n\nPLAN: \n"
    assert [entity.assertion for entity in assert_entities(note, entities)] == assertions


VOCABULARY = [
    *[
        "no",
        "denies",
        "History of",
        "possible",
        "if",
        "mother had",
        "but",
        "not seen",
        "was ruled out",
        "p.r.n.",
        "risks",
    ],
    *["including", "fever", "MI", ",", ".", "\n", ";", ":", "FAMILY HISTORY:", "Plan:", "\U0001f600", "\x00", "\u0130"],
]
TEXTS = st.one_of(st.text(max_size=80), st.lists(st.sampled_from(VOCABULARY), max_size=25).map(" ".join))


@given(TEXTS, st.data())
@settings(max_examples=200, deadline=None)
def test_only_the_assertion_changes_and_the_order_of_the_entities_is_no_matter(text, data) -> None:
    offsets = st.integers(0, len(text))
    spans = data.draw(st.lists(st.tuples(offsets, offsets).map(sorted), max_size=12))
    entities = [Entity(start, end, "problem", text[start:end], 0.25, "stale") for start, end in spans]
    asserted = assert_entities(text, entities)
    assert {entity.assertion for entity in asserted} <= {None, *ASSERTIONS}
    assert [vars(entity) | {"assertion": "stale"} for entity in asserted] == [vars(entity) for entity in entities]
    order = data.draw(st.permutations(range(len(entities))))
    assert assert_entities(text, [entities[index] for index in order]) == [asserted[index] for index in order]


@pytest.mark.parametrize(
    "piece", ["no ", "fever ", "a. b\n", "A:\n", ",", "risks including ", "past ", "no\n", " " * 9]
)
def test_long_texts_without_structure(piece) -> None:
    text = piece * (100_000 // len(piece))
    spans = find_words(text)[:: max(1, len(piece) // 2)].tolist()
    entities = [Entity(start, end, "problem", text[start:end], 1.0) for start, end in spans]
    random.Random(0).shuffle(entities)
    assert len(assert_entities(text, entities)) == len(entities)


def test_a_megabyte() -> None:
    text, entities, assertions = parse(" ".join([*NEGATED[:3], *UNCERTAIN[:2], *CONDITIONAL[:2]]) + "\n\n")
    times = 1_000_000 // len(text)
    shifts = range(0, times * len(text), len(text))
    entities = [replace(e, start=e.start + shift, end=e.end + shift) for shift in shifts for e in entities]
    assert [entity.assertion for entity in assert_entities(text * times, entities)] == assertions * times


def test_nothing_to_assert() -> None:
    assert assert_entities("", []) == []
    assert assert_entities("", [Entity(0, 0, "problem", "", 1.0)])[0].assertion is None
    assert load_rules() is load_rules()


TRIGGER = '[[trigger]]\nlabel = "negated"\ndirection = "forward"\n'


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ("[[trigger", "not a valid TOML file"),
        ('[[triggers]]\nphrases = ["no"]', "triggers: unknown key"),
        ('[[trigger]]\nphrases = ["no"]\ndirection = "forward"', "trigger[0].label: missing"),
        (TRIGGER + 'phrases = ["no"]\nword = 3', "trigger[0].word: unknown key"),
        ('[[pseudo_trigger]]\nphrases = ["no"]\nends = ["negated"]', "pseudo_trigger[0].ends: unknown key"),
        (TRIGGER + 'phrases = ["no"]\nwords = "3"', "words: expected a value of type int, got '3'"),
        (TRIGGER.replace("forward", "up") + 'phrases = ["no"]', "direction: expected one of forward, backward, both"),
        ('[[termination]]\nphrases = ["but"]\nends = ["negative"]', "ends[0]: expected one of"),
        (TRIGGER + 'phrases = ["no", "not"]\n[[pseudo_trigger]]\nphrases = ["{no|so}"]', "'no' is listed twice"),
        ('[[section]]\nphrases = ["fh"]\n[[section]]\nphrases = ["fh"]\nlabel = "family"', "'fh' is listed twice"),
        (TRIGGER + 'phrases = ["No"]', "'No': expected a phrase in lower case"),
        (TRIGGER + 'phrases = ["in 1998"]', "'in 1998': expected a phrase"),
        (TRIGGER + 'phrases = ["{no|}"]', "'': expected a phrase"),
        (TRIGGER + 'phrases = ["{@deny} any"]', "unknown set '@deny'"),
    ],
)
def test_a_wrong_rule_file(rules, problem, tmp_path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(rules, encoding="utf-8")
    with pytest.raises(RegistryError, match=re.escape(problem)) as caught:
        read_rules(path)
    assert "rules.toml" in str(caught.value)


def test_a_rule_file_that_is_absent(tmp_path) -> None:
    with pytest.raises(RegistryError, match=r"absent\.toml"):
        read_rules(tmp_path / "absent.toml")


def test_annotated_mentions() -> None:
    """The figures of ``nlpie benchmark assertion``, as far as a user may rely on them."""
    path = Path(__file__).parent.parent / "reference" / "assertion" / "mentions.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(rows) >= 300
    assertions = []
    for row in rows:
        mention = Entity(row["start"], row["end"], row["label"], row["text"][row["start"] : row["end"]])
        assertions.append(assert_entities(row["text"], [mention])[0].assertion or "affirmed")
    outcomes = Outcomes.of([count_labels(row["assertion"], label) for row, label in zip(rows, assertions, strict=True)])
    assert set(outcomes.labels) == {"affirmed", *ASSERTIONS}
    assert outcomes.label_scores()["negated"].f1 >= 0.90
    assert outcomes.score("accuracy") >= 0.85
