"""From a corpus to blocks of tokens on disk, which a training reads memory-mapped.

A prepared corpus is a folder whose name is a hash of all that it depends on: the content of the files, the recipe and
the tokenizer. A folder that exists is not written again. It holds ``train.arrow`` and ``validation.arrow``
(``input_ids`` and ``length`` of each block) and ``receipt.json``. Tokens are text: they are written there and nowhere
else.
"""

import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow
from tokenizers import Tokenizer
from tqdm import tqdm

from .._version import __version__
from ..data.files import Failure, cut_text
from ..data.unlabelled import Corpus, CorpusSource, Note, find_source_files, read_notes
from ..data.unlabelled.cleaning import Cleaning, repair_characters
from ..data.unlabelled.duplicates import Duplicates
from ..errors import DataError, NlpieError
from ..util.files import sha256_of, write_whole
from .packing import Packer, find_continuing_pieces

RECEIPT = "receipt.json"
SPLITS = ("train", "validation")
NO_TEXT = "no text"
_FORM = 1
"""Raised whenever the same recipe makes other blocks than before."""
_PIECE = 2**16
_BATCH = 2**18
_ROWS = 2**10
_PLACE = re.compile(r" at (byte|line) \d+")


@dataclass(frozen=True)
class CorpusRecipe:
    """How documents become blocks.

    Attributes:
        block: Most tokens in a block, special ones included.
        pack: Whether a block may hold several documents, see ``Packer``.
        cleaning: How each text is cleaned; None leaves it as it is.
        duplicates: Share of common word sequences from which a document counts as a repetition, see ``Duplicates``; 1
            counts equal documents only, None keeps all.
        held_out: Share of the documents that are held out for validation. The SHA-256 of a document's group, or else of
            its text, decides.
    """

    block: int = 512
    pack: bool = False
    cleaning: Cleaning | None = field(default_factory=Cleaning)
    duplicates: float | None = 0.8
    held_out: float = 0.01

    def __post_init__(self) -> None:
        if self.block < 3:
            raise NlpieError(f"expected blocks of at least 3 tokens, got {self.block}")
        if not 0 <= self.held_out < 1:
            raise NlpieError(f"expected a held-out share from 0 and under 1, got {self.held_out}")


@dataclass(frozen=True)
class PreparedCorpus:
    """A prepared corpus on disk: its folder, and the receipt of what became of its source."""

    folder: Path
    receipt: Mapping[str, Any]

    def open(self, split: str = "train") -> datasets.Dataset:
        """Return the blocks of a split, memory-mapped: ``input_ids`` (at most block,) and ``length``.

        Raises:
            DataError: There is no such split, or it has no block.
        """
        if not self.receipt["blocks"].get(split):
            made = ", ".join(name for name, count in self.receipt["blocks"].items() if count)
            raise DataError(f"{self.folder} has no blocks for {split}; splits there: {made}")
        return datasets.Dataset.from_file(str(self.folder / f"{split}.arrow")).with_format("numpy")


def open_corpus(folder: Path) -> PreparedCorpus:
    """Return a prepared corpus.

    Raises:
        DataError: The folder holds none.
    """
    try:
        return PreparedCorpus(folder, json.loads((folder / RECEIPT).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        raise DataError(f"{folder}: expected a prepared corpus with its {RECEIPT}") from None


def prepare_corpus(
    corpus: Corpus, source: CorpusSource, tokenizer: Any, store: Path, recipe: CorpusRecipe = CorpusRecipe()
) -> PreparedCorpus:
    """Read, clean and tokenise a corpus once, in bounded memory, and write its blocks under ``store``.

    Documents that cannot be read, have no text or repeat another one are left out; the receipt says how many and why.

    Args:
        corpus: The kind of corpus.
        source: The files.
        tokenizer: A fast tokenizer with ``[CLS]`` and ``[SEP]``.
        store: Folder of prepared corpora.
        recipe: How documents become blocks.

    Raises:
        DataError: There is no file, a table has not the columns, or not one document is left.
        NlpieError: The tokenizer is not fast, or has no ``[CLS]`` or ``[SEP]``.
    """
    if not getattr(tokenizer, "is_fast", False) or None in (tokenizer.cls_token_id, tokenizer.sep_token_id):
        raise NlpieError(f"expected a fast tokenizer with [CLS] and [SEP], got {type(tokenizer).__name__}")
    files = find_source_files(corpus, source)
    made_from = _describe(corpus, source, files, tokenizer, recipe)
    folder = store / f"{corpus.name}-{_digest(made_from)[:16]}"
    if folder.exists():
        return open_corpus(folder)
    start = time.perf_counter()
    with write_whole(folder) as temporary:
        temporary.mkdir()
        counts = _write_blocks(read_notes(corpus, files, source), tokenizer, recipe, temporary)
        if not counts.kept:
            raise DataError(f"{', '.join(source.paths)}: holds no document to train on: {counts.reasons()}")
        receipt = {
            "corpus": corpus.name,
            "files": [{"name": path.name, "bytes": path.stat().st_size} for path in files],
            **counts.to_dict(),
            "seconds": round(time.perf_counter() - start, 2),
            "made_by": f"nlpie-models {__version__}",
            "made_from": made_from,
        }
        (temporary / RECEIPT).write_text(json.dumps(receipt, indent=2) + "\n", encoding="utf-8")
    return PreparedCorpus(folder, receipt)


@dataclass
class _Counts:
    """What became of the documents."""

    read: int = 0
    kept: Counter[str] = field(default_factory=Counter)
    characters: int = 0
    tokens: int = 0
    unknown: int = 0
    blocks: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    duplicates: Counter[str] = field(default_factory=Counter)

    def skip(self, reason: str, place: str) -> None:
        reason = _PLACE.sub("", reason)
        self.skipped[reason] += 1
        self.first.setdefault(reason, place)

    def reasons(self) -> str:
        return (
            "; ".join(f"{what}: {count} (first {self.first[what]})" for what, count in self.skipped.items()) or "none"
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "documents": {"read": self.read, **{split: self.kept[split] for split in SPLITS}},
            "characters": self.characters,
            "tokens": self.tokens,
            "unknown_tokens": self.unknown,
            "blocks": {split: self.blocks[split] for split in SPLITS},
            "skipped": {what: {"count": count, "first": self.first[what]} for what, count in self.skipped.items()},
            "duplicates": {how: self.duplicates[how] for how in ("exact", "near")},
        }


def _describe(
    corpus: Corpus, source: CorpusSource, files: Iterable[Path], tokenizer: Any, recipe: CorpusRecipe
) -> dict[str, Any]:
    """Return all that the blocks depend on, JSON-ready: of files their content, not their names."""
    return {
        "form": _FORM,
        "corpus": corpus.name,
        "columns": {"text": source.columns.text, "id": source.columns.id},
        "categories": sorted(source.categories),
        "where": {column: sorted(values) for column, values in source.where.items()},
        "sha256": [_hash_file(path) for path in files],
        "tokenizer": hashlib.sha256(_plain(tokenizer).to_str().encode()).hexdigest(),
        "special_tokens": [tokenizer.cls_token_id, tokenizer.sep_token_id],
        "recipe": asdict(recipe),
    }


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _hash_file(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def _write_blocks(items: Iterable[Note | Failure], tokenizer: Any, recipe: CorpusRecipe, folder: Path) -> _Counts:
    """Write the blocks of each split and return what became of the documents."""
    counts = _Counts()
    index = folder / "seen.sqlite"
    continues = find_continuing_pieces(tokenizer)
    with ExitStack() as stack:
        seen = stack.enter_context(Duplicates(index, recipe.duplicates)) if recipe.duplicates else None
        progress = stack.enter_context(tqdm(items, desc="corpus", unit=" documents", disable=None))
        writers = {
            split: stack.enter_context(_BlockWriter(folder / f"{split}.arrow", len(tokenizer))) for split in SPLITS
        }
        packers = {
            split: Packer(recipe.block, tokenizer.cls_token_id, tokenizer.sep_token_id, continues, pack=recipe.pack)
            for split in SPLITS
        }
        for split, ids, last in _encode(_select(progress, recipe, seen, counts), tokenizer):
            counts.tokens += len(ids)
            counts.unknown += int(np.count_nonzero(ids == tokenizer.unk_token_id))
            for block in packers[split].add(ids, last=last):
                writers[split].write(block)
        for split, packer in packers.items():
            for block in packer.flush():
                writers[split].write(block)
    counts.blocks.update({split: writer.blocks for split, writer in writers.items()})
    index.unlink(missing_ok=True)
    return counts


def _select(
    items: Iterable[Note | Failure], recipe: CorpusRecipe, seen: Duplicates | None, counts: _Counts
) -> Iterator[tuple[str, str]]:
    """Yield the split and the cleaned text of each document that is kept."""
    clean = recipe.cleaning or repair_characters
    for item in items:
        counts.read += 1
        if isinstance(item, Failure):
            counts.skip(item.message, item.id)
            continue
        text = clean(item.text)
        if not text.strip():
            counts.skip(NO_TEXT, item.id)
            continue
        if seen and (how := seen.find(text)):
            counts.duplicates[how] += 1
            continue
        split = SPLITS[_is_held_out(item.group or text, recipe.held_out)]
        counts.kept[split] += 1
        counts.characters += len(text)
        yield split, text


def _is_held_out(group: str, share: float) -> bool:
    digest = hashlib.sha256(group.encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def _encode(texts: Iterable[tuple[str, str]], tokenizer: Any) -> Iterator[tuple[str, np.ndarray, bool]]:
    """Yield the ids of each text, a long one in parts: its split, the ids (T,), and whether they are its last."""
    backend = _plain(tokenizer)
    for batch in _batch(_cut(texts)):
        encodings = backend.encode_batch_fast([piece for _, piece, _ in batch], add_special_tokens=False)
        for (split, _, last), encoding in zip(batch, encodings, strict=True):
            yield split, np.array(encoding.ids, dtype=np.int64), last


def _plain(tokenizer: Any) -> Tokenizer:
    """Return a tokenizer without truncation or padding, to which text is only text: ``[SEP]`` in it is no token."""
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    backend.no_truncation()
    backend.no_padding()
    backend.encode_special_tokens = True
    return backend


def _cut(texts: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, bool]]:
    for split, text in texts:
        previous = None
        for piece in cut_text(text, _PIECE):
            if previous is not None:
                yield split, previous, False
            previous = piece
        yield split, previous or "", True


def _batch(pieces: Iterable[tuple[str, str, bool]]) -> Iterator[list[tuple[str, str, bool]]]:
    """Gather pieces up to ``_BATCH`` characters."""
    batch: list[tuple[str, str, bool]] = []
    size = 0
    for piece in pieces:
        batch.append(piece)
        size += len(piece[1])
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class _BlockWriter:
    """Writes blocks to an Arrow file of ``datasets``, ``_ROWS`` at a time."""

    def __init__(self, path: Path, vocabulary: int) -> None:
        self.blocks = 0
        self._dtype = "uint16" if vocabulary <= 2**16 else "int32"
        features = datasets.Features(
            {"input_ids": datasets.List(datasets.Value(self._dtype)), "length": datasets.Value("int32")}
        )
        self._schema = features.arrow_schema
        self._waiting: list[np.ndarray] = []
        self._file = pyarrow.OSFile(str(path), "wb")
        self._writer = pyarrow.ipc.new_stream(self._file, self._schema)

    def __enter__(self) -> "_BlockWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._write()
        self._writer.close()
        self._file.close()

    def write(self, block: np.ndarray) -> None:
        self.blocks += 1
        self._waiting.append(block)
        if len(self._waiting) == _ROWS:
            self._write()

    def _write(self) -> None:
        if not self._waiting:
            return
        lengths = np.array([len(block) for block in self._waiting], dtype=np.int32)
        offsets = pyarrow.array(np.concatenate([[0], np.cumsum(lengths)]), pyarrow.int32())
        values = pyarrow.array(np.concatenate(self._waiting).astype(self._dtype))
        ids = pyarrow.ListArray.from_arrays(offsets, values)
        self._writer.write_batch(pyarrow.record_batch([ids, pyarrow.array(lengths)], schema=self._schema))
        self._waiting.clear()
