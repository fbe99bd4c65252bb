"""Annotating many documents into files, with a journal that survives a kill."""

import json
import os
import shutil
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .data.documents import Document, Failure
from .documents import Annotation
from .documents.exports import EXPORTS, format_of
from .errors import NlpieError
from .pipelines import ClinicalPipeline


@dataclass
class Report:
    """What became of a run's documents."""

    annotated: int = 0
    resumed: int = 0
    failures: list[Failure] = field(default_factory=list)


Outcome = Annotation | NlpieError


class Journal:
    """The finished documents of a run, one JSON line each, beside the output until that is complete.

    Args:
        output: The output that the journal is kept for.
        settings: What the annotations depend on; a journal made with other settings is not continued.
    """

    def __init__(self, output: Path, settings: dict[str, Any]) -> None:
        self.path = output.with_name(f"{output.name}.partial")
        self._header = json.dumps(settings, sort_keys=True)

    def open(self, *, resume: bool, overwrite: bool) -> Counter[str]:
        """Prepare the file and return how often each document id is already in it.

        Raises:
            NlpieError: There is an unfinished run and the caller chose neither; or it had other settings.
        """
        if not self.path.exists() or (overwrite and not resume):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(self._header + "\n", encoding="utf-8")
            return Counter()
        if not resume:
            raise NlpieError(
                f"{self.path} holds an unfinished run: add --resume to go on or --overwrite to start again"
            )
        with self.path.open("rb") as file:
            header = file.readline().decode("utf-8", "replace").rstrip("\n")
            if header != self._header:
                raise NlpieError(
                    f"{self.path} was made with other settings ({header}); use those, or --overwrite to start again"
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

    def append(self, group: Sequence[tuple[str, Outcome]]) -> None:
        """Write a group of outcomes; a group that is not written to its end does not count."""
        with self.path.open("a", encoding="utf-8") as file:
            for index, (name, outcome) in enumerate(group, start=1):
                if isinstance(outcome, NlpieError):
                    values: dict[str, Any] = {"error": str(outcome)}
                else:
                    values = {"text": outcome.text, **outcome.to_dict()}
                file.write(json.dumps({"id": name, "last": index == len(group), **values}) + "\n")

    def read(self) -> Iterator[tuple[str, Outcome]]:
        """Return what has become of each document, in order."""
        with self.path.open(encoding="utf-8") as file:
            next(file)
            for line in file:
                row = json.loads(line)
                yield row["id"], NlpieError(row["error"]) if "error" in row else Annotation.from_dict(row["text"], row)

    def close(self) -> None:
        """Remove the file: the outputs are complete."""
        self.path.unlink()


def annotate_documents(
    pipe: ClinicalPipeline,
    documents: Iterable[Document | Failure],
    outputs: list[Path],
    *,
    resume: bool = False,
    overwrite: bool = False,
) -> tuple[Report, Iterator[tuple[str, Annotation]]]:
    """Annotate documents into files.

    A document that cannot be read or annotated is reported and the others go on. Each output is written under a
    temporary name and renamed when it is complete.

    Args:
        pipe: The pipeline.
        documents: What ``read_documents`` gives.
        outputs: Files (``.jsonl``, ``.csv``, ``.parquet``, ``.html``) or folders (BRAT) to write; may be empty.
        resume: Go on where an unfinished run stopped.
        overwrite: Replace outputs that exist, and an unfinished run.

    Returns:
        The report, filled as the run goes, and an iterator over the new annotations; the run is done when it ends.

    Raises:
        NlpieError: An output exists, an unfinished run is in the way, or an output's format is unknown.
    """
    report = Report()
    formats = {path: format_of(path) for path in outputs}
    if not outputs:
        return report, _annotate_all(pipe, documents, None, Counter(), report)
    journal = Journal(outputs[0], pipe.settings)
    finished = [path for path in outputs if path.exists()]
    if finished and not overwrite and not journal.path.exists():
        if resume and finished == outputs:
            return report, iter(())
        raise NlpieError(f"{finished[0]} exists already; add --overwrite to replace it")
    done = journal.open(resume=resume, overwrite=overwrite)
    report.resumed = done.total()
    report.failures += [
        Failure(name, str(outcome)) for name, outcome in journal.read() if isinstance(outcome, NlpieError)
    ]

    def run() -> Iterator[tuple[str, Annotation]]:
        yield from _annotate_all(pipe, documents, journal, done, report)
        for path, kind in formats.items():
            _write_whole(kind, journal, path)
        journal.close()

    return report, run()


def _annotate_all(
    pipe: ClinicalPipeline,
    documents: Iterable[Document | Failure],
    journal: Journal | None,
    done: Counter[str],
    report: Report,
) -> Iterator[tuple[str, Annotation]]:
    names: deque[str] = deque()

    def texts() -> Iterator[str]:
        for document in documents:
            if isinstance(document, Failure):
                report.failures.append(document)
            elif done[document.id]:
                done[document.id] -= 1
            else:
                names.append(document.id)
                yield document.text

    for outcomes in pipe.stream_groups(texts()):
        group = [(names.popleft(), outcome) for outcome in outcomes]
        if journal:
            journal.append(group)
        for name, outcome in group:
            if isinstance(outcome, NlpieError):
                report.failures.append(Failure(name, str(outcome)))
            else:
                report.annotated += 1
                yield name, outcome


def _write_whole(kind: str, journal: Journal, path: Path) -> None:
    """Write an output under a temporary name and rename it; on failure nothing stays under either name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    _remove(temporary)
    try:
        EXPORTS[kind](_annotations(journal), temporary)
        if path.is_dir():
            _remove(path)
        os.replace(temporary, path)
    except BaseException:
        _remove(temporary)
        raise


def _annotations(journal: Journal) -> Iterator[tuple[str, Annotation]]:
    return ((name, outcome) for name, outcome in journal.read() if isinstance(outcome, Annotation))


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
