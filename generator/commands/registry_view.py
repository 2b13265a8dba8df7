"""What the commands that read show: the registry and history of the checkout, or of the branch on the remote."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING

import click

from generator import console
from generator.commands.policy_options import report_stale_checkout
from generator.promotion.history import History, open_history, require_history
from generator.registry.editable import EditableRegistry
from generator.working_registry import WorkingRegistry

if TYPE_CHECKING:
    from generator.publishing.remote_registry import RemoteRegistry

remote_option = click.option(
    "--remote", is_flag=True, help="Read the registry's branch on the remote instead of this checkout."
)


def read_registry_and_history(
    working: WorkingRegistry, now: datetime, *, remote: bool, without_history: bool = False, in_git: bool = False
) -> tuple[EditableRegistry, History]:
    """Read the registry with its history, and report a checkout that is behind or shallow.

    With `in_git`, raises UsageError if there is no repository.
    """
    if remote:
        with _open_remote_registry(working) as found:
            return found.read_registry(), History() if without_history else found.read_history(now)
    editable = working.read_editable()
    report_stale_checkout(working, editable.registry.workloads)
    if without_history:
        return editable, History()
    return editable, (require_history if in_git else open_history)(working, now, console.print_message)


def read_required_history(working: WorkingRegistry, now: datetime, *, remote: bool) -> History:
    """Read the history of the registry, even if the registry is invalid now.

    Raises UsageError if it is not in a Git repository. Reports a checkout that is behind or shallow.
    """
    if remote:
        with _open_remote_registry(working) as found:
            return found.read_history(now)
    history = require_history(working, now, console.print_message)
    report_stale_checkout(working, working.read_workloads())
    return history


def _open_remote_registry(working: WorkingRegistry) -> AbstractContextManager[RemoteRegistry]:
    # What fetches and reads a branch takes a tenth of the start of a command, and few commands read the remote.
    from generator.publishing.remote_registry import open_remote_registry

    return open_remote_registry(working)
