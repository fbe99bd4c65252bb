"""``nlpie compare`` and ``nlpie forgetting``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import RESULTS_OPTION, TEXT
from .tables import align

if TYPE_CHECKING:
    from ..evaluation.compare import Comparison


@click.command()
@click.argument("first")
@click.argument("others", nargs=-1, required=True, metavar="OTHER...")
@click.option("--protocol", default="standard", show_default=True, help="Budget of a suite, own-head or subword.")
@RESULTS_OPTION
def compare(first: str, others: tuple[str, ...], protocol: str, results: Path) -> None:
    """Compare FIRST with each OTHER checkpoint by the results of both: which one is better, and is it certain?

    \b
    nlpie evaluate open-base open-small --suite open            the results; hours
    nlpie compare open-base open-small                          on the data sets of the suite
    nlpie compare my-ner open-notes --protocol own-head          as they are, on the data sets of both

    \b
    difference  score of FIRST minus that of OTHER, mean over the seeds
    95%         its interval when documents and seeds are drawn anew (bootstrap)
    p           of a paired permutation test over documents
    verdict     unclear if the interval holds 0
    """
    from ..evaluation.compare import compare_results

    for number, other in enumerate(others):
        comparison = compare_results(first, other, folder=results, protocol=protocol)
        click.echo(("\n" if number else "") + "\n".join(_comparison_lines(first, other, comparison)))


def _comparison_lines(first: str, other: str, comparison: "Comparison") -> list[str]:
    rows = [["data set", "score", first, other, "difference", "95%", "p", "verdict"]]
    for found in comparison.differences:
        scores = [f"{score:.3f}" for score in found.scores]
        p_value = "<0.001" if found.p_value < 0.001 else f"{found.p_value:.3f}"
        change = _difference(found.difference, found.interval)
        rows.append([found.dataset, found.metric, *scores, *change[:2], p_value, change[2]])
    change = _difference(comparison.mean, comparison.interval)
    rows.append([f"mean of {len(comparison.differences)}", "", "", "", *change[:2], "", change[2]])
    return align(rows, right=range(2, 7))


def _difference(value: float, interval: tuple[float, float]) -> tuple[str, str, str]:
    low, high = interval
    verdict = "better" if low > 0 else "worse" if high < 0 else "unclear"
    return f"{value:+.3f}", f"{low:+.3f} to {high:+.3f}", verdict


@click.command()
@click.argument("before")
@click.argument("after")
@click.option(
    "--text",
    "texts",
    multiple=True,
    type=TEXT,
    required=True,
    help="Held-out text, such as general=wiki.txt; may be repeated.",
)
@click.option("--scores-of", help="Name of BEFORE in the results; its own by default.")
@click.option("--budget", default="standard", show_default=True, help="Budget of the suite that both were scored by.")
@RESULTS_OPTION
def forgetting(
    before: str, after: str, texts: tuple[tuple[str, str], ...], scores_of: str | None, budget: str, results: Path
) -> None:
    """Measure what AFTER gained and forgot in its training from BEFORE.

    \b
    nlpie evaluate start my-clinical --suite open --data sets/              first, the scores of both
    nlpie forgetting start my-clinical --text clinical=notes/ --text general=wiki.txt
    nlpie forgetting my-clinical.head my-clinical --scores-of start --text clinical=notes/

    \b
    perplexity         of masked tokens, the same of both, in held-out text; lower is better
    cosine of vectors  of AFTER's mean vectors with those of BEFORE; 1: unchanged
    score              on the data sets of the suite that both were evaluated on

    The report is written beside the results, as forgetting/AFTER.json, .svg and .png; `nlpie report` makes a table of
    it. A BEFORE without a masked-language-model head is measured with a head that was trained alone: the folder
    OUTPUT.head of `nlpie train continue --head-steps`; --scores-of then names BEFORE in the results.
    """
    from ..evaluation.forgetting import report_forgetting
    from ..loading.find import find_checkpoint

    first, second = find_checkpoint(before), find_checkpoint(after)
    report = report_forgetting(
        first,
        second,
        dict(texts),
        names=(scores_of or first.short_name, second.short_name),
        results=results,
        protocol=budget,
    )
    rows = [("text or data set", "measure", "before", "after")]
    rows += [
        (change.what, change.metric, f"{change.before:.3f}", f"{change.after:.3f}")
        for change in (*report.perplexities, *report.vectors, *report.scores)
    ]
    click.echo("\n".join(align(rows, right=(2, 3))))
    low, high = report.interval
    click.echo(f"mean change of the scores: {report.mean:+.3f} ({low:+.3f} to {high:+.3f})")
    click.echo(f"{report.path(results)}: written")
