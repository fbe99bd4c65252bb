"""Cut a smaller model out of a larger one: chosen layers, and the pieces that a corpus or another model uses."""

from pathlib import Path

import click

from nlpie_models.cli import FriendlyCommand
from nlpie_models.data.texts import read_texts
from nlpie_models.distillation import cut_vocabulary, keep_layers, match_vocabulary
from nlpie_models.errors import NlpieError
from nlpie_models.loading.find import open_folder
from nlpie_models.loading.models import load_model, load_tokenizer
from nlpie_models.util.files import write_whole


@click.command(cls=FriendlyCommand)
@click.option("--start", required=True, type=click.Path(exists=True, path_type=Path), help="Checkpoint folder.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--layers", help="Layers to keep, from 0, such as 0,2,4; all of them by default.")
@click.option("--vocabulary", type=int, help="Pieces to keep; all of them by default.")
@click.option("--texts", multiple=True, help="Files, globs or folders of the corpus that decides which pieces stay.")
@click.option(
    "--tokenizer-of",
    type=click.Path(exists=True, path_type=Path),
    help="Checkpoint folder whose tokenizer it is to have, such as the future student's of a teacher.",
)
def main(
    start: Path,
    output: Path,
    layers: str | None,
    vocabulary: int | None,
    texts: tuple[str, ...],
    tokenizer_of: Path | None,
) -> None:
    """Write a smaller encoder and its tokenizer; it is untrained as such: distil or fine-tune it next."""
    if vocabulary and not texts:
        raise click.UsageError("--vocabulary needs --texts: the corpus that decides which pieces stay")
    if vocabulary and tokenizer_of:
        raise click.UsageError("--tokenizer-of decides on the vocabulary; leave --vocabulary out")
    checkpoint = open_folder(start)
    model, tokenizer = load_model(checkpoint, "AutoModel"), load_tokenizer(checkpoint)
    try:
        if layers:
            model = keep_layers(model, [int(layer) for layer in layers.split(",")])
        if vocabulary:
            model, tokenizer = cut_vocabulary(model, tokenizer, read_texts(texts), size=vocabulary)
        if tokenizer_of:
            other = load_tokenizer(open_folder(tokenizer_of))
            model, tokenizer = match_vocabulary(model, tokenizer, other), other
    except ValueError as error:
        raise NlpieError(f"cannot make a student of {checkpoint.name}: {error}") from error
    with write_whole(output) as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    click.echo(f"{output}: {model.num_parameters():,} parameters, {len(tokenizer):,} pieces")


if __name__ == "__main__":
    main()
