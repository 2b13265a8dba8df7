"""`workloads diff`: what would Argo CD do?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from generator.commands.options import json_option, named, registry_option

if TYPE_CHECKING:
    from pathlib import Path

    from generator.git.checkout import Checkout
    from generator.review.report import Report
    from generator.review.sides import Side


@click.command("diff")
@registry_option
@json_option
@click.option("--base", metavar="REF", help="Compare with this revision; default: where the branch set out from.")
@click.option("--head", metavar="REF", help="The registry at this revision; default: the working copy.")
@click.option("--env", "environments", multiple=True, metavar="ENV", help="Only this environment (repeatable).")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "html", "json"]),
    default="text",
    help="How to tell it; default: text.",
)
@click.option(
    "--limit", type=click.IntRange(min=200), default=60_000, show_default=True, help="Characters of Markdown at most."
)
@click.option("--exit-code", is_flag=True, help="End with 1 where an object differs.")
def command(
    registry_path: str | None,
    as_json: bool,
    base: str | None,
    head: str | None,
    environments: tuple[str, ...],
    form: str,
    limit: int,
    exit_code: bool,
) -> int:
    """Show which Applications and AppProjects appear, change, move or are deleted, dangers first.

    The charts that are committed at the base are compared with what the registry would render now, both as Helm
    renders them; nothing is checked out or written. What policy or tenancy refuses is told and does not end it:
    that is what 'workloads check' is for.
    """
    found = _report(registry_path, base, head, environments)
    _tell(found, "json" if as_json else form, limit)
    return int(exit_code and found.differs)


def _report(registry_path: str | None, base: str | None, head: str | None, only: tuple[str, ...]) -> Report:
    import os

    from generator import console
    from generator.registry.files import find_registry
    from generator.review.report import environments, report

    path = find_registry(registry_path)
    checkout = _checkout(path)
    new = _head(checkout, path, head)
    old = _base(checkout, path, new, base)
    known = environments(old, new)
    named(only, known, "environment")
    with console.progress(len(known), "rendering") as step:
        return report(old, new, os.environ, only, step)


def _checkout(path: Path) -> Checkout:
    from generator.errors import UsageError
    from generator.promotion.history import checkout_of

    checkout = checkout_of(path)
    if checkout is None:
        raise UsageError(f"{path} is in no git repository: there is nothing to compare it with")
    return checkout


def _commit(checkout: Checkout, revision: str) -> str:
    from generator.errors import UsageError

    commit = checkout.resolve(revision)
    if commit is None:
        raise UsageError(f"git knows no revision {revision!r} here", remedy="fetch it, or name another one")
    return commit


def _head(checkout: Checkout, path: Path, revision: str | None) -> Side:
    from functools import partial

    from generator.publishing.ground import location_here
    from generator.registry.files import Folder
    from generator.review.sides import Committed, rendered

    locate = partial(location_here, path)
    if revision is None:
        return rendered(Folder(path.parent), path.name, str(path.parent), None, locate)
    commit = _commit(checkout, revision)
    return rendered(Committed(checkout, path.parent, commit), path.name, commit[:12], commit, locate)


def _base(checkout: Checkout, path: Path, head: Side, revision: str | None) -> Side:
    from functools import partial

    from generator.publishing.ground import location_here
    from generator.review.sides import Committed, base_side, default_base

    locate = partial(location_here, path)
    start = head.revision or checkout.head()
    output = head.registry.workloads.path if head.registry else ""
    if revision is None and start is None:
        return base_side(None, path.name, output, locate)
    if revision is None and head.registry is not None and start is not None:
        revision = default_base(checkout, head.registry, start)
    files = Committed(checkout, path.parent, _commit(checkout, revision or "HEAD"))
    return base_side(files, path.name, output, locate)


def _tell(found: Report, form: str, limit: int) -> None:
    from generator import console

    if form == "json":
        from generator.review.document import data

        console.result_json(data(found))
    elif form == "markdown":
        from generator.review.markdown import comment

        console.result(comment(found, limit).rstrip("\n"))
    elif form == "html":
        from generator.review.page import page

        console.result(page(found).rstrip("\n"))
    else:
        from generator.review.terminal import lines

        for line in lines(found):
            console.result(line)
