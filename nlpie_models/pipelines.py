"""``load_clinical``: a checkpoint, a task and an engine joined into a pipeline from texts to annotations."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Literal, overload

import numpy as np

from .checkpoint_files import LocalCheckpoint, check_head, find_checkpoint, load_model, load_tokenizer
from .documents import Annotation, Coverage, Encoder, Encoding, Window, plan_windows
from .engines import TorchEngine, default_device
from .errors import NlpieError, TextTooLong, UnknownName
from .tasks import Head, Task, get_task

OnLong = Literal["window", "error", "truncate"]
_SPECIAL_TOKENS = 2  # [CLS] and [SEP]
_OVERLAP_SHARE = 4
_BATCH_TOKENS = 2048
_GROUP_WINDOWS = 256


def load_clinical(
    name: str | os.PathLike[str] | None = None,
    task: str = "ner",
    *,
    on_long: OnLong = "window",
    engine: str = "auto",
    revision: str | None = None,
    device: str | None = None,
    window: int | None = None,
    overlap: int | None = None,
) -> "ClinicalPipeline":
    """Load a checkpoint for a task.

    Args:
        name: Name or alias (see ``nlpie list``), Hub id, or local folder; None for the one that ships in the package.
        task: ``ner``, ``embedding``, ``fill-mask``, or transformers' name for one of them.
        on_long: What to do with a text longer than the window: read it all in overlapping windows, raise, or read
            the first window only (the receipt ``annotation.coverage`` then says so).
        engine: ``torch``, or ``auto`` for the fastest at hand.
        revision: Hub revision in place of the pinned one.
        device: torch device; an accelerator if there is one by default.
        window: Most tokens read together, special tokens included; the checkpoint's own choice by default.
        overlap: Tokens that neighbouring windows share; a quarter of the window by default.

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
    checkpoint = find_checkpoint(name, chosen, revision)
    check_head(checkpoint, chosen)
    tokenizer = load_tokenizer(checkpoint)
    model = load_model(checkpoint, chosen.auto_class)
    return ClinicalPipeline(
        chosen,
        TorchEngine(model, chosen.output, device=device or default_device()),
        tokenizer,
        checkpoint=checkpoint,
        on_long=on_long,
        window=window,
        overlap=overlap,
    )


class ClinicalPipeline:
    """From texts to annotations, by one model for one task. Made by :func:`load_clinical`.

    Args:
        task: The task.
        engine: Runs windows of ids.
        tokenizer: The checkpoint's tokenizer.
        checkpoint: The checkpoint, for messages.
        on_long: See :func:`load_clinical`.
        window: See :func:`load_clinical`.
        overlap: See :func:`load_clinical`.
    """

    def __init__(
        self,
        task: Task,
        engine: TorchEngine,
        tokenizer: Any,
        *,
        checkpoint: LocalCheckpoint,
        on_long: OnLong = "window",
        window: int | None = None,
        overlap: int | None = None,
    ) -> None:
        if on_long not in ("window", "error", "truncate"):
            raise UnknownName("on_long", on_long, ["window", "error", "truncate"])
        self.task = task
        self.engine = engine
        self.checkpoint = checkpoint
        self.on_long = on_long
        config = engine.model.config
        limit = min(config.max_position_embeddings, tokenizer.model_max_length)
        self.window = min(getattr(config, "window_tokens", limit), limit) if window is None else window
        if not 8 <= self.window <= limit:
            raise NlpieError(f"expected a window of 8 to {limit} tokens, got {self.window}")
        self.overlap = self.window // _OVERLAP_SHARE if overlap is None else overlap
        half = (self.window - _SPECIAL_TOKENS) // 2
        if not 0 <= self.overlap <= half:
            raise NlpieError(f"expected an overlap of 0 to {half} tokens (half the window), got {self.overlap}")
        self._encoder = Encoder(tokenizer.backend_tokenizer, reads_special_tokens=task.reads_special_tokens)
        self._cls, self._sep = tokenizer.cls_token_id, tokenizer.sep_token_id
        labels = tuple(config.id2label[index] for index in range(len(config.id2label)))
        self._head = Head(labels, tokenizer.mask_token_id, tokenizer.convert_ids_to_tokens)

    @property
    def settings(self) -> dict[str, Any]:
        """What the annotations depend on, JSON-ready."""
        return {
            "checkpoint": self.checkpoint.name,
            "task": self.task.name,
            "on_long": self.on_long,
            "window": self.window,
            "overlap": self.overlap,
        }

    def __repr__(self) -> str:
        return f"ClinicalPipeline({self.checkpoint.name!r}, task={self.task.name!r}, on_long={self.on_long!r})"

    @overload
    def __call__(self, text: str, **options: Any) -> Annotation: ...
    @overload
    def __call__(self, text: list[str], **options: Any) -> list[Annotation]: ...
    def __call__(self, text: str | list[str], **options: Any) -> Annotation | list[Annotation]:
        """Annotate a text, or each text of a list.

        Args:
            text: One text or a list of texts.
            **options: The task's own: ``top_k`` for fill-mask.

        Raises:
            TextTooLong: With ``on_long="error"``, a text longer than the window.
            NlpieError: Something else than a text, or a text that the task cannot use.
        """
        if isinstance(text, list | tuple):
            return list(self.stream(text, **options))
        return next(self.stream([text], **options))

    def stream(self, texts: Iterable[str], **options: Any) -> Iterator[Annotation]:
        """Annotate texts one after the other, in order, reading only a bounded number ahead.

        Args:
            texts: The texts; may be endless.
            **options: The task's own.

        Raises:
            NlpieError: At the first text that cannot be annotated.
        """
        for outcome in chain.from_iterable(self.stream_groups(texts, **options)):
            if isinstance(outcome, NlpieError):
                raise outcome
            yield outcome

    def stream_groups(self, texts: Iterable[str], **options: Any) -> Iterator[list[Annotation | NlpieError]]:
        """As :meth:`stream`, but in groups of texts that are run together, errors in their texts' places.

        How texts are grouped follows from their order alone, so a run over the same texts that starts at the
        beginning of a group repeats its numbers to the last bit.
        """
        texts = iter(texts)
        while group := list(self._take_group(texts)):
            yield list(self._annotate(group, options))

    def _take_group(self, texts: Iterator[str]) -> Iterator["_Prepared | NlpieError"]:
        """Prepare texts until their windows fill a few batches."""
        windows = 0
        for text in islice(texts, _GROUP_WINDOWS):
            try:
                prepared = self._prepare(text)
            except NlpieError as error:
                yield error
                continue
            yield prepared
            windows += len(prepared.windows)
            if windows >= _GROUP_WINDOWS:
                return

    def _prepare(self, text: str) -> "_Prepared":
        if not isinstance(text, str):
            raise NlpieError(f"expected a text (str), got {type(text).__name__}")
        encoding = self._encoder.encode(text)
        size = self.window - _SPECIAL_TOKENS
        too_long = len(encoding) > size
        if too_long and self.on_long == "error":
            raise TextTooLong(
                f"the text has {len(encoding)} tokens and the window takes {size}; "
                "use on_long='window' to read it all, or on_long='truncate' to read its beginning"
            )
        if truncated := too_long and self.on_long == "truncate":
            encoding = encoding.truncated(size)
        windows = plan_windows(
            len(encoding),
            size,
            overlap=self.overlap,
            word_starts=encoding.word_starts,
            sentence_starts=encoding.sentence_starts,
        )
        return _Prepared(encoding, windows, truncated, [None] * len(windows))

    def _annotate(
        self, group: list["_Prepared | NlpieError"], options: dict[str, Any]
    ) -> Iterator[Annotation | NlpieError]:
        """Run a group's windows in batches of like length, then finish its texts in order."""
        texts = [text for text in group if isinstance(text, _Prepared)]
        jobs = [(text, index) for text in texts for index in range(len(text.windows))]
        jobs.sort(key=lambda job: job[0].tokens_in(job[1]), reverse=True)
        while jobs:
            size = max(1, _BATCH_TOKENS // (jobs[0][0].tokens_in(jobs[0][1]) + _SPECIAL_TOKENS))
            batch, jobs = jobs[:size], jobs[size:]
            outputs = self.engine.run([self._ids(text.encoding, text.windows[index]) for text, index in batch])
            for (text, index), output in zip(batch, outputs, strict=True):
                text.parts[index] = self.task.reduce(text.encoding, text.windows[index], output, self._head)
        for member in group:
            yield member if isinstance(member, NlpieError) else self._finish(member, options)

    def _finish(self, text: "_Prepared", options: dict[str, Any]) -> Annotation | NlpieError:
        try:
            fields = self.task.finish(text.encoding, text.windows, text.parts, self._head, **options)
        except NlpieError as error:
            return error
        return Annotation(text=text.encoding.text, coverage=text.coverage, **fields)

    def _ids(self, encoding: Encoding, window: Window) -> np.ndarray:
        return np.concatenate([[self._cls], encoding.input_ids[window.start : window.stop], [self._sep]])


@dataclass
class _Prepared:
    """A text on its way: its windows, and what the task has kept of each so far."""

    encoding: Encoding
    windows: list[Window]
    truncated: bool
    parts: list[Any]

    def tokens_in(self, index: int) -> int:
        return self.windows[index].stop - self.windows[index].start

    @property
    def coverage(self) -> Coverage:
        read = int(self.encoding.offsets[-1, 1]) if self.truncated else len(self.encoding.text)
        return Coverage(read, len(self.encoding), len(self.windows), self.truncated)
