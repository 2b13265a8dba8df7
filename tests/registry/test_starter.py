"""The first registry: any answers give a valid registry, or an error that names the option."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from generator.errors import UsageError
from generator.registry.files import MemoryFiles
from generator.registry.reader import read_registry_from
from generator.registry.starter import StarterRequest, build_starter_files

_REQUEST = StarterRequest(
    environments=[("dev", ""), ("prod", "prod-eu")],
    team="payments",
    owners=["@acme/payments"],
    repositories=["https://github.com/acme/"],
    namespaces=["billing"],
    argocd_version="3.4",
    target="self-managed",
    forge="github",
)
_TEXT = st.text(max_size=80) | st.sampled_from(["yes", "null", "1e5", "~", "a b", "Dev", "🚀", "\ud800", "kube-system"])
_CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "environments": st.lists(st.tuples(_TEXT, _TEXT), max_size=3, unique_by=lambda pair: pair[0]),
        "team": _TEXT,
        "owners": st.lists(_TEXT, max_size=2),
        "repositories": st.lists(_TEXT, max_size=2),
        "namespaces": st.lists(_TEXT, max_size=2),
        "argocd_version": _TEXT,
        "target": st.sampled_from(["self-managed", "eks-capability"]),
        "forge": st.sampled_from(["", "github", "gitlab"]),
    },
)


@given(_CHANGES)
@example({"team": "x" * 300})
@example({"team": "\ud800"})
@example({"environments": [("yes", ""), ("null", "no")]})
@settings(deadline=None, max_examples=60)
def test_any_answers_give_a_registry_or_name_the_option(changes: dict[str, object]) -> None:
    problem, files = "", {}
    try:
        files = build_starter_files(replace(_REQUEST, **changes))  # type: ignore[arg-type]
    except UsageError as error:
        problem = error.message
    if problem:
        assert problem.startswith("--") or problem.endswith(" is not valid UTF-8")
    else:
        registry = read_registry_from(MemoryFiles(files), "apps.toml")
        assert set(registry.teams) == {changes.get("team", "payments")}


@pytest.mark.parametrize("target", ["self-managed", "eks-capability"])
def test_a_first_registry_turns_on_nothing_that_deletes(target: str) -> None:
    request = replace(_REQUEST, target=target, environments=[("dev", "dev-eu")])
    layer = read_registry_from(MemoryFiles(build_starter_files(request)), "apps.toml").base_layer
    assert (layer["finalizer"], layer["syncPolicy"]["automated"]) == ("none", {"prune": False})
