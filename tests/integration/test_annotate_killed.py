"""A run of ``nlpie annotate`` that is killed, and goes on."""

import json
import os
import random
import signal
import subprocess
import sys
import time

from click.testing import CliRunner

from nlpie_models.cli import main

NOTE = "The patient has chest pain and fever. Was given aspirin for the pain.\n"


def run(*arguments: object) -> None:
    result = CliRunner().invoke(main, ["annotate", *map(str, arguments)])
    assert result.exit_code == 0, result.output


def test_killed_and_resumed_gives_the_same_file(ner_folder, tmp_path) -> None:
    texts = [{"id": str(number % 40), "text": NOTE * (1 + number % 7)} for number in range(300)]
    source = tmp_path / "notes.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in texts))
    run(source, "-c", ner_folder, "-o", tmp_path / "whole.jsonl")

    out, journal = tmp_path / "out.jsonl", tmp_path / "out.jsonl.partial"
    command = [sys.executable, "-m", "nlpie_models", "annotate", source, "-c", ner_folder, "-o", out, "--resume"]
    kills = 0
    for _ in range(2):
        size = journal.stat().st_size if journal.exists() else 0
        process = subprocess.Popen(
            list(map(str, command)), stderr=subprocess.DEVNULL, env=os.environ | {"HF_HUB_OFFLINE": "1"}
        )
        while process.poll() is None and not (journal.exists() and journal.stat().st_size > size + 1000):
            time.sleep(0.001)
        time.sleep(random.random() * 0.02)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
    assert kills
    run(source, "-c", ner_folder, "-o", out, "--resume")
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
