"""``nlpie report``."""

from pathlib import Path

import click

from .options import CARDS, RESULTS_OPTION


@click.command()
@click.argument(
    "documents", nargs=-1, metavar="[DOCUMENT]...", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--check", is_flag=True, help="Change nothing, and fail if a table or the figure is stale.")
@RESULTS_OPTION
@click.pass_context
def report(ctx: click.Context, documents: tuple[Path, ...], check: bool, results: Path) -> None:
    """Write the tables of all results into DOCUMENT, by default README.md and model_cards/README.md.

    \b
    nlpie report                        after an evaluation or a benchmark
    nlpie report --check                in continuous integration
    nlpie report notes.md               another document

    \b
    A table stands between two lines, and what stands there is replaced:
    <!-- results: KIND -->
    <!-- end of results -->

    KIND is ner, tasks, suite BUDGET, students, efficiency, forgetting or recorded. The figure quality.svg is drawn if
    the document shows it.
    """
    from ..evaluation.figures import QUALITY, draw_quality, is_current
    from ..evaluation.report import render_tables
    from ..util.files import write_whole

    stale = False
    for document in documents or (Path("README.md"), CARDS / "README.md"):
        old = document.read_text(encoding="utf-8")
        new = render_tables(old, results)
        figure = results.parent / QUALITY
        stale_figure = QUALITY in old and not is_current(figure, results)
        if new == old and not stale_figure:
            click.echo(f"{document}: up to date")
        elif check:
            stale = True
            click.echo(f"{document} is stale: run `nlpie report {document}`", err=True)
        else:
            with write_whole(document, overwrite=True) as temporary:
                temporary.write_text(new, encoding="utf-8")
            if stale_figure:
                draw_quality(results, figure)
            click.echo(f"{document}: written")
    if stale:
        ctx.exit(1)
