"""The files of a checkpoint on this machine."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import CheckpointError, RegistryError
from ..registry import Checkpoint
from ..util.toml import read_table

ENCODER = "AutoModel"
MASKED_LM = "AutoModelForMaskedLM"
ADAPTER_FILE = "adapter.safetensors"
WEIGHT_FILES = (
    "model.safetensors",
    "pytorch_model.bin",
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
    ADAPTER_FILE,
)
TOKENIZER_FILES = ("tokenizer.json", "vocab.txt")


@dataclass(frozen=True)
class _Base:
    name: str
    sha256: str


@dataclass(frozen=True)
class _ReadKeys:
    """The keys of ``config.json`` that this package reads itself; transformers checks those that it reads."""

    architectures: Sequence[str] | None = None
    base: _Base | None = None
    id2label: Mapping[str, str] | None = None
    max_position_embeddings: int = 0
    num_labels: int = 0
    problem_type: str | None = None
    task_options: Mapping[str, Mapping[str, Any]] | None = None
    window_tokens: int = 0


@dataclass(frozen=True)
class LocalCheckpoint:
    """A checkpoint's files on this machine.

    Attributes:
        folder: Where they are.
        row: Its registry entry, if it has one.
        weights_file: The file whose hash was verified, and the only one to load then.

    The files have been checked: :mod:`nlpie_models.loading.find` makes these.
    """

    folder: Path
    row: Checkpoint | None = None
    weights_file: str | None = None

    @property
    def name(self) -> str:
        return self.row.name if self.row else str(self.folder)

    @property
    def short_name(self) -> str:
        """The name of the row, the Hub repository or the folder, under which figures are filed."""
        folder = self.folder.resolve()
        in_cache = folder.parent.name == "snapshots"
        name = folder.parents[1].name.rpartition("--")[-1] if in_cache else folder.name
        return self.row.name if self.row else name

    @cached_property
    def config(self) -> dict[str, Any]:
        """The raw ``config.json``.

        Raises:
            CheckpointError: It is missing, not a JSON object, or a value that this package reads is of another type.
        """
        path = self.folder / "config.json"
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise CheckpointError(
                f"{self.folder} is not a checkpoint folder: it has no config.json. "
                "Pass a folder written by save_pretrained(), or a name from `nlpie list`."
            ) from None
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise CheckpointError(f"cannot read {path}: {error}. Copy or download the checkpoint again.") from error
        if not isinstance(config, dict):
            raise CheckpointError(f"{path} does not hold a JSON object. Copy or download the checkpoint again.")
        _check_config(config, str(path))
        return config

    @property
    def base(self) -> dict[str, str] | None:
        """Name and SHA-256 of the base whose tensors an adapter checkpoint shares; None for a whole checkpoint."""
        return self.config.get("base")

    @property
    def auto_class(self) -> str:
        """Transformers' Auto class of the model that the config names, such as ``AutoModelForMaskedLM``."""
        names = self.config.get("architectures") or [""]
        _, head, rest = str(names[0]).partition("For")
        return f"{ENCODER}{head}{rest}"

    @property
    def weights(self) -> Path:
        """The weight file: the one that was verified, else the first there is (of several, their index).

        Raises:
            CheckpointError: There is none.
        """
        for name in (self.weights_file,) if self.weights_file else WEIGHT_FILES:
            if (path := self.folder / name).exists():
                return path
        raise CheckpointError(f"{self.folder} has no weights: expected {' or '.join(WEIGHT_FILES[:2])}")

    @property
    def finetuning(self) -> dict[str, Any]:
        """The record that the fine-tuning left in the folder; empty without one."""
        path = self.folder / "finetuning.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _check_config(config: Mapping[str, Any], source: str) -> None:
    read = {field.name: config[field.name] for field in fields(_ReadKeys) if field.name in config}
    try:
        labels = read_table(_ReadKeys, read, source).id2label or {}
    except RegistryError as error:
        raise CheckpointError(str(error)) from None
    if labels.keys() != set(map(str, range(len(labels)))):
        raise CheckpointError(f"{source}: id2label: expected labels by number, from 0, got {', '.join(labels)}")


def has_weights(folder: Path) -> bool:
    """Whether a folder brings a weight file."""
    return any((folder / name).exists() for name in WEIGHT_FILES)


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder brings the files of a tokenizer."""
    return any((folder / name).exists() for name in TOKENIZER_FILES)
