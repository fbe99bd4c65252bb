"""How checkpoints are trained: the hyper-parameters of each kind of training, and recipes that state some of them.

A hyper-parameter is one field of an arguments class here. Its option of ``nlpie train``, its key in the table
``[recipe.arguments]`` of a checkpoint's TOML, and its line in the training table of the card all follow from the field.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

from .errors import NlpieError
from .util.toml import Stated

Tune = Literal["all", "layers", "last-layer", "adapters"]
Teaching = Literal["soft-targets", "task"]


def _setting(help: str, *, minimum: int | None = None, flags: Sequence[str] = ()) -> dict[str, Any]:
    """Return the metadata of a field for a hyper-parameter.

    Args:
        help: What it is, in a sentence.
        minimum: The least value of a number.
        flags: Names of its option on the command line; the field's name by default.
    """
    return {"help": help, "minimum": minimum, "flags": tuple(flags)}


@dataclass(frozen=True, kw_only=True)
class PretrainingArguments:
    """How to train a masked language model on unlabelled text."""

    block: int = field(default=128, metadata=_setting("Most tokens in a block, special tokens included.", minimum=3))
    pack: bool = field(
        default=False, metadata=_setting("Fill blocks with several documents.", flags=["--pack/--no-pack"])
    )
    whole_words: bool = field(
        default=False, metadata=_setting("Mask whole words, not single pieces.", flags=["--whole-words/--pieces"])
    )
    epochs: float = field(default=1.0, metadata=_setting("Passes over the blocks."))
    steps: int | None = field(default=None, metadata=_setting("Optimizer steps, in place of epochs.", minimum=1))
    learning_rate: float = field(
        default=5e-5, metadata=_setting("Peak of the linear schedule, for the last layer and the head.")
    )
    layer_decay: float = field(
        default=1.0, metadata=_setting("Factor of the learning rate from each layer to the one below it.")
    )
    batch: int = field(default=32, metadata=_setting("Blocks in an optimizer step, over all processes.", minimum=1))
    device_batch: int = field(default=16, metadata=_setting("Most blocks that a process computes at once.", minimum=1))
    warmup_steps: int = field(default=0, metadata=_setting("Steps over which the learning rate rises.", minimum=0))
    weight_decay: float = field(default=0.01, metadata=_setting("Weight decay of AdamW; biases and norms have none."))
    dropout: float | None = field(
        default=None, metadata=_setting("Dropout while training; the model's config decides by default.")
    )
    evaluate_every: int = field(
        default=500, metadata=_setting("Steps between two held-out perplexities, and two saved states.", minimum=1)
    )
    seed: int = field(default=123, metadata=_setting("Seed of the order, the masks, dropout and new weights."))
    bf16: bool | None = field(
        default=None,
        metadata=_setting("Compute in bfloat16; by default where the hardware does.", flags=["--bf16/--float32"]),
    )

    def with_steps(self, blocks: int) -> Self:
        """Return the arguments with a number of steps, that of ``epochs`` over so many blocks if none is given.

        Raises:
            NlpieError: The warm-up takes all the steps.
        """
        steps = self.steps or max(1, round(self.epochs * blocks / self.batch))
        if self.warmup_steps >= steps:
            raise NlpieError(
                f"expected warmup steps of fewer than the {steps:,} steps of the run, got {self.warmup_steps:,}"
            )
        return replace(self, steps=steps)


@dataclass(frozen=True, kw_only=True)
class ContinualArguments(PretrainingArguments):
    """How to train a checkpoint further on unlabelled text (continual learning)."""

    head_steps: int = field(
        default=0, metadata=_setting("Steps in which a new head is first trained alone.", minimum=0)
    )
    head_learning_rate: float = field(default=1e-3, metadata=_setting("Peak learning rate of these steps."))


@dataclass(frozen=True, kw_only=True)
class DistillationArguments(PretrainingArguments):
    """How to train a student beside its teacher on unlabelled text (distillation)."""

    objective: str = field(metadata=_setting("Name of the objective, such as distilbert or minilm."))
    objective_options: dict[str, Any] = field(
        default_factory=dict,
        metadata=_setting("Options of the objective: NAME=VALUE, such as mlm=1.", flags=["-O", "--objective-option"]),
    )
    student: str = field(
        metadata=_setting(
            "How the student is made from the teacher (layers, pruned, new or minialbert), or a checkpoint."
        )
    )
    student_options: dict[str, Any] = field(
        default_factory=dict,
        metadata=_setting(
            "Options of a student that is made: NAME=VALUE, such as every=2.", flags=["-S", "--student-option"]
        ),
    )
    teacher_bf16: bool = field(
        default=False, metadata=_setting("Keep and run the teacher in bfloat16.", flags=["--teacher-bf16"])
    )


@dataclass(frozen=True, kw_only=True)
class FinetuningArguments:
    """How to train a checkpoint for a task on labelled rows."""

    label_map: str | None = field(
        default=None,
        metadata=_setting("TOML file, or name of a bundled one, from the labels of the data to the model's."),
    )
    prefer_map: str | None = field(
        default=None,
        metadata=_setting("The same, for labels that stay as they are: those in the map win where spans overlap."),
    )
    window: int = field(default=256, metadata=_setting("Tokens that the finished pipeline reads together.", minimum=8))
    unit: Literal["sentence", "window"] = field(
        default="sentence",
        metadata=_setting(
            "What an example of named entities is; the finished pipeline reads the same, or windows after join."
        ),
    )
    size: int | None = field(
        default=None, metadata=_setting("Most tokens in an example; those of the window by default.", minimum=8)
    )
    join: int | None = field(
        default=None,
        metadata=_setting("Join neighbouring examples, after soft targets, to up to this many tokens.", minimum=8),
    )
    examples: int | None = field(
        default=None, metadata=_setting("Most training examples, drawn by the seed; all by default.", minimum=1)
    )
    augment: int = field(
        default=0,
        metadata=_setting(
            "Altered copies of each training row of named entities: case, line breaks, masks, bullets.",
            minimum=0,
        ),
    )
    task_options: dict[str, Any] = field(
        default_factory=dict,
        metadata=_setting("Options of the task to keep: NAME=VALUE, such as threshold=best.", flags=["-O", "--option"]),
    )
    tune: Tune = field(
        default="all",
        metadata=_setting(
            "What is trained with the head, and saved: all, the layers, the last one, or the adapters (MiniALBERT)."
        ),
    )
    classifier_pooling: Literal["cls", "mean", "pair"] | None = field(
        default=None,
        metadata=_setting(
            "What a MiniALBERT's head for whole texts reads: the first token, the mean, or both means of a pair with "
            "their distance and product; the checkpoint decides by default."
        ),
    )
    probe: bool = field(
        default=False,
        metadata=_setting(
            "Start a head for whole texts as a linear probe: the logistic regression on what the untrained model "
            "returns. Helps where most rows have one label.",
            flags=["--probe"],
        ),
    )
    objective: Teaching | None = field(
        default=None,
        metadata=_setting(
            "What is learnt from teachers: soft-targets, their mean probabilities for named entities, computed once; "
            "or task, the soft targets and hidden states of one, asked at every step. By default soft-targets for "
            "named entities, else task."
        ),
    )
    objective_options: dict[str, Any] = field(
        default_factory=dict,
        metadata=_setting("Options of the objective task: NAME=VALUE, such as hidden=0.", flags=["--objective-option"]),
    )
    hard_weight: float | None = field(
        default=None,
        metadata=_setting("Weight of the labels beside soft targets, which have the rest; 0.5 by default."),
    )
    epochs: float = field(
        default=3.0, metadata=_setting("Passes over the training examples; the best one on validation is kept.")
    )
    learning_rate: float = field(default=5e-5, metadata=_setting("Peak of the linear schedule."))
    batch: int = field(default=16, metadata=_setting("Examples in an optimizer step, over all processes.", minimum=1))
    warmup: float = field(default=0.0, metadata=_setting("Share of the steps over which the learning rate rises."))
    weight_decay: float = field(default=0.01, metadata=_setting("Weight decay of AdamW."))
    seed: int = field(default=123, metadata=_setting("Seed of a new head, dropout, the order and altered copies."))


@dataclass(frozen=True, kw_only=True)
class CorpusPart:
    """Unlabelled text to train on.

    Attributes:
        path: File, glob or folder, relative to the folder that holds the recipe's data.
        kind: Kind of corpus, see ``nlpie_models.data.unlabelled``.
        where: For JSON lines and Parquet: the rows to read, those with one of these values in each of these columns.
        copies: How often it occurs in an epoch, each time under other masks.
    """

    path: str
    kind: str = "text"
    where: dict[str, tuple[str, ...]] = field(default_factory=dict)
    copies: int = 1


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a checkpoint was, or is to be, trained: what the three kinds of recipe have in common.

    Attributes:
        data: What it is trained on, in words.
        start: Registry name or Hub id of the checkpoint that it starts from.
        start_note: What becomes of the start before the training, in words.
        hours: How long the training takes.
        hardware: On what.
        commands: The commands that make the checkpoint; DATA is the folder of the data sets.
    """

    data: str
    start: str | None = None
    start_note: str | None = None
    hours: float | None = None
    hardware: str | None = None
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Continual(Recipe):
    """A masked language model is trained further on unlabelled text.

    Attributes:
        arguments: The hyper-parameters that are stated.
        corpora: The text.
        held_out: Texts to report the perplexity of, by name: paths as in ``corpora``.
    """

    kind: Literal["continual"] = "continual"
    arguments: Stated[ContinualArguments] = field(default_factory=Stated)
    corpora: tuple[CorpusPart, ...] = ()
    held_out: dict[str, str] = field(default_factory=dict)

    @property
    def objective(self) -> str:
        """Name of the training objective."""
        return "mlm"


@dataclass(frozen=True, kw_only=True)
class Distillation(Recipe):
    """A student is trained on unlabelled text beside its teacher, from which it is made unless it has a ``start``.

    Attributes:
        teacher: Registry name or Hub id.
        teacher_note: What becomes of the teacher before, in words.
        starts_from_random: Whether the student starts from random tensors, so that the teacher is not its base.
        arguments: The hyper-parameters that are stated.
        corpora: The text.
        held_out: Texts to report the perplexity of, by name: paths as in ``corpora``.
    """

    kind: Literal["distillation"] = "distillation"
    teacher: str
    teacher_note: str | None = None
    starts_from_random: bool = False
    arguments: Stated[DistillationArguments]
    corpora: tuple[CorpusPart, ...] = ()
    held_out: dict[str, str] = field(default_factory=dict)

    @property
    def objective(self) -> str:
        """Name of the training objective."""
        return str(self.arguments["objective"])


@dataclass(frozen=True, kw_only=True)
class Finetuning(Recipe):
    """A checkpoint is trained for a task on labelled rows, beside fine-tuned teachers if there are any.

    Attributes:
        teacher: Registry name or Hub id.
        teacher_note: What becomes of the teacher before, in words.
        arguments: The hyper-parameters that are stated.
    """

    kind: Literal["finetuning"] = "finetuning"
    teacher: str | None = None
    teacher_note: str | None = None
    arguments: Stated[FinetuningArguments] = field(default_factory=Stated)

    @property
    def objective(self) -> str:
        """Name of the training objective."""
        return str(self.arguments.get("objective", "labels"))


AnyRecipe = Continual | Distillation | Finetuning
"""A recipe of any kind; its ``kind`` tells which."""
