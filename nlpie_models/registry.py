"""The checkpoints that this package knows: one strict TOML each, in ``checkpoints/``."""

import typing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from .errors import RegistryError, UnknownName
from .strict_toml import read_toml

CHECKPOINTS_FOLDER = Path(__file__).parent / "checkpoints"


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Shape of the encoder.

    ``model_type`` is the one that our code loads it as; a MiniALBERT's ``layers`` are recursions of ``shared_layers``.
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


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The weight file and, once pinned, the commit and SHA-256 that a load must match."""

    file: str
    megabytes: float | None = None
    revision: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class CorpusPart:
    """Unlabelled text of a recipe.

    Attributes:
        path: File, glob or folder, seen from the folder that holds the recipe's data.
        kind: Kind of corpus, see ``nlpie_models.data.corpora``.
        where: For JSON lines and Parquet: the rows to read, those with one of these values in each of these columns.
        copies: How often it is in an epoch, masked otherwise each time.
    """

    path: str
    kind: str = "text"
    where: dict[str, tuple[str, ...]] = field(default_factory=dict)
    copies: int = 1


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How the checkpoint was, or is to be, trained.

    The keys from ``corpora`` on are for continual learning and distillation; ``nlpie train continue --help`` and
    ``nlpie train distill --help`` explain them. ``student_form`` and ``student_options`` say how the student starts
    from its teacher; ``objective_options`` are the objective's weights and the like where they are not its own.
    """

    kind: typing.Literal["distillation", "continual", "finetuning"]
    data: str
    objective: str | None = None
    teacher: str | None = None
    student: str | None = None
    learning_rate: float | None = None
    epochs: float | None = None
    steps: int | None = None
    batch: int | None = None
    warmup_steps: int | None = None
    weight_decay: float | None = None
    hours: float | None = None
    hardware: str | None = None
    seed: int | None = None
    commands: tuple[str, ...] = ()
    corpora: tuple[CorpusPart, ...] = ()
    held_out: dict[str, str] = field(default_factory=dict)
    block: int | None = None
    pack: bool | None = None
    whole_words: bool | None = None
    layer_decay: float | None = None
    dropout: float | None = None
    head_steps: int | None = None
    head_learning_rate: float | None = None
    student_form: str | None = None
    student_options: dict[str, typing.Any] = field(default_factory=dict)
    objective_options: dict[str, typing.Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """A data set that a checkpoint of ours was trained on, with the licence that its source states."""

    name: str
    licence: str
    source: str
    use: str


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """One row of the registry.

    ``status`` says where its weights are: ``published`` on the Hub, ``bundled`` in the package, in the folder ``zoo``
    of the repository, or only ``planned``. ``heads`` are the tasks that its own weights serve; ``siblings`` names the
    checkpoint that serves another task, ``peer`` what the results call the general model of the same form, without
    clinical training, that it is to beat.
    """

    name: str
    summary: str
    status: typing.Literal["published", "bundled", "zoo", "planned"]
    licence: str
    architecture: Architecture
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
    recipe: Recipe | None = None
    training_data: tuple[TrainingData, ...] = ()

    @property
    def pinned(self) -> bool:
        """Whether the weights are identified by commit (or ship in the wheel) and by hash."""
        if self.weights is None or self.weights.sha256 is None:
            return False
        return self.status in ("bundled", "zoo") or self.weights.revision is not None

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that its own weights serve; any encoder gives embeddings."""
        return (*self.heads, "embedding")


def list_checkpoints() -> tuple[Checkpoint, ...]:
    """Return every checkpoint of the registry, by name."""
    return tuple(_registry()[0].values())


def get_checkpoint(name: str) -> Checkpoint:
    """Return the checkpoint with this name, alias or Hub id, in any letter case.

    Raises:
        UnknownName: No checkpoint is called so; the message suggests the nearest.
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
        RegistryError: A file breaks the schema, two share a name or alias, a sibling does not exist, or not exactly
            one checkpoint is the default.
    """
    checkpoints: dict[str, Checkpoint] = {}
    names: dict[str, str] = {}
    for path in sorted(folder.glob("*.toml")):
        checkpoint = read_checkpoint(path)
        checkpoints[checkpoint.name] = checkpoint
        own = [checkpoint.name, *checkpoint.aliases, *([checkpoint.hub_id] if checkpoint.hub_id else [])]
        for name in own:
            if names.setdefault(name.lower(), checkpoint.name) != checkpoint.name:
                raise RegistryError(f"{path.name}: {name!r} is already taken by {names[name.lower()]!r}")
    for checkpoint in checkpoints.values():
        for task, sibling in checkpoint.siblings.items():
            if task not in getattr(checkpoints.get(sibling), "heads", ()):
                raise RegistryError(f"{checkpoint.name}.toml: siblings.{task}: no checkpoint {sibling!r} has that head")
    defaults = [checkpoint.name for checkpoint in checkpoints.values() if checkpoint.default]
    if len(defaults) != 1:
        raise RegistryError(f"{folder}: expected one checkpoint with default = true, found {defaults}")
    return checkpoints, names


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


@cache
def _registry() -> tuple[dict[str, Checkpoint], dict[str, str]]:
    return read_registry(CHECKPOINTS_FOLDER)
