"""Report an import: as text, as Markdown for a pull request, and as JSON data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from generator.importing.import_registry import ImportResult
    from generator.importing.proof import Compared, FieldChange

_MAX_VALUE = 60


def summary_rows(result: ImportResult) -> list[list[str]]:
    """A row for each environment: its name, and how many of its Applications are exact and changed."""
    exact = Counter(each.environment for each in result.exact)
    changed = Counter(each.environment for each in result.changed if each.kind == "Application")
    return [[name, str(exact[name]), str(changed[name])] for name in result.registry.environments]


def detail_lines(result: ImportResult) -> Iterator[str]:
    """What is not exact: each changed field, and each thing that is not taken, with its file and line."""
    for compared in result.changed:
        differs = "differs from the registry, which stays as it is (source → registry)"
        verb = "changes" if result.is_new(compared) else differs
        yield f"{compared.file}:{compared.line}: {compared.kind} {compared.name} in {compared.environment} {verb}:"
        yield from (f"  {format_change(change)}" for change in compared.changes)
    for parent in result.parents:
        count = sum(child.startswith("Application ") for child in parent.children)
        yield (
            f"{parent.file}:{parent.line}: Application {parent.name} is not imported: it deploys {count} of these "
            "Applications, and the chart takes its place ('workloads import --plan' prints how)"
        )
    for each in result.not_taken:
        yield f"{each.file}:{each.line}: {each.what} is not imported: {each.reason}"


def format_change(change: FieldChange) -> str:
    """One field with its value before and after."""
    return f"{change.field}: {_excerpt(change.before)} → {_excerpt(change.after)}"


def _excerpt(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}…"


def report_as_json(result: ImportResult) -> dict[str, Any]:
    """The report as JSON data."""
    return {
        "files": list(result.files),
        "exact": len(result.exact),
        "changed": [_compared_as_json(each) for each in result.changed],
        "notTaken": [each._asdict() for each in result.not_taken],
        "environments": {name: len(env.listings) for name, env in result.registry.environments.items()},
        "teams": _apps_by_team(result),
        "added": [{"environment": env, "name": name} for env, name in result.added],
    }


def _compared_as_json(compared: Compared) -> dict[str, Any]:
    found = {key: getattr(compared, key) for key in ("kind", "environment", "name", "file", "line")}
    return {**found, "changes": [change._asdict() for change in compared.changes]}


def _apps_by_team(result: ImportResult) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {name: [] for name in result.registry.teams}
    for app, layer in result.registry.apps.items():
        found[layer["team"]].append(app)
    return found


def report_as_markdown(result: ImportResult) -> str:
    """The report as Markdown: a table of the environments, then what is not exact."""
    lines = ["# Import", "", *_markdown_table(["environment", "exact", "changed"], summary_rows(result)), ""]
    teams = [[team, str(len(apps)), ", ".join(apps)] for team, apps in _apps_by_team(result).items()]
    lines += ["## Teams", "", *_markdown_table(["team", "apps", "names"], teams), ""]
    if result.changed:
        rows = [
            [
                f"{each.environment}/{each.name}",
                f"{each.file}:{each.line}",
                "<br>".join(map(format_change, each.changes)),
            ]
            for each in result.changed
        ]
        lines += ["## Changed", "", *_markdown_table(["object", "source", "fields"], rows), ""]
    if result.not_taken:
        rows = [[each.what, f"{each.file}:{each.line}", each.reason] for each in result.not_taken]
        lines += ["## Not imported", "", *_markdown_table(["object", "source", "reason"], rows), ""]
    return "\n".join(lines)


def _markdown_table(header: list[str], rows: Iterable[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{' --- |' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
