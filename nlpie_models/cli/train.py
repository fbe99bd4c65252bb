"""``nlpie train``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ._errors import FriendlyGroup

if TYPE_CHECKING:
    from ..training.corpus import PreparedCorpus

DEFAULTS = {
    "learning_rate": 5e-5,
    "batch": 32,
    "epochs": 1.0,
    "warmup_steps": 0,
    "weight_decay": 0.01,
}


@click.group(cls=FriendlyGroup)
def train() -> None:
    """Train checkpoints; see also the scripts in `recipes/`."""


@train.command("continue")
@click.argument("name", required=False)
@click.option("--start", help="Checkpoint to start from: a folder, or a name; that of NAME's recipe by default.")
@click.option("--corpus", "corpora", multiple=True, required=True, help="File, glob or folder to train on; repeatable.")
@click.option("--kind", default="text", show_default=True, help="text, mimic-iii, mimic-iv-note or pubmed.")
@click.option("--replay", multiple=True, help="File, glob or folder of another text to mix in; repeatable.")
@click.option("--replay-share", default=0.0, show_default=True, help="Share of the mix that is replayed.")
@click.option("--held-out", multiple=True, metavar="NAME=PATH", help="Further text to report the perplexity of.")
@click.option("--held-out-share", default=0.01, show_default=True, help="Share of the documents that is held out.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--store", type=click.Path(path_type=Path), help="Folder of prepared corpora; OUTPUT.corpus by default.")
@click.option("--block", default=128, show_default=True, help="Tokens in a block.")
@click.option("--pack", is_flag=True, help="Fill blocks with several documents.")
@click.option("--whole-words", is_flag=True, help="Mask whole words.")
@click.option("--steps", type=int, help="Optimizer steps, in the place of --epochs.")
@click.option("--epochs", type=float, help="Passes over the blocks.  [default: the recipe's, or 1]")
@click.option("--learning-rate", type=float, help="Peak rate.  [default: the recipe's, or 5e-5]")
@click.option(
    "--layer-decay", default=1.0, show_default=True, help="Factor of the rate from each layer to the one below."
)
@click.option("--batch", type=int, help="Blocks a step, over all processes.  [default: the recipe's, or 32]")
@click.option("--device-batch", default=16, show_default=True, help="Blocks that a process takes at once.")
@click.option("--warmup-steps", type=int, help="Steps over which the rate rises.  [default: the recipe's, or 0]")
@click.option("--weight-decay", type=float, help="AdamW's.  [default: the recipe's, or 0.01]")
@click.option("--head-steps", default=0, show_default=True, help="Steps in which a new head is trained alone before.")
@click.option("--head-learning-rate", default=1e-3, show_default=True, help="Their peak rate.")
@click.option("--evaluate-every", default=500, show_default=True, help="Steps between two held-out perplexities.")
@click.option("--seed", default=123, show_default=True)
@click.option(
    "--bf16/--float32", default=None, help="Precision; bfloat16 where the hardware computes in it by default."
)
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint.")
def continue_command(
    name: str | None,
    start: str | None,
    corpora: tuple[str, ...],
    kind: str,
    replay: tuple[str, ...],
    replay_share: float,
    held_out: tuple[str, ...],
    held_out_share: float,
    output: Path,
    store: Path | None,
    block: int,
    pack: bool,
    whole_words: bool,
    steps: int | None,
    epochs: float | None,
    layer_decay: float,
    device_batch: int,
    head_steps: int,
    head_learning_rate: float,
    evaluate_every: int,
    seed: int,
    bf16: bool | None,
    resume: bool,
    **given: float | None,
) -> None:
    r"""Train a masked language model further on clinical text (continual learning).

    \b
    nlpie train continue --start distil-65m --corpus notes/ --output my-clinical
    nlpie train continue clinical-distilbert --corpus NOTEEVENTS.csv.gz --kind mimic-iii --output again
    accelerate launch --num_processes 4 -m nlpie_models train continue ...

    With NAME, what its recipe says is the default: start, rates, batch, epochs (`nlpie show NAME`). Text is cleaned,
    freed of repetitions and cut into blocks once; the perplexity of held-out documents is logged to
    OUTPUT.runs/log.jsonl and drawn at the end. Stop it whenever you like and go on with --resume.
    """
    from accelerate import PartialState

    from ..checkpoint_files import find_checkpoint, load_tokenizer
    from ..data.corpora import Source, get_corpus
    from ..registry import get_checkpoint
    from ..tasks import get_task
    from ..training.continual import Mix, continue_pretraining
    from ..training.corpus import Recipe, prepare_corpus
    from ..training.precision import has_accelerator
    from ..training.pretraining import PretrainingArguments

    recipe = get_checkpoint(name).recipe if name else None
    start = start or (recipe.student if recipe else None)
    if start is None:
        raise click.UsageError("--start is missing: the checkpoint to start from")
    checkpoint = find_checkpoint(start, get_task("embedding"), None)
    tokenizer = load_tokenizer(checkpoint)
    chosen = {
        option: given.get(option) or getattr(recipe, option, None) or default for option, default in DEFAULTS.items()
    }
    preparation = Recipe(block=block, pack=pack, held_out=held_out_share)
    place = store or output.with_name(f"{output.name}.corpus")

    def prepare(paths: Sequence[str], kind: str = "text") -> "list[PreparedCorpus]":
        return [prepare_corpus(get_corpus(kind), Source((path,)), tokenizer, place, preparation) for path in paths]

    with PartialState(cpu=not has_accelerator()).main_process_first():
        mix = Mix(prepare(corpora, kind), prepare(replay), replay_share, dict(_named(held_out, prepare)))
    blocks = len(mix.blocks(seed))
    batch = int(chosen["batch"])
    arguments = PretrainingArguments(
        steps=steps or max(1, round((epochs or chosen["epochs"]) * blocks / batch)),
        batch=batch,
        device_batch=device_batch,
        learning_rate=chosen["learning_rate"],
        layer_decay=layer_decay,
        warmup_steps=int(chosen["warmup_steps"]),
        weight_decay=chosen["weight_decay"],
        evaluate_every=evaluate_every,
        seed=seed,
        bf16=bf16,
    )
    click.echo(f"{blocks:,} blocks of {block} tokens, {arguments.steps:,} steps of {batch}", err=True)
    record = continue_pretraining(
        checkpoint,
        mix,
        output=output,
        arguments=arguments,
        head_steps=head_steps,
        head_learning_rate=head_learning_rate,
        whole_words=whole_words,
        resume=resume,
    )
    for corpus, perplexity in record["perplexity"].items():
        click.echo(f"{output}: perplexity {perplexity:.2f} on held-out {corpus}")


def _named(pairs: Sequence[str], prepare: Any) -> "list[tuple[str, PreparedCorpus]]":
    named = []
    for pair in pairs:
        name, sign, path = pair.partition("=")
        if not sign:
            raise click.UsageError(f"--held-out: expected NAME=PATH, such as general=wiki.txt, got {pair!r}")
        named.append((name, prepare([path])[0]))
    return named
