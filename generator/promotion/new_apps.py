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
_CSV_HEADER = "app,team,repoURL,path,targetRevision,environments"
#: Columns of a CSV file that are true or false.
_BOOLEANS = frozenset({"prune", "selfHeal", "allowEmpty", "createProject"})
_FORM = 'write [apps.NAME] tables and [environments.ENV] apps = ["NAME"], as in apps.toml'


def read_new_apps(name: str, content: bytes, form: str) -> list[NewApp]:
    """Read new apps from the content of a file; `form` is one of `FORMATS`.

    A CSV file has a column for each key of an app (`app`, `team`, `repoURL`, …), and optionally `environments`.
    Raises UsageError for content that is not in that form.
    """
    data: Any = _read_csv(name, content) if form == "csv" else _read_tables(name, content, form)
    data = data if isinstance(data, dict) else {}
    apps, environments = data.get("apps"), data.get("environments", {})
    if not isinstance(apps, dict) or not apps or not all(isinstance(table, dict) for table in apps.values()):
        raise UsageError("WL1007", f"{name} has no apps", remedy=_FORM)
    for path in _find_nulls(apps, "apps"):
        raise UsageError("WL1007", f"{name}: {path} is null", remedy="leave the key out, or give it a value")
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


def _find_nulls(value: Any, path: str) -> Iterator[str]:
    if value is None:
        yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ()):
        yield from _find_nulls(inner, f"{path}.{key}")


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


def _read_csv(name: str, content: bytes) -> Mapping[str, Any]:
    try:
        rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig")), skipinitialspace=True, restkey="")
        if "app" not in (rows.fieldnames or ()):
            raise UsageError(
                "WL1007", f"{name} has no column app", remedy=f"begin it with a line such as {_CSV_HEADER}"
            )
        apps: dict[str, Any] = {}
        environments: dict[str, Any] = {}
        for row in rows:
            app = str(row.pop("app") or "")
            if "" in row or app in apps:
                wrong = "has more values than columns" if "" in row else f"is a second line for {app}"
                raise UsageError(
                    "WL1007", f"{name}:{rows.line_num}: {wrong}", remedy="correct the line, or quote its values"
                )
            for entry in (row.pop("environments", "") or "").split():
                env, at, pin = entry.partition("@")
                environments.setdefault(env, {"apps": []})["apps"].append(f"{app}{at}{pin}")
            apps[app] = _nest_columns(row)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError("WL1007", f"{name} is not CSV in UTF-8: {error}", remedy="save it as CSV in UTF-8") from error
    return {"apps": apps, "environments": environments}


def _nest_columns(row: Mapping[str, str | None]) -> dict[str, Any]:
    """The values of a row by column; a column such as `kustomize.namePrefix` is a key of a table."""
    table: dict[str, Any] = {}
    for column, value in row.items():
        *above, key = column.split(".")
        inner = table
        for part in above if value else ():
            inner = inner.setdefault(part, {})
        if not isinstance(inner, dict):
            raise UsageError(
                "WL1007", f"{column} is below a column that has a value of its own", remedy="remove one of the two"
            )
        if value:
            inner[key] = value == "true" if key in _BOOLEANS and value in ("true", "false") else value
    return table
