"""What a model has to beat: the majority class, and TF-IDF with logistic regression (scikit-learn)."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ..tasks import Row, Task

Labelled = tuple[Sequence[Row], Sequence[Any]]
_STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
_NOTHING: tuple = ()


def score_baselines(task: Task, train: Labelled, validation: Labelled, test: Labelled) -> dict[str, Any]:
    """Return the scores of the baselines on test rows, by name.

    The regularisation of the logistic regression is chosen on the validation rows, by the task's metric. A task whose
    answers are not labels of whole rows has the majority class only.

    Args:
        task: The task.
        train: Rows and their gold answers, to fit on.
        validation: Rows and their gold answers, to choose on.
        test: Rows and their gold answers, to score.
    """
    supervision = task.supervised()
    rows, golds = test
    majority = _majority(train[1])
    found = {"majority": supervision.score(golds, [majority] * len(rows))}
    if supervision.tfidf_text is None:
        return found
    fitted = [_TfidfRegression(supervision.tfidf_text, *train, strength=strength) for strength in _STRENGTHS]
    best = max(
        fitted, key=lambda model: supervision.score(validation[1], model.answer(validation[0]))[supervision.metric]
    )
    return {**found, "tfidf-lr": {**supervision.score(golds, best.answer(rows)), "strength": best.strength}}


def _majority(golds: Sequence[Any]) -> Any:
    """Return the answer that is right most often; where answers are spans, none."""
    if isinstance(golds[0], tuple):
        return _NOTHING
    [(gold, _)] = Counter(golds).most_common(1)
    return gold


class _TfidfRegression:
    """Words and pairs of words, weighted by TF-IDF, and a logistic regression (one for each independent label)."""

    def __init__(self, text_of: Any, rows: Sequence[Row], golds: Sequence[Any], *, strength: float) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.multiclass import OneVsRestClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import MultiLabelBinarizer

        self.strength = strength
        self._text_of = text_of
        self._names = MultiLabelBinarizer() if isinstance(golds[0], frozenset) else None
        classifier = LogisticRegression(C=strength, max_iter=1000)
        words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
        self._model = make_pipeline(words, OneVsRestClassifier(classifier) if self._names else classifier)
        self._model.fit(list(map(text_of, rows)), self._names.fit_transform(golds) if self._names else golds)

    def answer(self, rows: Sequence[Row]) -> list[Any]:
        """Return the predicted label, or set of labels, of each row."""
        found = self._model.predict(list(map(self._text_of, rows)))
        return list(map(frozenset, self._names.inverse_transform(found))) if self._names else list(found)
