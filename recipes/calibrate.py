"""Fit the temperature of a trained checkpoint on validation rows, and keep it in the head's weights."""

from pathlib import Path

import click

from nlpie_models.cli import FriendlyCommand
from nlpie_models.training.calibrating import calibrate_checkpoint


@click.command(cls=FriendlyCommand, context_settings={"show_default": True})
@click.option(
    "--task",
    "tasks",
    multiple=True,
    default=("ner",),
    help="ner, assertion, relation, nli or classification; repeat it for tasks that share the head.",
)
@click.option("--start", required=True, help="Checkpoint with a head for the task: a folder, or a name.")
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--label-map", help="TOML, or name of a bundled one, from the data's labels to the model's.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
def main(tasks: tuple[str, ...], start: str, data: Path, label_map: str | None, output: Path) -> None:
    """Divide a head's logits by the temperature that fits DATA's validation split, if that helps there."""
    found = calibrate_checkpoint(start, tasks, data, output=output, label_map=label_map)
    errors = f"{found.error_before:.4f} before, {found.error_after:.4f} after"
    click.echo(f"temperature {found.temperature}: calibration error on validation {errors}")


if __name__ == "__main__":
    main()
