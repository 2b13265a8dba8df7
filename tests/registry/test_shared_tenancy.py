"""Whatever the registry accepts of a monorepo stays inside its teams' grants, by a second opinion of its own.

Folders of one repository, shared repositories and namespaces, platform teams, facts and kinds of Argo CD.
`WORKLOADS_EXAMPLES=20000` looks at that many registries instead of a few.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from generator.charts.plan import plan_charts
from tests.registry.test_tenancy import accepted, canonical, several

MONO, CHARTS = "https://g.io/org/mono.git", "https://charts.io/stable"
ARN = "arn:aws:eks:eu-west-1:111122223333:cluster/c"
TEAMS = ("a", "b", "p")
ENVIRONMENTS = ("dev", "prod")
_PATHS = (
    *("teams/a", "teams/a/x", "teams/b", "teams/b/x", "teams", ".", "teams/A/x", "teams/ab", "platform"),
    *("teams/a/../b", "./teams/a", "teams//b", "teams/a/%2e%2e/b", "teams/${facts.f}", "${facts.f}/x", "${team.name}"),
)
_FILES = (
    *("values.yaml", "../values.yaml", "../../b/secret.yaml", "/teams/b/v.yaml", "../../../../etc/passwd"),
    *("../${facts.f}/v.yaml", "values-${environment.name}.yaml", "../../*/v.yaml", "../{a,../b}/v.yaml"),
    *("$v/teams/a/v.yaml", "$v/teams/a/../b/v.yaml", "$v/${facts.f}/v.yaml", "https://evil.io/v.yaml"),
)
_FACTS = ("a", "b", "x", "..", "../b", "teams/b", "a/../b", "*", "?x", "kube-system", "argocd", "https://evil.io/r")
_NAMESPACES = ("a", "a-x", "b", "b-x", "p", "shared", "kube-system", "argocd", "eks", "${facts.f}", "a-${facts.f}")
_GRANTS = (
    *(
        f"{MONO}//{folder}"
        for folder in ("teams/a", "teams/b", "teams", "teams/A", "teams/a/x", "teams/ab", "platform")
    ),
    *(f"{MONO}//{folder}" for folder in ("..", "teams/../a", "teams/%61", "tëams/a", "")),
    *(MONO, "https://g.io/org/", "ssh://git@g.io/org/mono//teams/b", "https://G.io:443/org/MONO//teams/a", CHARTS),
)


@st.composite
def monorepos(draw: st.DrawFn) -> dict[str, Any]:
    """A registry of two teams and a platform team that keeps to the rules, and then a few things that may not."""
    names = draw(st.lists(st.sampled_from(("one", "two", "three", "four")), min_size=1, max_size=3, unique=True))
    data: dict[str, Any] = {
        "version": 1,
        "interpolate": draw(st.booleans()),
        "argocd": {"instances": {"aws": {"kind": "eks-capability", "namespace": "eks"}}},
        "repositories": {"stable": {"url": CHARTS, "charts": ["redis", "nginx"]}},
        "namespaces": {"shared": {"teams": ["a", "b"]}},
        "environments": {
            "dev": {"apps": [*names], "facts": {"f": "a"}, "createProjects": True},
            "prod": {"apps": names[:1], "facts": {"f": "a"}, "argocd": "aws", "server": ARN, "createProjects": True},
        },
        "teams": {
            "a": {"repositories": [f"{MONO}//teams/a"], "namespaces": ["a", "a-*"], "allow": ["destination"]},
            "b": {"repositories": [f"{MONO}//teams/b"], "namespaces": ["b", "b-*"]},
            "p": {"repositories": [f"{MONO}//platform"], "namespaces": ["p", "kube-system"], "platform": True},
        },
        "apps": {name: _app(draw, draw(st.sampled_from(TEAMS))) for name in names},
    }
    for _ in range(draw(st.integers(0, 4))):
        _twist(draw, data)
    return data


def _app(draw: st.DrawFn, team: str) -> dict[str, Any]:
    folder = "platform" if team == "p" else f"teams/{team}"
    app: dict[str, Any] = {"team": team, "namespace": team, "repoURL": MONO, "path": f"{folder}/app"}
    kind = draw(st.integers(0, 3))
    if kind == 1:
        return {"team": team, "namespace": team, "repoURL": CHARTS, "chart": "redis", "targetRevision": "1.0.0"}
    if kind == 2:
        values = {"valueFiles": ["../values.yaml", f"$v/{folder}/values.yaml"]}
        sources = [{"repoURL": MONO, "path": f"{folder}/x", "helm": values}, {"repoURL": MONO, "ref": "v"}]
        return {"team": team, "namespace": team, "sources": sources}
    if kind == 3:
        dry = {"repoURL": MONO, "path": f"{folder}/x", "targetRevision": "main"}
        hydrator = {"drySource": dry, "syncSource": {"targetBranch": "hydrated", "path": f"{folder}/x"}}
        return {"team": team, "namespace": team, "sourceHydrator": hydrator}
    return app


def _twist(draw: st.DrawFn, data: dict[str, Any]) -> None:
    app = data["apps"][draw(st.sampled_from(sorted(data["apps"])))]
    layer = draw(st.sampled_from((app, app.setdefault("environments", {}).setdefault("prod", {}))))
    env = data["environments"][draw(st.sampled_from(ENVIRONMENTS))]
    team = data["teams"][draw(st.sampled_from(TEAMS))]
    kind = draw(st.integers(0, 9))
    if kind == 0:
        env["facts"]["f"] = draw(st.sampled_from(_FACTS))
    elif kind == 1:
        team["repositories"].append(draw(st.sampled_from(_GRANTS)))
    elif kind == 2:
        team["namespaces"].append(draw(st.sampled_from(("a", "b-x", "b*", "*", "a-x*", "shared", "argocd", "kube-a"))))
    elif kind == 3:
        data["namespaces"][draw(st.sampled_from(("b", "kube-system", "new")))] = {
            "teams": [draw(st.sampled_from(TEAMS))]
        }
    elif kind == 4:
        layer["namespace"] = draw(st.sampled_from(_NAMESPACES))
    elif kind == 5:
        layer["project"] = draw(st.sampled_from(("default", "one", "two", "${facts.f}")))
    elif kind == 6:
        env[draw(st.sampled_from(("server", "cluster")))] = draw(
            st.sampled_from((ARN, "https://kubernetes.default.svc", "in-cluster", "c"))
        )
    elif kind == 7:
        data["repositories"]["stable"] |= {"teams": ["b"]} if draw(st.booleans()) else {"charts": ["nginx"]}
    else:
        _twist_source(draw, app, layer)


def _twist_source(draw: st.DrawFn, app: dict[str, Any], layer: dict[str, Any]) -> None:
    table = app["sources"][0] if "sources" in app else app.get("sourceHydrator", {}).get("drySource", layer)
    kind = draw(st.integers(0, 3))
    if kind == 0:
        table["path"] = draw(st.sampled_from(_PATHS))
    elif kind == 1:
        table["helm"] = {"valueFiles": [draw(st.sampled_from(_FILES)) for _ in range(2)]}
    elif kind == 2:
        table["kustomize"] = {"components": [draw(st.sampled_from(_FILES))]}
    elif "sourceHydrator" in app:
        app["sourceHydrator"]["syncSource"]["path"] = draw(st.sampled_from(_PATHS))
    else:
        table["repoURL"] = draw(st.sampled_from((MONO, CHARTS, "git@g.io:org/mono", "https://g.io/org/${facts.f}")))


# The second opinion.


def places(folder: str, file: str) -> list[str]:
    """A path from the root of a repository, by its parts."""
    found: list[str] = []
    for part in (file if file.startswith("/") else f"{folder}/{file}").split("/"):
        if part == "..":
            assert found, f"{file} leaves the repository"
            found.pop()
        elif part not in ("", "."):
            found.append(part)
    return found


def grants(data: Mapping[str, Any]) -> Iterator[tuple[str, list[str], bool, list[str] | None, Mapping[str, Any]]]:
    """Each grant: whose it is ("" for a shared one), its repository, whether that is a prefix, folder, and table."""
    owned: list[tuple[str, str, Mapping[str, Any]]] = [
        (team, url, {}) for team, table in data["teams"].items() for url in table["repositories"]
    ]
    shared = [("", table["url"], table) for table in data["repositories"].values()]
    for team, url, table in [*owned, *shared]:
        scheme = url.find("://") + 3
        place, slashes, folder = url[scheme:].partition("//")
        parts = canonical(url[:scheme] + place)
        yield team, parts, place.endswith("/"), folder.lower().split("/") if slashes else None, table


def assert_readable(team: str, source: Mapping[str, Any], files: list[list[str]], data: Mapping[str, Any]) -> None:
    """A team may read these files of a source, and no other team owns them."""
    wanted = canonical(source["repoURL"])
    matching = [
        (not prefix, len(parts), owner, folder, table)
        for owner, parts, prefix, folder, table in grants(data)
        if (wanted[: len(parts)] == parts and len(wanted) > len(parts)) or wanted == parts
    ]
    best = max((exact, length) for exact, length, *_ in matching)
    nearest = [each for each in matching if each[:2] == best]
    for file in files or [[]]:
        lower = [part.lower() for part in file]
        holders = {owner for *_, owner, folder, _ in nearest if folder is None or lower[: len(folder)] == folder}
        if holders != {team}:
            shared = [table for *_, owner, _, table in nearest if owner == ""]
            assert shared, (team, source, file)
            assert all(team in table.get("teams", TEAMS) for table in shared)
            assert all(source.get("chart") in table.get("charts", [source.get("chart")]) for table in shared)
            assert holders == {""}


def assert_sources_inside(team: str, fields: Mapping[str, Any], sources: list[Any], data: Mapping[str, Any]) -> None:
    hydrator = fields.get("sourceHydrator")
    if hydrator:
        sources = [hydrator["drySource"], {"repoURL": hydrator["drySource"]["repoURL"], **hydrator["syncSource"]}]
    refs = {source["ref"]: source for source in sources if "ref" in source}
    for source in sources:
        own = [] if "ref" in source and "path" not in source else [places("", source.get("path", ""))]
        if "chart" in source:
            own = [["\0chart"]]
        folder, values = source.get("path", ""), source.get("helm", {}).get("valueFiles", ())
        components = source.get("kustomize", {}).get("components", ())
        assert not any(("{" in file and ".." in file) or ":" in file for file in (*components, *values))
        # Only Helm's value files refer to another source.
        own += [places(folder, file) for file in (*components, *(file for file in values if file[0] != "$"))]
        for ref, _, path in (file[1:].partition("/") for file in values if file[0] == "$"):
            assert_readable(team, refs[ref], [places("", path)], data)
        if own:
            assert_readable(team, source, own, data)


def assert_namespace_inside(team: str, namespace: str, data: Mapping[str, Any]) -> None:
    shared = data["namespaces"].get(namespace)
    holders = {
        name
        for name, table in data["teams"].items()
        if any(fnmatch.fnmatchcase(namespace, g) for g in table["namespaces"])
    }
    assert team in shared["teams"] if shared else holders == {team}
    if namespace.startswith("kube-") or namespace in ("argocd", "eks"):
        assert data["teams"][team].get("platform")


@several
@given(monorepos())
def test_what_is_accepted_of_a_monorepo_stays_inside(data: dict[str, Any]) -> None:
    registry = accepted(data)
    event("accepted" if registry else "refused")
    if registry is None:
        return
    plan = plan_charts(registry)
    owners: dict[str, str] = {}
    for env in registry.environments.values():
        for app in registry.list_effective_apps(env.name):
            assert "${" not in f"{app.fields}" or not registry.interpolate
            assert_namespace_inside(app.team, app.namespace, data)
            assert_sources_inside(app.team, app.fields, app.sources, data)
            if app.project == "default":
                assert data["teams"][app.team].get("platform")
                continue
            assert owners.setdefault(app.project, app.team) == app.team
            folder = "aws/" if env.argocd == "aws" else ""
            spec = plan.projects[f"argo-app-projects/{folder}{app.project}.yaml"]["spec"]
            assert_target(spec, env.argocd == "aws")
            whole_cluster = [{"group": "*", "kind": "*"}]
            assert (spec.get("clusterResourceWhitelist") == whole_cluster) == bool(
                data["teams"][app.team].get("platform")
            )


def assert_target(spec: Mapping[str, Any], capability: bool) -> None:
    """A project's destinations are of its kind of Argo CD."""
    assert spec.get("sourceNamespaces") == (["eks"] if capability else None)
    for destination in spec["destinations"]:
        place = destination.get("server", "") + destination.get("name", "")
        assert not capability or place.startswith("arn:aws:eks:") or ("name" in destination and place != "in-cluster")
        assert capability or not destination.get("server", "").startswith("arn:")


@pytest.mark.parametrize(
    ("folder", "file", "expected"),
    [("a/b", "../c", ["a", "c"]), ("a", "/x//y", ["x", "y"]), ("", "./a/.", ["a"])],
)
def test_the_second_opinion_of_paths_itself(folder: str, file: str, expected: list[str]) -> None:
    assert places(folder, file) == expected
    with pytest.raises(AssertionError, match="leaves the repository"):
        places(folder, "../../../..")


def test_a_registry_that_keeps_to_the_rules_is_accepted() -> None:
    data: dict[str, Any] = {
        "version": 1,
        "repositories": {"stable": {"url": CHARTS}},
        "namespaces": {},
        "environments": {"dev": {"apps": ["one"]}},
        "teams": {"a": {"repositories": [f"{MONO}//teams/a"], "namespaces": ["a"]}},
        "apps": {"one": {"team": "a", "namespace": "a", "repoURL": MONO, "path": "teams/a"}},
    }
    assert accepted(data)
    with pytest.raises(AssertionError):
        assert_readable("a", {"repoURL": MONO}, [["teams", "b"]], data)
