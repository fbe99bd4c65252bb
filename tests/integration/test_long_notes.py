"""Notes of 20,000 tokens, by the bundled checkpoint of each task."""

import numpy as np
import pytest

from nlpie_models import load_clinical
from nlpie_models.data.demo import DEMO_NOTES

NOTES = [path.read_text() for path in sorted(DEMO_NOTES.glob("*.txt"))]
LONG = "\n\n".join(NOTES * 4)
LONG_READERS = [
    ("open-notes", "embedding"),
    ("open-notes-cancer", "classification"),
    ("open-notes-relations", "relation"),
]


@pytest.mark.parametrize(("name", "task"), LONG_READERS)
def test_20_000_tokens_are_read_whole_and_alike_in_any_company(name, task) -> None:
    pipe = load_clinical(name, task, device="cpu")
    alone = pipe(LONG)
    assert alone.coverage.characters == len(LONG)
    assert alone.coverage.tokens > 20_000
    _, together, _ = pipe([NOTES[3], LONG, NOTES[0]])
    assert together == alone
    np.testing.assert_allclose(numbers(together), numbers(alone), rtol=0, atol=1e-5)


def numbers(annotation) -> list[float]:
    """Return every score and coordinate of an annotation."""
    if annotation.embedding is not None:
        return list(annotation.embedding)
    if annotation.classification is not None:
        return list(annotation.scores.values())
    return [relation.score for relation in annotation.relations]
