"""Write a trained checkpoint as it is released: half-precision safetensors, without traces of the training."""

from pathlib import Path

import click

from nlpie_models.cli import FriendlyCommand
from nlpie_models.release.convert import export_checkpoint


@click.command(cls=FriendlyCommand)
@click.option("--source", required=True, type=click.Path(exists=True, path_type=Path), help="Trained folder.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
def main(source: Path, output: Path) -> None:
    """Write SOURCE in float16 and print what its registry row must say."""
    exported = export_checkpoint(source, output)
    click.echo(f"parameters = {exported.parameters}")
    click.echo(f"megabytes = {exported.megabytes}")
    click.echo(f'sha256 = "{exported.sha256}"')


if __name__ == "__main__":
    main()
