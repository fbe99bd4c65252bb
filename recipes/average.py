"""Average the weights of checkpoints that were fine-tuned from one start, which often do better than each of them."""

from pathlib import Path

import click
import torch

from nlpie_models.cli import FriendlyCommand
from nlpie_models.errors import CheckpointError
from nlpie_models.loading.find import open_folder
from nlpie_models.loading.models import load_model, load_tokenizer
from nlpie_models.util.files import write_whole


@click.command(cls=FriendlyCommand)
@click.option(
    "--source",
    "sources",
    required=True,
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Trained folder; repeatable.",
)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
def main(sources: tuple[Path, ...], output: Path) -> None:
    """Write the mean of the weights of two or more SOURCE folders, with the configuration of the first.

    The sources must be whole models of the same form that started from the same weights (Wortsman et al., 2022,
    https://arxiv.org/abs/2203.05482). Calibrate the result again with calibrate.py.
    """
    checkpoints = [open_folder(source) for source in sources]
    if len(checkpoints) < 2:
        raise CheckpointError(f"expected two sources or more, got {len(checkpoints)}")
    first, *others = checkpoints
    model = load_model(first, first.auto_class)
    states = [model.state_dict(), *(load_model(other, other.auto_class).state_dict() for other in others)]
    shapes = [{name: weight.shape for name, weight in state.items()} for state in states]
    for other, shape in zip(others, shapes[1:], strict=True):
        if shape != shapes[0] or other.config.get("id2label") != first.config.get("id2label"):
            raise CheckpointError(f"{other.name} and {first.name} differ in their tensors or labels, so have no mean")
    mean = {name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]}
    model.load_state_dict(mean)
    with write_whole(output) as folder:
        model.save_pretrained(folder)
        load_tokenizer(first).save_pretrained(folder)
    click.echo(f"{output}: the mean of {len(checkpoints)} checkpoints")


if __name__ == "__main__":
    main()
