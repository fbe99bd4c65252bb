"""load_clinical and the pipeline: mechanics on tiny random checkpoints."""

import json
import shutil
from itertools import chain, count, islice

import datasets
import numpy as np
import pandas
import pyarrow
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer, pipeline

from nlpie_models import NlpieError, load_clinical
from nlpie_models.errors import MissingHead, TextTooLong, UnknownName

NOTE = "The patient has chest pain and fever. Was given aspirin for the pain.\r\n\nNo fever of a ct scan.\n" * 12


@pytest.fixture(scope="module")
def ner(ner_folder):
    return load_clinical(ner_folder, device="cpu")


def check(annotation, text) -> None:
    assert annotation.coverage.characters == len(text)
    assert not annotation.coverage.truncated
    end = 0
    for entity in annotation.entities:
        assert end <= entity.start < entity.end <= len(text)
        assert text[entity.start : entity.end] == entity.text
        assert not (entity.start and text[entity.start - 1].isalnum() and text[entity.start].isalnum())
        assert not (entity.end < len(text) and text[entity.end - 1].isalnum() and text[entity.end].isalnum())
        assert 0 < entity.score <= 1
        end = entity.end


AWKWARD = [
    "",
    " \r\n\t",
    "\x00\x00",
    "a" * 300_000,
    "chest pain," * 3_000,
    "." * 300_000,
    " " * 300_000,
    ".'\"" * 100_000,
    "[**2101-3-4**] [**Name (NI) 12**] denies fever\r\n\r\n[MASK] [SEP]",
    "\ud800 lone surrogate \U0001f600\U0001f468\u200d\U0001f469 e\u0301\u0301",
    "患者は胸痛 chest pain",
    "İstanbul ﬁever \u00adpa\u00adin",
]


@pytest.mark.parametrize("text", AWKWARD, ids=range(len(AWKWARD)))
def test_awkward_texts(ner, text) -> None:
    check(ner(text), text)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.lists(
        st.one_of(
            st.text(max_size=30),
            st.sampled_from(["chest pain", "\r\n", "\x00", "[**Hospital 3**]", " ", "fever. ", "ct-scan"]),
        ),
        max_size=60,
    ).map("".join)
)
def test_any_unicode(ner, text) -> None:
    check(ner(text), text)


def test_same_alone_in_a_list_and_in_a_stream(ner) -> None:
    texts = [NOTE, "", "fever", NOTE[:300], "no chest pain " * 100]
    alone = [ner(text) for text in texts]
    assert ner(texts) == alone
    assert list(ner.stream(iter(texts))) == alone
    assert list(ner.stream(reversed(texts))) == alone[::-1]
    for one, other in zip(alone, ner(texts), strict=True):
        np.testing.assert_allclose(
            [entity.score for entity in one.entities], [entity.score for entity in other.entities], atol=1e-5
        )


def test_stream_reads_a_bounded_number_ahead(ner) -> None:
    read = count()
    endless = ("chest pain" for _ in iter(lambda: next(read), None))
    assert len(list(islice(ner.stream(endless), 10))) == 10
    assert next(read) <= 300


def test_long_notes_are_read_in_windows(ner) -> None:
    coverage = ner(NOTE).coverage
    assert coverage.windows > 4
    assert coverage.tokens > 3 * ner.reader.window


def test_more_overlap_means_more_windows(ner) -> None:
    overlapping = load_clinical(ner.checkpoint.folder, device="cpu", overlap=31)
    assert overlapping(NOTE).coverage.windows > ner(NOTE).coverage.windows


def test_on_long(ner_folder) -> None:
    with pytest.raises(TextTooLong, match=r"tokens and the window takes 62; use on_long='window'"):
        load_clinical(ner_folder, on_long="error")(NOTE)
    short = load_clinical(ner_folder, on_long="truncate")
    coverage = short(NOTE).coverage
    assert coverage.truncated
    assert coverage.windows == 1
    assert 0 < coverage.characters < len(NOTE)
    assert all(entity.end <= coverage.characters for entity in short(NOTE).entities)
    assert not short("fever").coverage.truncated


def test_entity_answers_like_transformers(ner) -> None:
    entity = ner(NOTE).entities[0]
    assert entity["entity_group"] == entity["label"] == entity.label
    assert entity["word"] == entity.text
    assert (entity["start"], entity["end"], entity["score"]) == (entity.start, entity.end, entity.score)
    with pytest.raises(KeyError, match="nonsense"):
        entity["nonsense"]


def test_agrees_with_transformers_on_short_text(ner, ner_folder) -> None:
    theirs = pipeline("token-classification", model=str(ner_folder), aggregation_strategy="first", device="cpu")
    text = "the patient has chest pain and fever no aspirin"
    ours = [(entity.start, entity.end, entity.label) for entity in ner(text).entities]
    assert ours == [(group["start"], group["end"], group["entity_group"]) for group in theirs(text)]


def test_annotation_is_json_ready_and_comes_back(ner) -> None:
    annotation = ner(NOTE)
    values = json.loads(json.dumps(annotation.to_dict()))
    assert "text" not in values
    assert type(annotation).from_dict(NOTE, values) == annotation


def test_repr_quotes_entities_and_not_the_rest_of_the_note(ner) -> None:
    annotation = ner(NOTE)
    assert NOTE[:40] not in repr(annotation)
    assert repr(annotation.entities) in repr(annotation)


def test_embedding_is_the_mean_of_token_states(ner_folder) -> None:
    pipe = load_clinical(ner_folder, "embedding", device="cpu")
    text = "the patient has chest pain"
    tokens = AutoTokenizer.from_pretrained(ner_folder)(text, return_tensors="pt")
    with torch.no_grad():
        states = AutoModel.from_pretrained(ner_folder).eval()(**tokens).last_hidden_state[0]
    np.testing.assert_allclose(pipe(text).embedding, states.mean(0), atol=1e-5)
    assert pipe(text).embedding.dtype == np.float32


def test_embedding_of_a_long_note_uses_every_window(ner_folder) -> None:
    pipe = load_clinical(ner_folder, "embedding", device="cpu")
    changed = NOTE[:-30] + "aspirin aspirin aspirin for a."
    assert pipe(NOTE).embedding.shape == (32,)
    assert not np.allclose(pipe(NOTE).embedding, pipe(changed).embedding, atol=1e-6)
    assert np.isfinite(pipe("").embedding).all()


def test_fill_mask_agrees_with_transformers(mlm_folder) -> None:
    text = "the patient has [MASK] pain and no [MASK]."
    masks = load_clinical(mlm_folder, "fill-mask", device="cpu")(text, top_k=3).masks
    tokens = AutoTokenizer.from_pretrained(mlm_folder)(text, return_tensors="pt")
    with torch.no_grad():
        logits = AutoModelForMaskedLM.from_pretrained(mlm_folder).eval()(**tokens).logits[0]
    positions = (tokens["input_ids"][0] == 4).nonzero().flatten()
    for mask, position in zip(masks, positions, strict=True):
        assert text[mask.start : mask.end] == "[MASK]"
        best = logits[position].softmax(-1).topk(3)
        np.testing.assert_allclose([candidate.score for candidate in mask.candidates], best.values, atol=1e-5)


def test_fill_mask_without_a_mask(mlm_folder) -> None:
    with pytest.raises(NlpieError, match=r"needs a text with the mask token \[MASK\]"):
        load_clinical(mlm_folder, "fill-mask")("no mask here")


def test_one_bad_text_does_not_take_the_others_with_it(mlm_folder) -> None:
    (outcomes,) = load_clinical(mlm_folder, "fill-mask").stream_groups(["a [MASK]", "none", 3, "[MASK] b"])
    assert [isinstance(outcome, NlpieError) for outcome in outcomes] == [False, True, True, False]


def test_wrong_requests(ner_folder, ner) -> None:
    with pytest.raises(MissingHead, match=r"no fill-mask head \(it serves: embedding, ner\).*clinical-distilbert"):
        load_clinical(ner_folder, "fill-mask")
    with pytest.raises(UnknownName, match=r"Unknown task 'nerr'. Did you mean 'ner'\?"):
        load_clinical(ner_folder, "nerr")
    with pytest.raises(UnknownName, match="Unknown engine 'jax'"):
        load_clinical(ner_folder, engine="jax")
    with pytest.raises(UnknownName, match="Unknown on_long"):
        load_clinical(ner_folder, on_long="cut")
    with pytest.raises(NlpieError, match="expected a window of 8 to 64 tokens, got 0"):
        load_clinical(ner_folder, window=0)
    with pytest.raises(NlpieError, match="expected an overlap of 0 to 31 tokens"):
        load_clinical(ner_folder, overlap=40)
    with pytest.raises(NlpieError, match=r"expected text to be a text \(str\), got NoneType"):
        ner(None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"window": "128"}, r"expected window of type int \| numpy.integer \| None, got '128'"),
        ({"window": 64.0}, "expected window of type .*, got 64.0"),
        ({"window": True}, "expected window of type .*, got True"),
        ({"overlap": "3"}, "expected overlap of type .*, got '3'"),
        ({"task": None}, "expected task of type str, got None"),
        ({"name": 5}, r"expected name of type str \| os.PathLike \| None, got 5"),
        ({"on_long": None}, "expected on_long of type str, got None"),
        ({"engine": ["torch"]}, r"expected engine of type str, got \['torch'\]"),
        ({"revision": 5}, r"expected revision of type str \| None, got 5"),
        ({"task": "relation", "ner": 5}, "expected ner of type .*, got 5"),
        ({"device": 1.5}, "expected device as a name, such as cpu or cuda:1, or as a number, got 1.5"),
        ({"device": True}, "expected device as a name, .*got True"),
        ({"device": "nonsense"}, "cannot run on device 'nonsense'"),
    ],
)
def test_arguments_of_another_type_are_named(ner_folder, arguments, message) -> None:
    with pytest.raises(NlpieError, match=f"^{message}") as caught:
        load_clinical(**{"name": ner_folder, "task": "ner", **arguments})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("device", [-1, "-1", "cpu", torch.device("cpu")])
def test_the_processor_has_several_names(ner_folder, device) -> None:
    assert load_clinical(ner_folder, device=device).engine.device == "cpu"


def test_a_number_is_that_of_a_gpu(ner_folder, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(
        "nlpie_models.pipelines.open_engine", lambda kinds, checkpoint, task, device: asked.append(device)
    )
    for device in (0, "3", np.str_("2")):
        load_clinical(ner_folder, device=device)
    assert asked == ["cuda:0", "cuda:3", "cuda:2"]


def test_a_window_may_come_from_numpy(ner_folder) -> None:
    assert json.dumps(load_clinical(ner_folder, window=np.int64(32), overlap=np.int32(4)).settings)


def test_transformers_task_names_are_aliases(ner_folder) -> None:
    assert load_clinical(ner_folder, "token-classification").task.name == "ner"
    assert load_clinical(ner_folder, "feature-extraction").task.name == "embedding"


def test_hostile_auto_map_is_never_run(ner_folder, tmp_path) -> None:
    folder = tmp_path / "hostile"
    shutil.copytree(ner_folder, folder)
    (folder / "evil.py").write_text("raise SystemExit('hostile code ran')")
    hostile = {
        "config.json": {"AutoConfig": "evil.C", "AutoModelForTokenClassification": "evil.M"},
        "tokenizer_config.json": {"AutoTokenizer": ["evil.T", "evil.T"]},
    }
    for name, auto_map in hostile.items():
        values = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(values | {"auto_map": auto_map}))
    assert load_clinical(folder, device="cpu")(NOTE) == load_clinical(ner_folder, device="cpu")(NOTE)


@pytest.mark.parametrize(
    "many",
    [
        tuple,
        np.array,
        iter,
        dict.fromkeys,
        pandas.Series,
        lambda texts: pandas.Series(texts, index=["columns", "shape", "ndim"]),
        lambda texts: datasets.Dataset.from_dict({"text": texts})["text"],
        lambda texts: datasets.Dataset.from_dict({"text": texts}),
    ],
    ids=["tuple", "array", "iterator", "keys", "series", "labelled series", "column", "dataset"],
)
def test_any_iterable_of_texts(ner, many) -> None:
    texts = ["chest pain", "no fever", NOTE[:200]]
    given = many(texts)
    assert ner(given.keys() if isinstance(given, dict) else given) == [ner(text) for text in texts]


def test_an_iterable_is_not_mistaken_for_texts(ner) -> None:
    with pytest.raises(NlpieError, match=r"got a DataFrame; pass the column that holds them, such as frame\['text'\]"):
        ner(pandas.DataFrame({"text": ["fever"]}))
    for frame in (pandas.DataFrame({"text": ["fever"]}), pyarrow.table({"text": ["fever"]})):
        with pytest.raises(NlpieError, match=r"pass the column that holds them, such as frame\['text'\]"):
            next(ner.stream(frame))
    with pytest.raises(NlpieError, match="expected an iterable of texts, got one str; put it into a list"):
        next(ner.stream("fever"))
    with pytest.raises(NlpieError, match="expected an iterable of texts, got one ndarray; put it into a list"):
        next(ner.stream(np.array("fever")))
    for single, kind in ((b"fever", "bytes"), (np.array("fever"), "ndarray")):
        with pytest.raises(NlpieError, match=rf"expected text to be a text \(str\), got {kind}"):
            ner(single)
    with pytest.raises(NlpieError, match=r"expected text to be a text \(str\), got float"):
        ner(["fever", float("nan")])


def test_a_pair_is_one_row_and_a_tuple_of_pairs_is_many(head_folder) -> None:
    nli = load_clinical(head_folder("nli"), "nli", device="cpu")
    pair = ("the patient has fever", "fever")
    assert nli(pair) == nli(*pair)
    assert nli([pair, pair]) == [nli(pair)] * 2


def test_entities_of_many_texts_are_found_together(ner, head_folder, monkeypatch) -> None:
    pipe = load_clinical(head_folder("relation"), "relation", ner=ner, device="cpu", keep_unrelated=True)
    texts = [NOTE[:60], "fever", NOTE[:90], "chest pain for aspirin"] * 10
    alone = [pipe(text) for text in texts]
    calls = []
    run = ner.engine.run
    monkeypatch.setattr(ner.engine, "run", lambda passages: calls.append(len(passages)) or run(passages))
    rows = [*texts, 5, {"text": "fever pain", "entities": [(0, 5), (6, 10)]}]
    (outcomes,) = [list(chain.from_iterable(pipe.stream_groups(rows)))]
    assert outcomes[: len(texts)] == alone
    assert isinstance(outcomes[len(texts)], NlpieError)
    assert len(outcomes[-1].relations) == 2
    assert sum(calls) == len(texts)
    assert len(calls) < len(texts) / 4


def test_pairs_of_texts_whose_entities_were_found_together_are_run_a_few_texts_at_a_time(
    ner, head_folder, monkeypatch
) -> None:
    pipe = load_clinical(head_folder("relation"), "relation", ner=ner, device="cpu", context="window")
    planned, run = [], []
    plan, engine_run = pipe.task.plan, pipe.engine.run
    monkeypatch.setattr(pipe.task, "plan", lambda *arguments: planned.append(0) or plan(*arguments))
    monkeypatch.setattr(pipe.engine, "run", lambda passages: run.append(len(planned)) or engine_run(passages))
    (group,) = pipe.stream_groups(["chest pain, fever, aspirin and MRI " * 4] * 32)
    assert len(group) == 32
    assert all(annotation.coverage.windows > 16 for annotation in group)
    assert run[0] < 16
    assert run[-1] == 32
