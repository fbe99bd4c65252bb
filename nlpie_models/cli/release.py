"""``nlpie release``."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .card import CARDS
from .groups import FriendlyGroup
from .tables import align

if TYPE_CHECKING:
    from ..release.checks import Finding
    from ..release.plan import ReleasePlan

_COLOURS = {"ok": "green", "FAIL": "red", "not checked": "yellow"}


@click.group(cls=FriendlyGroup)
def release() -> None:
    """Check checkpoints and push them to the Hub; for maintainers, in a checkout."""


@release.command()
@click.argument("name", metavar="DIR|NAME")
@CARDS
@click.pass_context
def check(ctx: click.Context, name: str, cards: Path) -> None:
    """Check whether a checkpoint, or a folder with the name of one, is fit to be released."""
    from ..release.checks import run_checks
    from ..release.plan import find_subject

    findings = run_checks(find_subject(name, cards))
    _echo_findings(findings)
    ctx.exit(1 if any(finding.outcome != "ok" for finding in findings) else 0)


@release.command()
@click.argument("name", metavar="DIR|NAME")
@click.option("--repo", "repo_id", help="Repository of the Hub, such as org/name; the hub_id in its TOML by default.")
@click.option("--yes", is_flag=True, help="Push. Without it, nothing is changed.")
@click.option("--pull-request", is_flag=True, help="Propose the commit, and leave main alone.")
@click.option("--tag", help="Name of the release; v and the package's version by default.")
@CARDS
@click.pass_context
def push(
    ctx: click.Context, name: str, repo_id: str | None, yes: bool, pull_request: bool, tag: str | None, cards: Path
) -> None:
    """Push a checkpoint to the Hub as one commit, load it from there, tag it, and pin it in its TOML.

    \b
    nlpie release push open-notes                  checks it, and shows what would change
    nlpie release push open-notes --yes

    The token is that of `hf auth login` or HF_TOKEN; in GitHub Actions, a trusted publisher needs no token, only
    HF_OIDC_RESOURCE set to the repository. After a failure, the same command goes on where it stopped.
    """
    from huggingface_hub import HfApi

    from ..release.checks import run_checks
    from ..release.plan import find_subject, plan_push, stage
    from ..release.push import TAG
    from ..release.push import push as push_release

    subject = find_subject(name, cards)
    row = subject.need_row()
    repo_id = repo_id or row.hub_id
    if repo_id is None:
        raise click.UsageError(f"{row.name}.toml has no hub_id; give --repo")
    api = HfApi()
    if yes:
        pushed = push_release(subject, repo_id, api=api, tag=tag or TAG, pull_request=pull_request)
        click.echo(f"{repo_id}: {pushed.outcome}, {pushed.url or pushed.commit}")
        return
    findings = run_checks(subject)
    _echo_findings(findings)
    if any(finding.outcome != "ok" for finding in findings):
        ctx.exit(1)
    with stage(subject, repo_id) as folder:
        echo_plan(plan_push(folder, repo_id, api))
    click.echo("Nothing was pushed; add --yes.")


@release.command()
@click.argument("name")
def pin(name: str) -> None:
    """Pin checkpoint NAME: write the commit and SHA-256 that the Hub has now into its TOML in this checkout.

    Needs the network. From then on, loading the name refuses any other weights.
    """
    from ..registry import get_checkpoint
    from ..release.pin import pin_checkpoint

    row = get_checkpoint(name)
    weights = pin_checkpoint(row)
    click.echo(f"{row.name}: {weights.file} at {weights.revision}, SHA-256 {weights.sha256}")


@release.command()
@click.option("--since", required=True, help="Commit to compare the last one of this checkout with.")
def changed(since: str) -> None:
    """List the checkpoints whose TOML or files have changed, as a JSON list: the matrix of the workflow `evaluate`."""
    from ..release.plan import find_changed

    click.echo(json.dumps(find_changed(since, Path.cwd())))


def _echo_findings(findings: "Sequence[Finding]") -> None:
    rows = [(item.check, click.style(item.outcome, fg=_COLOURS[item.outcome]), item.detail) for item in findings]
    click.echo("\n".join(align(rows)))


def echo_plan(plan: "ReleasePlan") -> None:
    """Show what a push would change."""
    click.echo(f"\n{plan.repo_id}: {f'main is at {plan.parent}' if plan.parent else 'would be created'}")
    for sign, names, colour in (("+", plan.added, "green"), ("~", plan.changed, "yellow"), ("-", plan.removed, "red")):
        for name in names:
            click.echo(click.style(f"  {sign} {name}", fg=colour))
    if plan.empty:
        click.echo("  it has these very files already")
