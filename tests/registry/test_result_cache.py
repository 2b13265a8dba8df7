"""What is remembered changes nothing but the time: a registry renders the same."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from generator.charts.team_partition import render_charts
from generator.errors import Problem, RegistryError
from generator.helm.verify import verify_with_helm
from generator.registry.files import MemoryFiles
from generator.registry.reader import read_registry_from
from generator.registry.registry import Registry
from generator.registry.result_cache import digest_data
from tests.registry.test_tenancy import registries, several
from tests.registry.writer import toml
from tests.remembering import Remembering

_ROOT = """\
version = 1
include = ["teams/*.toml"]
[environments.dev]
createProjects = true
[environments.prod]
promotesFrom = ["dev"]
[teams.a]
repositories = ["https://g.io/a/"]
namespaces = ["a", "a2"]
[teams.b]
repositories = ["https://g.io/b/"]
namespaces = ["b", "b2"]
"""
_FILE = """\
[environments.dev]
apps = ["{0}-app"]
[environments.prod]
apps = ["{0}-app"]
[apps.{0}-app]
team = "{0}"
repoURL = "https://g.io/{0}/app.git"
path = "chart"
namespace = "{0}"
"""


def _files(**changed: str) -> dict[str, bytes]:
    files = {"apps.toml": _ROOT, "teams/a.toml": _FILE.format("a"), "teams/b.toml": _FILE.format("b")}
    return {name: text.encode() for name, text in {**files, **changed}.items()}


def _outcome(files: Mapping[str, bytes]) -> Registry | tuple[Problem, ...]:
    try:
        return read_registry_from(MemoryFiles(files), "apps.toml")
    except RegistryError as error:
        return error.problems


def _split(data: Mapping[str, Any]) -> dict[str, bytes]:
    """A registry as files: each team's apps in one of its own, the lists of prod in another."""
    environments = {name: dict(table) for name, table in data["environments"].items()}
    lists = {"environments": {"prod": {"apps": environments["prod"].pop("apps")}}}
    root = {**data, "environments": environments, "include": ["teams/*.toml", "lists.toml"]}
    apps = root.pop("apps")
    files = {"lists.toml": lists, "apps.toml": root}
    for team in {app.get("team") for app in apps.values()}:
        own = {name: app for name, app in apps.items() if app.get("team") == team}
        files[f"teams/{team}.toml"] = {"apps": own}
    return {name: toml(table).encode() for name, table in files.items()}


_memo = Remembering()


@several
@given(registries(), st.booleans())
def test_any_registry_reads_and_renders_the_same_with_a_memo(data: dict[str, Any], split: bool) -> None:
    files = _split(data) if split else {"apps.toml": toml(data).encode()}
    found = _outcome(files)
    if isinstance(found, Registry):
        anew = dict(render_charts(found).files)
        assert dict(render_charts(found, _memo).files) == anew
        assert dict(render_charts(found, _memo).files) == anew
        assert "charts" in _memo.known


_WAYS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "shards": st.sampled_from(["team", 1, 3, 1000]),
        "handOver": st.booleans() | st.sampled_from([["a-app"], ["b-app", "a-app"], []]),
    },
)


def _divided(dev: str, prod: str = "") -> str:
    """The root file with more lines in its environments."""
    root = _ROOT.replace("[environments.dev]\n", f"[environments.dev]\n{dev}")
    root = root.replace("[environments.prod]\n", f"[environments.prod]\n{prod}")
    return root + '[workloads]\nrepository = "https://g.io/w.git"\n'


@several
@given(st.lists(st.tuples(_WAYS, _WAYS, st.sampled_from(["v1", "v2"])), min_size=2, max_size=4))
def test_however_environments_are_divided_the_charts_are_the_same_with_a_memo(
    states: list[tuple[Any, Any, str]],
) -> None:
    repository = '[workloads]\nrepository = "https://g.io/w.git"\n'
    for dev, prod, revision in states:
        root = _ROOT.replace("[environments.dev]\n", repository + f"[environments.dev]\n{toml(dev)}\n")
        root = root.replace("[environments.prod]\n", f"[environments.prod]\n{toml(prod)}\n")
        files = _files(**{"apps.toml": root, "teams/b.toml": _FILE.format("b") + f'targetRevision = "{revision}"\n'})
        found = _outcome(files)
        assert isinstance(found, Registry), found
        anew, known = render_charts(found), render_charts(found, _memo)
        assert dict(known.files) == dict(anew.files) == dict(render_charts(found, _memo).files)
        assert known.applications == anew.applications


def test_helm_is_asked_again_about_a_shard_whose_parent_changed() -> None:
    memo = Remembering()
    root = _divided('shards = "team"\n')
    first = read_registry_from(MemoryFiles(_files(**{"apps.toml": root})), "apps.toml")
    verify_with_helm(render_charts(first), first.environments, memo)
    memo.known.clear()
    verify_with_helm(render_charts(first), first.environments, memo)
    assert memo.known.count("helm") == 5
    memo.known.clear()
    labelled = root.replace('shards = "team"\n', 'shards = "team"\nlabels = { tier = "x" }\n')
    other = read_registry_from(MemoryFiles(_files(**{"apps.toml": labelled})), "apps.toml")
    verify_with_helm(render_charts(other), other.environments, memo)
    assert memo.known.count("helm") == 2


def test_only_the_team_that_changed_is_judged_and_rendered_again() -> None:
    memo = Remembering()
    render_charts(read_registry_from(MemoryFiles(_files()), "apps.toml"), memo)
    assert not memo.known
    changed = _files(**{"teams/b.toml": _FILE.format("b") + 'targetRevision = "v2"\n'})
    tree = render_charts(read_registry_from(MemoryFiles(changed), "apps.toml"), memo)
    assert sorted(memo.known) == ["charts"]
    assert tree.files["argo-app-of-apps/dev/values.yaml"].count(b'targetRevision: "v2"') == 1


def test_a_key_is_of_what_is_told_and_not_of_how_it_came_about() -> None:
    told = {"name": ["a-b", 1, None]}
    assert digest_data(told) == digest_data({"".join(("na", "me")): ["-".join("ab"), 1, None]})
    different = [{"name": ["a-b", True, None]}, {"name": ["a-b", 1.0, None]}, {"name": ("a-b", 1, None)}, [told], {}]
    assert len({digest_data(each) for each in (told, *different)}) == 1 + len(different)


def test_a_key_is_also_of_what_is_no_plain_data() -> None:
    dates = [{"from": datetime.date(2026, 1, day)} for day in (1, 2)]
    assert digest_data(dates[0]) == digest_data({"from": datetime.date(2026, 1, 1)}) != digest_data(dates[1])
