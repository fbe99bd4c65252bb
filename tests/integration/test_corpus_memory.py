"""A corpus is prepared in memory that does not depend on its size."""

import json
import os
import subprocess
import sys

import numpy as np
from conftest import WORDS

MEASURE = """
import sys
from pathlib import Path
from transformers import AutoTokenizer
from nlpie_models.data.unlabelled import CorpusSource, get_corpus
from nlpie_models.util.process import peak_memory
from nlpie_models.training.corpus import prepare_corpus
tokenizer = AutoTokenizer.from_pretrained(sys.argv[2])
before = peak_memory()
source = CorpusSource((sys.argv[1],))
prepared = prepare_corpus(get_corpus("text"), source, tokenizer, Path(sys.argv[1]).parent / "store")
print(peak_memory() - before, sum(prepared.receipt["blocks"].values()), prepared.receipt["tokens"])
"""


def measure(path, tokenizer_folder) -> tuple[int, int, int]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", MEASURE, str(path), str(tokenizer_folder)]
    ended = subprocess.run(command, capture_output=True, env=environment, check=True)
    peak, blocks, tokens = map(int, ended.stdout.split()[-3:])
    return peak, blocks, tokens


def write_notes(path, count) -> None:
    rng = np.random.default_rng(0)
    with path.open("w") as file:
        for _ in range(count):
            text = " ".join(rng.choice(WORDS, 350))
            file.write(json.dumps({"text": text}) + "\n")


def test_memory_does_not_grow_with_the_corpus(tmp_path, mlm_folder) -> None:
    """0.9 MB and 9 MB of notes that are all kept."""
    peaks = []
    for name, count in (("small", 450), ("large", 4500)):
        (tmp_path / name).mkdir()
        write_notes(tmp_path / name / "notes.jsonl", count)
        peak, blocks, tokens = measure(tmp_path / name / "notes.jsonl", mlm_folder)
        assert (blocks, tokens) == (count, 350 * count)
        peaks.append(peak)
    assert peaks[1] < peaks[0] + 20e6


def test_a_note_of_50_megabytes(tmp_path, mlm_folder) -> None:
    line = f"the patient denies {'x' * 101} chest pain\n"  # a word of more than 100 characters is one [UNK], soon read
    (tmp_path / "note.txt").write_text(line * 400_000)
    peak, blocks, tokens = measure(tmp_path / "note.txt", mlm_folder)
    assert (blocks, tokens) == (-(-tokens // 510), 6 * 400_000)
    assert peak < 1.5e9
