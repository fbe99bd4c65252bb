"""Assertions in sentences that users of such tools reported, and in others of their kinds, by the default model."""

import json
from pathlib import Path

import pytest

from nlpie_models import load_clinical

PATH = Path(__file__).parents[1] / "reference" / "reports" / "assertion.jsonl"
CASES = [json.loads(line) for line in PATH.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def pipe():
    return load_clinical(assertion=True)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['kind']}: {case['text']!a}")
def test_what_is_asserted(case, pipe) -> None:
    assert [[entity.text, entity.assertion] for entity in pipe(case["text"]).entities] == case["expected"]
