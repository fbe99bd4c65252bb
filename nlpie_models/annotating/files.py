"""Annotating many documents into files, with a journal that survives a kill."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ..data.files import STDIN, Failure
from ..data.texts import Columns, Document, read_documents
from ..documents import FIELDS, Annotation
from ..documents.exports.files import BRAT, EXPORTS, format_of
from ..errors import NlpieError
from ..pipelines import ClinicalPipeline
from ..tasks import Row
from ..util.files import write_whole
from .journal import Journal


@dataclass
class Report:
    """What became of the documents of a run.

    Attributes:
        annotated: How many this run annotated.
        resumed: How many an earlier, unfinished run had finished, failures included.
        written: The outputs that are complete.
        failures: The documents that could not be read or annotated, those of the earlier run too.
    """

    annotated: int = 0
    resumed: int = 0
    written: list[Path] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def annotate_documents(
    pipe: ClinicalPipeline,
    files: Sequence[Path | Failure],
    columns: Columns,
    outputs: Sequence[Path],
    *,
    processes: int = 1,
    folders: Sequence[Path] = (),
    resume: bool = False,
    overwrite: bool = False,
) -> tuple[Report, Iterator[tuple[str, Annotation]]]:
    """Annotate the documents of files into outputs.

    A document that cannot be read or annotated is reported and the others go on. Each output is written under a
    temporary name and renamed when it is complete.

    Args:
        pipe: The pipeline.
        files: What to read, and what could not be found; see :func:`nlpie_models.data.texts.find_texts`.
        columns: Names of the columns, or JSON keys, of text and id.
        outputs: Files (``.jsonl``, ``.csv``, ``.parquet``, ``.html``) or folders (BRAT) to write; may be empty.
        processes: In how many processes to annotate; see :meth:`nlpie_models.ClinicalPipeline.stream`.
        folders: Folders whose files the next run will read too; no BRAT folder is written into them.
        resume: Go on where an unfinished run stopped.
        overwrite: Replace outputs that exist, and an unfinished run.

    Returns:
        The report, which is filled as the run goes, and an iterator over the new annotations. The run is done when the
        iterator ends.

    Raises:
        NlpieError: An output exists, is an input, or cannot hold the annotations of the task; an unfinished run is in
            the way; or a finished run is to be resumed, and inputs have changed since.
    """
    report = Report()
    columns = replace(columns, inputs=pipe.task.inputs, optional=pipe.task.optional_inputs)
    documents = read_documents(files, columns)
    if not outputs:
        return report, _annotate_all(pipe, documents, None, Counter(), report, processes)
    inputs = [file for file in files if isinstance(file, Path)]
    formats = {path: _check_output(path, inputs, folders, pipe) for path in outputs}
    settings = {**pipe.settings, **asdict(columns), "outputs": list(map(str, outputs))}
    journal = Journal(outputs[0], settings)
    finished = [path for path in outputs if path.exists()]
    if finished and not overwrite and not journal.path.exists():
        if resume and len(finished) == len(outputs):
            _check_unchanged(inputs, min(path.stat().st_mtime for path in outputs), outputs[0])
            report.failures += [file for file in files if isinstance(file, Failure)]
            return report, iter(())
        raise NlpieError(f"{finished[0]} exists already; add --overwrite to replace it")
    done = journal.open(resume=resume, overwrite=overwrite)
    report.resumed = done.total()
    report.failures += [Failure(name, str(error)) for name, error in journal.read() if isinstance(error, NlpieError)]

    def run() -> Iterator[tuple[str, Annotation]]:
        yield from _annotate_all(pipe, documents, journal, done, report, processes)
        for path, kind in formats.items():
            with write_whole(path, overwrite=True) as temporary:
                EXPORTS[kind](_annotations(journal), temporary)
            report.written.append(path)
        journal.close()

    return report, run()


def _check_output(path: Path, files: Sequence[Path], folders: Sequence[Path], pipe: ClinicalPipeline) -> str:
    """Return the export format of an output that may be written."""
    kind, form = format_of(path), FIELDS[pipe.task.field]
    if kind == BRAT and not form.in_brat:
        raise NlpieError(f"BRAT cannot hold the {pipe.task.field} of {pipe.task.name}; write .jsonl or .html")
    if kind == ".csv" and not form.in_csv:
        raise NlpieError(f"CSV cannot hold the vectors of {pipe.task.name}; write .jsonl or .parquet")
    inputs = [file.resolve() for file in files]
    if path.resolve() in inputs:
        raise NlpieError(f"{path} is one of the inputs; write elsewhere")
    if path.is_dir():
        foreign = [item for item in path.iterdir() if item.suffix not in (".ann", ".txt")]
        if foreign or any(path.resolve() in file.parents for file in inputs):
            raise NlpieError(f"{path} holds files that are not BRAT annotations, or inputs; write to a new folder")
    for folder in folders:
        if kind == BRAT and path.resolve().is_relative_to(folder.resolve()):
            raise NlpieError(f"{path} is within the input {folder}, and its texts would be notes to the next run")
    return kind


def _check_unchanged(files: Sequence[Path], finished: float, output: Path) -> None:
    """Refuse to call a run finished if files came or changed after it, at ``finished`` seconds since the epoch."""
    later = [file for file in files if str(file) == STDIN or _last_changed(file) > finished]
    if later:
        raise NlpieError(
            f"{output} is finished, and {len(later)} of {len(files)} inputs are newer, such as {later[0]}; "
            "--resume goes on with unfinished runs only, so add --overwrite to annotate all, or write elsewhere"
        )


def _last_changed(file: Path) -> float:
    """Return when a file last changed or came to its place, in seconds since the epoch; a copy may keep older times."""
    status = file.stat()
    return max(status.st_mtime, status.st_ctime)


def _annotate_all(
    pipe: ClinicalPipeline,
    documents: Iterable[Document | Failure],
    journal: Journal | None,
    done: Counter[str],
    report: Report,
    processes: int,
) -> Iterator[tuple[str, Annotation]]:
    """Yield the annotations of the documents that are not done, after the journal has them; report the others."""
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

    for outcomes in pipe.stream_groups(rows(), processes=processes):
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
    """Yield the annotations of all documents that could be annotated, in order."""
    return ((name, outcome) for name, outcome in journal.read() if isinstance(outcome, Annotation))
