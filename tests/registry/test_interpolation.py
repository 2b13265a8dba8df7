"""Facts of an environment, filled into the fields of its apps."""

from __future__ import annotations

from typing import Any

import pytest

from generator.errors import RegistryError
from generator.registry.files import MemoryFiles
from generator.registry.reader import read_registry_from
from generator.registry.registry import Registry
from tests.registry.writer import toml

MONO = "https://git.example.com/org/mono.git"


def registry(app: dict[str, Any], *, interpolate: bool = True) -> dict[str, Any]:
    """A registry of one app in two environments with facts."""
    return {
        "version": 1,
        "interpolate": interpolate,
        "environments": {
            "dev": {"facts": {"region": "eu", "domain": "dev.example.com"}, "apps": ["web"]},
            "prod": {"facts": {"region": "us", "domain": "example.com"}, "apps": ["web@v1"]},
        },
        "teams": {
            "crew": {"repositories": [f"{MONO}//crew"], "namespaces": ["crew", "crew-*"]},
            "rest": {"repositories": [f"{MONO}//rest"], "namespaces": ["rest", "web"]},
        },
        "apps": {"web": {"team": "crew", "namespace": "crew", "repoURL": MONO, "path": "crew/web", **app}},
    }


def read(data: dict[str, Any]) -> Registry:
    return read_registry_from(MemoryFiles({"apps.toml": toml(data).encode()}), "apps.toml")


def problems(data: dict[str, Any]) -> list[str]:
    with pytest.raises(RegistryError) as caught:
        read(data)
    return [f"{problem.line}: {problem.key}: {problem.text}" for problem in caught.value.problems]


def fields(data: dict[str, Any], environment: str = "dev") -> dict[str, Any]:
    (app,) = read(data).list_effective_apps(environment)
    return {"application": app.application, "namespace": app.namespace, **app.fields}


def test_every_field_that_may_differ_is_filled_in() -> None:
    app = {
        "path": "crew/${app.name}",
        "namespace": "${team.name}-${facts.region}",
        "name": "${app.name}.${environment.name}",
        "labels": {"region": "${facts.region}"},
        "annotations": {"example.com/url": "https://${facts.domain}/$${literal}"},
        "helm": {
            "valueFiles": ["values.yaml", "values-${environment.name}.yaml"],
            "parameters": {"host": "web.${facts.domain}"},
            "valuesObject": {"a": [{"b": "${facts.region}-${facts.region}"}], "n": 1},
        },
    }
    found = fields(registry(app))
    assert found["path"] == "crew/web"
    assert (found["namespace"], found["application"]) == ("crew-eu", "web.dev")
    assert found["labels"] == {"region": "eu"}
    assert found["annotations"] == {"example.com/url": "https://dev.example.com/${literal}"}
    assert found["helm"]["valueFiles"] == ["values.yaml", "values-dev.yaml"]
    assert found["helm"]["parameters"] == [{"name": "host", "value": "web.dev.example.com"}]
    assert found["helm"]["valuesObject"] == {"a": [{"b": "eu-eu"}], "n": 1}
    assert fields(registry(app), "prod")["namespace"] == "crew-us"


def test_sources_and_kustomize_are_filled_in() -> None:
    sources = [
        {"repoURL": MONO, "path": "crew/${facts.region}", "kustomize": {"namePrefix": "${facts.region}-"}},
        {"repoURL": "https://git.example.com/org/${facts.region}.git", "ref": "values"},
    ]
    data = registry({})
    data["teams"]["crew"]["repositories"] += [f"https://git.example.com/org/{region}.git" for region in ("eu", "us")]
    data["apps"]["web"] = {"team": "crew", "namespace": "crew", "sources": sources}
    one, two = fields(data, "prod")["sources"]
    assert (one["path"], one["kustomize"]) == ("crew/us", {"namePrefix": "us-"})
    assert two["repoURL"] == "https://git.example.com/org/us.git"


def test_facts_come_before_the_pin_and_after_overrides() -> None:
    app = {
        "pins": ["helm.parameters.tag"],
        "helm": {"parameters": {"tag": "${facts.region}", "x": "app"}},
        "environments": {"prod": {"helm": {"parameters": {"x": "${facts.domain}"}}}},
    }
    assert fields(registry(app))["helm"]["parameters"][0]["value"] == "eu"
    values = {each["name"]: each["value"] for each in fields(registry(app), "prod")["helm"]["parameters"]}
    assert values == {"tag": "v1", "x": "example.com"}


def test_without_the_switch_it_is_plain_text() -> None:
    app = {"labels": {}, "helm": {"valuesObject": {"shell": "${HOME} $${HOME}"}}}
    assert fields(registry(app, interpolate=False))["helm"]["valuesObject"] == {"shell": "${HOME} $${HOME}"}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (
            "${facts.regoin}",
            '"facts.regoin" is not a fact of environment dev: add it to environments.dev.facts, or use facts.domain, '
            "facts.region",
        ),
        ("${env.name}", '"env.name" is not a name: use environment.name, app.name, team.name or facts.NAME'),
        ("${HOME}", '"HOME" is not a name: use environment.name'),
        ("${}", '"" is not a name'),
        ("${facts.region", '"${" has no "}": close it, or write "$${" for the text "${"'),
    ],
)
def test_an_unknown_name_is_an_error_at_its_place(value: str, problem: str) -> None:
    data = registry({"helm": {"parameters": {"host": value}}})
    found = problems(data)
    line = next(number for number, text in enumerate(toml(data).splitlines(), 1) if value in text)
    assert found[0].startswith(f"{line}: apps.web.helm.parameters.host: {problem}")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("project", "web-${environment.name}"),
        ("targetRevision", "-${facts.region}"),
        ("finalizer", "${facts.region}"),
        ("server", "https://${facts.domain}"),
        ("track", {"branch": "${facts.region}"}),
    ],
)
def test_other_fields_are_not_filled_in(field: str, value: Any) -> None:
    data = registry({field: value})
    data["teams"]["crew"]["allow"] = ["destination"]
    assert f"apps.web.{field}: " in problems(data)[0]


@pytest.mark.parametrize(
    ("app", "fact", "key"),
    [
        ({"namespace": "${facts.x}"}, "rest", "namespace"),
        ({"namespace": "${facts.x}"}, "crew*", "namespace"),
        ({"namespace": "crew-${facts.x}"}, "A", "namespace"),
        ({"path": "${facts.x}/web"}, "rest", "path"),
        ({"path": "crew/${facts.x}"}, "../rest", "path"),
        ({"path": "crew/${facts.x}"}, "/x", ""),
        ({"repoURL": "https://git.example.com/org/${facts.x}.git"}, "other", "repoURL"),
        ({"repoURL": "${facts.x}"}, "https://user:secret@git.example.com/org/mono.git", "repoURL"),
        ({"repoURL": "https://git.example.com/org/mono.git${facts.x}"}, "?ref=x", "repoURL"),
        ({"helm": {"valueFiles": ["${facts.x}.yaml"]}}, "../../rest/values", "helm.valueFiles"),
        ({"name": "${facts.x}"}, "A B", "name"),
        ({"labels": {"x": "${facts.x}"}}, "not a label", "labels.x"),
    ],
)
def test_a_fact_never_carries_an_app_out_of_its_grant(app: dict[str, Any], fact: str, key: str) -> None:
    data = registry(app)
    data["environments"]["dev"]["facts"]["x"] = fact
    data["environments"]["prod"]["facts"]["x"] = "crew"
    data["environments"]["prod"]["apps"] = []
    if not key:
        read(data)
        return
    (found,) = problems(data)
    assert f"apps.web.{key}: " in found
    assert "secret" not in found


def test_tenancy_is_checked_in_every_environment() -> None:
    data = registry({"namespace": "${facts.home}"})
    data["environments"]["dev"]["facts"]["home"] = "crew"
    data["environments"]["prod"]["facts"]["home"] = "rest"
    (found,) = problems(data)
    assert 'namespace "rest" is not granted to team "crew"' in found


def test_uniqueness_is_checked_on_the_result() -> None:
    data = registry({"name": "same-${facts.region}"})
    data["apps"]["docs"] = {**data["apps"]["web"], "name": "same-eu"}
    data["environments"]["dev"]["apps"] = ["web", "docs"]
    assert any('Application "same-eu" is also that of' in found for found in problems(data))


def test_an_app_that_runs_nowhere_may_be_written_first() -> None:
    data = registry({"namespace": "crew-${facts.later}"})
    for env in data["environments"].values():
        env["apps"] = []
    read(data)


def test_a_fact_has_a_name_and_is_a_line() -> None:
    data = registry({})
    data["environments"]["dev"]["facts"] = {"a b": "x", "c": "x\ny"}
    assert len(problems(data)) == 2
