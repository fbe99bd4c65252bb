"""The journal of a run: which documents are finished, and their annotations, so that a killed run can go on."""

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..documents import Annotation
from ..errors import NlpieError

Outcome = Annotation | NlpieError


class Journal:
    """The finished documents of a run with their texts, a JSON line each, beside the output until that is complete.

    Only the user who started the run can read the file.

    Args:
        output: The output that the run writes.
        settings: What the outputs depend on; a journal with different settings is not continued.
    """

    def __init__(self, output: Path, settings: dict[str, Any]) -> None:
        self.path = output.with_name(f"{output.name}.partial")
        self._header = json.dumps(settings, sort_keys=True).encode() + b"\n"

    def open(self, *, resume: bool, overwrite: bool) -> Counter[str]:
        """Prepare the file and return how often each document id is already in it.

        Args:
            resume: Go on with an unfinished run.
            overwrite: Discard an unfinished run.

        Raises:
            NlpieError: There is an unfinished run and the caller chose neither; or that run has different settings.
        """
        if not self.path.exists() or (overwrite and not resume):
            return self._start()
        if not resume:
            raise NlpieError(
                f"{self.path} holds an unfinished run: add --resume to go on or --overwrite to start again"
            )
        with self.path.open("rb") as file:
            header = file.readline()
            if not header.endswith(b"\n"):
                return self._start()
            if header != self._header:
                raise NlpieError(
                    f"{self.path} was made with different settings ({header.decode('utf-8', 'replace').strip()}); "
                    "use those, or --overwrite to start again"
                )
            done: Counter[str] = Counter()
            group: list[str] = []
            complete = file.tell()
            for line in file:
                if not line.endswith(b"\n"):
                    break
                row = json.loads(line)
                group.append(row["id"])
                if row["last"]:
                    done.update(group)
                    group, complete = [], file.tell()
        os.truncate(self.path, complete)
        return done

    def _start(self) -> Counter[str]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        with open(os.open(self.path, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
            file.write(self._header)
        return Counter()

    def append(self, group: Sequence[tuple[str, Outcome]]) -> None:
        """Write the outcomes of a group of documents; a group that is not written to its end does not count."""
        with self.path.open("a", encoding="utf-8") as file:
            for index, (name, outcome) in enumerate(group, start=1):
                if isinstance(outcome, NlpieError):
                    values: dict[str, Any] = {"error": str(outcome)}
                else:
                    values = {"text": outcome.text, "hypothesis": outcome.hypothesis, **outcome.to_dict()}
                file.write(json.dumps({"id": name, "last": index == len(group), **values}) + "\n")

    def read(self) -> Iterator[tuple[str, Outcome]]:
        """Yield the id and the annotation, or the error, of each document in order."""
        with self.path.open(encoding="utf-8") as file:
            next(file)
            for line in file:
                row = json.loads(line)
                if "error" in row:
                    yield row["id"], NlpieError(row["error"])
                else:
                    yield row["id"], Annotation.from_dict(row["text"], row, row["hypothesis"])

    def close(self) -> None:
        """Remove the file: the outputs are complete."""
        self.path.unlink()
