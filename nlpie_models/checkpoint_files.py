"""From a name to a local folder of files, and from a folder to a model; never random, never someone's code."""

import contextlib
import json
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from .errors import CheckpointError, MissingHead, UnknownName
from .files import sha256_of
from .hazards import refuse_hazards
from .home import find_installed
from .manifest import MANIFEST, verify_folder
from .registry import Checkpoint, default_checkpoint, get_checkpoint, list_checkpoints
from .sentence_modules import read_embedding_options
from .tasks import Task, list_tasks

ENCODER = "AutoModel"
MASKED_LM = "AutoModelForMaskedLM"
PACKAGE = Path(__file__).parent
BUNDLED_FOLDER = PACKAGE / "bundled"
ZOO_FOLDER = PACKAGE.parent / "zoo"
ADAPTER_FILE = "adapter.safetensors"
_FILES = ["*.json", "*.txt", "*.model", "model*.safetensors", "pytorch_model*.bin", ADAPTER_FILE, MANIFEST]
_CALL_OPTIONS = {"is_local", "local_files_only", "max_length", "name_or_path", "stride", "truncation_strategy"}
_WEIGHT_FILES = (
    "model.safetensors",
    "pytorch_model.bin",
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
    ADAPTER_FILE,
)
_TOKENIZER_FILES = ("tokenizer.json", "vocab.txt")


@dataclass(frozen=True)
class LocalCheckpoint:
    """A checkpoint's files on this machine.

    Attributes:
        folder: Where they are.
        row: Its registry entry, if it has one.
        weights_file: The file whose hash was verified, and the only one to load then.

    Raises:
        CheckpointError: The folder is hostile, see :func:`nlpie_models.hazards.refuse_hazards`.
    """

    folder: Path
    row: Checkpoint | None = None
    weights_file: str | None = None

    def __post_init__(self) -> None:
        refuse_hazards(self.folder)

    @property
    def name(self) -> str:
        return self.row.name if self.row else str(self.folder)

    @property
    def short_name(self) -> str:
        """The name without a path, under which figures are filed: the row's, the Hub repository's or the folder's."""
        folder = self.folder.resolve()
        in_cache = folder.parent.name == "snapshots"
        own = folder.parents[1].name.rpartition("--")[-1] if in_cache else folder.name
        return self.row.name if self.row else own

    @property
    def config(self) -> dict[str, Any]:
        """The raw ``config.json``.

        Raises:
            CheckpointError: It is missing or not a JSON object.
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

    def task_options(self, task: Task) -> dict[str, Any]:
        """The options with which the checkpoint wants a task to be run, where they are not the task's own."""
        own = read_embedding_options(self.folder) if task.gives == "embedding" else {}
        return own | self.config.get("task_options", {}).get(task.name, {})

    @property
    def weights(self) -> Path:
        """The weight file: the one that was verified, else the first there is (of several, their index).

        Raises:
            CheckpointError: There is none.
        """
        for name in (self.weights_file,) if self.weights_file else _WEIGHT_FILES:
            if (path := self.folder / name).exists():
                return path
        raise CheckpointError(f"{self.folder} has no weights: expected {' or '.join(_WEIGHT_FILES[:2])}")

    @property
    def finetuning(self) -> dict[str, Any]:
        """The record that the fine-tuning left in the folder; empty without one."""
        path = self.folder / "finetuning.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def find_checkpoint(name: str | os.PathLike[str] | None, task: Task, revision: str | None) -> LocalCheckpoint:
    """Find the files of a checkpoint that serves a task, downloading a Hub one that is not cached yet.

    Args:
        name: Registry name, alias, Hub id, local folder, or what a bundle has installed; None for the bundled default.
            A ``Path`` is a folder, whatever its name.
        task: The task that it is to serve; a registry row may delegate it to a sibling.
        revision: Hub revision in place of the pinned one.

    Raises:
        UnknownName: Neither a registry name, nor a folder, nor a Hub id.
        MissingHead: A registry row that serves other tasks only.
        CheckpointError: It is not on this machine and cannot be downloaded, or its hash is not the pinned one; or a
            revision is asked of a folder.
    """
    if name is None:
        row = default_checkpoint()
    elif not isinstance(name, str):
        return _in_folder(name, revision)
    else:
        try:
            row = get_checkpoint(name)
        except UnknownName:
            if Path(name).is_dir():
                return _in_folder(name, revision)
            if revision is None and (folder := find_installed(name)):
                return _verified(folder)
            if name.count("/") == 1 and not name.startswith((".", "/", "~")):
                return _verified(_download(name, revision))
            if os.sep in name:
                return _in_folder(name, revision)
            raise
        if Path(name, "config.json").exists():
            warnings.warn(f"{name!r} is taken for the checkpoint of the zoo; the folder is './{name}'", stacklevel=2)
    row = _serving(row, task)
    folder = _folder_of(row, revision)
    if row.weights and row.weights.sha256 and revision in (None, row.weights.revision):
        _verify(folder / row.weights.file, row.weights.sha256)
        return LocalCheckpoint(folder, row, row.weights.file)
    return LocalCheckpoint(folder, row)


def _in_folder(name: str | os.PathLike[str], revision: str | None) -> LocalCheckpoint:
    if not Path(name).is_dir():
        raise CheckpointError(f"there is no folder {os.fspath(name)!r}; check the path")
    if revision is not None:
        raise CheckpointError(f"{os.fspath(name)} is a folder, which has no revision {revision}; leave it out")
    return LocalCheckpoint(Path(name))


def check_head(checkpoint: LocalCheckpoint, task: Task) -> None:
    """Refuse a checkpoint whose own head is for another task.

    Raises:
        MissingHead: Lists what it serves and which checkpoints serve the task.
    """
    served = served_tasks(checkpoint)
    if task.name not in served:
        raise MissingHead(
            f"{checkpoint.name} has no {task.name} head (it serves: {', '.join(served)}). {_who_serves(task)}"
        )


def served_tasks(checkpoint: LocalCheckpoint) -> list[str]:
    """Return the names of the tasks that a checkpoint's own files serve."""
    return [task.name for task in list_tasks() if _serves(checkpoint, task)]


def _serves(checkpoint: LocalCheckpoint, task: Task) -> bool:
    """Whether a checkpoint's head is of a task's kind and, where its config says what it was taught, for this task."""
    if task.auto_class == ENCODER:
        return True
    taught = checkpoint.config.get("task_options") or [task.name]
    return task.auto_class == checkpoint.auto_class and task.name in taught


def load_model(checkpoint: LocalCheckpoint, auto_class: str) -> Any:
    """Load a checkpoint's model in float32, every tensor from the file.

    Args:
        checkpoint: The files.
        auto_class: transformers' Auto class of the model wanted; ``AutoModel`` reads the encoder and leaves the head, a
            masked language model keeps a pooler that it does not use.

    Raises:
        CheckpointError: The files are damaged, or tensors are missing, unexpected or misshapen; lists them.
    """
    import torch

    model_class, config = model_class_of(checkpoint, auto_class)
    _ = checkpoint.weights
    try:
        with _quiet_transformers():
            model, info = model_class.from_pretrained(
                checkpoint.folder,
                config=config,
                dtype=torch.float32,
                output_loading_info=True,
                local_files_only=True,
                ignore_mismatched_sizes=True,
                use_safetensors=checkpoint.weights_file.endswith("safetensors") if checkpoint.weights_file else None,
            )
    except Exception as error:
        raise CheckpointError(
            f"cannot load the weights in {checkpoint.folder}: {_first_line(error)}. "
            "The file may be truncated or damaged: copy or download the checkpoint again."
        ) from error
    _refuse_wrong_tensors(checkpoint, model, info, encoder_only=auto_class == ENCODER)
    if any(key.startswith("pooler.") for key in info["missing_keys"]):
        model.pooler = None
    if auto_class == MASKED_LM and any(is_pooler(key) for key in info["unexpected_keys"]):
        from .distillation.poolers import keep_pooler

        keep_pooler(model, load_model(checkpoint, ENCODER))
    return model


def has_weights(folder: Path) -> bool:
    """Whether a folder brings a weight file."""
    return any((folder / name).exists() for name in _WEIGHT_FILES)


def has_tokenizer(folder: Path) -> bool:
    """Whether a folder brings the files of a tokenizer."""
    return any((folder / name).exists() for name in _TOKENIZER_FILES)


def load_tokenizer(checkpoint: LocalCheckpoint) -> Any:
    """Load a checkpoint's tokenizer.

    Raises:
        CheckpointError: Its files are missing or damaged, it has no fast form, or it is not the model's.
    """
    from transformers import AutoTokenizer

    _, config = model_class_of(checkpoint, ENCODER)
    if not has_tokenizer(checkpoint.folder):
        raise CheckpointError(f"{checkpoint.folder} has no tokenizer: expected {' or '.join(_TOKENIZER_FILES)}")
    try:
        with _quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(
                checkpoint.folder, config=config, local_files_only=True, trust_remote_code=False
            )
    except Exception as error:
        raise CheckpointError(
            f"cannot load the tokenizer in {checkpoint.folder}: {_first_line(error)}. "
            "Copy or download the checkpoint again."
        ) from error
    if not tokenizer.is_fast or tokenizer.cls_token_id is None or tokenizer.sep_token_id is None:
        raise CheckpointError(f"{checkpoint.folder}: expected a BERT-like fast tokenizer with [CLS] and [SEP]")
    if len(tokenizer) > config.vocab_size:
        raise CheckpointError(
            f"{checkpoint.folder}: the tokenizer has {len(tokenizer)} pieces and the model only {config.vocab_size}; "
            "they do not belong together"
        )
    # How someone once called it, and where it lay, is no part of a tokenizer that is to be saved again.
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    for name in _CALL_OPTIONS & tokenizer.init_kwargs.keys():
        del tokenizer.init_kwargs[name]
    return tokenizer


def _serving(row: Checkpoint, task: Task) -> Checkpoint:
    if task.name in row.tasks:
        return row
    if task.name in row.siblings:
        return get_checkpoint(row.siblings[task.name])
    raise MissingHead(f"{row.name} has no {task.name} head (it serves: {', '.join(row.tasks)}). {_who_serves(task)}")


def _who_serves(task: Task) -> str:
    rows = [row.name for row in list_checkpoints() if task.name in row.tasks and row.status != "planned"]
    return f"Checkpoints that serve {task.name}: {', '.join(rows) or 'none yet'}."


def _folder_of(row: Checkpoint, revision: str | None) -> Path:
    for folder in (BUNDLED_FOLDER / row.name, ZOO_FOLDER / row.name):
        if folder.is_dir():
            if revision is not None:
                raise CheckpointError(f"{row.name} comes with this package and has no revisions; got {revision!r}")
            return folder
    pinned = row.weights.revision if row.weights else None
    if revision in (None, pinned) and (installed := find_installed(row.name)):
        verify_folder(installed)
        return installed
    if row.hub_id is None:
        if row.status == "zoo":
            raise CheckpointError(
                f"the weights of {row.name} are in the repository and not in the package: pass the path of the folder "
                f"zoo/{row.name} of a checkout"
            )
        default = default_checkpoint().name
        raise CheckpointError(f"{row.name} has no weights yet (status: {row.status}). Use {default}, which is here.")
    return _download(row.hub_id, revision or pinned)


def _verified(folder: Path) -> LocalCheckpoint:
    """Return the checkpoint in a folder that no row pins, its files those that its own manifest names, if any."""
    verify_folder(folder)
    return LocalCheckpoint(folder)


def _download(hub_id: str, revision: str | None) -> Path:
    """Return the cached snapshot of a Hub repository; only a snapshot that is not cached is asked of the network."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    wanted = partial(snapshot_download, hub_id, revision=revision, allow_patterns=_FILES)
    with contextlib.suppress(LocalEntryNotFoundError):
        cached = Path(wanted(local_files_only=True))
        if _is_whole(cached):
            return cached
    at = f" --revision {revision}" if revision else ""
    try:
        fetched = Path(wanted())
        if not _is_whole(fetched):
            raise CheckpointError("only a part of it is in the cache")
        return fetched
    except Exception as error:
        raise CheckpointError(
            f"{hub_id} is not on this machine and could not be downloaded ({_first_line(error)}). "
            f"With a network, run `hf download {hub_id}{at}`; without one, copy the folder here and pass its path."
        ) from error


def _is_whole(folder: Path) -> bool:
    has_own_tokenizer = has_tokenizer(folder) or (folder / ADAPTER_FILE).exists()
    return (folder / "config.json").exists() and has_own_tokenizer and has_weights(folder)


def _verify(path: Path, sha256: str) -> None:
    if not path.exists():
        raise CheckpointError(f"{path} is missing; copy or download the checkpoint again")
    found = sha256_of(path)
    if found != sha256:
        raise CheckpointError(
            f"{path} is not the pinned file: expected SHA-256 {sha256}, got {found}. Copy or download it again."
        )


def model_class_of(checkpoint: LocalCheckpoint, auto_class: str) -> tuple[Any, Any]:
    """Return the class that we would choose and its config; code that a folder brings is never looked at."""
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    from .architectures.minialbert import MiniAlbertConfig
    from .architectures.minialbert.configuration_minialbert import is_published_form

    raw = checkpoint.config
    model_type = MiniAlbertConfig.model_type if is_published_form(raw) else str(raw.get("model_type"))
    try:
        config = CONFIG_MAPPING[model_type].from_pretrained(checkpoint.folder)
        return getattr(transformers, auto_class)._model_mapping[type(config)], config
    except KeyError:
        raise CheckpointError(
            f"{checkpoint.folder}: config.json has model_type {model_type!r}, which has no {auto_class} here"
        ) from None
    except (ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{checkpoint.folder}: config.json is not usable: {_first_line(error)}") from error


def _refuse_wrong_tensors(checkpoint: LocalCheckpoint, model: Any, info: dict[str, Any], *, encoder_only: bool) -> None:
    """Raise on tensors that the file and the model do not share.

    With ``encoder_only`` the tensors of a head may be left over, but none of the encoder's. A pooler may be left over
    (no other model has one), or missing from an encoder (no task reads it there). The next-sentence head that BERT was
    pretrained with, beside its masked-language-model head, may be left over too.
    """
    own_modules = {model.base_model_prefix, *(name for name, _ in model.named_children())}
    found = {
        "missing": sorted(key for key in info["missing_keys"] if not (encoder_only and is_pooler(key))),
        "misshapen": sorted(str(key[0]) for key in info["mismatched_keys"]),
        "unexpected": sorted(
            key
            for key in info["unexpected_keys"]
            if not (is_pooler(key) or key.endswith("position_ids") or key.startswith("cls.seq_relationship."))
            and (not encoder_only or key.partition(".")[0] in own_modules)
        ),
    }
    parts = [f"{kind} {', '.join(keys[:5])}{' ...' * (len(keys) > 5)}" for kind, keys in found.items() if keys]
    if parts:
        raise CheckpointError(
            f"the weights in {checkpoint.folder} do not fit {type(model).__name__}: {'; '.join(parts)}. "
            "Copy or download the checkpoint again, or convert it with the program that wrote it."
        )


def is_pooler(key: str) -> bool:
    """Whether a tensor of this name belongs to a pooler, which a masked language model has for others to start from."""
    return ".pooler." in f".{key}"


@contextlib.contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Silence transformers' loading report and bar: what it would say, we raise."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
