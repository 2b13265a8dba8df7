"""What charts weigh: estimates, what is told of them, and whether what is proposed helps."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.charts.layout import Chart
from generator.charts.render import RenderedTree
from generator.helm.chart_size import (
    FILE_WARNING_BYTES,
    STATUS_WARNING_BYTES,
    ChartSize,
    describe_large_charts,
    describe_oversized_charts,
    measure_charts,
)
from generator.helm.engine import MAX_FILE_BYTES
from generator.registry.registry import Environment, Listing, Registry
from generator.registry.shards import find_app_shard
from tests.charts.rendered import registry_of, sharded, tree_of
from tests.workspace import REGISTRY

#: What one object of a name without letters weighs.
BARE = 320


class App(NamedTuple):
    """An app of a made-up environment, with the bytes that it takes in values.yaml."""

    name: str
    team: str = "payments"
    project: str = ""
    size: int = 300

    @property
    def told(self) -> dict[str, str]:
        return {"name": self.name, "argocdNamespace": "argocd", "project": self.project or self.name}


def many(count: int, size: int = 300) -> list[App]:
    return [App(f"app-{number:05}", size=size) for number in range(count)]


def environment(shards: str | int | None, *, projects: bool = False) -> Environment:
    dev = registry_of(REGISTRY).environments["dev"]
    return replace(dev, shards=shards, create_projects=projects, listings=())


def registry_with(apps: Iterable[App], env: Environment) -> Registry:
    apps = list(apps)
    env = replace(env, listings=tuple(Listing(app.name, None) for app in apps))
    own = {app.name: {"team": app.team} for app in apps}
    return replace(registry_of(REGISTRY), apps=own, environments={"dev": env})


def tree_with(apps: Iterable[App], env: Environment) -> RenderedTree:
    """What would be rendered of the apps, as far as its size goes."""
    told: dict[str, dict[str, str]] = {}
    sizes: dict[Chart, int] = defaultdict(int, {Chart("dev"): 300})
    for app in apps:
        shard = find_app_shard(env, app.team, app.project or app.name)
        told[f"dev/{app.name}"] = {**app.told, **({"shard": shard} if shard else {})}
        sizes[Chart("dev", shard)] += app.size
    files = {f"{chart.folder}/values.yaml": b"x" * size for chart, size in sizes.items()}
    return RenderedTree(files, told)


def judged(apps: list[App], env: Environment) -> tuple[list[str], list[str]]:
    """What is refused and what is warned of."""
    registry, tree = registry_with(apps, env), tree_with(apps, env)
    found = measure_charts(tree, registry)
    return describe_oversized_charts(found, tree.applications, registry), list(
        describe_large_charts(found, tree.applications, registry)
    )


def statuses(text: str) -> dict[Chart, int]:
    return {load.chart: load.status_bytes for load in measure_charts(tree_of(text), registry_of(text))}


def weight(*names: str) -> int:
    return sum(BARE + 3 * len(name) + 2 * len("argocd") for name in names)


def test_an_application_weighs_its_names_and_a_constant() -> None:
    found = statuses(REGISTRY)
    assert found[Chart("prod")] == weight("billing")
    assert found[Chart("test")] == weight("billing", "ledger")


def test_projects_count_where_they_are_created() -> None:
    found = statuses(REGISTRY)
    assert found[Chart("dev")] == 2 * found[Chart("test")]
    shared = REGISTRY.replace('team = "payments"\n', 'team = "payments"\nproject = "money"\n')
    shared = shared.replace("[teams.payments]\n", '[teams.payments]\nprojects = ["money"]\n')
    assert statuses(shared)[Chart("dev")] == weight("billing", "ledger", "money")


def test_a_parent_has_its_shards_and_a_shard_its_apps() -> None:
    text, whole = sharded(REGISTRY, '"team"'), statuses(REGISTRY)
    found = statuses(text)
    assert found[Chart("dev", "payments")] == whole[Chart("dev")]
    assert found[Chart("dev")] == weight("dev-applications-payments")


def test_the_estimate_grows_with_the_apps_alone() -> None:
    env = environment(None)
    sizes = [
        measure_charts(tree_with(many(count), env), registry_with(many(count), env))[0].status_bytes
        for count in (10, 20, 40)
    ]
    assert sizes == [10 * weight("app-00000"), 20 * weight("app-00000"), 40 * weight("app-00000")]


def test_the_largest_file_is_measured() -> None:
    tree, registry = tree_of(REGISTRY), registry_of(REGISTRY)
    found = {load.chart: load.values_bytes for load in measure_charts(tree, registry)}
    assert found[Chart("dev")] == len(tree.files["argo-app-of-apps/dev/values.yaml"])


def test_an_environment_without_apps_weighs_nothing() -> None:
    assert statuses("version = 1\n[environments.dev]\n") == {Chart("dev"): 0}
    assert judged([], environment(None)) == judged([], environment("team")) == ([], [])


def test_what_is_small_is_not_told_of() -> None:
    assert judged(many(1000), environment(None)) == ([], [])


def test_much_state_is_told_of_with_what_to_set() -> None:
    assert judged(many(3000), environment(None))[1] == [
        "chart dev: Argo CD keeps about 1.1 MB of state in the Application whose source it is, and etcd takes 1.5 MB: "
        "set environments.dev.shards = 4, step by step with: workloads shard dev --by 4"
    ]


def test_large_values_are_told_of() -> None:
    assert judged(many(9, size=500_000), environment(None))[1] == [
        "chart dev: values.yaml has 4,500,300 bytes, and Helm takes 5,242,880: "
        "set environments.dev.shards = 4, step by step with: workloads shard dev --by 4"
    ]


def test_teams_are_proposed_where_none_has_too_much() -> None:
    apps = [app._replace(team=f"team-{number % 8}") for number, app in enumerate(many(3000))]
    (told,) = judged(apps, environment(None))[1]
    assert told.endswith('set environments.dev.shards = "team", step by step with: workloads shard dev --by team')


def test_of_an_environment_in_shards_the_first_is_told_and_the_others_are_counted() -> None:
    (told,) = judged(many(12_000), environment(2))[1]
    assert told.startswith("chart dev, shard 0: Argo CD keeps about 2.")
    assert " (and so 1 more of its charts): set environments.dev.shards = 16, " in told


def test_a_team_that_has_too_much_is_divided_by_number() -> None:
    (told,) = judged(many(3000), environment("team"))[1]
    assert told.startswith("chart dev, shard payments: ")
    assert "set environments.dev.shards = 4, " in told


def test_what_helm_refuses_is_refused_with_what_to_set() -> None:
    assert judged(many(12, size=500_000), environment(None))[0] == [
        "chart dev: values.yaml has 6,000,300 bytes, and Helm takes no file of more than 5,242,880: "
        "set environments.dev.shards = 8, step by step with: workloads shard dev --by 8"
    ]


@pytest.mark.parametrize(("size", "said"), [(MAX_FILE_BYTES, 0), (MAX_FILE_BYTES + 1, 1)])
def test_helm_takes_a_file_of_just_its_limit(size: int, said: int) -> None:
    registry = registry_with(many(1), environment(None))
    found = [ChartSize(Chart("dev"), size, 0)]
    assert len(describe_oversized_charts(found, tree_with(many(1), environment(None)).applications, registry)) == said


@pytest.mark.parametrize(
    ("file", "status", "said"),
    [
        (FILE_WARNING_BYTES - 1, STATUS_WARNING_BYTES - 1, 0),
        (FILE_WARNING_BYTES, 0, 1),
        (0, STATUS_WARNING_BYTES, 1),
        (FILE_WARNING_BYTES, STATUS_WARNING_BYTES, 1),
    ],
)
def test_from_where_on_it_is_told(file: int, status: int, said: int) -> None:
    registry = registry_with(many(1), environment(None))
    assert len(list(describe_large_charts([ChartSize(Chart("dev"), file, status)], {}, registry))) == said


def test_no_shards_divide_one_project() -> None:
    apps = [app._replace(project="money") for app in many(3000)]
    (told,) = judged(apps, environment(None))[1]
    assert told.endswith(": too much of it is of one project, which no shards divide: let its apps have projects of "
                         "their own")  # fmt: skip


@pytest.mark.parametrize(("full", "proposed"), [(200, "1000"), (400, "1000"), (10, "32")])
def test_there_are_no_more_shards_than_may_be(full: int, proposed: str) -> None:
    apps = many(20_000)
    tree, registry = tree_with(apps, environment(None)), registry_with(apps, environment(None))
    (told,) = describe_large_charts(
        [ChartSize(Chart("dev"), 0, full * STATUS_WARNING_BYTES)], tree.applications, registry
    )
    assert told.endswith(f"workloads shard dev --by {proposed}")


@settings(max_examples=15, deadline=None)
@given(
    count=st.integers(500, 25_000),
    teams=st.integers(1, 60),
    per_project=st.integers(1, 20),
    size=st.integers(150, 3000),
    before=st.sampled_from([None, "team", 2, 3]),
    projects=st.booleans(),
)
def test_with_what_is_proposed_there_is_nothing_left_to_tell(
    count: int, teams: int, per_project: int, size: int, before: str | int | None, projects: bool
) -> None:
    apps = []
    for number, app in enumerate(many(count, size)):
        project = number // per_project
        # Some teams have many more projects than others.
        apps.append(app._replace(team=f"team-{min(project % teams, project % 7)}", project=f"project-{project:05}"))
    said = judged(apps, environment(before, projects=projects))
    for text in (*said[0], *said[1]):
        proposed = re.search(r"--by (\w+)$", text)
        assert proposed
        by = proposed[1]
        shards = int(by) if by.isdigit() else by
        assert judged(apps, environment(shards, projects=projects)) == ([], [])
