"""What differs by the environment's name alone is written once."""

from __future__ import annotations

from generator.importing.facts import choose_facts, use_facts
from generator.importing.interpolate import has_placeholder, interpolate_environment


def test_the_name_of_the_environment_becomes_a_placeholder() -> None:
    tables = {env: {"helm": {"valueFiles": ["values.yaml", f"values-{env}.yaml"]}} for env in ("dev", "prod")}
    expected = {"helm": {"valueFiles": ["values.yaml", "values-${environment.name}.yaml"]}}
    assert interpolate_environment(tables) == {"dev": expected, "prod": expected}


def test_the_name_counts_only_as_a_word_of_its_own() -> None:
    tables = {"dev": {"path": "developer"}, "prod": {"path": "product"}}
    assert interpolate_environment(tables) == tables


def test_other_differences_stay() -> None:
    tables = {"dev": {"path": "dev/a"}, "prod": {"path": "prod/b"}}
    assert interpolate_environment(tables) == tables


def test_a_field_that_is_not_filled_in_stays() -> None:
    tables = {env: {"targetRevision": f"release-{env}"} for env in ("dev", "prod")}
    assert interpolate_environment(tables) == tables


def test_one_environment_needs_no_placeholder() -> None:
    tables = {"dev": {"path": "dev"}}
    assert not has_placeholder(interpolate_environment(tables))


def parameters(**values: str) -> dict[str, object]:
    return {"helm": {"parameters": values}}


def test_a_parameter_that_differs_alike_in_several_apps_becomes_a_fact() -> None:
    hosts = {"dev": "dev.example.org", "prod": "example.org"}
    tables = {app: {env: parameters(host=host, app=app) for env, host in hosts.items()} for app in ("a", "b", "c")}
    facts = choose_facts(tables)
    assert facts == {"dev": {"host": "dev.example.org"}, "prod": {"host": "example.org"}}
    assert use_facts(tables, facts)["a"]["prod"] == parameters(host="${facts.host}", app="a")


def test_an_app_with_another_value_keeps_it() -> None:
    hosts = {"dev": "dev.example.org", "prod": "example.org"}
    tables = {app: {env: parameters(host=host) for env, host in hosts.items()} for app in ("a", "b", "c")}
    tables["odd"] = {"dev": parameters(host="dev.example.org"), "prod": parameters(host="other.example.org")}
    assert use_facts(tables, choose_facts(tables))["odd"] == tables["odd"]


def test_two_apps_are_too_few_for_a_fact() -> None:
    tables = {app: {env: parameters(host=f"{env}.example.org") for env in ("dev", "prod")} for app in ("a", "b")}
    assert choose_facts(tables) == {}
