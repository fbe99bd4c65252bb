"""``nlpie forgetting``."""

from pathlib import Path

import click

from .evaluate import RESULTS
from .options import TEXT


@click.command()
@click.argument("before")
@click.argument("after")
@click.option("--text", "texts", multiple=True, type=TEXT, required=True, help="Held-out text; repeatable.")
@click.option("--scores-of", help="Name of BEFORE in the results; its own by default.")
@click.option("--budget", default="quick", show_default=True, help="Budget of the suite that both were scored by.")
@click.option(
    "--results", type=click.Path(path_type=Path), default=RESULTS, show_default=True, help="Folder of results files."
)
def forgetting(
    before: str, after: str, texts: tuple[tuple[str, str], ...], scores_of: str | None, budget: str, results: Path
) -> None:
    """Report what AFTER has gained and forgotten against BEFORE, from which it was trained further.

    \b
    nlpie evaluate start my-clinical --suite open --data sets/
    nlpie forgetting start my-clinical --text clinical=notes/ --text general=wiki.txt
    nlpie forgetting my-clinical.head my-clinical --scores-of start --text clinical=notes/

    Perplexities of both on the same masked tokens of text that neither was trained on, the cosine of its mean vectors
    after with those before (1: none has turned), and the scores that both have on the sets of a suite. Written beside
    the results as forgetting/AFTER.json, .svg and .png; `nlpie evaluate --report` puts the table into a document.
    A start without a language-model head is measured with one that was trained alone: the folder OUTPUT.head of
    `nlpie train continue --head-steps`; --scores-of then names the start.
    """
    from ..evaluation.cells import find_start
    from ..evaluation.forgetting import report_forgetting

    first, second = find_start(before), find_start(after)
    report = report_forgetting(
        first,
        second,
        dict(texts),
        names=(scores_of or first.short_name, second.short_name),
        results=results,
        protocol=budget,
    )
    for change in (*report.perplexities, *report.vectors, *report.scores):
        click.echo(f"{change.what}: {change.metric} {change.before:.3f} before, {change.after:.3f} after")
    low, high = report.interval
    click.echo(f"mean change of the scores: {report.mean:+.3f} ({low:+.3f} to {high:+.3f})")
    click.echo(f"{report.path(results)}: written")
