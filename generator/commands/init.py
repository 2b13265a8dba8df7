"""`workloads init`: write a first registry."""

from __future__ import annotations

import os
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from generator import console
from generator.argocd.strings import name_problem
from generator.argocd.urls import parse_repository_url
from generator.argocd.versions import NEWEST_KNOWN_ARGOCD
from generator.commands.options import dry_run_option, json_option
from generator.errors import RefusedError, UsageError, say_what_is_not_done
from generator.forges.detect import detect_forge, refuse_organisation_url
from generator.git.checkout import Checkout
from generator.importing.new_files import write_new_files
from generator.registry.files import REGISTRY_NAME
from generator.registry.json_schema import SCHEMA_FILE
from generator.registry.starter import StarterRequest, build_starter_files

_DEFAULT_ENVIRONMENTS = ("dev", "test", "prod")
_ARN = "arn:aws:eks:REGION:ACCOUNT:cluster/NAME"


@click.command("init")
@click.option(
    "--env",
    "environments",
    multiple=True,
    metavar="ENV[=CLUSTER]",
    help="An environment, promoted from the one before it, and the URL, ARN or name of its cluster (repeatable).",
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
    "--target",
    type=click.Choice(["self-managed", "eks-capability"]),
    default="self-managed",
    show_default=True,
    help="The Argo CD: your own, or the managed one of EKS.",
)
@click.option(
    "--argocd-version",
    default=NEWEST_KNOWN_ARGOCD,
    show_default=True,
    metavar="VERSION",
    help="The version of Argo CD.",
)
@click.option(
    "--forge",
    type=click.Choice(["github", "gitlab"]),
    help="Where CI runs; default: the forge of the checkout's origin, or github.",
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
    with say_what_is_not_done("nothing was written"):
        _refuse_existing_registry(output)
        checkout = Checkout.discover(output)
        request = _complete_request(answers, checkout, output)
        files = build_starter_files(request)
        for url in request.repositories:
            refuse_organisation_url(url, os.environ, "--repository: ")
        optional = [name for name in files if name not in (REGISTRY_NAME, SCHEMA_FILE)]
        kept = [name for name in optional if os.path.lexists(output / name)]
        files = {name: data for name, data in files.items() if name not in kept}
        if not dry_run:
            write_new_files(output, files)
    if as_json:
        console.print_json({"files": [str(output / name) for name in files], "written": not dry_run})
        return
    for name in files:
        console.print_result(f"{'would write' if dry_run else 'wrote'} {output / name}")
    for name in kept:
        console.print_message(f"kept {output / name}, which exists: {_describe_merge(name)}")
    if not request.forge:
        console.print_message(
            "CI and CODEOWNERS were not written, because the registry is not at the top of its Git repository: "
            "see docs/git-environments.md, and run 'workloads codeowners --write'"
        )
    console.print_message(f"next: {_describe_next_step(request, checkout, output)}")


def _refuse_existing_registry(output: Path) -> None:
    place = output / REGISTRY_NAME
    if os.path.lexists(place):
        raise RefusedError(
            "WL8005",
            f"{place} already exists",
            remedy="run 'workloads add APP' to add an app to it; to write another one, remove it, or use --output DIR",
        )


def _describe_merge(name: str) -> str:
    if name.endswith("CODEOWNERS"):
        return "run 'workloads codeowners --write' to add the teams"
    return "compare it with the file that 'workloads init --output DIR' writes into an empty folder"


def _describe_next_step(request: StarterRequest, checkout: Checkout | None, output: Path) -> str:
    url = request.repositories[0] if request.repositories else "URL"
    repository = url + ("APP.git" if url.endswith("/") else "")
    grants = "" if request.repositories and request.namespaces else " --grant"
    add = f"workloads add APP --team {request.team} --repository {repository} --path PATH{grants}"
    prepare = f"cd {shlex.quote(str(output))}, " if output.resolve() != Path().resolve() else ""
    prepare += "" if checkout else "git init --initial-branch=main, "
    prepare += "" if checkout and checkout.origin_url() else "git remote add origin URL, "
    return f"{prepare}{add}, then git add, git commit and git push"


def _complete_request(answers: dict[str, Any], checkout: Checkout | None, output: Path) -> StarterRequest:
    """Build the request from the flags and, on a terminal, prompts. Raises UsageError for what is missing or wrong."""
    asks = sys.stdin.isatty() and sys.stderr.isatty()
    if not answers["team"] and not asks:
        raise UsageError("WL1003", "init needs the name of the first team", remedy="add --team TEAM")
    origin = (checkout and checkout.origin_url()) or ""
    if asks:
        _ask_for_missing(answers)
    environments = [each.partition("=")[::2] for each in answers.pop("environments") or _DEFAULT_ENVIRONMENTS]
    environments = [(name, cluster or _ask_for_cluster(name, answers, asks=asks)) for name, cluster in environments]
    for name, count in Counter(name for name, _ in environments).items():
        if count > 1:
            raise UsageError("WL1004", f"--env {name} is given {count} times", remedy="give each environment once")
    forge = answers.pop("forge") or _detect_forge(origin)
    is_top = checkout is None or checkout.top.resolve() == output.resolve()
    # The branch of a new repository; in any other, the checkout may be on a branch for this change only.
    branch = checkout.current_branch() if checkout and checkout.head_commit() is None else None
    answers |= {"forge": forge if is_top else "", "branch": branch or "main"}
    return StarterRequest(environments=environments, **answers)


def _detect_forge(origin: str) -> str:
    repository = parse_repository_url(origin)
    return "gitlab" if repository and detect_forge(repository, os.environ) == "gitlab" else "github"


def _ask_for_cluster(name: str, answers: Mapping[str, Any], *, asks: bool) -> str:
    """The cluster of an environment without one: for the EKS Capability, a prompt for it, else Argo CD's own."""
    if answers["target"] != "eks-capability":
        return ""
    if not asks:
        raise UsageError(
            "WL2312",
            f"{name} needs a cluster, because the EKS Capability for Argo CD does not know its own",
            remedy=f"write --env {name}={_ARN} or the name by which the cluster is registered",
        )
    given: str = click.prompt(f"The cluster of {name} (its ARN, or the name by which it is registered)", err=True)
    return given


def _ask_for_missing(answers: dict[str, Any]) -> None:
    questions: dict[str, tuple[str, str | None, Callable[[str], Any]]] = {
        "environments": (
            "Environments, in the order of promotion (ENV, or ENV=CLUSTER)",
            " ".join(_DEFAULT_ENVIRONMENTS),
            _read_names,
        ),
        "team": ("The first team", None, lambda text: _read_names(text, 1)[0]),
        "owners": ("Who reviews the team's changes (@org/team, or nothing)", "", str.split),
        "repositories": ("The repositories that the team may deploy (a prefix ends with /)", "", str.split),
        "namespaces": ("The namespaces that the team may deploy into", "", str.split),
    }
    for key, (question, default, read) in questions.items():
        if not answers[key]:
            answers[key] = click.prompt(
                question, default=default, show_default=bool(default), value_proc=read, err=True
            )


def _read_names(text: str, limit: int | None = None) -> list[str]:
    """Names as somebody typed them. Raises click.UsageError, so that the prompt is repeated."""
    names = [text] if limit == 1 else text.split()
    for name in names:
        if wrong := name_problem(name.partition("=")[0], 63):
            raise click.UsageError(wrong)
    return names
