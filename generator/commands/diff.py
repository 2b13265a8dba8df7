"""`workloads diff`: show what Argo CD would change."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import click

from generator import console
from generator.commands.options import json_option, registry_option
from generator.commands.policy_options import policy_inputs, report_stale_checkout
from generator.diff.compare_sides import compare_sides, list_environments
from generator.diff.html import format_html_page
from generator.diff.json_report import report_as_json
from generator.diff.load_sides import load_base_side, load_head_side, load_remote_sides, split_range
from generator.diff.markdown import format_markdown_comment
from generator.diff.report import DiffReport
from generator.diff.sides import Side
from generator.diff.text import format_text_lines
from generator.errors import Problem, UsageError
from generator.git.checkout import missing_checkout_remedy
from generator.publishing.context import find_charts_elsewhere
from generator.publishing.policy_check import find_policy_problems, list_policy_problems
from generator.publishing.remote_registry import open_remote_registry
from generator.registry.problems import require_known_names
from generator.working_registry import WorkingRegistry


@click.command("diff")
@registry_option
@json_option
@click.option(
    "--base",
    metavar="REV",
    help="Compare with this revision, or A..B, or A...B; default: where the branch left the workloads branch.",
)
@click.option(
    "--remote",
    is_flag=True,
    help="Compare the branch on the remote, as it is now, with your edits of it.",
)
@click.option("--head", metavar="REV", help="The registry at this revision; default: the working copy.")
@click.option("--env", "environments", multiple=True, metavar="ENV", help="Only this environment (repeatable).")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "html", "json"]),
    default="text",
    help="Output format; default: text.",
)
@click.option(
    "--limit", type=click.IntRange(min=200), default=60_000, show_default=True, help="Maximum characters of Markdown."
)
@click.option("--exit-code", is_flag=True, help="Exit with 1 if Argo CD would change an object.")
def diff_command(
    registry_path: str | None,
    as_json: bool,
    base: str | None,
    head: str | None,
    remote: bool,
    environments: tuple[str, ...],
    form: str,
    limit: int,
    exit_code: bool,
) -> int:
    """Show what Argo CD would create, change or delete, and what happens to the workloads. Dangers come first.

    The charts committed at the base are compared with the charts that the registry generates now, both with their
    foreign files and rendered by Helm. Nothing is checked out or written. Violations are listed but do not fail the
    command; 'workloads check' fails on them.
    """
    if remote and (base or head):
        raise UsageError(
            "WL1002", "--remote names both sides", remedy="leave out --base and --head, or leave out --remote"
        )
    working = WorkingRegistry.find(registry_path)
    if remote:
        with open_remote_registry(working) as found:
            inputs = policy_inputs(working, {})
            old, new, published = load_remote_sides(found, inputs.now)
            refused = list_policy_problems(published.change, inputs, console.print_message)
            report = _compare(working, old, new, refused, environments)
    else:
        report = _compare(working, *_load_sides(working, base, head), environments)
    _print_report(report, "json" if as_json else form, limit)
    return int(exit_code and report.has_differences)


def _load_sides(working: WorkingRegistry, base: str | None, head: str | None) -> tuple[Side, Side, Sequence[Problem]]:
    """Load the sides that the user names, or the working copy and where it left its branch; and what policy refuses."""
    checkout = working.checkout
    if checkout is None:
        raise UsageError(
            "WL5011",
            f"{working.path} is not in a Git repository: there is nothing to compare with",
            remedy=missing_checkout_remedy(),
        )
    base, head = split_range(checkout, base, head)
    new = load_head_side(working, checkout, head)
    old = load_base_side(working, checkout, new, base)
    if head is None and new.registry:
        report_stale_checkout(working, new.registry.workloads)
    return old, new, find_policy_problems(working, policy_inputs(working, {}), console.print_message, base, head)


def _compare(
    working: WorkingRegistry, old: Side, new: Side, refused: Sequence[Problem], selected: tuple[str, ...]
) -> DiffReport:
    new = replace(new, violations=(*new.violations, *refused))
    known = list_environments(old, new)
    require_known_names(selected, known, "environment")
    with console.show_progress(len(known), "rendering") as step:
        report = compare_sides(old, new, os.environ, selected, step)
    is_rendered = new.registry is not None and old.origin != "charts"
    elsewhere = find_charts_elsewhere(working, new.registry) if is_rendered and new.registry else ""
    note = f"the charts are in {elsewhere}: the registries are compared, without what else is there"
    return replace(report, notes=(*report.notes, note)) if elsewhere else report


def _print_report(report: DiffReport, form: str, limit: int) -> None:
    if form == "json":
        console.print_json(report_as_json(report))
    elif form == "markdown":
        console.print_result(format_markdown_comment(report, limit).rstrip("\n"))
    elif form == "html":
        console.print_result(format_html_page(report).rstrip("\n"))
    else:
        for line in format_text_lines(report):
            console.print_result(line)
