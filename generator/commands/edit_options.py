"""Shared code of the commands that edit the registry: options, execution and output."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from generator import console
from generator.commands.options import (
    dry_run_option,
    forge_option,
    json_option,
    pull_request_option,
    registry_option,
    removals_option,
    without_helm_option,
)
from generator.commands.policy_options import policy_inputs
from generator.commands.publish_output import checkout_options, publish_and_print
from generator.commands.pull_request_options import read_pull_request_options
from generator.promotion.app_edits import RegistryEdit
from generator.promotion.history import find_checkout, report_shallow_clone
from generator.publishing.context import EditOperation
from generator.publishing.publish import PublishRequest
from generator.publishing.working_copy import EditOutcome, edit_working_copy
from generator.registry.files import find_registry

environment_option = click.option("--in", "environment", required=True, metavar="ENV", help="The environment.")


def edit_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of every command that edits the registry."""
    publish = click.option(
        "--publish", "and_publish", is_flag=True, help="Commit the edit and its charts to the workloads branch instead."
    )
    running = (without_helm_option, json_option, dry_run_option, registry_option)
    for option in (publish, pull_request_option, forge_option, checkout_options, removals_option, *running):
        function = option(function)
    return function


def registry_file(flags: dict[str, Any]) -> Path:
    """Find the registry file from the command's flags."""
    return find_registry(flags["registry_path"])


def run_edit(operation: EditOperation, flags: dict[str, Any], *, reads_history: bool = False) -> None:
    """Edit the working copy and render, or publish, and print the result.

    An edit of the working copy that `reads_history` reports a shallow clone; to publish, the whole history is fetched.
    """
    path = registry_file(flags)
    if flags["and_publish"] or flags["as_request"]:
        _publish_edit(operation, path, flags)
    else:
        if reads_history:
            report_shallow_clone(find_checkout(path), console.print_message)
        _run_in_working_copy(operation, path, flags)


def _run_in_working_copy(operation: EditOperation, path: Path, flags: dict[str, Any]) -> None:
    outcome = edit_working_copy(
        path,
        operation,
        dry_run=flags["dry_run"],
        verify_with_helm=not flags["without_helm"],
        removals=flags["removals"],
        policy=policy_inputs(path, flags),
    )
    if flags["as_json"]:
        console.print_json(_edit_outcome_json(outcome, flags["dry_run"]))
        return
    _print_edit_messages(outcome.edit)
    if outcome.chart_changes is None:
        console.print_result("nothing to do")
        return
    said = "would change" if flags["dry_run"] else "changed"
    charts = len(_changed_chart_files(outcome))
    console.print_result(
        f"{said} {', '.join(outcome.edited_files)}"
        + (f" and {console.count_noun(charts, 'file')} of the charts" if charts else "")
    )
    if not flags["dry_run"]:
        trailers = "".join(f"\n  {trailer}" for trailer in outcome.edit.trailers)
        console.print_message(f"commit it as:\n  {outcome.edit.subject}" + (f"\n{trailers}" if trailers else ""))


def _edit_outcome_json(outcome: EditOutcome, dry_run: bool) -> dict[str, Any]:
    edited = outcome.edit
    return {
        "subject": edited.subject,
        "trailers": list(edited.trailers),
        "messages": list(edited.messages),
        "registryFiles": list(outcome.edited_files),
        "charts": _changed_chart_files(outcome),
        "written": outcome.chart_changes is not None and not dry_run,
    }


def _changed_chart_files(outcome: EditOutcome) -> list[str]:
    return (
        [*sorted(outcome.chart_changes.files_to_write), *outcome.chart_changes.removed] if outcome.chart_changes else []
    )


def _print_edit_messages(edit: RegistryEdit) -> None:
    for line in edit.messages:
        console.print_result(line)


def _publish_edit(operation: EditOperation, path: Path, flags: dict[str, Any]) -> None:
    request = PublishRequest(
        str(path),
        None,
        None,
        dry_run=flags["dry_run"],
        without_helm=flags["without_helm"],
        removals=flags["removals"],
        keep_checkout=flags["keep_checkout"],
        policy=policy_inputs(path, flags),
        pull_request=read_pull_request_options(flags["as_request"], flags["forge"]),
    )
    publish_and_print(request, yes=flags["yes"], as_json=flags["as_json"], operation=operation)
