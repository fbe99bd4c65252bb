"""Checkpoint folders of any age rewritten in today's form."""

import shutil
import tempfile
from pathlib import Path

from .checkpoint_files import LocalCheckpoint, has_tokenizer, load_model, load_tokenizer
from .errors import CheckpointError


def convert_checkpoint(source: Path, destination: Path, *, overwrite: bool = False) -> None:
    """Write a checkpoint folder as safetensors, with the ``model_type`` of the class that loads it.

    Tensors keep their names and values; ones that no model reads (a published MiniALBERT's pooler) are left out.

    Args:
        source: Folder in any form that :func:`nlpie_models.load_clinical` reads.
        destination: Folder to write; complete or absent, never in between.
        overwrite: Replace an existing destination.

    Raises:
        CheckpointError: The source cannot be loaded, or the destination exists.
    """
    if destination.exists() and not overwrite:
        raise CheckpointError(f"{destination} exists already; add --overwrite to replace it")
    checkpoint = LocalCheckpoint(source, None)
    model = load_model(checkpoint, checkpoint.auto_class)
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=f".{destination.name}.") as temporary:
        folder = Path(temporary) / "checkpoint"
        model.save_pretrained(folder)
        if has_tokenizer(source):
            load_tokenizer(checkpoint).save_pretrained(folder)
        if destination.exists():
            shutil.rmtree(destination)
        folder.rename(destination)
