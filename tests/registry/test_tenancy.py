"""Whatever the registry accepts stays inside its teams' grants, by a second opinion that shares no code with it.

`WORKLOADS_EXAMPLES=20000` looks at that many registries instead of a few.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from generator.charts import yaml
from generator.charts.layout import group_by_chart
from generator.charts.plan import plan_charts
from generator.charts.render import RenderedTree, render_plan
from generator.errors import RegistryError
from generator.helm import environment_objects as yielded
from generator.registry.files import MemoryFiles
from generator.registry.reader import read_registry_from
from generator.registry.registry import Registry
from tests.registry.writer import toml

EXAMPLES = int(os.environ.get("WORKLOADS_EXAMPLES", "150"))
several = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES == 150, suppress_health_check=list(HealthCheck)
)

TEAMS = ("a", "b", "c")
NAMES = ("one", "two", "three", "a", "b-1")
WAYS = ("https://{}", "https://{}.git", "ssh://git@{}.git", "http://{}")
SPOILT = (
    str.upper,
    lambda url: f"{url}/",
    lambda url: url.replace(".io/", ".io:443/"),
    lambda url: url.replace(".io/", ".io./"),
    lambda url: re.sub("/[abc]/", "/b/", url),
    lambda url: re.sub("/[abc]/", "/a/b/", url),
    lambda url: re.sub("/[abc]/", "/A/", url),
    lambda url: re.sub("/([abc])/", r"/\1/../b/", url),
    lambda url: re.sub("/([abc])/", r"/\1//", url),
    lambda url: url.replace("/x", "/%78"),
    lambda url: url.replace("/x", "/*"),
    lambda url: url.replace("/x", "/in/x"),
    lambda url: url.removesuffix(".git"),
    lambda url: f"{url}.git",
    lambda url: url.replace("://", "://u:p@"),
    lambda url: f"{url}?ref=x",
    lambda url: url.replace("ssh://git@g.io/", "git@g.io:").replace("https://g.io/", "git@g.io:"),
    lambda url: re.sub("^[a-z]+://(git@)?", "https://", url),
    lambda url: re.sub("^[a-z]+://(git@)?", "ssh://git@", url),
)
NAMESPACES = ("a", "a2", "b", "b2", "c", "shared", "argocd", "kube-system")


@st.composite
def registries(draw: st.DrawFn) -> dict[str, Any]:
    """A registry that keeps to the rules, and then up to three things that may not."""
    teams = {team: _team(draw, team) for team in TEAMS}
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    apps = {name: _app(draw, teams, draw(st.sampled_from(TEAMS)), name) for name in names}
    hub = {"argocd": "hub"} if draw(st.booleans()) else {}
    data = {
        "version": 1,
        "allowSchemes": ["http"],
        "environments": {
            "dev": {"apps": [*names], "createProjects": True, **hub},
            "prod": {"apps": draw(st.lists(st.sampled_from(names), unique=True)), "nameSuffix": "-p", **hub},
        },
        "teams": teams,
        "apps": apps,
    }
    for _ in range(draw(st.integers(0, 3))):
        _twist(draw, data)
    return data


def _team(draw: st.DrawFn, team: str) -> dict[str, Any]:
    way = draw(st.sampled_from(WAYS))
    exact = [way.format(f"g.io/shared/{team}")]
    prefix = [way.format(f"g.io/{team}").removesuffix(".git") + "/"]
    projects = [f"{team}-{name}" for name in NAMES]
    return {"repositories": [*prefix, *exact], "namespaces": [team, f"{team}2"], "projects": projects, "allow": []}


def _app(draw: st.DrawFn, teams: dict[str, Any], team: str, name: str) -> dict[str, Any]:
    grants = teams[team]["repositories"]
    reach = [f"{grant}x.git" if grant.endswith("/") else grant for grant in grants]
    app = {"team": team, "project": f"{team}-{name}", "namespace": draw(st.sampled_from(teams[team]["namespaces"]))}
    if draw(st.integers(0, 4)):
        return {**app, "repoURL": draw(st.sampled_from(reach)), "path": "chart"}
    return {**app, "sources": [{"repoURL": reach[0], "path": "x"}, {"repoURL": reach[1], "ref": "v"}]}


def _twist(draw: st.DrawFn, data: dict[str, Any]) -> None:
    """One change that a team, or whoever reviews it, may make without thinking of the rules."""
    teams = data["teams"]
    app = data["apps"][draw(st.sampled_from(sorted(data["apps"])))]
    layer = draw(st.sampled_from((app, app.setdefault("environments", {}).setdefault("prod", {}))))
    every = [grant for team in teams.values() for grant in team["repositories"]]
    url = draw(st.sampled_from([f"{grant}x" if grant.endswith("/") else grant for grant in every]))
    spoilt = draw(st.sampled_from(SPOILT))(app.get("repoURL", url))
    urls = st.sampled_from((url, spoilt))
    if draw(st.booleans()):
        _decide(draw, data, teams[draw(st.sampled_from(TEAMS))], st.one_of(urls, st.just("https://g.io/a/in/")))
    elif draw(st.booleans()):
        key, values = draw(st.sampled_from(_LAYER))
        layer[key] = draw(st.sampled_from(values))
    elif "sources" in app:
        app["sources"][0]["repoURL"] = draw(urls)
    else:
        layer["repoURL"] = draw(urls)


_LAYER: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("namespace", NAMESPACES),
    ("project", ("a-one", "b-one", "shared", "p-1", "p1", "default")),
    ("helm", tuple({"namespace": namespace} for namespace in NAMESPACES)),
    ("server", ("https://elsewhere.example.com",)),
    ("team", TEAMS),
)


def _decide(draw: st.DrawFn, data: dict[str, Any], team: dict[str, Any], urls: st.SearchStrategy[str]) -> None:
    """What the root file decides."""
    kind = draw(st.integers(0, 4))
    if kind == 0:
        team["repositories"].append(draw(urls))
    elif kind == 1:
        team["namespaces"].append(draw(st.sampled_from(NAMESPACES)))
    elif kind == 2:
        team["allow"] = ["destination"]
    elif kind == 3:
        data["defaults"] = {"namespace": draw(st.sampled_from(NAMESPACES))}
    else:
        data["argocd"] = {"namespace": draw(st.sampled_from(("a", "gitops")))}


def accepted(data: Mapping[str, Any]) -> Registry | None:
    try:
        return read_registry_from(MemoryFiles({"apps.toml": toml(data).encode()}), "apps.toml")
    except RegistryError:
        return None


# The second opinion.


def canonical(url: str) -> list[str]:
    """A repository, or a prefix, as the parts of its place: the host, then folders."""
    place = url.partition("://")[2] if "://" in url else url.replace(":", "/", 1)
    parts = [part for part in place.rpartition("@")[2].lower().split("/") if part]
    host = parts[0].partition(":")[0].rstrip(".")
    last = parts[-1]
    while last.endswith(".git"):
        last = last[:-4]
    return [host, *parts[1:-1], last]


def owner_of(url: str, teams: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The teams whose most specific grant speaks of the repository."""
    wanted = canonical(url)
    matches: list[tuple[int, int, str]] = []
    for team, owned in teams.items():
        for grant in owned["repositories"]:
            parts = canonical(grant)
            prefix = grant.endswith("/")
            if (wanted[: len(parts)] == parts and len(wanted) > len(parts)) if prefix else wanted == parts:
                matches.append((not prefix, len(parts), team))
    best = max(matches, default=(False, 0, ""))[:2]
    return {team for exact, length, team in matches if (exact, length) == best}


def assert_inside(spec: Mapping[str, Any], team: str, data: Mapping[str, Any]) -> None:
    """An Application's spec is inside the grants of its team."""
    teams = data["teams"]
    sources = [spec["source"]] if "source" in spec else spec["sources"]
    for source in sources:
        url = source["repoURL"]
        assert re.fullmatch(r"[a-z]+://(git@)?[A-Za-z0-9./:_-]+|git@[a-z.]+:[a-z0-9./_-]+", url), url
        assert ".." not in url
        assert owner_of(url, teams) == {team}, url
        assert any(
            url == grant or (grant.endswith("/") and url.startswith(grant)) for grant in teams[team]["repositories"]
        )
        assert source.get("helm", {}).get("namespace", spec["destination"]["namespace"]) in teams[team]["namespaces"]
    namespace = spec["destination"]["namespace"]
    assert namespace in teams[team]["namespaces"]
    assert [other for other, owned in teams.items() if namespace in owned["namespaces"]] == [team]
    assert namespace != data.get("argocd", {}).get("namespace", "argocd")
    assert not namespace.startswith("kube-")
    assert spec["project"] != "default"


def matches(value: str, patterns: list[str]) -> bool:
    said = [fnmatch.fnmatchcase(value, pattern) for pattern in patterns]
    assert not any(pattern.startswith("!") for pattern in patterns)
    return any(said)


def assert_permitted(spec: Mapping[str, Any], project: Mapping[str, Any]) -> None:
    """The AppProject lets the Application be what it is, and has no globs of its own."""
    for source in [spec["source"]] if "source" in spec else spec["sources"]:
        url = source["repoURL"].lower().removesuffix(".git")
        assert matches(url, [repo.lower().removesuffix(".git") for repo in project["sourceRepos"]])
    key = "server" if "server" in spec["destination"] else "name"
    assert any(
        fnmatch.fnmatchcase(spec["destination"][key], allowed.get(key, "\0"))
        and fnmatch.fnmatchcase(spec["destination"]["namespace"], allowed["namespace"])
        for allowed in project["destinations"]
    )
    assert not re.search(r"[*?\[\]{}!]", json.dumps([project["sourceRepos"]])[2:-2])


def objects(tree: RenderedTree, environment: str) -> list[dict[str, Any]]:
    return [
        item
        for _, items in yielded.render_environment_objects(group_by_chart(tree.files), environment)
        for item in items
    ]


def projects_of(tree: RenderedTree) -> dict[str, Any]:
    paths = (path for path in tree.files if path.startswith("argo-app-projects/"))
    loaded = (yaml.load(tree.files[path].decode()) for path in paths)
    return {manifest["metadata"]["name"]: manifest["spec"] for manifest in loaded}


def test_many_registries_are_accepted() -> None:
    """The properties say nothing of registries that are refused."""
    seen = []

    @settings(several, max_examples=150)
    @given(registries())
    def look(data: dict[str, Any]) -> None:
        seen.append(accepted(data) is not None)

    look()
    assert sum(seen) > len(seen) // 10


@several
@given(registries())
def test_what_is_accepted_stays_inside(data: dict[str, Any]) -> None:
    registry = accepted(data)
    event("accepted" if registry else "refused")
    if registry is None:
        return
    rendered = plan_charts(registry)
    owners: dict[str, str] = {}
    for env in registry.environments:
        for app in registry.list_effective_apps(env):
            place = {"namespace": app.namespace, "server": app.fields.get("server", "https://kubernetes.default.svc")}
            spec = {"destination": place, "project": app.project, "sources": app.sources}
            assert_inside(spec, app.team, data)
            assert_permitted(spec, rendered.projects[f"argo-app-projects/{app.project}.yaml"]["spec"])
            assert owners.setdefault(app.project, app.team) == app.team


@settings(several, max_examples=max(30, EXAMPLES // 20))
@given(registries())
def test_what_helm_makes_of_it_stays_inside(data: dict[str, Any]) -> None:
    registry = accepted(data)
    if registry is None:
        return
    tree = render_plan(plan_charts(registry))
    assert all(
        re.match(r"argo-app-of-apps/(dev|prod)/|argo-app-projects/|\.gitattributes\Z", path) for path in tree.files
    )
    assert not any(part in ("", ".", "..") for path in tree.files for part in path.split("/"))
    manifests = projects_of(tree)
    for env, suffix in (("dev", ""), ("prod", "-p")):
        found = objects(tree, env)
        applications = [item for item in found if item["kind"] == "Application"]
        own = {item["metadata"]["name"]: item["spec"] for item in found if item["kind"] == "AppProject"}
        assert len(applications) + len(own) == len(found)
        assert {item["metadata"]["name"] for item in applications} == {
            entry + suffix for entry in data["environments"][env]["apps"]
        }
        for item in applications:
            spec, team = item["spec"], data["apps"][item["metadata"]["name"].removesuffix("-p")]["team"]
            assert_inside(spec, team, data)
            assert_permitted(spec, manifests[spec["project"]])
            if spec["project"] in own:
                assert_permitted(spec, own[spec["project"]])


@pytest.mark.parametrize(
    ("url", "owners"),
    [
        ("https://g.io/a/x.git", {"a"}),
        ("git@G.io:a/x", {"a"}),
        ("https://g.io/a/in/x", {"b"}),
        ("https://g.io:443/A/IN/x.git/", {"b"}),
        ("https://g.io/other/x", set()),
    ],
)
def test_the_second_opinion_itself(url: str, owners: set[str]) -> None:
    teams = {"a": {"repositories": ["https://g.io/a/"]}, "b": {"repositories": ["https://g.io/a/in/"]}}
    assert owner_of(url, teams) == owners
