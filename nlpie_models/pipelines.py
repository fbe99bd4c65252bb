"""``load_clinical``: a checkpoint, a task and an engine joined into a pipeline from texts to annotations."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import chain
from typing import Any, get_args, overload

import numpy as np

from .documents import Annotation, Reader
from .documents.reading import OnLong, default_overlap
from .engines import AUTO, Engine, find_engines, open_engine
from .errors import NlpieError, UnknownName
from .loading.local import LocalCheckpoint
from .loading.tokenizers import PieceTokenizer, load_pieces
from .tasks import Head, Plan, Row, Task, get_task
from .tasks.serving import find_serving, task_options
from .util.arguments import check_types, device_name
from .util.process import map_in_processes

_SPECIAL_TOKENS = 2  # [CLS] and [SEP]
_BATCH_TOKENS = 2048
_GROUP_TEXTS = 256
_GROUP_CHARACTERS = 64_000
_PART_PASSAGES = 256
_DEFAULT_POSITIONS = 512


def load_clinical(
    name: str | os.PathLike[str] | None = None,
    task: str = "ner",
    *,
    ner: "str | os.PathLike[str] | ClinicalPipeline | None" = None,
    on_long: OnLong = "window",
    engine: str = AUTO,
    revision: str | None = None,
    device: str | int | None = None,
    window: int | None = None,
    overlap: int | None = None,
    **options: Any,
) -> "ClinicalPipeline":
    """Load a checkpoint for a task.

    Args:
        name: Name or alias (see ``nlpie list``), Hub id, or local folder; None for the one that ships in the package.
        task: ``ner``, ``relation``, ``nli``, ``classification``, ``embedding``, ``fill-mask``, or transformers' name
            for one of them.
        ner: For ``relation``: the checkpoint (or pipeline) that finds the entities of texts that come without; by
            default the one that the registry names for this checkpoint, if any.
        on_long: What to do with a text longer than the window: read it all in overlapping windows, raise, or read
            the first window only (the receipt ``annotation.coverage`` then says so). With ``unit="sentence"`` the same
            holds for each sentence, and the others are read whole.
        engine: What computes: ``torch``, ``onnx`` (ONNX Runtime, which starts without torch), or another that
            ``nlpie_models.engines`` has; ``auto`` for the fastest that is installed and ready for the checkpoint.
        revision: Hub revision in place of the pinned one.
        device: Device in the engine's words, such as ``cpu`` or ``cuda:1``, or as a number: that of a GPU, -1 for the
            CPU; by default an accelerator if there is one.
        window: Most tokens read together, special tokens included; the checkpoint's own choice by default.
        overlap: Tokens that neighbouring windows share; a quarter of the window by default.
        **options: Options of the task for every call: ``assertion`` for ner, ``pooling`` for classification ...; see
            the options class in the task's module in ``nlpie_models.tasks``.

    Returns:
        A pipeline: call it with a text or with many, or stream an endless iterable through ``stream``.

    Raises:
        NlpieError: Anything that the user can correct: an unknown name, a missing head, damaged files, no network.

    Example:
        >>> from nlpie_models import load_clinical
        >>> pipe = load_clinical()
        >>> [(entity.label, entity.text) for entity in pipe("She was given aspirin for pneumonia.").entities]
        [('treatment', 'aspirin'), ('problem', 'pneumonia')]
    """
    check_types(
        name=(name, str | os.PathLike | None),
        task=(task, str),
        ner=(ner, str | os.PathLike | ClinicalPipeline | None),
        on_long=(on_long, str),
        engine=(engine, str),
        revision=(revision, str | None),
        window=(window, int | np.integer | None),
        overlap=(overlap, int | np.integer | None),
    )
    device = device_name(device)
    chosen = get_task(task)
    if ner is not None and "entities" not in chosen.optional_inputs:
        raise NlpieError(f"{chosen.name} takes no entities, so ner=... has no use; it is for relation")
    if isinstance(ner, ClinicalPipeline) and ner.task.name != "ner":
        raise NlpieError(f"expected ner=... to be a pipeline that finds entities, got one for {ner.task.name}")
    kinds = find_engines(engine)
    checkpoint = find_serving(name, chosen, revision)
    opened = open_engine(kinds, checkpoint, chosen, device)
    if ner is None and checkpoint.row and "entities" in chosen.optional_inputs:
        ner = checkpoint.row.siblings.get("ner")
    if ner is not None and not isinstance(ner, ClinicalPipeline):
        ner = load_clinical(ner, "ner", on_long=on_long, engine=engine, device=device)
    return ClinicalPipeline(
        chosen,
        opened,
        load_pieces(checkpoint),
        checkpoint=checkpoint,
        ner=ner,
        on_long=on_long,
        window=window,
        overlap=overlap,
        options=task_options(checkpoint, chosen) | options,
    )


class ClinicalPipeline:
    """From texts to annotations, by one model for one task. Made by :func:`load_clinical`.

    A pipeline can be pickled and copied, used from several threads at once, and used in forked or spawned processes.

    Args:
        task: The task.
        engine: Runs passages through the model.
        tokenizer: The checkpoint's tokenizer.
        checkpoint: The checkpoint's files; their ``config.json`` says how the head is to be read.
        ner: Finds the entities of rows that come without, for a task that needs them.
        on_long: See :func:`load_clinical`.
        window: See :func:`load_clinical`.
        overlap: See :func:`load_clinical`.
        options: The task's options, where they are not its defaults.
    """

    def __init__(
        self,
        task: Task,
        engine: Engine,
        tokenizer: PieceTokenizer,
        *,
        checkpoint: LocalCheckpoint,
        ner: "ClinicalPipeline | None" = None,
        on_long: OnLong = "window",
        window: int | None = None,
        overlap: int | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        if on_long not in get_args(OnLong):
            raise UnknownName("on_long", on_long, get_args(OnLong))
        self.task = task
        self.engine = engine
        self.checkpoint = checkpoint
        self.ner = ner
        self._options = options or {}
        config = checkpoint.config
        self.head = Head.of(config, tokenizer)
        self.options = self._read_options({})
        limit = min(config.get("max_position_embeddings", _DEFAULT_POSITIONS), tokenizer.model_max_length)
        size = min(config.get("window_tokens", limit), limit) if window is None else int(window)
        if not 8 <= size <= limit:
            raise NlpieError(f"expected a window of 8 to {limit} tokens, got {size}")
        shared = default_overlap(size) if overlap is None else int(overlap)
        half = (size - _SPECIAL_TOKENS) // 2
        if not 0 <= shared <= half:
            raise NlpieError(f"expected an overlap of 0 to {half} tokens (half the window), got {shared}")
        self.reader = Reader.of(
            tokenizer, size, overlap=shared, on_long=on_long, reads_special_tokens=task.reads_special_tokens
        )

    @property
    def settings(self) -> dict[str, Any]:
        """What the annotations depend on, JSON-ready."""
        return {
            "checkpoint": self.checkpoint.name,
            "task": self.task.name,
            "on_long": self.reader.on_long,
            "window": self.reader.window,
            "overlap": self.reader.overlap,
            "options": asdict(self.options),
            "ner": self.ner and self.ner.settings,
        }

    def __repr__(self) -> str:
        return f"ClinicalPipeline({self.checkpoint.name!r}, task={self.task.name!r}, on_long={self.reader.on_long!r})"

    @overload
    def __call__(self, text: str, /, **options: Any) -> Annotation: ...
    @overload
    def __call__(self, premise: str, hypothesis: str, /, **options: Any) -> Annotation: ...
    @overload
    def __call__(self, row: tuple[str, str] | Mapping[str, Any], /, **options: Any) -> Annotation: ...
    @overload
    def __call__(self, rows: Iterable[Any], /, **options: Any) -> list[Annotation]: ...
    def __call__(self, /, *inputs: Any, **options: Any) -> Annotation | list[Annotation]:
        """Annotate one text (or pair of texts), or each of many.

        Args:
            *inputs: The texts of one row (a text; for ``nli`` a premise and a hypothesis, also as a tuple), or one row
                as a mapping with ``text`` (or ``premise`` and ``hypothesis``) and what else the task reads; or many
                of these in a list or any other iterable: a pandas or polars column, an array, a column of a data set,
                a generator.
            **options: Options of the task for this call, such as ``top_k`` for fill-mask, and for ``relation``
                ``head`` and ``tail`` or ``entities``.

        Returns:
            The annotation of the one row; for many, the list of theirs, in order.

        Raises:
            TextTooLong: With ``on_long="error"``, a text longer than the window.
            NlpieError: Something else than a text, or a text that the task cannot use.
        """
        more = {name: options.pop(name) for name in self.task.optional_inputs if name in options}
        if len(inputs) == 1 and self._holds_many(inputs[0]):
            if more:
                raise NlpieError(f"with many texts, give {', '.join(more)} in each row: {{'text': ..., ...}}")
            return list(self.stream(inputs[0], **options))
        row = inputs[0] if len(inputs) == 1 else inputs
        return next(self.stream([{**self.task.as_row(row), **more} if more else row], **options))

    def stream(self, rows: Iterable[Any], *, processes: int = 1, **options: Any) -> Iterator[Annotation]:
        """Annotate rows one after the other, in order, reading only a bounded number ahead.

        Args:
            rows: Texts, tuples of texts, or mappings; may be endless.
            processes: In how many processes to annotate. More than one share the cores, each with a pipeline like this
                one, and give the same annotations. They are started anew, so a script must have its main part under
                ``if __name__ == "__main__":``.
            **options: Options of the task for this call.

        Raises:
            NlpieError: At the first row that cannot be annotated; or a process has ended, as if memory ran out.
        """
        for outcome in chain.from_iterable(self.stream_groups(rows, processes=processes, **options)):
            if isinstance(outcome, NlpieError):
                raise outcome
            yield outcome

    def stream_groups(
        self, rows: Iterable[Any], *, processes: int = 1, **options: Any
    ) -> Iterator[list[Annotation | NlpieError]]:
        """As :meth:`stream`, but in groups of rows that are run together, errors in their rows' places.

        How rows are grouped follows from the rows alone, so a run over the same rows that starts at the beginning of a
        group repeats its numbers to the last bit.
        """
        _refuse_single(rows)
        chosen = self._read_options(options) if options else self.options
        yield from map_in_processes(partial(self._annotate_group, options=chosen), self._groups(rows), processes)

    def _groups(self, rows: Iterable[Any]) -> Iterator[list[Row | NlpieError]]:
        """Cut rows into groups of a few batches."""
        group: list[Row | NlpieError] = []
        characters = 0
        for item in rows:
            try:
                row = self.task.as_row(item)
                characters += sum(len(row[name]) for name in self.task.inputs)
                group.append(row)
            except NlpieError as error:
                group.append(error)
            if characters >= _GROUP_CHARACTERS or len(group) >= _GROUP_TEXTS:
                yield group
                group, characters = [], 0
        if group:
            yield group

    def _holds_many(self, value: Any) -> bool:
        """Whether a value is a collection of rows, and not one row."""
        is_pair = isinstance(value, tuple) and len(self.task.inputs) > 1
        return _is_collection(value) and not is_pair

    def _read_options(self, options: dict[str, Any]) -> Any:
        """Return the options of a call."""
        chosen = self.task.read_options(self._options | options)
        self.task.check_options(chosen, self.head)
        return chosen

    def _annotate_group(self, rows: Sequence[Row | NlpieError], options: Any) -> list[Annotation | NlpieError]:
        """Annotate rows in parts, each of passages that fill a few batches."""
        outcomes: list[Annotation | NlpieError] = []
        part: list[_Prepared | NlpieError] = []
        passages = 0
        for row, entities in zip(rows, self._find_entities(rows), strict=True):
            prepared = self._prepare(row, entities, options)
            part.append(prepared)
            passages += len(prepared.plan.passages) if isinstance(prepared, _Prepared) else 0
            if passages >= _PART_PASSAGES:
                outcomes += self._annotate(part, options)
                part, passages = [], 0
        return [*outcomes, *self._annotate(part, options)]

    def _find_entities(self, rows: Sequence[Row | NlpieError]) -> list[Annotation | NlpieError | None]:
        """Return what the finder of entities says of each row that comes without; None for the other rows."""
        if self.ner is None:
            return [None] * len(rows)
        named = self.task.optional_inputs
        texts = {
            index: row["text"]
            for index, row in enumerate(rows)
            if not isinstance(row, NlpieError) and row.keys().isdisjoint(named)
        }
        annotations = chain.from_iterable(self.ner.stream_groups(texts.values()))
        found = dict(zip(texts, annotations, strict=True))
        return [found.get(index) for index in range(len(rows))]

    def _prepare(
        self, row: Row | NlpieError, found: Annotation | NlpieError | None, options: Any
    ) -> "_Prepared | NlpieError":
        if isinstance(row, NlpieError):
            return row
        if isinstance(found, NlpieError):
            return found
        try:
            if found is None:
                self.task.check_row(row, options)
                return _Prepared(self.task.plan(row, self.reader, options))
            plan = self.task.plan({**row, "entities": found.entities}, self.reader, options)
        except NlpieError as error:
            return error
        read = replace(plan.coverage, characters=found.coverage.characters, truncated=found.coverage.truncated)
        return _Prepared(replace(plan, coverage=read))

    def _annotate(self, group: list["_Prepared | NlpieError"], options: Any) -> Iterator[Annotation | NlpieError]:
        """Run the passages of prepared rows in batches of like length, then finish the rows in order."""
        prepared = [member for member in group if isinstance(member, _Prepared)]
        jobs = [(member, index) for member in prepared for index in range(len(member.plan.passages))]
        jobs.sort(key=lambda job: len(job[0].plan.passages[job[1]]), reverse=True)
        while jobs:
            member, index = jobs[0]
            size = max(1, _BATCH_TOKENS // len(member.plan.passages[index]))
            batch, jobs = jobs[:size], jobs[size:]
            outputs = self.engine.run([member.plan.passages[index] for member, index in batch])
            for (member, index), output in zip(batch, outputs, strict=True):
                member.parts[index] = self.task.reduce(member.plan, index, output, self.head)
        for outcome in group:
            yield outcome if isinstance(outcome, NlpieError) else self._finish(outcome, options)

    def _finish(self, member: "_Prepared", options: Any) -> Annotation | NlpieError:
        parts = [member.parts[index] for index in range(len(member.plan.passages))]
        try:
            return self.task.annotate(member.plan, parts, self.head, options)
        except NlpieError as error:
            return error


class _Prepared:
    """A row that is being annotated: its plan, and what the task has kept of each passage so far."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.parts: dict[int, np.ndarray] = {}


def _is_collection(value: Any) -> bool:
    """Whether a value has items that may be rows, which texts, mappings and arrays without a dimension do not."""
    has_items = isinstance(value, Iterable) and getattr(value, "ndim", 1) != 0
    return has_items and not isinstance(value, str | bytes | Mapping)


def _refuse_single(rows: Any) -> None:
    """Refuse what can be iterated over, but not row by row.

    Raises:
        NlpieError: One row, such as a text or a mapping, or a data frame.
    """
    kind = type(rows).__name__
    if hasattr(rows, "columns") and len(getattr(rows, "shape", ())) == 2:
        raise NlpieError(f"expected texts, got a {kind}; pass the column that holds them, such as frame['text']")
    if not _is_collection(rows):
        raise NlpieError(f"expected an iterable of texts, got one {kind}; put it into a list")
