"""``nlpie card``."""

from pathlib import Path

import click

CARDS = click.option(
    "--cards",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("model_cards"),
    show_default=True,
    help="Folder of cards and results in a checkout.",
)


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="Every checkpoint that has weights.")
@click.option("--check", is_flag=True, help="Change nothing, and fail if a card is stale.")
@CARDS
@click.pass_context
def card(ctx: click.Context, names: tuple[str, ...], every: bool, check: bool, cards: Path) -> None:
    """Write the cards of checkpoints from the registry and their measurements; for maintainers.

    \b
    nlpie card open-notes
    nlpie card --all --check

    Works in a checkout, whose folder model_cards/ has the template, the results and the cards.
    """
    if every == bool(names):
        raise click.UsageError("give a NAME, or --all")
    from ..registry import get_checkpoint
    from ..release.cards import card_path, is_stale, list_rows_with_cards, make_card
    from ..util.files import write_whole

    rows = list_rows_with_cards() if every else [get_checkpoint(name) for name in names]
    stale = [row for row in rows if is_stale(row, cards)]
    for row in stale:
        if check:
            click.echo(f"{card_path(row, cards)} is stale: run `nlpie card {row.name}`", err=True)
        else:
            with write_whole(card_path(row, cards), overwrite=True) as temporary:
                temporary.write_text(make_card(row, cards), encoding="utf-8")
            click.echo(f"{card_path(row, cards)}: written")
    if len(stale) < len(rows):
        click.echo(f"{len(rows) - len(stale)} of {len(rows)} cards were up to date")
    ctx.exit(1 if check and stale else 0)
