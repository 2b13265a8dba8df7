"""Write the files of a new registry. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from generator.importing.build import NewRegistry, Table
from generator.registry.files import REGISTRY_NAME
from generator.registry.json_schema import SCHEMA_FILE, SCHEMA_LINE, format_registry_schema
from generator.toml.write import Lines, format_entries, format_table

TEAM_FILES = "teams/{team}.toml"


def write_registry_files(registry: NewRegistry, *, split_by_team: bool = False) -> dict[str, bytes]:
    """The registry's files by name: one root file, and with `split_by_team` one file with the apps of each team."""
    head: Table = {"version": 2} | ({"include": [TEAM_FILES]} if split_by_team else {})
    head |= {"interpolate": True} if registry.interpolate else {}
    blocks = [
        SCHEMA_LINE + format_entries(head),
        format_table(("argocd",), registry.argocd),
        *([format_table(("defaults",), registry.defaults)] if registry.defaults else []),
    ]
    for section, tables in registry.sections.items():
        for name, table in tables.items():
            listed = section == "environments" and not split_by_team
            apps = {"apps": Lines(registry.listings[name])} if listed else {}
            blocks.append(format_table((*section.split("."), name), {**table, **apps}))
    if not split_by_team:
        blocks += _format_apps(registry.apps)
        return {REGISTRY_NAME: _join(blocks), SCHEMA_FILE: format_registry_schema()}
    return {REGISTRY_NAME: _join(blocks), SCHEMA_FILE: format_registry_schema(), **_write_team_files(registry)}


def _format_apps(apps: Mapping[str, Table]) -> list[str]:
    return [format_table(("apps", name), table) for name, table in apps.items()]


def _join(blocks: Iterable[str]) -> bytes:
    return "\n".join(blocks).encode()


def _write_team_files(registry: NewRegistry) -> dict[str, bytes]:
    return {
        TEAM_FILES.format(team=team): format_team_file(registry, team).encode() for team in registry.sections["teams"]
    }


def format_team_file(registry: NewRegistry, team: str) -> str:
    """The file with the apps of a team, and with its entries in the promotion lists."""
    apps = {name: table for name, table in registry.apps.items() if table["team"] == team}
    blocks = []
    for env, entries in registry.listings.items():
        own = [entry for entry in entries if entry.partition("@")[0] in apps]
        if own:
            blocks.append(format_table(("environments", env), {"apps": Lines(own)}))
    return "\n".join([*blocks, *_format_apps(apps)])
