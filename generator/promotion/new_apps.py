"""Read the apps that `workloads add` onboards from a file: TOML or YAML in the form of apps.toml, or CSV. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from generator.errors import UsageError
from generator.helm.engine import HelmRefusal, parse_values
from generator.promotion.onboarding import NewApp
from generator.registry.registry import Listing
from generator.toml.document import TomlError, parse_document

FORMATS = ("toml", "yaml", "csv")
_FORM = 'write [apps.NAME] tables and [environments.ENV] apps = ["NAME"], as in apps.toml'


def read_new_apps(name: str, content: bytes, form: str) -> list[NewApp]:
    """Read new apps from the content of a file; `form` is one of `FORMATS`.

    A CSV file has a column for each key of an app (`app`, `team`, `repoURL`, …), and optionally `environments`.
    Raises UsageError for content that is not in that form.
    """
    data = _read_csv(content) if form == "csv" else _read_tables(name, content, form)
    apps, environments = data.get("apps"), data.get("environments", {})
    if not isinstance(apps, dict) or not apps or not all(isinstance(table, dict) for table in apps.values()):
        raise UsageError("WL1007", f"{name} has no apps", remedy=_FORM)
    entries = _group_entries(name, environments, apps)
    return [NewApp(app, table, entries.get(app, {})) for app, table in apps.items()]


def _read_tables(name: str, content: bytes, form: str) -> Mapping[str, Any]:
    try:
        return parse_document(name, content).data if form == "toml" else parse_values(content.decode())
    except TomlError as error:
        position, _, text = error.problems[0]
        raise UsageError("WL1007", f"{name}:{position.line}:{position.column}: {text}", remedy=_FORM) from error
    except (HelmRefusal, UnicodeDecodeError) as error:
        raise UsageError("WL1007", f"{name} is not YAML: {str(error).strip().splitlines()[0]}", remedy=_FORM) from error


def _group_entries(name: str, environments: Any, apps: Mapping[str, Any]) -> dict[str, dict[str, str | None]]:
    found: dict[str, dict[str, str | None]] = {}
    for env, app, pin in _list_entries(environments):
        if app not in apps:
            raise UsageError(
                "WL1007", f"{name} lists {app} in {env}, but has no table for it", remedy=f"add [apps.{app}]"
            )
        found.setdefault(app, {})[env] = pin
    return found


def _list_entries(environments: Any) -> Iterator[tuple[str, str, str | None]]:
    for env, table in environments.items() if isinstance(environments, dict) else ():
        for entry in table.get("apps", ()) if isinstance(table, dict) else ():
            listing = Listing.parse_entry(str(entry))
            yield str(env), listing.app, listing.pin


def _read_csv(content: bytes) -> Mapping[str, Any]:
    rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig", errors="replace")), skipinitialspace=True)
    apps: dict[str, Any] = {}
    environments: dict[str, Any] = {}
    for row in rows:
        given = {str(key): value for key, value in row.items() if value}
        app = given.pop("app", "")
        for entry in given.pop("environments", "").split():
            env, at, pin = entry.partition("@")
            environments.setdefault(env, {"apps": []})["apps"].append(f"{app}{at}{pin}")
        apps[app] = given
    return {"apps": apps, "environments": environments}
