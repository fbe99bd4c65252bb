"""Readings: texts and their sentences, long ones in windows, refused, or cut short with a receipt that adds up."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nlpie_models.documents import Encoder, Reader
from nlpie_models.errors import TextTooLong
from nlpie_models.tasks import get_task
from nlpie_models.tasks._task import Head
from nlpie_models.tasks.ner import NerOptions

LONG = "the patient was given aspirin for zygote pain and fever with a ct scan of the chest"
TEXT = f"No fever. {LONG}.\nNo pain. {LONG}"


@pytest.fixture
def reader(tokenizer):
    """Return a function from settings to a reader with room for 10 pieces."""

    def make(**settings) -> Reader:
        encoder = Encoder(tokenizer.backend_tokenizer)
        return Reader(encoder, tokenizer.cls_token_id, tokenizer.sep_token_id, 12, **settings)

    return make


def test_a_long_sentence_is_read_in_overlapping_windows_cut_between_words(reader) -> None:
    reading = reader(unit="sentence", overlap=4).read(TEXT)
    sentences = [0, *reading.encoding.sentence_starts, len(reading.encoding)]
    assert len(reading.windows) > 6
    for window in reading.windows:
        assert window.stop - window.start <= 10
        assert window.stop in [*reading.encoding.word_starts, len(reading.encoding)]
        assert not any(window.start < edge < window.stop for edge in sentences)
    overlaps = [first.stop - second.start for first, second in zip(reading.windows, reading.windows[1:], strict=False)]
    assert min(overlaps) == 0
    assert max(overlaps) > 0


def test_a_sentence_too_long_is_an_error_that_names_its_place_and_not_its_words(reader) -> None:
    strict = reader(unit="sentence", on_long="error")
    assert len(strict.read("No pain. No fever.\n" * 9).windows) == 18
    with pytest.raises(TextTooLong, match=r"^the sentence at 10 to 94 has \d+ tokens and the window takes 10; use"):
        strict.read(TEXT)


def test_truncation_keeps_the_beginning_of_each_sentence(reader) -> None:
    reading = reader(unit="sentence", on_long="truncate").read(TEXT)
    read = [
        TEXT[slice(*reading.encoding.offsets[[window.start, window.stop - 1], [0, 1]])] for window in reading.windows
    ]
    beginning = "the patient was given aspirin for"
    assert read == ["No fever.", beginning, "No pain.", beginning]
    left_out = [TEXT[start:end] for start, end in reading.left_out]
    assert left_out == [LONG.removeprefix(beginning) + ".\n", LONG.removeprefix(beginning)]
    coverage = reading.coverage
    assert coverage.truncated
    assert coverage.characters == len(TEXT) - sum(map(len, left_out))
    assert coverage.tokens == len(reading.encoding) == sum(map(len, reading.ids))


def test_one_long_sentence_is_truncated_as_a_text_is(reader) -> None:
    for text in (LONG, f"{LONG}. ", "a" * 50):
        readings = [reader(unit=unit, on_long="truncate").read(text) for unit in ("window", "sentence")]
        assert readings[0].coverage == readings[1].coverage
        assert readings[0].coverage.characters == readings[0].encoding.offsets[-1, 1]
        np.testing.assert_array_equal(*(reading.encoding.words for reading in readings))


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.lists(st.sampled_from(["pain ", "zygote ", ". ", "\n", "\x00", "fever, ", "a" * 15]), max_size=60).map(
        "".join
    ),
    on_long=st.sampled_from(["window", "truncate"]),
    overlap=st.integers(0, 5),
)
def test_every_piece_is_decided_once_whatever_the_text(reader, text, on_long, overlap) -> None:
    reading = reader(unit="sentence", on_long=on_long, overlap=overlap).read(text)
    decided = [index for window in reading.windows for index in range(window.decided_start, window.decided_stop)]
    assert decided == list(range(len(reading.encoding)))
    assert reading.truncated == (on_long == "truncate" and len(decided) < len(reader().encoder.encode(text)))
    assert 0 <= reading.coverage.characters <= len(text)


TAGS = ("O", "B-problem", "I-problem")


def entities_of(plan, targets, options) -> list[str]:
    """Return the entities of a model that predicts the targets, and O elsewhere."""
    head = Head(TAGS)
    outputs = [9.0 * np.eye(len(TAGS))[np.maximum(target, 0)] for target in targets]
    parts = [get_task("ner").reduce(plan, index, output, head) for index, output in enumerate(outputs)]
    return [entity.text for entity in get_task("ner").finish(plan, parts, head, options)["entities"]]


@pytest.mark.parametrize("unit", ["window", "sentence"])
@pytest.mark.parametrize("overlap", [0, 5])
def test_targets_of_overlapping_windows_decode_to_the_gold_entities(reader, unit, overlap) -> None:
    options = NerOptions(unit=unit)
    words = ["fever", "zygote pain", "ct scan of the chest"]
    gold = [(TEXT.index(word), TEXT.index(word) + len(word), "problem") for word in words]
    plan = get_task("ner").plan({"text": TEXT}, reader(overlap=overlap), options)
    targets = get_task("ner").targets(plan, gold, TAGS)
    assert [len(target) for target in targets] == [len(passage) for passage in plan.passages]
    assert entities_of(plan, targets, options) == words


@pytest.mark.parametrize(
    ("unit", "expected"), [("window", ["chest pain\nfever"]), ("sentence", ["chest pain", "fever"])]
)
def test_no_entity_runs_over_the_edge_of_sentences_read_apart(reader, unit, expected) -> None:
    options, text = NerOptions(unit=unit), "chest pain\nfever and"
    plan = get_task("ner").plan({"text": text}, reader(), options)
    targets = get_task("ner").targets(plan, [(0, text.index(" and"), "problem")], TAGS)
    assert entities_of(plan, targets, options) == expected


def test_entities_of_truncated_sentences_lie_in_what_was_read(reader) -> None:
    plan = get_task("ner").plan({"text": TEXT}, reader(on_long="truncate"), NerOptions(unit="sentence"))
    gold = [(TEXT.rindex(part), TEXT.rindex(part) + len(part), "problem") for part in ("pain. the", "aspirin", "scan")]
    targets = get_task("ner").targets(plan, gold, TAGS)
    assert entities_of(plan, targets, NerOptions(unit="sentence")) == ["pain.", "the", "aspirin"]
