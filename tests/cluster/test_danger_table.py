"""Each row of the table of dangers: `workloads diff` says what Argo CD then does."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.conftest import StartLive
from tests.cluster.live_registry import REVISIONS
from tests.cluster.oracle import Player, new_tables
from tests.workspace import spawn

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]
#: An edit of an app's table, its environment's and the registry.
Edit = Callable[[dict[str, Any], dict[str, Any], dict[str, Any]], object]
_HEALS = {"prune": True, "selfHeal": True}


def _start(start_live: StartLive, *, self_heal: bool = True, **fields: Any) -> tuple[Player, str]:
    """A player, and the name of the app whose row is played."""
    prefix = f"w{secrets.token_hex(3)}"
    tables = new_tables(prefix, self_heal=self_heal)
    tables["apps"][f"{prefix}-a"].update(fields)
    return Player(start_live(tables, prefix)), f"{prefix}-a"


def _play(player: Player, app: str, edit: Edit) -> tuple[set[str], str]:
    """Play an edit; the dangers of the app's Application and projects, and its action."""
    live = player.live

    def change() -> None:
        edit(live.tables["apps"][app], player.environment, live.tables)

    change()
    predicted = [each for env in live.diff()["environments"] for each in env["changes"]]
    player.play("row", lambda: None)
    assert player.problems == []
    dangers = {danger["name"] for each in predicted for danger in each["dangers"]}
    return dangers, next((each["action"] for each in predicted if each["app"] == app), "")


@pytest.mark.parametrize(
    ("self_heal", "fields", "edit", "dangers"),
    [
        pytest.param(
            True, {}, lambda app, env, names: env["apps"].pop(0), {"deletes-workload"}, id="gone"
        ),
        pytest.param(
            True, {"finalizer": "none"}, lambda app, env, names: env["apps"].pop(0), {"orphans-workload"},
            id="gone-without-finalizer",
        ),
        pytest.param(
            True, {}, lambda app, env, names: env.update(nameSuffix="-blue"), {"recreates-workload"}, id="renamed"
        ),
        pytest.param(
            True, {}, lambda app, env, names: app.update(project=f"{names['prefix']}-other"), set(), id="project"
        ),
        pytest.param(
            True, {}, lambda app, env, names: app.update(cluster="second"), {"orphans-workload"}, id="cluster"
        ),
        pytest.param(
            False, {}, lambda app, env, names: app.update(cluster="second"), {"orphans-workload"}, id="cluster-later"
        ),
        pytest.param(
            True, {}, lambda app, env, names: app.update(namespace=f"{names['prefix']}-a-new"), {"recreates-workload"},
            id="namespace",
        ),
        pytest.param(
            False, {}, lambda app, env, names: app.update(namespace=f"{names['prefix']}-a-new"), {"recreates-workload"},
            id="namespace-later",
        ),
        pytest.param(
            True, {}, lambda app, env, names: app.update(path="other-chart"), {"may-delete-resources"}, id="source"
        ),
        pytest.param(
            True, {"syncPolicy": {"automated": {"prune": False}}},
            lambda app, env, names: app.update(path="other-chart"), set(), id="source-without-prune",
        ),
        pytest.param(
            True, {}, lambda app, env, names: env.update(retired={app["name"]: "2026-11-28"}), set(), id="retired"
        ),
    ],
)  # fmt: skip
def test_argo_cd_does_what_the_row_says(
    start_live: StartLive, self_heal: bool, fields: dict[str, Any], edit: Edit, dangers: set[str]
) -> None:
    player, app = _start(start_live, self_heal=self_heal, **fields)
    prefix = player.live.prefix
    found, action = _play(player, app, lambda own, env, all_: edit(_Named(own, app), env, {"prefix": prefix}))
    assert found == dangers
    assert (action == "retire") is ("retired" in player.environment)


class _Named(dict[str, Any]):
    """The table of an app, to which its name is added for an edit to read, and nothing else."""

    def __init__(self, table: dict[str, Any], name: str) -> None:
        super().__init__(name=name)
        self._table = table

    def update(self, *args: Any, **fields: Any) -> None:
        self._table.update(*args, **fields)


def test_a_project_that_apps_use_is_not_dropped_by_its_chart(start_live: StartLive) -> None:
    player, app = _start(start_live)
    live = player.live
    live.tables["apps"][app]["createProject"] = False
    live.tables["argocd"] = {"existingProjects": [app]}
    dangers = {d["name"] for env in live.diff()["environments"] for each in env["changes"] for d in each["dangers"]}
    assert dangers == {"deletes-project-in-use"}
    done = spawn("publish", cwd=live.work)
    assert (done.code, "Argo CD would wait for ever" in done.err) == (4, True)
    environment = player.environment
    workload = live.workload(app)
    for hand_over, create in ((True, True), (True, False), (False, False)):
        environment["handOver"] = hand_over
        live.tables["apps"][app]["createProject"] = create
        live.publish()
        live.settle()
    assert live.workload(app) == workload
    assert live.project(app)["metadata"].get("deletionTimestamp") is None


def test_a_narrowed_project_stops_the_next_sync(start_live: StartLive) -> None:
    player, app = _start(start_live)
    live = player.live
    blacklist = {"namespaceResourceBlacklist": [{"group": "", "kind": "ConfigMap"}]}
    live.tables["projects"] = {app: blacklist}
    dangers = {d["name"] for env in live.diff()["environments"] for each in env["changes"] for d in each["dangers"]}
    assert dangers == {"narrows-project"}
    before = live.workload(app)
    live.tables["apps"][app]["targetRevision"] = REVISIONS[1]
    live.publish()
    denied = f"resource :ConfigMap is not permitted in project {app}"
    live.wait_until(lambda: denied in str(live.application(app)["status"].get("operationState", {}).get("message")))
    assert live.workload(app) == before


def test_automation_and_branches_act_by_themselves(start_live: StartLive) -> None:
    player, app = _start(start_live, syncPolicy={"automated": {"enabled": False}})
    live = player.live
    assert live.workload(app) == {}
    live.tables["apps"][app]["syncPolicy"] = {"automated": _HEALS}
    dangers = {d["name"] for env in live.diff()["environments"] for each in env["changes"] for d in each["dangers"]}
    assert dangers == {"turns-on-automation"}
    live.publish()
    live.settle()
    assert live.workload(app)
    live.tables["apps"][app]["targetRevision"] = "main"
    dangers = {d["name"] for env in live.diff()["environments"] for each in env["changes"] for d in each["dangers"]}
    assert dangers == {"follows-branch"}
    live.publish()
    live.settle()
    before = live.objects()
    live.commit_to_apps("chart/templates/settings.yaml", "revision: ", "revision: 9-")
    live.wait_until(lambda: live.objects() != before)


def test_a_second_source_beside_the_first_deletes_nothing(start_live: StartLive) -> None:
    player, app = _start(start_live)
    live, before = player.live, player.live.workload(app)
    table = live.tables["apps"][app]
    first = {key: table.pop(key) for key in ("repoURL", "path", "targetRevision")}
    table["sources"] = [first, {**first, "path": "other-chart"}]
    assert not [d for env in live.diff()["environments"] for each in env["changes"] for d in each["dangers"]]
    live.publish()
    live.settle()
    after = live.workload(app)
    assert before.items() <= after.items()
    assert after.keys() - before.keys() == {f"{app}-flags"}
