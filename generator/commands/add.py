"""`workloads add`: onboard an app."""

from __future__ import annotations

import sys
from typing import Any

import click

from generator import console
from generator.artifacts.artifact_versions import AppRemotes
from generator.commands.edit_options import edit_options, run_edit
from generator.commands.options import override_options
from generator.commands.policy_options import open_remotes
from generator.errors import UsageError
from generator.promotion.app_edits import RegistryEdit
from generator.promotion.onboarding import NewApp, onboard_app, suggest_app_fields
from generator.publishing.context import EditContext
from generator.registry.registry import Registry
from generator.working_registry import WorkingRegistry

_METAVARS = {"team": "TEAM", "repository": "URL", "path": "PATH"}
_PROMPTS = {
    "team": "The team that owns it",
    "repository": "The repository of its chart",
    "path": "The chart's path there",
}


@click.command("add")
@click.argument("app")
@click.option("--team", metavar="TEAM", help="The team that owns it.")
@click.option("--repository", metavar="URL", help="The repository of its chart.")
@click.option("--path", "path", metavar="PATH", help="Where the chart is in the repository.")
@click.option("--revision", metavar="REV", help="A branch, tag or commit; default: the repository's default branch.")
@click.option("--namespace", metavar="NAME", help="Default: the app's name.")
@click.option(
    "--env", "environments", multiple=True, metavar="ENV", help="Default: those that are promoted from no other."
)
@click.option("--no-verify-remote", is_flag=True, help="Do not ask the repository, and take the revision as it is.")
@override_options
@edit_options
def add_command(app: str, registry_path: str | None, **flags: Any) -> None:
    """Onboard an app: add its table, and an entry to the list of each environment.

    A terminal prompts for missing options. The revision must exist in the repository.
    """
    working = WorkingRegistry.find(registry_path)
    ask = None if flags["no_verify_remote"] else open_remotes(working)
    new = _complete_new_app(working, app, flags, ask)

    def onboard(context: EditContext) -> RegistryEdit:
        return onboard_app(context.editable, new, flags["environments"], ask)

    run_edit(working, onboard, flags)


def _complete_new_app(working: WorkingRegistry, app: str, flags: dict[str, Any], remotes: AppRemotes | None) -> NewApp:
    """Build the new app from the flags and prompts. Raises UsageError for missing flags without a terminal."""
    given = {key: flags[key] for key in _PROMPTS}
    missing = [key for key, value in given.items() if value is None]
    registry = working.read() if missing else None
    if registry is not None and not (sys.stdin.isatty() and sys.stderr.isatty()):
        hints = _suggest_values(registry, app, given["team"])
        wanted = (f"--{key} {hints.get(key, _METAVARS[key])}" for key in missing)
        raise UsageError(f"{app} needs {', '.join(f'--{key}' for key in missing)}", remedy=f"add {' '.join(wanted)}")
    for key in missing if registry else ():
        hints = _suggest_values(registry, app, given["team"])
        given[key] = click.prompt(_PROMPTS[key], default=hints.get(key), err=True)
    revision = flags["revision"]
    if missing and revision is None and remotes is not None:
        revision = _prompt_for_revision(remotes, given["repository"])
    return NewApp(app, given["team"], given["repository"], given["path"], revision, flags["namespace"])


def _prompt_for_revision(remotes: AppRemotes, repository: str) -> str:
    refs = remotes.read_refs(repository)
    console.print_message(f"branches: {', '.join(list(refs.branches)[:10])}")
    console.print_message(f"tags: {', '.join(list(refs.tags)[-10:]) or 'none'}")
    answer: str = click.prompt("The revision", default=refs.default_branch, err=True)
    return answer


def _suggest_values(registry: Registry | None, app: str, team: str | None) -> dict[str, str]:
    if registry is None:
        return {}
    if team is None:
        return {"team": next(iter(registry.teams))} if len(registry.teams) == 1 else {}
    return dict(suggest_app_fields(registry, app, team))
