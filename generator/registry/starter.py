"""Write the first files of a registry: apps.toml, its schema, CODEOWNERS and CI workflows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.argocd.urls import IN_CLUSTER_SERVER
from generator.errors import Problem, RegistryError, UsageError
from generator.registry.codeowners import generate_codeowners_lines, update_codeowners_block
from generator.registry.editable import read_editable_registry
from generator.registry.files import REGISTRY_NAME, MemoryFiles
from generator.registry.json_schema import SCHEMA_FILE, SCHEMA_LINE, format_registry_schema
from generator.toml.write import Lines, format_entries, format_table

#: The CI workflows by forge: the file in the package, and the path that the forge reads.
_CI_FILES = {
    "github": {
        f"github/{name}.yml": f".github/workflows/workloads-{name}.yml" for name in ("check", "diff", "publish")
    },
    "gitlab": {"gitlab/workloads.yml": ".gitlab-ci.yml"},
}
_CODEOWNERS_FILE = {"github": ".github/CODEOWNERS", "gitlab": "CODEOWNERS"}
#: The option of `workloads init` that sets the key with this end, or with this start.
_OPTIONS_BY_KEY = (
    ("owners", "--owner"),
    ("repositories", "--repository"),
    ("namespaces", "--namespace"),
    ("argocd", "--argocd-version"),
    ("environments", "--env"),
    ("teams", "--team"),
)


@dataclass(frozen=True)
class StarterRequest:
    """What a first registry contains: its environments with their clusters, and its first team.

    An environment is promoted from the one before it. A cluster is the URL or ARN of a server, or a name; "" is Argo
    CD's own. `branch` is what Argo CD reads. `target` is the kind of Argo CD; `forge` is "" for no CI and CODEOWNERS.
    """

    environments: Sequence[tuple[str, str]]
    team: str
    owners: Sequence[str]
    repositories: Sequence[str]
    namespaces: Sequence[str]
    argocd_version: str
    target: str
    forge: str
    branch: str = "main"


def build_starter_files(request: StarterRequest) -> dict[str, bytes]:
    """The files of a first registry by name, apps.toml first. Raises UsageError for an option that is not valid."""
    text = _format_registry(request)
    # Names with bytes that are not UTF-8 are refused as names.
    files = {REGISTRY_NAME: text.encode(errors="replace")}
    try:
        editable = read_editable_registry(MemoryFiles(files), REGISTRY_NAME)
    except RegistryError as error:
        raise UsageError("WL1004", "\n".join(dict.fromkeys(map(_describe_option, error.problems)))) from error
    files[SCHEMA_FILE] = format_registry_schema()
    if not request.forge:
        return files
    if owners := generate_codeowners_lines(editable, "", include_charts=True, forge=request.forge):
        files[_CODEOWNERS_FILE[request.forge]] = update_codeowners_block("", owners).encode()
    return files | {target: _read_ci_file(name) for name, target in _CI_FILES[request.forge].items()}


def _describe_option(problem: Problem) -> str:
    option = next((o for part, o in _OPTIONS_BY_KEY if problem.key.endswith(part) or problem.key.startswith(part)), "")
    return f"{option or problem.key}: {problem.text}"


def _format_registry(request: StarterRequest) -> str:
    kind = {"kind": request.target} if request.target != "self-managed" else {}
    blocks = [
        SCHEMA_LINE + format_entries({"version": 2}),
        format_table(("workloads",), {"branch": request.branch, "path": "multi-repo", **_owners(request.owners)}),
        format_table(("argocd",), {**kind, "version": request.argocd_version, "namespace": "argocd"}),
        "# Argo CD syncs every app automatically. Two settings delete, and are off: prune what leaves the source, and\n"
        '# finalizer = "foreground" the workload of an Application that is removed.\n'
        + format_table(("defaults",), {"finalizer": "none", "syncPolicy": {"automated": {"prune": False}}}),
    ]
    previous = ""
    for name, cluster in request.environments:
        promoted = {"promotesFrom": [previous]} if previous else {}
        table = {**build_environment_table(cluster), **promoted, "apps": Lines()}
        blocks.append(format_table(("environments", name), table))
        previous = name
    blocks.append(
        "# What the apps of a team may use: repositories (a prefix ends with /), and namespaces.\n"
        + format_table(("teams", request.team), _team_table(request))
    )
    return "\n".join(blocks)


def build_environment_table(cluster: str) -> dict[str, Any]:
    """The table of a new environment. `cluster` is the URL or ARN of a server, or a name; "" is Argo CD's own."""
    key = "server" if not cluster or "://" in cluster or cluster.startswith("arn:") else "cluster"
    return {key: cluster or IN_CLUSTER_SERVER, "createProjects": True}


def _team_table(request: StarterRequest) -> dict[str, Any]:
    grants = {"repositories": list(request.repositories), "namespaces": list(request.namespaces)}
    return {**_owners(request.owners), **grants}


def _owners(owners: Sequence[str]) -> dict[str, list[str]]:
    return {"owners": list(owners)} if owners else {}


def _read_ci_file(name: str) -> bytes:
    """Read a job of CI: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "ci"
    return ((inside if inside.is_dir() else package.parent / "ci") / name).read_bytes()
