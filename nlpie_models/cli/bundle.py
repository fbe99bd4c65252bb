"""``nlpie bundle``."""

from pathlib import Path

import click

from .card import CARDS
from .groups import FriendlyGroup

_TAR = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Bundle(FriendlyGroup):
    """A group whose first word may be a checkpoint: then it makes a bundle of that."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["make", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Bundle)
def bundle() -> None:
    """Carry a checkpoint to a place without a network.

    \b
    nlpie bundle open-notes --task ner -o open-notes.tar           where there is a network
    nlpie bundle verify open-notes.tar                            where there is none
    nlpie bundle install open-notes.tar                           load_clinical("open-notes") finds it

    Installed checkpoints lie in $NLPIE_MODELS_HOME (~/.local/share/nlpie_models without it).
    """


@bundle.command()
@click.argument("name")
@click.option("-t", "--task", default="ner", show_default=True, help="Task that it is to serve.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Tar to write.")
@click.option(
    "--wheels",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of wheels to carry along and to list with hashes; `pip download nlpie-models --dest` fills one.",
)
@click.option("--overwrite", is_flag=True, help="Replace the tar if it exists.")
@CARDS
def make(name: str, task: str, output: Path, wheels: Path | None, overwrite: bool, cards: Path) -> None:
    """Bundle checkpoint NAME: weights, tokenizer, card, and a list of the Python packages that it needs.

    The word make may be left out.
    """
    from ..release.bundle import make_bundle

    made = make_bundle(name, task, output, wheels=wheels, cards=cards, overwrite=overwrite)
    click.echo(f"{output}: {', '.join(made.checkpoints)} for {made.task}, {output.stat().st_size / 1e6:.1f} MB")
    if not made.hashed_wheels:
        click.echo("its wheels.txt has versions only; give --wheels for the wheels and their hashes", err=True)


@bundle.command()
@click.argument("path", metavar="BUNDLE", type=_TAR)
def verify(path: Path) -> None:
    """Check every byte of BUNDLE against the hashes in it."""
    from ..release.bundle import verify_bundle

    found = verify_bundle(path)
    click.echo(f"{path}: whole; {', '.join(found.checkpoints)} for {found.task}, made by nlpie-models {found.package}")


@bundle.command()
@click.argument("path", metavar="BUNDLE", type=_TAR)
@click.option("--overwrite", is_flag=True, help="Replace what is installed under the same names.")
def install(path: Path, overwrite: bool) -> None:
    """Verify BUNDLE and install its checkpoints in $NLPIE_MODELS_HOME."""
    from ..release.bundle import install_bundle

    found, folders = install_bundle(path, overwrite=overwrite)
    for folder in folders:
        click.echo(f"installed {folder}")
    click.echo(f'load_clinical("{found.name}", task="{found.task}")')
