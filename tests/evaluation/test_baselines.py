"""The baselines: the majority class, and words."""

import pytest

from nlpie_models.errors import DataError
from nlpie_models.evaluation.baselines import predict_majority, predict_tfidf
from nlpie_models.tasks import get_task


def test_baselines_learn_words_and_know_the_majority() -> None:
    task = get_task("classification")
    rows = [{"text": f"{word} today"} for word in ("fever", "fever", "cough") * 8]
    golds = ["hot" if "fever" in row["text"] else "dry" for row in rows]
    assert predict_majority(task, (rows, golds), (rows, golds), rows) == ["hot"] * len(rows)
    assert predict_tfidf(task, (rows, golds), (rows, golds), rows) == golds
    sets = [frozenset({gold}) for gold in golds]
    assert predict_tfidf(task, (rows, sets), (rows, sets), rows) == sets
    with pytest.raises(DataError, match="24 training rows are too few, or too alike, for TF-IDF"):
        predict_tfidf(task, (rows, ["hot"] * len(rows)), (rows, golds), rows)
    spans = [((0, 5, "x"),)] * len(rows)
    assert predict_majority(get_task("ner"), (rows, spans), (rows, spans), rows) == [()] * len(rows)
