"""What the commands that edit the registry share: their options, and how an operation is carried out and told of."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from generator.commands import requests
from generator.commands.options import (
    dry_run_option,
    forge_option,
    json_option,
    registry_option,
    request_option,
    without_helm_option,
)

if TYPE_CHECKING:
    from generator.git.refs import Remotes
    from generator.promotion.history import History
    from generator.promotion.operations import Edited
    from generator.publishing.edits import Outcome
    from generator.publishing.ground import Operation

in_option = click.option("--in", "environment", required=True, metavar="ENV", help="The environment.")
removals_option = click.option(
    "--allow-removal", "removals", multiple=True, metavar="ENV/APP", help="Let this Application go (repeatable)."
)


def editing_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that edits the registry; they arrive as one mapping of keywords."""
    publish = click.option(
        "--publish", "and_publish", is_flag=True, help="Commit the edit and its charts to the workloads branch instead."
    )
    running = (without_helm_option, json_option, dry_run_option, registry_option)
    for option in (publish, request_option, forge_option, removals_option, *running):
        function = option(function)
    return function


def registry_file(flags: dict[str, Any]) -> Path:
    """The registry that the command was pointed at."""
    from generator.registry.files import find_registry

    return find_registry(flags["registry_path"])


def now() -> datetime:
    """The clock, read once a command."""
    return datetime.now(UTC)


def carry_out(operation: Operation, flags: dict[str, Any]) -> None:
    """Edit the working copy and render, or publish, and tell what became of it."""
    path = registry_file(flags)
    if flags["and_publish"] or flags["as_request"]:
        _publish(operation, path, flags)
    else:
        _here(operation, path, flags)


def _here(operation: Operation, path: Path, flags: dict[str, Any]) -> None:
    from generator import console
    from generator.publishing.edits import edit_here

    outcome = edit_here(
        path,
        operation,
        dry_run=flags["dry_run"],
        helm=not flags["without_helm"],
        removals=flags["removals"],
    )
    if flags["as_json"]:
        console.result_json(_data(outcome, flags["dry_run"]))
        return
    _tell(outcome.edited)
    if outcome.change is None:
        console.result("nothing to do")
        return
    said = "would change" if flags["dry_run"] else "changed"
    charts = len(_charts(outcome))
    console.result(f"{said} {', '.join(outcome.files)}" + (f" and {_files(charts)} of the charts" if charts else ""))
    if not flags["dry_run"]:
        trailers = "".join(f"\n  {trailer}" for trailer in outcome.edited.trailers)
        console.note(f"commit it as:\n  {outcome.edited.subject}" + (f"\n{trailers}" if trailers else ""))


def _data(outcome: Outcome, dry_run: bool) -> dict[str, Any]:
    edited = outcome.edited
    return {
        "subject": edited.subject,
        "trailers": list(edited.trailers),
        "told": list(edited.told),
        "registryFiles": list(outcome.files),
        "charts": _charts(outcome),
        "written": outcome.change is not None and not dry_run,
    }


def _charts(outcome: Outcome) -> list[str]:
    return [*sorted(outcome.change.written), *outcome.change.removed] if outcome.change else []


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"


def _tell(edited: Edited) -> None:
    from generator import console

    for line in edited.told:
        console.result(line)


def _publish(operation: Operation, path: Path, flags: dict[str, Any]) -> None:
    from generator import console
    from generator.publishing.service import Order, publish

    order = Order(
        str(path),
        None,
        None,
        dry_run=flags["dry_run"],
        without_helm=flags["without_helm"],
        removals=flags["removals"],
        request=requests.asked(flags["as_request"], flags["forge"]),
    )
    result, account = publish(order, console.note, operation)
    edited = account.edited
    if flags["as_json"]:
        told = {"subject": edited.subject, "told": list(edited.told)} if edited else {}
        data = {**told, "pushed": result.pushed, "attempts": result.attempts, "base": result.base}
        data |= {"head": result.head, "files": list(result.changed), **requests.data(account.request)}
        console.result_json(data)
        return
    if edited:
        _tell(edited)
    if not result.changed:
        console.result("nothing to publish: the branch has it already")
    elif flags["dry_run"]:
        console.result(f"would publish {_files(len(result.changed))} (dry run)")
    else:
        console.result(f"published {_files(len(result.changed))} as {str(result.head)[:12]}")
    requests.tell(account.request)


def history_of(path: Path) -> History:
    """What git knows of the registry at `path`, nothing where it is in no repository."""
    from generator import console
    from generator.cache import user_cache
    from generator.promotion.history import checkout_of, history_here

    checkout = checkout_of(path)
    if checkout and checkout.is_shallow():
        console.note("this checkout's history is cut off: what is older seems to begin where it begins")
    return history_here(checkout, path, user_cache())


def remotes(path: Path) -> Remotes:
    """The apps' repositories, reached as the user's checkout reaches remotes."""
    from generator.git.refs import Remotes
    from generator.promotion.history import checkout_of

    checkout = checkout_of(path)
    return Remotes(checkout.settings.transport if checkout else ())
