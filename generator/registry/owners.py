"""Registry → the lines of CODEOWNERS that its teams make necessary, and a CODEOWNERS file with them. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from generator.errors import RefusedError
from generator.registry.book import Book

BEGIN = "# workloads: begin (written by 'workloads codeowners --write'; changes in here are lost)"
END = "# workloads: end"
# What needs no escaping, which GitHub, GitLab and others each do in their own way.
_PLAIN = re.compile(r"[A-Za-z0-9._/*-]+")


def block(book: Book, folder: str, *, charts: bool) -> list[str]:
    """The lines, general ones first: in CODEOWNERS the last pattern that matches wins.

    `folder` is the registry's, below the top of its repository ("" for the top). `charts` says that the
    generated files are in this repository too. Raises RefusedError for a name that CODEOWNERS cannot hold.
    """
    prefix = f"/{folder}/" if folder else "/"
    lines = [*_registry_files(book, prefix), *(_generated(book, prefix) if charts else ())]
    return [f"{_plain(pattern)} {' '.join(owners)}" for pattern, owners in lines if owners]


def _registry_files(book: Book, prefix: str) -> Iterator[tuple[str, list[str]]]:
    shared = book.registry.workloads.owners
    team_of = {file: str(book.registry.apps[app]["team"]) for app, file in book.app_files.items()}
    yield prefix + book.root, shared
    for name in sorted(book.documents.keys() - {book.root}):
        yield prefix + name, book.registry.teams[team_of[name]].owners if name in team_of else shared


def _generated(book: Book, prefix: str) -> Iterator[tuple[str, list[str]]]:
    registry = book.registry
    path = registry.workloads.path
    output = prefix if path == "." else f"{prefix}{path}/"
    yield output, registry.workloads.owners
    sharded = any(env.shards is not None for env in registry.environments.values())
    charts = ["argo-app-of-apps/*", *(["argo-app-shards/*/*"] if sharded else [])]
    apps: dict[str, set[str]] = defaultdict(set)
    projects: dict[str, set[str]] = defaultdict(set)
    for name in registry.environments:
        for app in registry.effective_apps(name):
            apps[app.team].add(app.app)
            projects[app.team].add(app.project)
    for team in sorted(apps):
        owners = registry.teams[team].owners
        for app_name in sorted(apps[team]):
            # Of every environment: one pattern for each kind of file.
            for chart in charts:
                yield f"{output}{chart}/templates/{app_name}.yaml", owners
                yield f"{output}{chart}/tests/{app_name}_test.yaml", owners
        for project in sorted(projects[team]):
            yield f"{output}argo-app-projects/{project}.yaml", owners


def _plain(pattern: str) -> str:
    if _PLAIN.fullmatch(pattern):
        return pattern
    raise RefusedError(
        f"{pattern} cannot be written in CODEOWNERS without escaping",
        remedy="rename it: letters, digits, '.', '_', '-'",
        undone="nothing was written",
    )


def written(text: str, lines: list[str]) -> str:
    """A CODEOWNERS file with `lines` between the two marker lines, everything else as it was.

    Where there are no markers yet, they come last, and so win. Raises RefusedError where the markers
    are not one pair.
    """
    ending = "\r\n" if "\r\n" in text else "\n"
    own = ending.join([BEGIN, *lines, END]) + ending
    found = text.splitlines(keepends=True)
    begins = [index for index, line in enumerate(found) if line.rstrip() == BEGIN]
    ends = [index for index, line in enumerate(found) if line.rstrip() == END]
    if not begins and not ends:
        gap = "" if not text else ending if text.endswith("\n") else ending * 2
        return text + gap + own
    if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0]:
        raise RefusedError(
            "CODEOWNERS does not have exactly one pair of the lines that mark what workloads writes",
            remedy=f'leave one "{BEGIN}" and, below it, one "{END}"',
            undone="nothing was written",
        )
    return "".join(found[: begins[0]]) + own + "".join(found[ends[0] + 1 :])
