"""Generate CODEOWNERS entries for the teams, and update the CODEOWNERS file that the forge reads. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator

from generator.argocd.urls import repository_key, split_grant
from generator.errors import RefusedError
from generator.registry.editable import EditableRegistry
from generator.registry.files import TEAM_PLACEHOLDER

BLOCK_BEGIN = "# workloads: begin (written by 'workloads codeowners --write'; changes in here are lost)"
BLOCK_END = "# workloads: end"
#: Where each forge looks for CODEOWNERS: the first file that exists is in force.
CODEOWNERS_PATHS = {
    "github": (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"),
    "gitlab": ("CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"),
    "gitea": ("CODEOWNERS", "docs/CODEOWNERS", ".gitea/CODEOWNERS"),
}
# A line that begins a section of GitLab's: `[Name]`, `^[Optional]`, `[Name][2] @default-owner`.
_SECTION = re.compile(r"\^?\[[^\]]+\]")
# What can be written for GitHub and GitLab: these characters, and spaces and "#" behind a backslash.
_WRITABLE_PATTERN = re.compile(r"[\w./*?+=@,~ #-]+")


def find_codeowners_file(forge: str, exists: Callable[[str], bool]) -> tuple[str, str]:
    """The forge, and the path of the CODEOWNERS file that it reads or, if there is none, would read.

    An unknown forge ("") is guessed from the folder that has the file.
    """
    folders = {name: f".{name}/CODEOWNERS" for name in CODEOWNERS_PATHS}
    known = forge or next((name for name, path in folders.items() if exists(path)), "github")
    return known, next((path for path in CODEOWNERS_PATHS[known] if exists(path)), "CODEOWNERS")


def generate_codeowners_lines(
    editable: EditableRegistry,
    registry_folder: str,
    *,
    include_charts: bool,
    forge: str = "github",
    repository: str | None = None,
) -> list[str]:
    """Generate the CODEOWNERS lines, general ones first, because the last matching pattern wins.

    `registry_folder` is relative to the root of the repository ("" for the root itself). Set `include_charts` if
    the generated files are in this repository too. Teams also own the folders that they are granted of `repository`,
    the URL of this one. Raises RefusedError for a name that CODEOWNERS cannot hold.
    """
    prefix = f"/{registry_folder}/" if registry_folder else "/"
    lines = [*_granted_folder_owners(editable, repository), *_registry_file_owners(editable, prefix)]
    if include_charts:
        lines += _generated_file_owners(editable, prefix)
    write_pattern = _regular_expression if forge == "gitea" else _escape_pattern
    return [f"{write_pattern(pattern)} {' '.join(owners)}" for pattern, owners in lines if owners]


def _granted_folder_owners(editable: EditableRegistry, repository: str | None) -> Iterator[tuple[str, list[str]]]:
    for team in editable.registry.teams.values():
        for url, folder in map(split_grant, team.repositories):
            if repository and folder is not None and repository_key(url) == repository_key(repository):
                yield f"/{folder}/", team.owners


def _registry_file_owners(editable: EditableRegistry, prefix: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the owners of the root file, of each include pattern, and of each team's files, which need not exist."""
    registry = editable.registry
    yield prefix + editable.root, registry.workloads.owners
    for entry in registry.include:
        yield prefix + entry.replace(TEAM_PLACEHOLDER, "*"), registry.workloads.owners
    for name, team in registry.teams.items():
        patterns = [entry.replace(TEAM_PLACEHOLDER, name) for entry in registry.include if TEAM_PLACEHOLDER in entry]
        for pattern in [*patterns, *team.files]:
            yield prefix + pattern, team.owners


def _generated_file_owners(editable: EditableRegistry, prefix: str) -> Iterator[tuple[str, list[str]]]:
    registry = editable.registry
    path = registry.workloads.path
    output = prefix if path == "." else f"{prefix}{path}/"
    yield output, registry.workloads.owners
    sharded = any(env.shards is not None for env in registry.environments.values())
    charts = ["argo-app-of-apps/*", *(["argo-app-shards/*/*"] if sharded else [])]
    apps: dict[str, set[str]] = defaultdict(set)
    projects: dict[str, set[str]] = defaultdict(set)
    for name in registry.environments:
        for app in registry.list_effective_apps(name):
            apps[app.team].add(app.app)
            projects[app.team].add(app.project)
    for team in sorted(apps):
        owners = registry.teams[team].owners
        for app_name in sorted(apps[team]):
            # One pattern for each kind of file covers every environment.
            for chart in charts:
                yield f"{output}{chart}/templates/{app_name}.yaml", owners
                yield f"{output}{chart}/tests/{app_name}_test.yaml", owners
        for project in sorted(projects[team]):
            for folder in ("", *(["*/"] if registry.argocd.instances else [])):
                yield f"{output}argo-app-projects/{folder}{project}.yaml", owners


def _escape_pattern(pattern: str) -> str:
    """A pattern for GitHub and GitLab, which split lines at spaces."""
    if _WRITABLE_PATTERN.fullmatch(pattern):
        return re.sub("[ #]", r"\\\g<0>", pattern)
    raise RefusedError(
        "WL3302",
        f"{pattern} cannot be written in CODEOWNERS",
        remedy="rename the file or folder: letters, digits, spaces, '.', '_', '-'",
        not_done="nothing was written",
    )


def _regular_expression(pattern: str) -> str:
    """A pattern for Gitea, whose rules are regular expressions of whole paths; a backslash is written twice."""
    text = re.escape(pattern.removeprefix("/")).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
    text = text.replace(r"\?", "[^/]").replace(r"\-", "-").replace(r"\ ", " ").replace(r"\#", "#")
    return re.sub("[ #]", r"\\\g<0>", text.replace("\\", "\\\\")) + (".*" if pattern.endswith("/") else "")


def update_codeowners_block(text: str, lines: list[str]) -> str:
    """Return a CODEOWNERS text with `lines` between its two marker lines, and the rest as it is.

    Without markers, the block is appended, so that its patterns win. In a file with sections of
    GitLab's it becomes the last section, so that the other sections keep their entries. Raises RefusedError if the
    markers are not exactly one pair.
    """
    ending = "\r\n" if "\r\n" in text else "\n"
    before, after = _split_at_block(text.splitlines(keepends=True))
    sectioned = any(map(_SECTION.match, [*before, *after]))
    if sectioned:
        before, after, lines = [*before, *after], [], ["[Workloads]", *lines]
    block = ending.join([BLOCK_BEGIN, *lines, BLOCK_END]) + ending
    kept = "".join(before)
    if kept.strip() and (sectioned or BLOCK_BEGIN not in text):
        kept = kept.rstrip("\r\n") + ending * 2
    return kept + block + "".join(after)


def _split_at_block(lines: list[str]) -> tuple[list[str], list[str]]:
    """The lines before and after the markers; all lines are before a block that is not there yet."""
    begins = [index for index, line in enumerate(lines) if line.rstrip() == BLOCK_BEGIN]
    ends = [index for index, line in enumerate(lines) if line.rstrip() == BLOCK_END]
    if not begins and not ends:
        return lines, []
    if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0]:
        raise RefusedError(
            "WL3302",
            "CODEOWNERS does not have exactly one pair of the lines that mark what workloads writes",
            remedy=f'leave one "{BLOCK_BEGIN}" and, below it, one "{BLOCK_END}"',
            not_done="nothing was written",
        )
    return lines[: begins[0]], lines[ends[0] + 1 :]
