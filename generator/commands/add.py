"""`workloads add`: onboard apps."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from generator import console
from generator.artifacts.artifact_versions import AppRemotes
from generator.commands.edit_options import edit_options, run_edit
from generator.commands.options import override_options
from generator.commands.policy_options import open_remotes
from generator.errors import GeneratorError, LocalError, RefusedError, RegistryError, UsageError
from generator.forges.detect import refuse_organisation_url
from generator.promotion.new_apps import FORMATS, read_new_apps
from generator.promotion.onboarding import NewApp, OnboardOptions, onboard_apps, suggest_app_fields
from generator.registry.registry import Registry
from generator.working_registry import WorkingRegistry

_METAVARS = {"team": "TEAM", "repository": "URL", "path": "PATH"}
_PROMPTS = {
    "team": "The team that owns it",
    "repository": "The repository of its chart",
    "path": "The chart's path there",
}


@click.command("add")
@click.argument("app", required=False)
@click.option("--team", metavar="TEAM", help="The team that owns it.")
@click.option("--repository", metavar="URL", help="The Git repository, Helm repository or OCI registry of its chart.")
@click.option("--path", metavar="PATH", help="The folder of the chart, kustomization or manifests in the repository.")
@click.option("--chart", metavar="NAME", help="The chart in a Helm repository or OCI registry, instead of --path.")
@click.option("--revision", metavar="REV", help="A branch, tag, commit or version; default: the default branch.")
@click.option("--namespace", metavar="NAME", help="Default: the app's name.")
@click.option("--project", metavar="NAME", help="Its AppProject; default: the app's name.")
@click.option(
    "--sync-option", "sync_options", multiple=True, metavar="OPTION", help="Such as PruneLast=true (repeatable)."
)
@click.option(
    "--prune/--no-prune", default=None, help="Whether Argo CD deletes resources that are no longer in the source."
)
@click.option(
    "--env",
    "environments",
    multiple=True,
    metavar="ENV",
    help="An environment that lists it (repeatable); default: the first environments. With --new-env, ENV=CLUSTER.",
)
@click.option(
    "--finalizer",
    type=click.Choice(["foreground", "background", "none"]),
    help="Whether the workload is deleted when its Application is removed.",
)
@click.option("--from", "source", metavar="FILE", help="Onboard the apps of a file, or of standard input (-).")
@click.option("--format", "form", type=click.Choice(FORMATS), help="The form of --from; default: by the file's name.")
@click.option("--new-team", is_flag=True, help="Create the team if it does not exist.")
@click.option("--new-env", is_flag=True, help="Create the environments that do not exist.")
@click.option("--grant", is_flag=True, help="Grant the team what the app uses: its repository and namespace.")
@click.option("--no-verify-remote", is_flag=True, help="Do not verify that the revision exists in the repository.")
@override_options
@edit_options
def add_command(app: str | None, registry_path: str | None, **flags: Any) -> None:
    """Onboard an app: add its table, and an entry to the list of each environment.

    On a terminal, add prompts for missing options. The revision must exist in the repository. With --from, all apps
    of a file are added in one edit: [apps.NAME] tables and [environments.ENV] lists in TOML or YAML, or CSV with a
    header.
    """
    working = WorkingRegistry.find(registry_path)
    ask = None if flags["no_verify_remote"] else open_remotes(working)
    if (app is None) == (flags["source"] is None):
        raise UsageError(
            "WL1003", "add needs either the name of an app or --from FILE", remedy="workloads add APP, or --from FILE"
        )
    new_apps = (
        [_complete_new_app(working, app, flags, ask)] if app is not None else _read_file(flags["source"], flags["form"])
    )
    for new_app in new_apps:
        refuse_organisation_url(str(new_app.table.get("repoURL", "")), os.environ, f"{new_app.name}: ")
    clusters = dict(env.partition("=")[::2] for env in flags["environments"])
    options = OnboardOptions(flags["new_team"], flags["new_env"], flags["grant"], clusters)
    try:
        run_edit(working, lambda context: onboard_apps(context.editable, new_apps, ask, options), flags)
    except RegistryError as error:
        raise _describe_problems(error, new_apps, working) from error


def _describe_problems(error: RegistryError, new_apps: Sequence[NewApp], working: WorkingRegistry) -> GeneratorError:
    """The problems of new apps alone, without their positions: what was not written has none."""
    owners = " ".join(working.read().workloads.owners)  # Raises if the registry was not valid before.
    apps = {f"apps.{new_app.name}" for new_app in new_apps}
    teams = {f"teams.{new_app.table.get('team')}" for new_app in new_apps}
    tables = [(".".join(problem.key.split(".")[:2]), problem) for problem in error.problems]
    if not all(table in apps | teams for table, _ in tables):
        return error
    # An app's own problem is also one of what it made its team be granted.
    problems = [problem for table, problem in tables if table in apps] or error.problems
    text = "\n".join(f"{problem.key.removeprefix('apps.')}: {problem.text}" for problem in problems)
    code = problems[0].code
    if not all(problem.is_violation for problem in problems):
        code = next(problem.code for problem in problems if not problem.is_violation)
        return UsageError(code, text, not_done=error.not_done)
    review = f", which {owners} must review" if owners else ""
    remedy = f"run the command with --grant to grant it{review}" if "is not granted" in text else ""
    return RefusedError(code, text, remedy=remedy, not_done=error.not_done)


def _read_file(source: str, form: str | None) -> list[NewApp]:
    try:
        content = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise LocalError("WL6001", f"{source}: {error.strerror or error}") from error
    suffix = Path(source).suffix.lstrip(".")
    guessed = {"yml": "yaml", "json": "yaml"}.get(suffix, suffix if suffix in FORMATS else "toml")
    return read_new_apps("<stdin>" if source == "-" else source, content, form or guessed)


def _complete_new_app(working: WorkingRegistry, app: str, flags: dict[str, Any], remotes: AppRemotes | None) -> NewApp:
    """Build the new app from the flags and prompts. Raises UsageError for missing flags without a terminal."""
    given = {key: flags[key] for key in _PROMPTS}
    missing = [key for key, value in given.items() if value is None and not (key == "path" and flags["chart"])]
    registry = working.read() if missing else None
    if registry is not None and not (sys.stdin.isatty() and sys.stderr.isatty()):
        hints = _suggest_values(registry, app, given["team"])
        wanted = (f"--{key} {hints.get(key, _METAVARS[key])}" for key in missing)
        raise UsageError(
            "WL1003", f"{app} needs {', '.join(f'--{key}' for key in missing)}", remedy=f"add {' '.join(wanted)}"
        )
    if registry is not None:
        console.print_message(f"teams: {', '.join(registry.teams)}; environments: {', '.join(registry.environments)}")
    for key in missing if registry else ():
        hints = _suggest_values(registry, app, given["team"])
        given[key] = click.prompt(_PROMPTS[key], default=hints.get(key), err=True)
    revision = flags["revision"]
    if revision is None and flags["chart"]:
        raise UsageError("WL1003", f"--chart {flags['chart']} needs its version", remedy="add --revision VERSION")
    if revision is None and missing and remotes is not None:
        revision = _prompt_for_revision(remotes, given["repository"])
    prune = flags["prune"]
    if prune is None and registry is not None and _prunes_by_default(registry):
        prune = click.confirm(
            "Should Argo CD delete resources that are no longer in the source", default=False, err=True
        )
    finalizer = flags["finalizer"]
    default = registry.base_layer["finalizer"] if registry is not None else "none"
    if finalizer is None and default != "none":
        deletes = click.confirm(
            "Should Argo CD delete the workload when its Application is removed", default=False, err=True
        )
        finalizer = default if deletes else "none"
    table = _build_table(app, {**flags, **given, "revision": revision, "prune": prune, "finalizer": finalizer})
    return NewApp(app, table, dict.fromkeys(env.partition("=")[0] for env in flags["environments"]))


def _build_table(app: str, flags: dict[str, Any]) -> dict[str, Any]:
    """The app's table in the registry, without what its name implies."""
    policy: dict[str, Any] = {"syncOptions": list(flags["sync_options"])} if flags["sync_options"] else {}
    policy |= {"automated": {"prune": flags["prune"]}} if flags["prune"] is not None else {}
    given = {
        "team": flags["team"],
        "project": flags["project"] if flags["project"] != app else None,
        "repoURL": flags["repository"],
        "path": flags["path"],
        "chart": flags["chart"],
        "targetRevision": flags["revision"],
        "namespace": flags["namespace"] if flags["namespace"] != app else None,
        "finalizer": flags["finalizer"],
        "syncPolicy": policy or None,
    }
    return {key: value for key, value in given.items() if value is not None}


def _prunes_by_default(registry: Registry) -> bool:
    automated = registry.base_layer["syncPolicy"].get("automated")
    return isinstance(automated, dict) and bool(automated.get("prune"))


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
