"""Checkpoint folders in other forms: safetensors that ``AutoModel`` loads, and half precision for a release."""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from ..engines.graphs import FOLDER, write_graph
from ..errors import CheckpointError
from ..loading.adapters import find_base, load_whole, load_whole_model, name_base
from ..loading.find import open_folder
from ..loading.local import LocalCheckpoint, has_tokenizer
from ..loading.models import load_model
from ..loading.sentence_transformers import write_embedding_options
from ..tasks import get_task
from ..tasks.serving import served_tasks, task_options
from ..util.files import sha256_of, write_whole


def convert_checkpoint(source: Path, destination: Path, *, graphs: bool = False, overwrite: bool = False) -> None:
    """Write a checkpoint folder as safetensors, with the ``model_type`` of the class that loads it.

    Tensors keep their names and values; those that no model reads, such as the pooler of a published MiniALBERT, are
    left out. An adapter is joined with its base. The files that tell sentence-transformers the pooling are written too.

    Args:
        source: Folder in any form that :func:`nlpie_models.load_clinical` reads.
        destination: Folder to write; complete or absent, never in between.
        graphs: Write the graphs for ONNX Runtime too, so that the engine ``onnx`` has nothing to convert.
        overwrite: Replace an existing destination.

    Raises:
        CheckpointError: The source cannot be loaded, or its config does not name a model that is known here.
        NlpieError: The destination exists.
    """
    checkpoint = open_folder(source)
    with write_whole(destination, overwrite=overwrite) as folder:
        if checkpoint.base or has_tokenizer(source):
            model, tokenizer = load_whole(checkpoint, checkpoint.auto_class)
        else:
            model, tokenizer = load_model(checkpoint, checkpoint.auto_class), None
        if [type(model).__name__] != checkpoint.config.get("architectures"):
            raise CheckpointError(
                f"{source}: expected config.json to name the model in `architectures`, such as "
                f"[{type(model).__name__!r}], got {checkpoint.config.get('architectures')}"
            )
        if checkpoint.base:
            del model.config.base
        model.save_pretrained(folder)
        if tokenizer is not None:
            tokenizer.save_pretrained(folder)
            task = get_task("embedding")
            options = task.read_options(task_options(checkpoint, task))
            limit = min(model.config.max_position_embeddings, tokenizer.model_max_length)
            write_embedding_options(folder, asdict(options), width=model.config.hidden_size, window=limit)
        if graphs:
            write_graphs(checkpoint, folder)


def write_graphs(checkpoint: LocalCheckpoint, folder: Path) -> None:
    """Write the graphs of a checkpoint into a folder: its own, or new ones for the outputs of all tasks that it serves.

    A graph holds no weights, so that of an adapter also serves what the adapter and its base are joined into.

    Raises:
        NlpieError: A library that makes graphs is not installed, or the model has no graph.
    """
    if (there := checkpoint.folder / FOLDER).is_dir():
        shutil.copytree(there, folder / FOLDER, dirs_exist_ok=True)
        return
    heads = {task.output: task.auto_class for task in map(get_task, served_tasks(checkpoint))}
    for output, auto_class in heads.items():
        write_graph(load_whole_model(checkpoint, auto_class), output, folder / FOLDER)


@dataclass(frozen=True)
class Exported:
    """What the registry says of an exported checkpoint: its encoder's parameters, and size and hash of its weights."""

    parameters: int
    megabytes: float
    sha256: str


def export_checkpoint(source: Path, output: Path, *, join: bool = False) -> Exported:
    """Write a trained checkpoint folder as it is released: in half precision, without traces of the training.

    Args:
        source: The folder, of a whole model or of an adapter.
        output: Folder to write.
        join: Write an adapter joined with its base, as a whole model.

    Raises:
        CheckpointError: The source cannot be loaded.
        NlpieError: The output exists.
    """
    checkpoint = open_folder(source)
    export = _export_adapter if checkpoint.base and not join else _export_model
    parameters = export(checkpoint, output)
    weights = open_folder(output).weights
    return Exported(parameters, round(weights.stat().st_size / 1e6, 1), sha256_of(weights))


def _export_model(checkpoint: LocalCheckpoint, output: Path) -> int:
    """Write a whole model, and return the number of its encoder's parameters."""
    model, tokenizer = load_whole(checkpoint, checkpoint.auto_class)
    parameters = sum(weight.numel() for weight in model.base_model.parameters())
    with write_whole(output) as folder:
        model.to(torch.float16).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config.pop("base", None)
        config["dtype"] = "float32"  # transformers computes in what the config says, and CPUs are slow in float16
        _write_config(folder, config)
        write_graphs(checkpoint, folder)
    return parameters


def _export_adapter(checkpoint: LocalCheckpoint, output: Path) -> int:
    """Copy an adapter, which is small already, and return the number of the joined encoder's parameters."""
    model = load_whole_model(checkpoint, checkpoint.auto_class)
    with write_whole(output) as folder:
        folder.mkdir()
        base = {**(checkpoint.base or {}), "name": name_base(find_base(checkpoint), output)}
        _write_config(folder, {**checkpoint.config, "base": base})
        shutil.copyfile(checkpoint.weights, folder / checkpoint.weights.name)
        write_graphs(checkpoint, folder)
    return sum(weight.numel() for weight in model.base_model.parameters())


def _write_config(folder: Path, config: dict[str, object]) -> None:
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (folder / "config.json").write_text(text, encoding="utf-8")
