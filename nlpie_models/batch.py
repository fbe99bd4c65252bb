"""Annotating many documents into files, with a journal that survives a kill."""

import json
import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from .data.documents import Columns, Document, Failure, read_documents
from .documents import Annotation
from .documents.exports import BRAT, EXPORTS, format_of
from .documents.tables import TABLES
from .errors import NlpieError
from .files import write_whole
from .pipelines import ClinicalPipeline
from .tasks import Row


@dataclass
class Report:
    """What became of a run's documents."""

    annotated: int = 0
    resumed: int = 0
    written: list[Path] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


Outcome = Annotation | NlpieError


class Journal:
    """The finished documents of a run with their texts, one JSON line each, kept beside the output until it is whole.

    Only the user who started the run can read the file.

    Args:
        output: The output that the journal is kept for.
        settings: What the outputs depend on; a journal made with other settings is not continued.
    """

    def __init__(self, output: Path, settings: dict[str, Any]) -> None:
        self.path = output.with_name(f"{output.name}.partial")
        self._header = json.dumps(settings, sort_keys=True).encode() + b"\n"

    def open(self, *, resume: bool, overwrite: bool) -> Counter[str]:
        """Prepare the file and return how often each document id is already in it.

        Raises:
            NlpieError: There is an unfinished run and the caller chose neither; or it had other settings.
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
                    f"{self.path} was made with other settings ({header.decode('utf-8', 'replace').strip()}); "
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
        """Write a group of outcomes; a group that is not written to its end does not count."""
        with self.path.open("a", encoding="utf-8") as file:
            for index, (name, outcome) in enumerate(group, start=1):
                if isinstance(outcome, NlpieError):
                    values: dict[str, Any] = {"error": str(outcome)}
                else:
                    values = {"text": outcome.text, "hypothesis": outcome.hypothesis, **outcome.to_dict()}
                file.write(json.dumps({"id": name, "last": index == len(group), **values}) + "\n")

    def read(self) -> Iterator[tuple[str, Outcome]]:
        """Return what has become of each document, in order."""
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


def annotate_documents(
    pipe: ClinicalPipeline,
    files: Sequence[Path],
    columns: Columns,
    outputs: Sequence[Path],
    *,
    resume: bool = False,
    overwrite: bool = False,
) -> tuple[Report, Iterator[tuple[str, Annotation]]]:
    """Annotate the documents of files into outputs.

    A document that cannot be read or annotated is reported and the others go on. Each output is written under a
    temporary name and renamed when it is complete.

    Args:
        pipe: The pipeline.
        files: What to read.
        columns: Where tables and JSON lines hold text and id.
        outputs: Files (``.jsonl``, ``.csv``, ``.parquet``, ``.html``) or folders (BRAT) to write; may be empty.
        resume: Go on where an unfinished run stopped.
        overwrite: Replace outputs that exist, and an unfinished run.

    Returns:
        The report, filled as the run goes, and an iterator over the new annotations; the run is done when it ends.

    Raises:
        NlpieError: An output exists, is an input, or cannot hold what the task gives; or an unfinished run is in the
            way.
    """
    report = Report()
    columns = replace(columns, inputs=pipe.task.inputs, more=pipe.task.more_inputs)
    documents = read_documents(files, columns)
    if not outputs:
        return report, _annotate_all(pipe, documents, None, Counter(), report)
    formats = {path: _check_output(path, files, pipe) for path in outputs}
    settings = {**pipe.settings, **asdict(columns), "outputs": list(map(str, outputs))}
    journal = Journal(outputs[0], settings)
    finished = [path for path in outputs if path.exists()]
    if finished and not overwrite and not journal.path.exists():
        if resume and len(finished) == len(outputs):
            return report, iter(())
        raise NlpieError(f"{finished[0]} exists already; add --overwrite to replace it")
    done = journal.open(resume=resume, overwrite=overwrite)
    report.resumed = done.total()
    report.failures += [Failure(name, str(error)) for name, error in journal.read() if isinstance(error, NlpieError)]

    def run() -> Iterator[tuple[str, Annotation]]:
        yield from _annotate_all(pipe, documents, journal, done, report)
        for path, kind in formats.items():
            with write_whole(path, overwrite=True) as temporary:
                EXPORTS[kind](_annotations(journal), temporary)
            report.written.append(path)
        journal.close()

    return report, run()


def _check_output(path: Path, files: Sequence[Path], pipe: ClinicalPipeline) -> str:
    """Return the export format of an output that may be written."""
    kind = format_of(path)
    if kind == BRAT and pipe.task.gives not in ("entities", "relations"):
        raise NlpieError(f"{pipe.task.name} gives {pipe.task.gives}, which BRAT cannot hold; write .jsonl or .html")
    if kind == ".csv" and TABLES[pipe.task.gives].has_vectors:
        raise NlpieError(f"{pipe.task.name} gives vectors, which CSV cannot hold; write .jsonl or .parquet")
    inputs = [file.resolve() for file in files]
    if path.resolve() in inputs:
        raise NlpieError(f"{path} is one of the inputs; write elsewhere")
    if path.is_dir():
        foreign = [item for item in path.iterdir() if item.suffix not in (".ann", ".txt")]
        if foreign or any(path.resolve() in file.parents for file in inputs):
            raise NlpieError(f"{path} holds other files than BRAT annotations, or inputs; write to another folder")
    return kind


def _annotate_all(
    pipe: ClinicalPipeline,
    documents: Iterable[Document | Failure],
    journal: Journal | None,
    done: Counter[str],
    report: Report,
) -> Iterator[tuple[str, Annotation]]:
    names: deque[str] = deque()

    def rows() -> Iterator[Row]:
        for document in documents:
            if isinstance(document, Failure):
                report.failures.append(document)
            elif done[document.id]:
                done[document.id] -= 1
            else:
                names.append(document.id)
                yield document.row

    for outcomes in pipe.stream_groups(rows()):
        group = [(names.popleft(), outcome) for outcome in outcomes]
        if journal:
            journal.append(group)
        for name, outcome in group:
            if isinstance(outcome, NlpieError):
                report.failures.append(Failure(name, str(outcome)))
            else:
                report.annotated += 1
                yield name, outcome


def _annotations(journal: Journal) -> Iterator[tuple[str, Annotation]]:
    return ((name, outcome) for name, outcome in journal.read() if isinstance(outcome, Annotation))
