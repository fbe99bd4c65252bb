"""Checkpoint folders of any age rewritten in today's form."""

from dataclasses import asdict
from pathlib import Path

from .adapters import load_whole
from .checkpoint_files import LocalCheckpoint, has_tokenizer, load_model
from .errors import CheckpointError
from .files import write_whole
from .sentence_modules import write_embedding_options
from .tasks import get_task


def convert_checkpoint(source: Path, destination: Path, *, overwrite: bool = False) -> None:
    """Write a checkpoint folder as safetensors, with the ``model_type`` of the class that loads it.

    Tensors keep their names and values; ones that no model reads (a published MiniALBERT's pooler) are left out. An
    adapter is joined with its base. The files by which sentence-transformers knows the pooling are written too.

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
            options = task.read_options(checkpoint.task_options(task))
            limit = min(model.config.max_position_embeddings, tokenizer.model_max_length)
            write_embedding_options(folder, asdict(options), width=model.config.hidden_size, window=limit)
