"""The objects of the guard: what is in use and what is not, and how many ConfigMaps that takes."""

from __future__ import annotations

import json

from generator.charts import yaml
from generator.cluster.guard import build_guard, format_guard
from tests.charts.rendered import registry_of
from tests.workspace import REGISTRY


def _entries(text: str, environment: str = "test") -> dict[str, list[str]]:
    """What the policies of an environment hold of each Application."""
    found: dict[str, list[str]] = {}
    for item in build_guard(registry_of(text), environment)[::2]:
        for variable in item["spec"]["variables"]:
            if variable["name"].startswith("inUse"):
                found.update(json.loads(variable["expression"]))
    return found


def test_an_entry_says_what_the_application_may_be() -> None:
    assert _entries(REGISTRY)["billing"] == [
        "billing",
        "payments",
        "billing",
        "server https://kubernetes.default.svc billing",
        "resources-finalizer.argocd.argoproj.io",
        "https://github.com/acme/billing.git",
    ]


def test_the_name_of_the_application_is_the_key() -> None:
    text = REGISTRY.replace('promotesFrom = ["dev"]', 'promotesFrom = ["dev"]\nnameSuffix = "-test"\ncluster = "eu"')
    (name, *_), (_, *rest) = sorted(_entries(text)), _entries(text)["billing-test"]
    assert (name, rest[2]) == ("billing-test", "name eu billing")


def test_retired_apps_are_not_guarded_and_those_handed_over_have_no_finalizer() -> None:
    retired = REGISTRY.replace(
        "[environments.prod]", '[environments.test.retired]\nledger = "2026-11-28"\n[environments.prod]'
    )
    assert {*_entries(retired)} == {"billing"}
    handed_over = REGISTRY.replace('promotesFrom = ["dev"]', 'promotesFrom = ["dev"]\nhandOver = ["ledger"]')
    finalizers = {name: entry[4] for name, entry in _entries(handed_over).items()}
    assert finalizers == {"billing": "resources-finalizer.argocd.argoproj.io", "ledger": ""}


def test_several_sources_are_in_order() -> None:
    sources = '[[apps.ledger.sources]]\nrepoURL = "https://github.com/acme/%s.git"\npath = "chart"\n'
    head = REGISTRY.replace('repoURL = "https://github.com/acme/ledger.git"\npath = "chart"\n', "")
    text = head + sources % "one" + sources % "two"
    assert _entries(text)["ledger"][5] == "https://github.com/acme/one.git https://github.com/acme/two.git"


_APP = """
[apps.%s]
team = "payments"
repoURL = "https://github.com/acme/a.git"
path = "%s"
"""


def test_many_applications_are_in_several_variables() -> None:
    apps = [f"app{number}" for number in range(501)]
    head = f"version = 1\n[environments.test]\napps = {json.dumps(apps)}\n[teams.payments]\n"
    head += 'namespaces = ["app*"]\nrepositories = ["https://github.com/acme/"]\n'
    text = head + "".join(_APP % (app, app) for app in apps)
    objects = build_guard(registry_of(text), "test")
    variables = [each for each in objects[0]["spec"]["variables"] if each["name"].startswith("inUse")]
    assert [len(json.loads(each["expression"])) for each in variables] == [200, 200, 101]
    assert all(len(each["expression"]) < 100_000 for each in variables)
    assert {*_entries(text)} == {*apps}


def test_an_environment_without_apps_in_use_has_a_policy_that_refuses_nothing() -> None:
    text = REGISTRY.replace("[teams.payments]", "[environments.empty]\n[teams.payments]")
    objects = build_guard(registry_of(text), "empty")
    assert [item["kind"] for item in objects] == ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"]
    assert _entries(text, "empty") == {}


def test_the_text_is_the_objects_and_always_the_same() -> None:
    one, two = (build_guard(registry_of(REGISTRY), "prod") for _ in range(2))
    assert format_guard(one) == format_guard(two)
    assert list(yaml.load_all(format_guard(one))) == one
