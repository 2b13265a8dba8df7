# ruff: noqa: S311, T201, BLE001
"""Play random edits of registries on a live Argo CD, and compare what `workloads diff` predicts with what happens.

`python -m tests.cluster.oracle --sequences 200 --seed 1`, with the variables that tests/cluster takes: KUBECONFIG,
WORKLOADS_TEST_ARGOCD, and KUBECONFIG_SECOND for a second cluster that Argo CD knows as `second`. Each edit is
published, Argo CD syncs it, and every object that the API servers created, updated, deleted or recreated is compared.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.live_registry import (
    REVISIONS,
    Clusters,
    LiveObject,
    LiveRegistry,
    ObjectName,
    each_change,
    write_app_charts,
)
from tests.git.remotes import Web, web_serving
from tests.workspace import isolate

Tables = dict[str, Any]
Objects = Mapping[ObjectName, LiveObject]
_LATER = "this happens at the next sync"
#: Fields of an Application whose change makes Argo CD sync it without self-heal.
_SOURCE_FIELDS = ("source", "sources", "sourceHydrator")


def new_tables(prefix: str, *, self_heal: bool) -> Tables:
    """A registry of one environment and three apps, two of which share a project."""
    apps = [f"{prefix}-{letter}" for letter in "abc"]
    namespaces = [f"{app}{suffix}" for app in apps for suffix in ("", "-new")]
    table: Tables = {"team": "red", "path": "chart", "targetRevision": REVISIONS[0]}
    return {
        "version": 1,
        "allowSchemes": ["http"],
        "defaults": {"syncPolicy": {"automated": {"prune": True, "selfHeal": self_heal}}},
        "environments": {
            f"{prefix}-dev": {
                "argocd": "live",
                "createProjects": True,
                "policy": {"maxRemovals": 9},
                "apps": list(apps),
            }
        },
        "teams": {
            "red": {
                "namespaces": namespaces,
                "projects": [f"{prefix}-shared", f"{prefix}-other"],
                "allow": ["destination"],
            }
        },
        "apps": {app: {**table, **({"project": f"{prefix}-shared"} if app != apps[0] else {})} for app in apps},
    }


class Player:
    """Plays the edits of one registry, and collects where Argo CD did something else than was predicted."""

    def __init__(self, live: LiveRegistry) -> None:
        self.live = live
        #: By app, the move that Argo CD makes with its next sync: `moved` or `copied`.
        self.pending: dict[str, str] = {}
        #: The apps whose source changed while prune was off.
        self.unpruned: set[str] = set()
        self.problems: list[str] = []

    @property
    def environment(self) -> Tables:
        """The table of the only environment."""
        tables: list[Tables] = list(self.live.tables["environments"].values())
        return tables[0]

    def play(self, kind: str, edit: Callable[[], object]) -> None:
        """Make an edit, publish it, let Argo CD sync, and compare."""
        edit()
        predicted = self.live.diff()
        before = self.live.objects()
        self.live.publish()
        self.live.settle()
        found = list(self.compare(predicted, before, self.live.objects()))
        self.problems += [f"{kind}: {text}" for text in found]

    def compare(self, predicted: Mapping[str, Any], before: Objects, after: Objects) -> Iterator[str]:
        """Yield each difference between the prediction and what happened."""
        events = dict(each_change(before, after))
        changes = [change for env in predicted["environments"] for change in env["changes"]]
        wanted = dict(_expected_objects(changes))
        actual = {(at.kind, at.name): event for at, event in events.items() if at.kind != "ConfigMap"}
        for at in sorted({*wanted, *actual}):
            if wanted.get(at) != actual.get(at):
                yield f"{at[0]} {at[1]}: predicted {wanted.get(at, 'nothing')}, was {actual.get(at, 'unchanged')}"
        by_app = {change["app"]: change for change in changes if change["kind"] == "Application" and change["app"]}
        for app in self.live.tables["apps"]:
            yield from self._compare_workload(app, by_app.get(app), before, after, events)

    def _compare_workload(
        self,
        app: str,
        change: Mapping[str, Any] | None,
        before: Objects,
        after: Objects,
        events: Mapping[ObjectName, str],
    ) -> Iterator[str]:
        own = {at: event for at, event in events.items() if at.kind == "ConfigMap" and at.name.startswith(app)}
        seen = sorted(set(own.values()))
        outcome = self._predict_workload(app, change)
        allowed = {
            "unchanged": ([],),
            "updated": (["updated"],),
            "created": (["created"], ["updated"], ["created", "updated"], []),
            "deleted": (["deleted"],),
            "moved": (["created", "deleted"],),
            "copied": (["created"], ["updated"], []),
            "other source, pruned": (["created", "deleted", "updated"], ["created", "deleted"]),
            "other source": (["created", "updated"], ["created"]),
        }[outcome]
        # Where prune was off, more is deleted once it is on.
        leftover = app in self.unpruned and seen and [event for event in seen if event != "deleted"] in allowed
        if outcome == "other source":
            self.unpruned.add(app)
        if seen not in allowed and not leftover:
            yield f"workload of {app}: predicted {outcome}, saw {seen or 'nothing'}: {_brief(own)}"
            return
        gone = [at for at, event in own.items() if event == "deleted"]
        if outcome == "moved" and {at for at in after if at in gone}:
            yield f"workload of {app}: predicted moved, and the old one is still there"

    def _predict_workload(self, app: str, change: Mapping[str, Any] | None) -> str:
        """What the diff predicts for the workload of an app."""
        if change is None:
            return "unchanged"
        dangers = {danger["name"]: danger["text"] for danger in change["dangers"]}
        if change["change"] == "added":
            return "created"
        if change["change"] == "removed":
            self.pending.pop(app, None)
            return "deleted" if "deletes-workload" in dangers else "unchanged"
        move = "moved" if "recreates-workload" in dangers else "copied" if "orphans-workload" in dangers else ""
        if move and _LATER in (dangers.get("recreates-workload") or dangers.get("orphans-workload") or ""):
            self.pending[app] = move
            move = ""
        fields = [each["path"] for each in change["fields"]]
        syncs = any(path[:1] == ["spec"] and path[1:2][0] in _SOURCE_FIELDS for path in fields if len(path) > 1)
        syncs = syncs or "turns-on-automation" in dangers
        if move or (syncs and app in self.pending):
            return move or self.pending.pop(app)
        if ["spec", "source", "path"] in fields:
            return "other source, pruned" if "may-delete-resources" in dangers else "other source"
        return "updated" if ["spec", "source", "targetRevision"] in fields else "unchanged"


class Edits:
    """The edits of a registry; each changes the tables, and has a name that counts."""

    def __init__(self, player: Player, rng: random.Random, *, second_cluster: bool) -> None:
        self._player = player
        self._rng = rng
        self._kinds = [
            "promote",
            "promote",
            "source",
            "project",
            "namespace",
            "rename",
            "retire",
            "remove",
            "add",
            "prune",
        ]
        self._kinds += ["self-heal", "labels"] + ["cluster"] * second_cluster

    def choose(self) -> tuple[str, Callable[[], object]]:
        """Choose an edit that the registry allows now."""
        while True:
            kind = self._rng.choice(self._kinds)
            edit = getattr(self, "_" + kind.replace("-", "_"))()
            if edit is not None:
                return kind, edit

    @property
    def _apps(self) -> Tables:
        tables: Tables = self._player.live.tables["apps"]
        return tables

    def _listed(self, *, pending: bool = True) -> str | None:
        """One of the apps that run; without `pending`, one that waits for no move."""
        apps = self._player.environment["apps"]
        found = [app for app in apps if pending or app not in self._player.pending]
        return self._rng.choice(found) if found else None

    def _toggle(self, table: Tables, key: str, *values: str | None) -> Callable[[], object]:
        """Give a key another of these values; None is an absent key."""
        value = self._rng.choice([each for each in values if each != table.get(key)])
        return (lambda: table.update({key: value})) if value is not None else (lambda: table.pop(key))

    @property
    def _retired(self) -> Tables:
        """The retired apps, which the policy keeps on their revision and source."""
        retired: Tables = self._player.environment.get("retired", {})
        return retired

    def _promote(self) -> Callable[[], object] | None:
        app = self._listed()
        if app in self._retired:
            return None
        return self._toggle(self._apps[app], "targetRevision", *REVISIONS) if app else None

    def _source(self) -> Callable[[], object] | None:
        app = self._listed(pending=False)
        if app in self._retired:
            return None
        return self._toggle(self._apps[app], "path", "chart", "other-chart") if app else None

    def _project(self) -> Callable[[], object] | None:
        app, prefix = self._listed(pending=False), self._player.live.prefix
        return self._toggle(self._apps[app], "project", None, f"{prefix}-shared", f"{prefix}-other") if app else None

    def _namespace(self) -> Callable[[], object] | None:
        app = self._listed(pending=False)
        return self._toggle(self._apps[app], "namespace", None, f"{app}-new") if app else None

    def _cluster(self) -> Callable[[], object] | None:
        app = self._listed(pending=False)
        return self._toggle(self._apps[app], "cluster", None, "second") if app else None

    def _rename(self) -> Callable[[], object] | None:
        if self._player.pending:
            return None
        return self._toggle(self._player.environment, "nameSuffix", None, "-blue", "-green")

    def _retire(self) -> Callable[[], object] | None:
        app, retired = self._listed(pending=False), self._player.environment.setdefault("retired", {})
        if app is None:
            return None
        return (lambda: retired.pop(app)) if app in retired else (lambda: retired.update({app: "2026-11-28 it moves"}))

    def _remove(self) -> Callable[[], object] | None:
        app, table = self._listed(pending=False), self._player.environment
        if app is None or len(table["apps"]) < 2:  # Argo CD keeps an environment's last app.
            return None
        return lambda: (table["apps"].remove(app), table.get("retired", {}).pop(app, None))

    def _add(self) -> Callable[[], object] | None:
        table = self._player.environment
        gone = [app for app in self._apps if app not in table["apps"]]
        return (lambda: table["apps"].append(gone[0])) if gone else None

    def _prune(self) -> Callable[[], object] | None:
        app = self._listed(pending=False)
        if app is None:
            return None
        automated = self._apps[app].setdefault("syncPolicy", {}).setdefault("automated", {})
        prune = not automated.get("prune", True)
        return lambda: automated.update(prune=prune)

    def _self_heal(self) -> Callable[[], object]:
        automated = self._player.live.tables["defaults"]["syncPolicy"]["automated"]
        self_heal = not automated["selfHeal"]
        return lambda: automated.update(selfHeal=self_heal)

    def _labels(self) -> Callable[[], object]:
        table, value = self._player.environment, f"l{self._rng.randrange(1000)}"
        return lambda: table.update(labels={"tier": value})


def shard(player: Player) -> None:
    """Divide the environment in three published steps, which delete and recreate nothing."""
    live = player.live
    (name,) = live.tables["environments"]
    for step in (1, 2, 3):
        before = live.objects()
        live.run("shard", name, "--by", "2", "--publish")
        live.pull()
        live.settle()
        lost = [at for at, event in each_change(before, live.objects()) if event in ("deleted", "recreated")]
        player.problems += [f"shard: step {step}: {at} is gone" for at in lost if "-applications" not in at.name]


@dataclass
class Record:
    """What was played, and what was not as predicted."""

    edits: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    right: int = 0
    wrong: list[str] = field(default_factory=list)


def play_sequence(live: LiveRegistry, rng: random.Random, edits: int, *, second_cluster: bool, record: Record) -> None:
    """Play one sequence of edits on a registry of its own."""
    player, played = Player(live), []
    try:
        live.start()
        chosen = Edits(player, rng, second_cluster=second_cluster)
        for _ in range(edits):
            kind, edit = chosen.choose()
            played.append(kind)
            player.play(kind, edit)
        if rng.random() < 0.1 and not player.pending:
            played.append("shard")
            shard(player)
    except AssertionError as error:
        player.problems.append(f"{played[-1:]}: {error}")
    finally:
        live.stop()
    with _LOCK:
        record.edits.update(played)
        if player.problems:
            record.wrong.append(f"{live.prefix} ({', '.join(played)}):\n  " + "\n  ".join(player.problems))
        else:
            record.right += 1
        print(f"{live.prefix}: {', '.join(played)}: {player.problems or 'right'}", flush=True)


_LOCK = threading.Lock()


def _expected_objects(changes: list[Mapping[str, Any]]) -> Iterator[tuple[tuple[str, str], str]]:
    """What happens to Applications and AppProjects, by kind and name."""
    for change in changes:
        names = [field for field in change["fields"] if field["path"] == ["metadata", "name"]]
        if names:
            yield (change["kind"], names[0]["before"]), "deleted"
            yield (change["kind"], names[0]["after"]), "created"
        else:
            event = {"added": "created", "removed": "deleted", "changed": "updated"}[change["change"]]
            yield (change["kind"], change["name"]), event


def _brief(events: Mapping[ObjectName, str]) -> str:
    return ", ".join(f"{event} {at.cluster}/{at.namespace}/{at.name}" for at, event in sorted(events.items()))


def main() -> int:
    """Play the sequences, several at once, and print the record."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.oracle", description=__doc__)
    parser.add_argument("--sequences", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=600, help="begin no sequence after so many minutes")
    parser.add_argument("--edits", type=int, default=4, help="edits in a sequence")
    parser.add_argument("--workers", type=int, default=4, help="sequences at once")
    options = parser.parse_args()
    clusters = Clusters.from_environment()
    record, until = Record(), time.monotonic() + 60 * options.minutes
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        isolate(Path(folder) / "home", patch)
        repositories = Path(folder) / "repositories"
        repositories.mkdir()
        with web_serving(Web(), repositories, os.environ["WORKLOADS_TEST_ARGOCD"]) as url:
            write_app_charts(repositories / "apps.git")

            def run(number: int) -> None:
                if time.monotonic() > until:
                    return
                rng = random.Random(f"{options.seed}/{number}")
                prefix = f"o{options.seed}x{number:03}"  # None begins with another one.
                tables = new_tables(prefix, self_heal=rng.random() < 0.5)
                live = LiveRegistry(clusters, repositories, url, prefix, tables)
                try:
                    second = "second" in clusters.kubeconfigs
                    play_sequence(live, rng, options.edits, second_cluster=second, record=record)
                except Exception:
                    with _LOCK:
                        record.wrong.append(f"{prefix}: {traceback.format_exc()}")

            with ThreadPoolExecutor(options.workers) as pool:
                list(pool.map(run, range(options.sequences)))
    print(
        f"{record.right} of {record.right + len(record.wrong)} sequences right; edits: {json.dumps(dict(record.edits))}"
    )
    print("\n".join(record.wrong))
    return int(bool(record.wrong))


if __name__ == "__main__":
    raise SystemExit(main())
