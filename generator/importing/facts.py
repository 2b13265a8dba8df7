"""Find Helm parameters whose values depend on the environment alone, and make them facts of the environments. Pure."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

Table = dict[str, Any]
AppTables = Mapping[str, Mapping[str, Table]]

#: How many apps must agree on a parameter's values before it becomes a fact.
_MIN_APPS = 3


def choose_facts(tables: AppTables) -> dict[str, dict[str, str]]:
    """Choose facts by environment: the values that most apps have for a Helm parameter that differs by environment.

    A fact is named like the last part of its parameter: `host` for `global.host`.
    """
    facts: dict[str, dict[str, str]] = defaultdict(dict)
    for name, parameter in _name_facts(tables).items():
        for environment, value in _usual_values(tables, parameter).items():
            facts[environment][name] = value
    return dict(facts)


def _name_facts(tables: AppTables) -> dict[str, str]:
    """The parameters that become facts, by the name of the fact."""
    parameters = {name for by_env in tables.values() for table in by_env.values() for name in _parameters(table)}
    found: dict[str, str] = {}
    for parameter in sorted(parameters):
        usual = _usual_values(tables, parameter)
        users = [by_env for by_env in tables.values() if len(by_env) > 1 and _agrees(by_env, parameter, usual)]
        name = _fact_name(parameter)
        differs = len(set(usual.values())) > 1 and any(value != environment for environment, value in usual.items())
        if differs and len(users) >= _MIN_APPS and name and name not in found:
            found[name] = parameter
    return found


def _fact_name(parameter: str) -> str:
    last = re.split(r"[.\[\]]", parameter)[-1]
    return last if re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,62}", last) else ""


def _parameters(table: Table) -> Mapping[str, str]:
    parameters = table.get("helm", {}).get("parameters", {})
    return parameters if isinstance(parameters, dict) else {}


def _usual_values(tables: AppTables, parameter: str) -> dict[str, str]:
    """The value that most apps give to a parameter, by environment."""
    values: dict[str, Counter[str]] = defaultdict(Counter)
    for by_env in tables.values():
        for environment, table in by_env.items():
            if parameter in _parameters(table):
                values[environment][_parameters(table)[parameter]] += 1
    return {environment: counts.most_common(1)[0][0] for environment, counts in values.items()}


def _agrees(by_env: Mapping[str, Table], parameter: str, usual: Mapping[str, str]) -> bool:
    """Whether an app has the parameter in all its environments, with the usual values."""
    return all(_parameters(table).get(parameter) == usual.get(environment, "") for environment, table in by_env.items())


def use_facts(tables: AppTables, facts: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, Table]]:
    """The tables with `${facts.NAME}` where an app's parameter has the values of a fact in all its environments."""
    names = _name_facts(tables)
    return {app: _use_facts_in_app(by_env, names, facts) for app, by_env in tables.items()}


def _use_facts_in_app(
    by_env: Mapping[str, Table], names: Mapping[str, str], facts: Mapping[str, Mapping[str, str]]
) -> dict[str, Table]:
    found = dict(by_env)
    for name, parameter in names.items():
        usual = {environment: values[name] for environment, values in facts.items() if name in values}
        if not _agrees(by_env, parameter, usual):
            continue
        for environment, table in found.items():
            parameters = {**_parameters(table), parameter: f"${{facts.{name}}}"}
            found[environment] = {**table, "helm": {**table["helm"], "parameters": parameters}}
    return found
