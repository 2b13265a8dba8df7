"""Generate CODEOWNERS entries for the teams, and update a CODEOWNERS file. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from generator.errors import RefusedError
from generator.registry.editable import EditableRegistry

BLOCK_BEGIN = "# workloads: begin (written by 'workloads codeowners --write'; changes in here are lost)"
BLOCK_END = "# workloads: end"
# Characters that need no escaping; GitHub, GitLab and others escape differently.
_PLAIN_PATTERN = re.compile(r"[A-Za-z0-9._/*-]+")


def generate_codeowners_lines(editable: EditableRegistry, registry_folder: str, *, include_charts: bool) -> list[str]:
    """Generate the CODEOWNERS lines, general ones first, because the last matching pattern wins.

    `registry_folder` is relative to the root of the repository ("" for the root itself). Set `include_charts` if
    the generated files are in this repository too. Raises RefusedError for a name that CODEOWNERS cannot hold.
    """
    prefix = f"/{registry_folder}/" if registry_folder else "/"
    lines = [
        *_registry_file_owners(editable, prefix),
        *(_generated_file_owners(editable, prefix) if include_charts else ()),
    ]
    return [f"{_require_plain_pattern(pattern)} {' '.join(owners)}" for pattern, owners in lines if owners]


def _registry_file_owners(editable: EditableRegistry, prefix: str) -> Iterator[tuple[str, list[str]]]:
    shared = editable.registry.workloads.owners
    team_of = {file: str(editable.registry.apps[app]["team"]) for app, file in editable.app_files.items()}
    yield prefix + editable.root, shared
    for name in sorted(editable.documents.keys() - {editable.root}):
        yield prefix + name, editable.registry.teams[team_of[name]].owners if name in team_of else shared


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
            yield f"{output}argo-app-projects/{project}.yaml", owners


def _require_plain_pattern(pattern: str) -> str:
    if _PLAIN_PATTERN.fullmatch(pattern):
        return pattern
    raise RefusedError(
        f"{pattern} cannot be written in CODEOWNERS without escaping",
        remedy="rename it: letters, digits, '.', '_', '-'",
        not_done="nothing was written",
    )


def replace_codeowners_block(text: str, lines: list[str]) -> str:
    """Replace the lines between the two markers with `lines`, and keep the rest of the file.

    Without markers, the block is appended, so that its patterns win. Raises RefusedError unless there is
    exactly one pair of markers.
    """
    ending = "\r\n" if "\r\n" in text else "\n"
    own = ending.join([BLOCK_BEGIN, *lines, BLOCK_END]) + ending
    found = text.splitlines(keepends=True)
    begins = [index for index, line in enumerate(found) if line.rstrip() == BLOCK_BEGIN]
    ends = [index for index, line in enumerate(found) if line.rstrip() == BLOCK_END]
    if not begins and not ends:
        gap = "" if not text else ending if text.endswith("\n") else ending * 2
        return text + gap + own
    if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0]:
        raise RefusedError(
            "CODEOWNERS does not have exactly one pair of the lines that mark what workloads writes",
            remedy=f'leave one "{BLOCK_BEGIN}" and, below it, one "{BLOCK_END}"',
            not_done="nothing was written",
        )
    return "".join(found[: begins[0]]) + own + "".join(found[ends[0] + 1 :])
