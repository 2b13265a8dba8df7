"""`RenderedTree` → the charts that Helm or etcd would not take, or soon will not, and what to set. Pure."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from generator.charts.helm import LARGEST_FILE
from generator.charts.layout import Chart, place_of
from generator.charts.render import RenderedTree
from generator.registry.model import BY_TEAM, MOST_SHARDS
from generator.registry.registry import Environment, Registry
from generator.registry.shards import shard_application, shard_of

#: From here on a file of a chart is told of: Helm takes none of more than `LARGEST_FILE` bytes.
LARGE_FILE = 4 * 1024 * 1024
#: From here on the state that Argo CD keeps of a chart's objects is told of: etcd takes no object of 1.5 MiB.
LARGE_STATUS = 1_000_000
#: What an object adds to `status.resources` of its parent, and to the result of the sync that brought it
#: (argo-cd: ResourceStatus and ResourceResult in pkg/apis/application/v1alpha1), besides its names.
_ENTRIES = (
    {"group": "argoproj.io", "kind": "Application", "name": "", "namespace": "", "status": "Synced", "syncWave": 2,
     "version": "v1alpha1"},
    {"group": "argoproj.io", "hookPhase": "Running", "kind": "Application", "message":
     "application.argoproj.io/ configured", "name": "", "namespace": "", "status": "Synced", "syncPhase": "Sync",
     "version": "v1alpha1"},
)  # fmt: skip
#: How full, of what is told of, a chart is to be that an environment is divided into.
_ROOM = 0.5
_Identities = Mapping[str, Mapping[str, str]]
_EACH = sum(len(json.dumps(entry, separators=(",", ":"))) + 1 for entry in _ENTRIES)


class Load(NamedTuple):
    """What a chart weighs: bytes of its largest file, and, estimated, of the state that Argo CD keeps of it."""

    chart: Chart
    file: int
    status: int


def loads(tree: RenderedTree, registry: Registry) -> list[Load]:
    """The load of every chart, in order."""
    status = _status(tree.applications, registry)
    values = (path for path in tree.digests if path.endswith("/values.yaml"))
    files = {place.chart: path for path in values if (place := place_of(path)) and place.path == "values.yaml"}
    return [Load(chart, len(tree.files[path]), status.get(chart, 0)) for chart, path in sorted(files.items())]


def _status(applications: _Identities, registry: Registry) -> Mapping[Chart, int]:
    """The estimate by chart; an environment's own chart has its shards below it."""
    of: dict[tuple[str, str], list[Mapping[str, str]]] = defaultdict(list)
    for key, identity in applications.items():
        of[key.partition("/")[0], identity.get("shard", "")].append(identity)
    found: Counter[Chart] = Counter()
    for chart, identities in ((Chart(*place), identities) for place, identities in of.items()):
        found[chart] += sum(_weight(identity["name"], identity["argocdNamespace"]) for identity in identities)
        if registry.environments[chart.environment].create_projects:
            names = {identity["project"] for identity in identities}
            found[chart] += sum(_weight(name, registry.argocd.namespace) for name in names)
        if chart.shard:
            name = shard_application(chart.environment, chart.shard)
            found[Chart(chart.environment)] += _weight(name, registry.argocd.namespace)
    return found


def _weight(name: str, namespace: str) -> int:
    return _EACH + 3 * len(name) + 2 * len(namespace)


def refused(found: Iterable[Load], applications: _Identities, registry: Registry) -> list[str]:
    """What Helm refuses, and what to set."""
    found = list(found)
    return [
        f"chart {load.chart}: values.yaml has {load.file:,} bytes, and Helm takes no file of more than "
        f"{LARGEST_FILE:,}: {_remedy(found, load.chart.environment, applications, registry)}"
        for load in found
        if load.file > LARGEST_FILE
    ]


def warnings(found: Iterable[Load], applications: _Identities, registry: Registry) -> Iterator[str]:
    """What will not go on for long, and what to set, a text for each environment."""
    by_environment: dict[str, list[Load]] = defaultdict(list)
    for load in found:
        by_environment[load.chart.environment].append(load)
    for environment, own in by_environment.items():
        told = [text for load in own if (text := _told(load))]
        if told:
            more = f" (and so {len(told) - 1} more of its charts)" if len(told) > 1 else ""
            yield f"{told[0]}{more}: {_remedy(own, environment, applications, registry)}"


def _told(load: Load) -> str:
    parts = []
    if load.status >= LARGE_STATUS:
        parts.append(
            f"Argo CD keeps about {load.status / 1e6:.1f} MB of state in the Application whose source it is, "
            "and etcd takes 1.5 MB"
        )
    if load.file >= LARGE_FILE:
        parts.append(f"values.yaml has {load.file:,} bytes, and Helm takes {LARGEST_FILE:,}")
    return f"chart {load.chart}: {'; '.join(parts)}" if parts else ""


def _remedy(found: Iterable[Load], environment: str, applications: _Identities, registry: Registry) -> str:
    """The shards under which every chart of an environment has room for twice as much."""
    own = [load for load in found if load.chart.environment == environment]
    full = max(sum(load.status for load in own) / LARGE_STATUS, sum(load.file for load in own) / LARGE_FILE)
    env = registry.environments[environment]
    apps = Counter(
        (str(registry.apps[app]["team"]), identity["project"])
        for name, _, app in (key.partition("/") for key in applications)
        if name == environment and (identity := applications[f"{name}/{app}"])
    )
    crowded: dict[str | int, float] = {}
    for shards in _ways(env):
        crowded[shards] = full * _largest_share(replace(env, shards=shards), apps)
        if crowded[shards] <= _ROOM:
            return _setting(environment, shards)
    best = min(crowded, key=lambda shards: crowded[shards], default=None)
    if best is not None and crowded[best] < 1:
        return _setting(environment, best)
    return "too much of it is of one project, which no shards divide: let its apps have projects of their own"


def _setting(environment: str, shards: str | int) -> str:
    return (
        f"set environments.{environment}.shards = {json.dumps(shards)}, step by step with: "
        f"workloads shard {environment} --by {shards}"
    )


def _ways(env: Environment) -> list[str | int]:
    """More shards than an environment has, the fewest first."""
    numbers = [2**power for power in range(1, 10)] + [MOST_SHARDS]
    if env.shards is None:
        return [BY_TEAM, *numbers]
    return [number for number in numbers if env.shards == BY_TEAM or number > int(env.shards)]


def _largest_share(env: Environment, apps: Mapping[tuple[str, str], int]) -> float:
    """The share of an environment's apps, counted by team and project, that is in its largest shard."""
    shards: Counter[str] = Counter()
    for (team, project), count in apps.items():
        shards[shard_of(env, team, project)] += count
    return max(shards.values(), default=0) / max(shards.total(), 1)
