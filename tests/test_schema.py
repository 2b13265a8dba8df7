"""The JSON Schema of `apps.toml`, as editors use it."""

from __future__ import annotations

import copy
import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from generator.registry.model import json_schema
from tests.workspace import REGISTRY, ROOT, Run, runner

SCHEMA = ROOT / "apps.schema.json"


@pytest.fixture
def workloads(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys)


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json_schema())


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
        (("version",), 2),
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
