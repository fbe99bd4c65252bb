"""One process needs no other; a number of processes that is none is refused."""

import os

import pytest

from nlpie_models.errors import NlpieError
from nlpie_models.util.process import map_in_processes


def test_one_process_is_this_one() -> None:
    assert list(map_in_processes(lambda item: (item, os.getpid()), "ab", 1)) == [("a", os.getpid()), ("b", os.getpid())]


@pytest.mark.parametrize("processes", [0, -1, 1.5, "2", None, True])
def test_what_is_no_number_of_processes(processes) -> None:
    with pytest.raises(NlpieError, match="expected processes to be a whole number from 1, got"):
        list(map_in_processes(str, "ab", processes))
