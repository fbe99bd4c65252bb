"""Checkpoint folders of any age rewritten in today's form."""

from pathlib import Path

from .checkpoint_files import LocalCheckpoint, has_tokenizer, load_model, load_tokenizer
from .errors import CheckpointError
from .files import write_whole


def convert_checkpoint(source: Path, destination: Path, *, overwrite: bool = False) -> None:
    """Write a checkpoint folder as safetensors, with the ``model_type`` of the class that loads it.

    Tensors keep their names and values; ones that no model reads (a published MiniALBERT's pooler) are left out.

    Args:
        source: Folder in any form that :func:`nlpie_models.load_clinical` reads.
        destination: Folder to write; complete or absent, never in between.
        overwrite: Replace an existing destination.

    Raises:
        CheckpointError: The source cannot be loaded, or its config does not name a model that is known here.
        NlpieError: The destination exists.
    """
    checkpoint = LocalCheckpoint(source)
    with write_whole(destination, overwrite=overwrite) as folder:
        model = load_model(checkpoint, checkpoint.auto_class)
        if [type(model).__name__] != checkpoint.config.get("architectures"):
            raise CheckpointError(
                f"{source}: expected config.json to name the model in `architectures`, such as "
                f"[{type(model).__name__!r}], got {checkpoint.config.get('architectures')}"
            )
        model.save_pretrained(folder)
        if has_tokenizer(source):
            load_tokenizer(checkpoint).save_pretrained(folder)
