"""Write a trained checkpoint as it ships: half-precision safetensors, without traces of the training."""

import json
import shutil
from pathlib import Path

import click
import torch

from nlpie_models.adapters import find_base, load_whole, name_base
from nlpie_models.checkpoint_files import LocalCheckpoint, load_model, load_tokenizer
from nlpie_models.cli import FriendlyCommand
from nlpie_models.files import sha256_of, write_whole


@click.command(cls=FriendlyCommand)
@click.option("--source", required=True, type=click.Path(exists=True, path_type=Path), help="Trained folder.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
def main(source: Path, output: Path) -> None:
    """Write SOURCE in float16 and print what its registry row must say."""
    checkpoint = LocalCheckpoint(source)
    parameters = export_adapter(checkpoint, output) if checkpoint.base else export_model(checkpoint, output)
    weights = LocalCheckpoint(output).weights
    click.echo(f"parameters = {parameters}")
    click.echo(f"megabytes = {weights.stat().st_size / 1e6:.1f}")
    click.echo(f'sha256 = "{sha256_of(weights)}"')


def export_model(checkpoint: LocalCheckpoint, output: Path) -> int:
    """Write a whole model and return the number of its encoder's parameters."""
    model = load_model(checkpoint, checkpoint.auto_class)
    parameters = sum(weight.numel() for weight in model.base_model.parameters())
    with write_whole(output) as folder:
        model.to(torch.float16).save_pretrained(folder)
        load_tokenizer(checkpoint).save_pretrained(folder)
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config["dtype"] = "float32"  # transformers computes in what the config says, and CPUs are slow in float16
        (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return parameters


def export_adapter(checkpoint: LocalCheckpoint, output: Path) -> int:
    """Copy an adapter, which is in half precision already, and return the number of the joined encoder's parameters."""
    model, _ = load_whole(checkpoint, checkpoint.auto_class)
    with write_whole(output) as folder:
        folder.mkdir()
        base = {**(checkpoint.base or {}), "name": name_base(find_base(checkpoint), output)}
        config = json.dumps({**checkpoint.config, "base": base}, indent=2, sort_keys=True)
        (folder / "config.json").write_text(config + "\n", encoding="utf-8")
        shutil.copyfile(checkpoint.weights, folder / checkpoint.weights.name)
    return sum(weight.numel() for weight in model.base_model.parameters())


if __name__ == "__main__":
    main()
