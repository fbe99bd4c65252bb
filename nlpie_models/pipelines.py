"""``load_clinical``: a checkpoint, a task and an engine joined into a pipeline from texts to annotations."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from itertools import chain, islice
from typing import Any, get_args

import numpy as np

from .adapters import load_whole
from .checkpoint_files import LocalCheckpoint, check_head, find_checkpoint
from .documents import Annotation, Encoder, Reader
from .documents.reading import OnLong, default_overlap
from .engines import TorchEngine, default_device
from .errors import NlpieError, UnknownName
from .tasks import Head, Plan, Row, Task, get_task

_SPECIAL_TOKENS = 2  # [CLS] and [SEP]
_BATCH_TOKENS = 2048
_GROUP_PASSAGES = 256


def load_clinical(
    name: str | os.PathLike[str] | None = None,
    task: str = "ner",
    *,
    ner: "str | os.PathLike[str] | ClinicalPipeline | None" = None,
    on_long: OnLong = "window",
    engine: str = "auto",
    revision: str | None = None,
    device: str | None = None,
    window: int | None = None,
    overlap: int | None = None,
    **options: Any,
) -> "ClinicalPipeline":
    """Load a checkpoint for a task.

    Args:
        name: Name or alias (see ``nlpie list``), Hub id, or local folder; None for the one that ships in the package.
        task: ``ner``, ``relation``, ``nli``, ``classification``, ``embedding``, ``fill-mask``, or transformers' name
            for one of them.
        ner: For ``relation``: the checkpoint (or pipeline) that finds the entities of texts that come without; the
            sibling that the checkpoint's row names, if it names one.
        on_long: What to do with a text longer than the window: read it all in overlapping windows, raise, or read
            the first window only (the receipt ``annotation.coverage`` then says so). With ``unit="sentence"`` the same
            holds for each sentence, and the others are read whole.
        engine: ``torch``, or ``auto`` for the fastest at hand.
        revision: Hub revision in place of the pinned one.
        device: torch device; an accelerator if there is one by default.
        window: Most tokens read together, special tokens included; the checkpoint's own choice by default.
        overlap: Tokens that neighbouring windows share; a quarter of the window by default.
        **options: The task's own, for every call: ``assertion`` for ner, ``pooling`` for classification ...; see the
            task's module in ``nlpie_models.tasks``.

    Returns:
        A pipeline: call it with a text, a list of texts, or an iterable through ``stream``.

    Raises:
        NlpieError: Anything that the user can mend: an unknown name, a missing head, damaged files, no network.

    Example:
        >>> from nlpie_models import load_clinical
        >>> pipe = load_clinical()
        >>> [(entity.label, entity.text) for entity in pipe("She was given aspirin for pneumonia.").entities]
        [('treatment', 'aspirin'), ('problem', 'pneumonia')]
    """
    chosen = get_task(task)
    if engine not in ("auto", "torch"):
        raise UnknownName("engine", engine, ["auto", "torch"])
    if ner is not None and "entities" not in chosen.more_inputs:
        raise NlpieError(f"{chosen.name} takes no entities, so ner=... has no use; it is for relation")
    if isinstance(ner, ClinicalPipeline) and ner.task.name != "ner":
        raise NlpieError(f"expected ner=... to be a pipeline that finds entities, got one for {ner.task.name}")
    checkpoint = find_checkpoint(name, chosen, revision)
    check_head(checkpoint, chosen)
    model, tokenizer = load_whole(checkpoint, chosen.auto_class)
    if ner is None and checkpoint.row and "entities" in chosen.more_inputs:
        ner = checkpoint.row.siblings.get("ner")
    if ner is not None and not isinstance(ner, ClinicalPipeline):
        ner = load_clinical(ner, "ner", on_long=on_long, device=device)
    return ClinicalPipeline(
        chosen,
        TorchEngine(model, chosen.output, device=device or default_device()),
        tokenizer,
        checkpoint=checkpoint,
        ner=ner,
        on_long=on_long,
        window=window,
        overlap=overlap,
        options=checkpoint.task_options(chosen) | options,
    )


class ClinicalPipeline:
    """From texts to annotations, by one model for one task. Made by :func:`load_clinical`.

    Args:
        task: The task.
        engine: Runs passages.
        tokenizer: The checkpoint's tokenizer.
        checkpoint: The checkpoint, for messages.
        ner: Finds the entities of rows that come without, for a task that needs them.
        on_long: See :func:`load_clinical`.
        window: See :func:`load_clinical`.
        overlap: See :func:`load_clinical`.
        options: The task's options, where they are not its defaults.
    """

    def __init__(
        self,
        task: Task,
        engine: TorchEngine,
        tokenizer: Any,
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
        config = engine.model.config
        self.head = Head.of(config, tokenizer)
        self.options = self._read_options({})
        limit = min(config.max_position_embeddings, tokenizer.model_max_length)
        size = min(getattr(config, "window_tokens", limit), limit) if window is None else window
        if not 8 <= size <= limit:
            raise NlpieError(f"expected a window of 8 to {limit} tokens, got {size}")
        shared = default_overlap(size) if overlap is None else overlap
        half = (size - _SPECIAL_TOKENS) // 2
        if not 0 <= shared <= half:
            raise NlpieError(f"expected an overlap of 0 to {half} tokens (half the window), got {shared}")
        encoder = Encoder(tokenizer.backend_tokenizer, reads_special_tokens=task.reads_special_tokens)
        self.reader = Reader(encoder, tokenizer.cls_token_id, tokenizer.sep_token_id, size, shared, on_long)

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

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Annotate a text, or each text of a list.

        Args:
            *inputs: What one row holds (a text; for ``nli`` premise and hypothesis), or a list of rows: texts, tuples
                of texts, or mappings with ``text`` (or ``premise`` and ``hypothesis``) and what else the task reads.
            **options: The task's own, such as ``top_k`` for fill-mask, and for ``relation`` ``head`` and ``tail`` or
                ``entities``.

        Returns:
            An ``Annotation``; for a list, a list of them.

        Raises:
            TextTooLong: With ``on_long="error"``, a text longer than the window.
            NlpieError: Something else than a text, or a text that the task cannot use.
        """
        more = {name: options.pop(name) for name in self.task.more_inputs if name in options}
        if len(inputs) == 1 and isinstance(inputs[0], list):
            if more:
                raise NlpieError(f"with a list, give {', '.join(more)} in each row: {{'text': ..., ...}}")
            return list(self.stream(inputs[0], **options))
        row = self.task.as_row(inputs[0] if len(inputs) == 1 else inputs)
        return next(self.stream([{**row, **more}], **options))

    def stream(self, rows: Iterable[Any], **options: Any) -> Iterator[Annotation]:
        """Annotate rows one after the other, in order, reading only a bounded number ahead.

        Args:
            rows: Texts, tuples of texts, or mappings; may be endless.
            **options: The task's own.

        Raises:
            NlpieError: At the first that cannot be annotated.
        """
        for outcome in chain.from_iterable(self.stream_groups(rows, **options)):
            if isinstance(outcome, NlpieError):
                raise outcome
            yield outcome

    def stream_groups(self, rows: Iterable[Any], **options: Any) -> Iterator[list[Annotation | NlpieError]]:
        """As :meth:`stream`, but in groups of rows that are run together, errors in their rows' places.

        How rows are grouped follows from their order alone, so a run over the same rows that starts at the
        beginning of a group repeats its numbers to the last bit.
        """
        chosen = self._read_options(options) if options else self.options
        rows = iter(rows)
        while group := list(self._take_group(rows, chosen)):
            yield list(self._annotate(group, chosen))

    def _read_options(self, options: dict[str, Any]) -> Any:
        """Return the options of a call."""
        chosen = self.task.read_options(self._options | options)
        self.task.check(chosen, self.head)
        return chosen

    def _take_group(self, rows: Iterator[Any], options: Any) -> Iterator["_Prepared | NlpieError"]:
        """Prepare rows until their passages fill a few batches."""
        passages = 0
        for item in islice(rows, _GROUP_PASSAGES):
            try:
                prepared = self._prepare(item, options)
            except NlpieError as error:
                yield error
                continue
            yield prepared
            passages += max(1, len(prepared.plan.passages))
            if passages >= _GROUP_PASSAGES:
                return

    def _prepare(self, item: Any, options: Any) -> "_Prepared":
        row = self.task.as_row(item)
        if self.ner is None or not row.keys().isdisjoint(self.task.more_inputs):
            return _Prepared(row, self.task.plan(row, self.reader, options))
        found = self.ner(row["text"])
        plan = self.task.plan({**row, "entities": found.entities}, self.reader, options)
        read = replace(plan.coverage, characters=found.coverage.characters, truncated=found.coverage.truncated)
        return _Prepared(row, replace(plan, coverage=read))

    def _annotate(self, group: list["_Prepared | NlpieError"], options: Any) -> Iterator[Annotation | NlpieError]:
        """Run a group's passages in batches of like length, then finish its rows in order."""
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
        plan = member.plan
        try:
            fields = self.task.finish(plan, [member.parts[i] for i in range(len(plan.passages))], self.head, options)
        except NlpieError as error:
            return error
        return Annotation(
            text=plan.text,
            coverage=plan.coverage,
            gives=tuple(fields),
            hypothesis=member.row.get("hypothesis") if "hypothesis" in self.task.inputs else None,
            **fields,
        )


class _Prepared:
    """A row on its way: how it is read, and what the task has kept of each passage so far."""

    def __init__(self, row: Row, plan: Plan) -> None:
        self.row = row
        self.plan = plan
        self.parts: dict[int, np.ndarray] = {}
