"""The JSON Schema of `apps.toml`, as editors use it."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from generator.argocd import application, project
from generator.errors import RegistryError
from generator.registry import model as model_module
from generator.registry import namespace_settings
from generator.registry.files import MemoryFiles
from generator.registry.json_schema import registry_schema, team_file_schema
from generator.registry.reader import read_registry_from
from tests.workspace import REGISTRY, ROOT, Run

SCHEMA = ROOT / "apps.schema.json"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(registry_schema())


def sample() -> dict[str, Any]:
    return tomllib.loads((ROOT / "apps.toml").read_text())


def test_the_committed_schema_is_what_the_command_prints(workloads: Run, tmp_path: Path) -> None:
    done = workloads("schema", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert SCHEMA.read_text() == done.out, "run 'workloads schema > apps.schema.json'"


def test_it_is_a_schema_of_the_draft_that_it_names() -> None:
    schema = json.loads(SCHEMA.read_text())
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


def test_the_sample_names_it_and_keeps_it(validator: jsonschema.Draft202012Validator) -> None:
    assert (ROOT / "apps.toml").read_text().startswith("#:schema ./apps.schema.json\n")
    assert list(validator.iter_errors(sample())) == []


def test_a_registry_of_its_own_keeps_it(validator: jsonschema.Draft202012Validator) -> None:
    assert list(validator.iter_errors(tomllib.loads(REGISTRY))) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version",), 3),
        (("verzion",), 1),
        (("environments", "dev", "lables"), {}),
        (("environments", "dev", "apps"), "ecsdemo-nodejs"),
        (("environments", "dev", "createProjects"), "yes"),
        (("environments", "prod", "policy"), {"pin": "branch"}),
        (("environments", "prod", "policy"), {"maxRemovals": -1}),
        (("apps", "ecsdemo-nodejs", "targetRevision"), 1.10),
        (("apps", "ecsdemo-nodejs", "syncPolicy"), {"syncOptions": ["CreateNamespaces=true"]}),
        (("teams", "ecsdemo", "allow"), ["everything"]),
        (("argocd", "namespace"), 7),
        (("workloads", "branches"), "main"),
    ],
)
def test_it_refuses_what_the_reader_refuses(
    validator: jsonschema.Draft202012Validator, path: tuple[str, ...], value: object
) -> None:
    data = copy.deepcopy(sample())
    table = data
    for part in path[:-1]:
        table = table[part]
    table[path[-1]] = value
    assert list(validator.iter_errors(data))


def test_a_team_is_asked_of_every_app(validator: jsonschema.Draft202012Validator) -> None:
    data = sample()
    del data["apps"]["ecsdemo-nodejs"]["team"]
    assert [error.message for error in validator.iter_errors(data)] == ["'team' is a required property"]


_SCHEMAS = pytest.mark.parametrize("schema", [registry_schema(), team_file_schema()], ids=["root", "team"])
#: Tables and keys that are the registry's own: Argo CD has no such field.
_OWN_TABLES = {
    *("Environment", "Freeze", "IncludedEnvironment", "PromotionPolicy", "Team", "Track", "Workloads"),
    *("SharedNamespace", "SharedRepository", "NamespaceSettings", "LimitRangeItem"),
}
_ARGO_CD_PAGE = re.compile(r"https://argo-cd\.readthedocs\.io/en/stable/(user-guide|operator-manual)/\S+/(#\S+)?")
_OWN_KEYS = {
    *(f"{table}.{key}" for table in ("ArgoCD", "ArgoCDSettings") for key in ("kind", "version", "url", "instances")),
    "App.team",
    "App.description",
    "App.track",
    "App.environments",
}


def _properties(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each property of each table: the table's name, "" for the file, the key and the property's schema."""
    for table, one in {"": schema, **schema["$defs"]}.items():
        for key, described in one.get("properties", {}).items():
            yield table, key, described


@_SCHEMAS
def test_every_key_has_a_description_in_one_sentence_or_more(schema: dict[str, Any]) -> None:
    found = list(_properties(schema))
    assert len(found) > 150
    for table, key, described in found:
        text = described["description"].partition("\n\n")[0]
        assert text[0].isupper(), (table, key)
        assert text.endswith("."), (table, key)


@_SCHEMAS
def test_every_key_that_argo_cd_has_links_to_its_page(schema: dict[str, Any]) -> None:
    for table, key, described in _properties(schema):
        if table and table not in _OWN_TABLES and f"{table}.{key}" not in _OWN_KEYS:
            link = described["description"].partition("\n\n")[2]
            assert _ARGO_CD_PAGE.fullmatch(link), (table, key)


def test_the_version_that_brought_a_key_is_named() -> None:
    enabled = registry_schema()["$defs"]["Automated"]["properties"]["enabled"]
    assert enabled["description"].partition("\n")[0].endswith(" Since Argo CD 3.1.")


def test_every_description_is_of_a_key_that_exists() -> None:
    descriptions = tomllib.loads((ROOT / "generator" / "registry" / "schema_descriptions.toml").read_text())
    for name, keys in descriptions.items():
        modules = model_module, namespace_settings, application, project
        model = next(vars(module)[name] for module in modules if name in vars(module))
        aliases = {str(field.alias) for field in model.model_fields.values()}
        assert keys.keys() - {"_page"} <= aliases, name


_TEAM_FILE = """
[environments.dev]
apps = ["billing@v1.2.0"]

[apps.billing]
team = "payments"
repoURL = "https://github.com/acme/billing.git"
path = "chart"
targetRevision = "main"
helm.parameters = { replicaCount = "3" }
"""
_ROOT_FILE = """version = 1
include = ["teams/{team}.toml"]
[environments.dev]
[teams.payments]
repositories = ["https://github.com/acme/"]
namespaces = ["billing"]
"""


def _team_file_is_read(text: str) -> bool:
    files = MemoryFiles({"apps.toml": _ROOT_FILE.encode(), "teams/payments.toml": text.encode()})
    try:
        read_registry_from(files, "apps.toml")
    except RegistryError:
        return False
    return True


@pytest.mark.parametrize(
    ("change", "valid"),
    [
        (("", ""), True),
        (('team = "payments"\n', ""), False),
        (("[environments.dev]", "[environments.dev]\nlabels = {}"), False),
        (("[apps.billing]", "[teams.payments]\n[apps.billing]"), False),
        (("\n[environments", "version = 1\n[environments"), False),
        (("helm.parameters", "helm.paramters"), False),
    ],
)
def test_the_schema_of_team_files_accepts_what_the_reader_accepts(change: tuple[str, str], valid: bool) -> None:
    text = _TEAM_FILE.replace(*change)
    assert _team_file_is_read(text) == valid
    errors = list(jsonschema.Draft202012Validator(team_file_schema()).iter_errors(tomllib.loads(text)))
    assert (errors == []) == valid


def test_the_command_prints_the_schema_of_team_files(workloads: Run, tmp_path: Path) -> None:
    done = workloads("schema", "--team", cwd=tmp_path)
    assert (done.code, json.loads(done.out)) == (0, team_file_schema())
