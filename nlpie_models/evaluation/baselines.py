"""Baselines, which a useful model beats: the majority class, and TF-IDF with logistic regression (scikit-learn)."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import DataError, NlpieError
from ..tasks import SEQUENCES, Row, Task

Labelled = tuple[Sequence[Row], Sequence[Any]]
_STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
_NOTHING: tuple = ()


def predict_majority(task: Task, train: Labelled, validation: Labelled, rows: Sequence[Row]) -> list[Any]:
    """Predict the most frequent gold answer of the training rows for every row; where answers are spans, none."""
    golds = train[1]
    answer = _NOTHING if isinstance(golds[0], tuple) else Counter(golds).most_common(1)[0][0]
    return [answer] * len(rows)


def predict_tfidf(task: Task, train: Labelled, validation: Labelled, rows: Sequence[Row]) -> list[Any]:
    """Predict by a logistic regression over words and pairs of words.

    The strength of its regularisation is chosen on the validation rows, by the task's metric.
    """
    if task.auto_class != SEQUENCES:
        raise NlpieError("TF-IDF with logistic regression is for answers about a row as a whole")
    fitted = [_TfidfRegression(task.tfidf_text, *train, strength=strength) for strength in _STRENGTHS]
    best = max(
        fitted,
        key=lambda model: task.outcomes(validation[1], model.predict(validation[0])).score(task.metric),
    )
    return best.predict(rows)


BASELINES: dict[str, Callable[[Task, Labelled, Labelled, Sequence[Row]], list[Any]]] = {
    "majority": predict_majority,
    "tfidf-lr": predict_tfidf,
}
"""By name of the baseline, a function from the task, training rows, validation rows and test rows to predictions."""


class _TfidfRegression:
    """Words and pairs of words, weighted by TF-IDF, and a logistic regression (one for each independent label)."""

    def __init__(self, text_of: Any, rows: Sequence[Row], golds: Sequence[Any], *, strength: float) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.multiclass import OneVsRestClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import MultiLabelBinarizer

        self._text_of = text_of
        self._names = MultiLabelBinarizer() if isinstance(golds[0], frozenset) else None
        classifier = LogisticRegression(C=strength, max_iter=1000)
        words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
        self._model = make_pipeline(words, OneVsRestClassifier(classifier) if self._names else classifier)
        try:
            self._model.fit(list(map(text_of, rows)), self._names.fit_transform(golds) if self._names else golds)
        except ValueError as error:
            raise DataError(f"{len(rows)} training rows are too few, or too alike, for TF-IDF: {error}") from None

    def predict(self, rows: Sequence[Row]) -> list[Any]:
        """Return the predicted label, or set of labels, of each row."""
        predicted = self._model.predict(list(map(self._text_of, rows)))
        return list(map(frozenset, self._names.inverse_transform(predicted))) if self._names else list(predicted)
