"""`workloads diff`: show what Argo CD would change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from generator.commands.options import json_option, registry_option
from generator.registry.problems import require_known_names

if TYPE_CHECKING:
    from pathlib import Path

    from generator.diff.report import DiffReport
    from generator.diff.sides import Side
    from generator.git.checkout import Checkout


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
def diff_command(
    registry_path: str | None,
    as_json: bool,
    base: str | None,
    head: str | None,
    environments: tuple[str, ...],
    form: str,
    limit: int,
    exit_code: bool,
) -> int:
    """Show which Applications and AppProjects are created, changed, moved or deleted, dangers first.

    The charts committed at the base are compared with the charts that the registry renders now, both rendered by
    Helm; nothing is checked out or written. Violations are listed but do not fail the command; 'workloads check'
    fails on them.
    """
    found = _build_report(registry_path, base, head, environments)
    _print_report(found, "json" if as_json else form, limit)
    return int(exit_code and found.has_differences)


def _build_report(
    registry_path: str | None, base: str | None, head: str | None, selected: tuple[str, ...]
) -> DiffReport:
    import os

    from generator import console
    from generator.diff.compare_sides import compare_sides, list_environments
    from generator.registry.files import find_registry

    path = find_registry(registry_path)
    checkout = _require_checkout(path)
    new = _load_head_side(checkout, path, head)
    old = _load_base_side(checkout, path, new, base)
    known = list_environments(old, new)
    require_known_names(selected, known, "environment")
    with console.show_progress(len(known), "rendering") as step:
        return compare_sides(old, new, os.environ, selected, step)


def _require_checkout(path: Path) -> Checkout:
    from generator.errors import UsageError
    from generator.promotion.history import find_checkout

    checkout = find_checkout(path)
    if checkout is None:
        raise UsageError(f"{path} is in no git repository: there is nothing to compare it with")
    return checkout


def _resolve_commit(checkout: Checkout, revision: str) -> str:
    from generator.errors import UsageError

    commit = checkout.resolve_commit(revision)
    if commit is None:
        raise UsageError(f"git knows no revision {revision!r} here", remedy="fetch it, or name another one")
    return commit


def _load_head_side(checkout: Checkout, path: Path, revision: str | None) -> Side:
    from functools import partial

    from generator.diff.sides import render_side
    from generator.pipeline import CommittedFiles
    from generator.publishing.context import find_chart_location
    from generator.registry.files import FolderFiles

    locate = partial(find_chart_location, path)
    if revision is None:
        return render_side(FolderFiles(path.parent), path.name, str(path.parent), None, locate)
    commit = _resolve_commit(checkout, revision)
    return render_side(CommittedFiles(checkout, path.parent, commit), path.name, commit[:12], commit, locate)


def _load_base_side(checkout: Checkout, path: Path, head: Side, revision: str | None) -> Side:
    from functools import partial

    from generator.diff.sides import load_base_side
    from generator.pipeline import CommittedFiles
    from generator.publishing.comparison_base import find_comparison_base
    from generator.publishing.context import find_chart_location

    locate = partial(find_chart_location, path)
    start = head.revision or checkout.head_commit()
    output = head.registry.workloads.path if head.registry else ""
    if revision is None and start is None:
        return load_base_side(None, path.name, output, locate)
    if revision is None and head.registry is not None and start is not None:
        revision = find_comparison_base(checkout, path, head.registry, start)
    files = CommittedFiles(checkout, path.parent, _resolve_commit(checkout, revision or "HEAD"))
    return load_base_side(files, path.name, output, locate)


def _print_report(report: DiffReport, form: str, limit: int) -> None:
    from generator import console

    if form == "json":
        from generator.diff.json_report import report_as_json

        console.print_json(report_as_json(report))
    elif form == "markdown":
        from generator.diff.markdown import format_markdown_comment

        console.print_result(format_markdown_comment(report, limit).rstrip("\n"))
    elif form == "html":
        from generator.diff.html import format_html_page

        console.print_result(format_html_page(report).rstrip("\n"))
    else:
        from generator.diff.text import format_text_lines

        for line in format_text_lines(report):
            console.print_result(line)
