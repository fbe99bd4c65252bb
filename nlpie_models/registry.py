"""The checkpoints that this package knows: one strict TOML each, in ``checkpoints/``."""

import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path

from .errors import RegistryError, UnknownName
from .recipes import AnyRecipe
from .util.toml import read_toml

CHECKPOINTS_FOLDER = Path(__file__).parent / "checkpoints"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
Access = typing.Literal["open", "unknown", "agreement"]
"""Who may have a data set: anybody, nobody has stated who, or those who have signed a data-use agreement."""
_ACCESS: tuple[Access, ...] = typing.get_args(Access)  # from the least restricted on


class Pin(StrEnum):
    """What identifies the weights that the name of a checkpoint stands for; the value is the text that is shown."""

    FULL = "pinned by commit and by hash"
    FILES = "pinned by hash"
    COMMIT = "pinned by commit; their hash is not known"
    HASH = "pinned by hash; their commit is not known"
    NONE = "not pinned: a load takes what the Hub has"


@dataclass(frozen=True, kw_only=True)
class EncoderShape:
    """Sizes of an encoder.

    Attributes:
        model_type: The type that this package loads it as, which the config on the Hub may not say.
        layers: Layers that a token passes; for a MiniALBERT, the recursions of its shared layers.
        embedding: Width of the embeddings, where it may differ from ``hidden``.
        vocabulary: Word pieces.
        shared_layers: For a MiniALBERT, the layers that have weights.
        parameters: Of the encoder, without a head.
        parameters_with_mlm_head: With the head for masked words.
        unused_parameters: Those among them that the published file stores and no model reads, such as the pooler of a
            MiniALBERT; ``nlpie convert`` leaves them out.
    """

    model_type: str
    layers: int
    hidden: int
    embedding: int
    heads: int
    feed_forward: int
    vocabulary: int
    cased: bool
    shared_layers: int | None = None
    parameters: int | None = None
    parameters_with_mlm_head: int | None = None
    unused_parameters: int = 0


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The weight file of a checkpoint.

    Attributes:
        file: Its name.
        megabytes: Its size, in 10^6 bytes.
        revision: Commit of the Hub that a load takes; None for what main has.
        sha256: Hash that a load verifies; None to verify nothing.
    """

    file: str
    megabytes: float | None = None
    revision: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """A data set that a checkpoint, or the checkpoint that it starts from, was trained on.

    Attributes:
        name: Its name.
        access: Who may have it.
        terms: What its licence asks of those who pass on what they make of it: no more than a notice
            (``permissive``), more than that (``restrictive``: no commercial use, share alike, an agreement).
        licence: Its licence, in the words of its source.
        source: Where it is from.
        use: What of it was used, and what for.
    """

    name: str
    access: Access
    terms: typing.Literal["permissive", "restrictive", "not stated"]
    licence: str
    source: str
    use: str


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """One row of the registry.

    Attributes:
        name: Base name of its Hub repository, in lower case.
        summary: What it is, in one line.
        status: Where its weights are: ``published`` on the Hub, ``bundled`` in the package, in the folder ``zoo`` of
            the repository; a ``planned`` one has none yet.
        licence: Licence of the weights, as the Hub calls it.
        architecture: Sizes of the encoder.
        hub_id: Its repository on the Hub.
        weights: Its weight file.
        aliases: Other names that find it.
        heads: Tasks that the heads in its weights serve.
        labels: Labels of its head.
        siblings: By task, the checkpoint that serves the task in its place.
        base_model: What its training started from or learned from: a checkpoint of the registry, or a Hub id.
        peer: Name, in the results, of the general model of the same size that it is compared with.
        paper: Address of the paper that describes it.
        default: Whether ``load_clinical()`` takes it when no name is given.
        notes: What a user must know besides.
        recipe: How it was trained, or is to be.
        training_data: What it was trained on, as far as that is known.
    """

    name: str
    summary: str
    status: typing.Literal["published", "bundled", "zoo", "planned"]
    licence: str
    architecture: EncoderShape
    hub_id: str | None = None
    weights: Weights | None = None
    aliases: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    siblings: dict[str, str] = field(default_factory=dict)
    base_model: str | None = None
    peer: str | None = None
    paper: str | None = None
    default: bool = False
    notes: tuple[str, ...] = ()
    recipe: AnyRecipe | None = None
    training_data: tuple[TrainingData, ...] = ()

    @property
    def pin(self) -> Pin:
        """What identifies its weights."""
        revision, sha256 = (self.weights.revision, self.weights.sha256) if self.weights else (None, None)
        if sha256 is None:
            return Pin.NONE if revision is None else Pin.COMMIT
        if revision is not None:
            return Pin.FULL
        return Pin.FILES if self.status in ("bundled", "zoo") else Pin.HASH

    @property
    def data_access(self) -> Access:
        """Access to the most restricted data that it was trained on; ``unknown`` where no training data is known."""
        return max((data.access for data in self.training_data), key=_ACCESS.index, default="unknown")

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that its weights serve; every encoder serves embeddings."""
        return (*self.heads, "embedding")


def list_checkpoints() -> tuple[Checkpoint, ...]:
    """Return every checkpoint of the registry, by name."""
    return tuple(_registry()[0].values())


def get_checkpoint(name: str) -> Checkpoint:
    """Return the checkpoint with this name, alias or Hub id, in any letter case.

    Raises:
        UnknownName: No checkpoint has the name; the message suggests the nearest.
    """
    checkpoints, names = _registry()
    try:
        return checkpoints[names[name.lower()]]
    except KeyError:
        known = (known for known in names if "/" not in known)
        raise UnknownName("checkpoint", name, known) from None


def default_checkpoint() -> Checkpoint:
    """Return the checkpoint that ``load_clinical()`` takes when none is named."""
    return next(checkpoint for checkpoint in list_checkpoints() if checkpoint.default)


def read_registry(folder: Path) -> tuple[dict[str, Checkpoint], dict[str, str]]:
    """Read a folder of TOMLs into checkpoints by name, and names by lower-cased name, alias and Hub id.

    Raises:
        RegistryError: A file breaks the schema, two share a name or alias, a sibling does not exist, the start or
            teacher of a checkpoint is no name or was trained on more restricted data than its row states, or not
            exactly one checkpoint is the default.
    """
    checkpoints: dict[str, Checkpoint] = {}
    names: dict[str, str] = {}
    for path in sorted(folder.glob("*.toml"), key=lambda path: path.stem):
        checkpoint = read_checkpoint(path)
        checkpoints[checkpoint.name] = checkpoint
        for name in filter(None, (checkpoint.name, *checkpoint.aliases, checkpoint.hub_id)):
            if names.setdefault(name.lower(), checkpoint.name) != checkpoint.name:
                raise RegistryError(f"{path.name}: {name!r} is already taken by {names[name.lower()]!r}")
    for checkpoint in checkpoints.values():
        _check_references(checkpoint, checkpoints, names)
    defaults = [checkpoint.name for checkpoint in checkpoints.values() if checkpoint.default]
    if len(defaults) != 1:
        raise RegistryError(f"{folder}: expected one checkpoint with default = true, found {defaults}")
    return checkpoints, names


def _check_references(checkpoint: Checkpoint, checkpoints: Mapping[str, Checkpoint], names: Mapping[str, str]) -> None:
    """Refuse a checkpoint that names others wrongly: as its siblings, or as what its training starts or learns from."""
    for task, sibling in checkpoint.siblings.items():
        if task not in getattr(checkpoints.get(sibling), "heads", ()):
            raise RegistryError(f"{checkpoint.name}.toml: siblings.{task}: no checkpoint {sibling!r} has that head")
    for base in filter(None, map(checkpoints.get, (names.get(name.lower(), "") for name in _bases(checkpoint)))):
        if _ACCESS.index(base.data_access) > _ACCESS.index(checkpoint.data_access):
            raise RegistryError(
                f"{checkpoint.name}.toml: training_data: it learned from {base.name}, which was trained on data "
                f"whose access is {base.data_access!r}; name that data here too"
            )
    for key in ("start", "teacher"):
        source = getattr(checkpoint.recipe, key, None)
        if source and source.lower() not in names and not _HUB_ID.fullmatch(source):
            raise RegistryError(
                f"{checkpoint.name}.toml: recipe.{key}: expected the name of a checkpoint or a Hub id, got {source!r}; "
                f"words belong into {key}_note"
            )


def read_checkpoint(path: Path) -> Checkpoint:
    """Read one TOML strictly.

    Raises:
        RegistryError: Not TOML, an unknown or missing key, a value of the wrong type, or a name that is not the
            file's; names file and key.
    """
    checkpoint = read_toml(Checkpoint, path)
    if checkpoint.name != path.stem:
        raise RegistryError(f"{path.name}: name: expected {path.stem!r} (the file's name), got {checkpoint.name!r}")
    if checkpoint.status == "published" and not (checkpoint.hub_id and checkpoint.weights):
        raise RegistryError(f"{path.name}: hub_id, weights: a published checkpoint needs both")
    return checkpoint


def _bases(checkpoint: Checkpoint) -> set[str]:
    """Return the names of what a checkpoint started from and learned from."""
    recipe = checkpoint.recipe
    names = (checkpoint.base_model, getattr(recipe, "start", None), getattr(recipe, "teacher", None))
    return {name for name in names if name}


@cache
def _registry() -> tuple[dict[str, Checkpoint], dict[str, str]]:
    return read_registry(CHECKPOINTS_FOLDER)
