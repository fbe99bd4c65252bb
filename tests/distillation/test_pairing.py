"""Whether a student and its teacher cut texts into the same tokens."""

import copy

import pytest

from nlpie_models.distillation.pairing import check_tokenizers
from nlpie_models.errors import WrongPair


def test_different_tokenizers_are_refused_with_the_reason(tokenizer) -> None:
    check_tokenizers("small", "large", tokenizer, copy.deepcopy(tokenizer))
    more = copy.deepcopy(tokenizer)
    more.add_tokens(["metformin"])
    with pytest.raises(WrongPair, match=r"student small and teacher large .* number of pieces \(.*\)"):
        check_tokenizers("small", "large", tokenizer, more)
    cased = copy.deepcopy(tokenizer)
    cased.backend_tokenizer.normalizer = None
    with pytest.raises(WrongPair, match="lower-casing"):
        check_tokenizers("small", "large", tokenizer, cased)
