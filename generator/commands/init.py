"""`workloads init`: write a first registry."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from generator import console
from generator.argocd.versions import NEWEST_KNOWN_ARGOCD
from generator.commands.options import dry_run_option, json_option
from generator.errors import UsageError, say_what_is_not_done
from generator.importing.new_files import write_new_files
from generator.registry.starter import StarterRequest, build_starter_files

_DEFAULT_ENVIRONMENTS = ("dev", "test", "prod")


@click.command("init")
@click.option(
    "--env",
    "environments",
    multiple=True,
    metavar="ENV[=CLUSTER]",
    help="An environment, promoted from the one before it, and the URL or name of its cluster (repeatable).",
)
@click.option("--team", metavar="TEAM", help="The first team.")
@click.option(
    "--owner", "owners", multiple=True, metavar="OWNER", help="Who reviews the team's changes: @org/team (repeatable)."
)
@click.option(
    "--repository",
    "repositories",
    multiple=True,
    metavar="URL",
    help="A repository that the team may deploy, or a prefix that ends with / (repeatable).",
)
@click.option(
    "--namespace",
    "namespaces",
    multiple=True,
    metavar="NAME",
    help="A namespace that the team may deploy into (repeatable).",
)
@click.option(
    "--argocd-version",
    default=NEWEST_KNOWN_ARGOCD,
    show_default=True,
    metavar="VERSION",
    help="The version of Argo CD.",
)
@click.option(
    "--forge", type=click.Choice(["github", "gitlab"]), default="github", show_default=True, help="Where CI runs."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path(), metavar="DIR", help="The folder; default: here."
)
@dry_run_option
@json_option
def init_command(output: Path, dry_run: bool, as_json: bool, **answers: Any) -> None:
    """Write a first apps.toml, its schema, CODEOWNERS and CI workflows.

    On a terminal, init prompts for missing options. Existing files are never replaced.
    """
    request = _complete_request(answers)
    with say_what_is_not_done("nothing was written: correct the options of 'workloads init'"):
        files = build_starter_files(request)
    if not dry_run:
        write_new_files(output, files)
    if as_json:
        console.print_json({"files": [str(output / name) for name in files], "written": not dry_run})
        return
    for name in files:
        console.print_result(f"{'would write' if dry_run else 'wrote'} {output / name}")
    repository = (request.repositories[0] if request.repositories else "URL") + (
        "APP.git" if _is_prefix(request) else ""
    )
    console.print_message(
        f"next: workloads add APP --team {request.team} --repository {repository} --path PATH, then git add, "
        "git commit and git push"
    )


def _is_prefix(request: StarterRequest) -> bool:
    return bool(request.repositories) and request.repositories[0].endswith("/")


def _complete_request(answers: dict[str, Any]) -> StarterRequest:
    """Build the request from the flags and, on a terminal, prompts. Raises UsageError without a team."""
    asks = sys.stdin.isatty() and sys.stderr.isatty()
    if not answers["team"] and not asks:
        raise UsageError("init needs the name of the first team", remedy="add --team TEAM")
    if asks:
        _ask_for_missing(answers)
    environments = [each.partition("=")[::2] for each in answers.pop("environments") or _DEFAULT_ENVIRONMENTS]
    return StarterRequest(environments=environments, **answers)


def _ask_for_missing(answers: dict[str, Any]) -> None:
    questions = {
        "environments": ("Environments, in the order of promotion", " ".join(_DEFAULT_ENVIRONMENTS)),
        "team": ("The first team", None),
        "owners": ("Who reviews the team's changes (@org/team, or nothing)", ""),
        "repositories": ("The repositories that the team may deploy (a prefix ends with /)", ""),
        "namespaces": ("The namespaces that the team may deploy into", ""),
    }
    for key, (question, default) in questions.items():
        if not answers[key]:
            given: str = click.prompt(question, default=default, show_default=bool(default), err=True)
            answers[key] = given if key == "team" else given.split()
