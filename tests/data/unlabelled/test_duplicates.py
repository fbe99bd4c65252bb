"""Duplicates: what counts as one, by hand and against the exact share of common sequences."""

import random
import re

import numpy as np
import pytest

from nlpie_models.data.unlabelled.duplicates import Duplicates, hash_words, make_signature
from nlpie_models.errors import NlpieError

NOTE = "The patient is a {} year old man with a history of hypertension who presents with chest pain since {} days."


def find_all(tmp_path, texts, threshold=0.8) -> list:
    with Duplicates(tmp_path / "seen", threshold) as seen:
        return [seen.find(text) for text in texts]


def test_the_same_but_for_case_punctuation_and_white_space(tmp_path) -> None:
    texts = ["Chest pain, no fever.", "chest  pain\nNO fever", "Chest pain; no fevers", "", " ", "++", "++", "--"]
    assert find_all(tmp_path, texts, 1) == [None, "exact", None, None, "exact", None, "exact", None]


def test_nearly_the_same(tmp_path) -> None:
    rng = random.Random(1)
    words = [f"word{rng.randrange(5000)}" for _ in range(400)]
    changed = [*words[:200], "other", *words[201:]]
    cut = words[:300]
    fresh = [f"word{rng.randrange(5000)}" for _ in range(400)]
    texts = [" ".join(document) for document in (words, changed, cut, fresh, words)]
    assert find_all(tmp_path, texts) == [None, "near", None, None, "exact"]
    assert find_all(tmp_path / "..", texts, 0.5) == [None, "near", "near", None, "exact"]


def test_texts_of_fewer_words_than_a_sequence(tmp_path) -> None:
    assert find_all(tmp_path, ["no fever", "no fever at all", "fever", "No fever!"]) == [None, None, None, "exact"]


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
def test_signatures_estimate_the_share_of_common_sequences(share) -> None:
    rng = random.Random(7)
    errors = []
    for _ in range(20):
        first = [str(rng.randrange(10**6)) for _ in range(300)]
        second = [str(rng.randrange(10**6)) if rng.random() < share else word for word in first]
        sequences = [{tuple(words[i : i + 5]) for i in range(len(words) - 4)} for words in (first, second)]
        exact = len(sequences[0] & sequences[1]) / len(sequences[0] | sequences[1])
        signatures = [make_signature(hash_words(" ".join(words))) for words in (first, second)]
        errors.append(np.mean(signatures[0] == signatures[1]) - exact)
    assert abs(np.mean(errors)) < 0.03
    assert np.std(errors) < 0.07


def test_most_pairs_over_the_threshold_are_found_and_few_under_it(tmp_path) -> None:
    rng = random.Random(3)
    texts, shares = [], []
    for number in range(150):
        first = [f"{number}x{rng.randrange(10**6)}" for _ in range(300)]
        place = rng.randrange(200)
        second = [*first[:place], *first[place + rng.choice((20, 120)) :]]
        sequences = [{tuple(words[i : i + 5]) for i in range(len(words) - 4)} for words in (first, second)]
        shares.append(len(sequences[0] & sequences[1]) / len(sequences[0] | sequences[1]))
        texts += [" ".join(first), " ".join(second)]
    found = find_all(tmp_path, texts)[1::2]
    over = [how for how, share in zip(found, shares, strict=True) if share > 0.88]
    under = [how for how, share in zip(found, shares, strict=True) if share < 0.7]
    assert min(len(over), len(under)) > 50
    assert over.count("near") > 0.9 * len(over)
    assert under.count("near") == 0


def test_the_same_in_every_process(tmp_path) -> None:
    """Python hashes a text otherwise in every process; ours may not."""
    signature = make_signature(hash_words("the patient has chest pain and a fever"))
    assert signature[:3].tolist() == [205874979, 164878856, 640908027]
    assert find_all(tmp_path, [NOTE.format(age, age) for age in (60, 60, 61)]) == [None, "exact", None]


def test_the_index_holds_no_text(tmp_path) -> None:
    find_all(tmp_path, [NOTE.format(age, age) * 9 for age in range(300)])
    assert not re.search(rb"patient|chest", (tmp_path / "seen").read_bytes(), re.IGNORECASE)


@pytest.mark.parametrize("threshold", [0, -1, 1.1])
def test_thresholds_that_make_no_sense(tmp_path, threshold) -> None:
    with pytest.raises(NlpieError, match="expected a threshold over 0 and up to 1"):
        Duplicates(tmp_path / "seen", threshold)
