"""Find charts that are, or soon will be, too large for Helm or etcd, and suggest a remedy. Pure."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from generator.charts.layout import Chart, parse_chart_path
from generator.helm.engine import MAX_FILE_BYTES

if TYPE_CHECKING:
    from generator.charts.render import RenderedTree
    from generator.registry.registry import Environment, Registry
from generator.registry.shards import MAX_SHARDS, SHARD_BY_TEAM, find_app_shard, shard_application_name

#: A values.yaml from this size gives a warning: Helm refuses files of more than `MAX_FILE_BYTES`.
FILE_WARNING_BYTES = 4 * 1024 * 1024
#: An Application status from this size gives a warning: etcd refuses objects of 1.5 MiB.
STATUS_WARNING_BYTES = 1_000_000
#: What an object adds to `status.resources` of its parent, and to the result of the sync that created it
#: (argo-cd: ResourceStatus and ResourceResult in pkg/apis/application/v1alpha1), besides its names.
_STATUS_ENTRIES = (
    {"group": "argoproj.io", "kind": "Application", "name": "", "namespace": "", "status": "Synced", "syncWave": 2,
     "version": "v1alpha1"},
    {"group": "argoproj.io", "hookPhase": "Running", "kind": "Application", "message":
     "application.argoproj.io/ configured", "name": "", "namespace": "", "status": "Synced", "syncPhase": "Sync",
     "version": "v1alpha1"},
)  # fmt: skip
#: Target load of each shard, as a fraction of the warning limits.
_TARGET_LOAD = 0.5
_Identities = Mapping[str, Mapping[str, str]]
_BYTES_PER_OBJECT = sum(len(json.dumps(entry, separators=(",", ":"))) + 1 for entry in _STATUS_ENTRIES)


class ChartSize(NamedTuple):
    """A chart's size: the bytes of its values.yaml, and the estimated bytes of its Application's status."""

    chart: Chart
    values_bytes: int
    status_bytes: int


def measure_charts(tree: RenderedTree, registry: Registry) -> list[ChartSize]:
    """Measure every chart, in order."""
    status = _estimate_status_bytes(tree.applications, registry)
    values = (path for path in tree.digests if path.endswith("/values.yaml"))
    files = {
        chart_path.chart: path
        for path in values
        if (chart_path := parse_chart_path(path)) and chart_path.path == "values.yaml"
    }
    return [ChartSize(chart, len(tree.files[path]), status.get(chart, 0)) for chart, path in sorted(files.items())]


def _estimate_status_bytes(applications: _Identities, registry: Registry) -> Mapping[Chart, int]:
    """Estimate the status of each chart's Application, in bytes; a parent chart's status includes its shards."""
    of: dict[tuple[str, str], list[Mapping[str, str]]] = defaultdict(list)
    for key, identity in applications.items():
        of[key.partition("/")[0], identity.get("shard", "")].append(identity)
    found: Counter[Chart] = Counter()
    for chart, identities in ((Chart(*parts), identities) for parts, identities in of.items()):
        found[chart] += sum(
            _object_status_bytes(identity["name"], identity["argocdNamespace"]) for identity in identities
        )
        environment = registry.environments[chart.environment]
        namespace, project_namespace = environment.argocd_settings.namespaces
        if environment.create_projects:
            names = {identity["project"] for identity in identities}
            found[chart] += sum(_object_status_bytes(name, project_namespace) for name in names)
        if chart.shard:
            name = shard_application_name(chart.environment, chart.shard)
            found[Chart(chart.environment)] += _object_status_bytes(name, namespace)
    return found


def _object_status_bytes(name: str, namespace: str) -> int:
    return _BYTES_PER_OBJECT + 3 * len(name) + 2 * len(namespace)


def describe_oversized_charts(sizes: Iterable[ChartSize], applications: _Identities, registry: Registry) -> list[str]:
    """Describe each chart that is too large for Helm, with a remedy."""
    sizes = list(sizes)
    return [
        f"chart {load.chart}: values.yaml has {load.values_bytes:,} bytes, and Helm takes no file of more than "
        f"{MAX_FILE_BYTES:,}: {_suggest_shards(sizes, load.chart.environment, applications, registry)}"
        for load in sizes
        if load.values_bytes > MAX_FILE_BYTES
    ]


def describe_large_charts(sizes: Iterable[ChartSize], applications: _Identities, registry: Registry) -> Iterator[str]:
    """Describe charts near a size limit, with a remedy: one text for each environment."""
    by_environment: dict[str, list[ChartSize]] = defaultdict(list)
    for load in sizes:
        by_environment[load.chart.environment].append(load)
    for environment, own in by_environment.items():
        told = [text for load in own if (text := _describe_chart_size(load))]
        if told:
            more = f" (and so {len(told) - 1} more of its charts)" if len(told) > 1 else ""
            yield f"{told[0]}{more}: {_suggest_shards(own, environment, applications, registry)}"


def _describe_chart_size(load: ChartSize) -> str:
    parts = []
    if load.status_bytes >= STATUS_WARNING_BYTES:
        parts.append(
            f"Argo CD keeps about {load.status_bytes / 1e6:.1f} MB of state in the Application whose source it is, "
            "and etcd takes 1.5 MB"
        )
    if load.values_bytes >= FILE_WARNING_BYTES:
        parts.append(f"values.yaml has {load.values_bytes:,} bytes, and Helm takes {MAX_FILE_BYTES:,}")
    return f"chart {load.chart}: {'; '.join(parts)}" if parts else ""


def _suggest_shards(sizes: Iterable[ChartSize], environment: str, applications: _Identities, registry: Registry) -> str:
    """Suggest the fewest shards that keep every chart of an environment within the target load."""
    own = [load for load in sizes if load.chart.environment == environment]
    full = max(
        sum(load.status_bytes for load in own) / STATUS_WARNING_BYTES,
        sum(load.values_bytes for load in own) / FILE_WARNING_BYTES,
    )
    env = registry.environments[environment]
    apps = Counter(
        (str(registry.apps[app]["team"]), identity["project"])
        for name, _, app in (key.partition("/") for key in applications)
        if name == environment and (identity := applications[f"{name}/{app}"])
    )
    crowded: dict[str | int, float] = {}
    for shards in _list_finer_shards(env):
        crowded[shards] = full * _largest_share(replace(env, shards=shards), apps)
        if crowded[shards] <= _TARGET_LOAD:
            return _format_shards_instruction(environment, shards)
    best = min(crowded, key=lambda shards: crowded[shards], default=None)
    if best is not None and crowded[best] < 1:
        return _format_shards_instruction(environment, best)
    return "too much of it is of one project, which no shards divide: let its apps have projects of their own"


def _format_shards_instruction(environment: str, shards: str | int) -> str:
    return (
        f"set environments.{environment}.shards = {json.dumps(shards)}, step by step with: "
        f"workloads shard {environment} --by {shards}"
    )


def _list_finer_shards(env: Environment) -> list[str | int]:
    """Values of `shards` that divide an environment further, the fewest shards first."""
    numbers = [2**power for power in range(1, 10)] + [MAX_SHARDS]
    if env.shards is None:
        return [SHARD_BY_TEAM, *numbers]
    return [number for number in numbers if env.shards == SHARD_BY_TEAM or number > int(env.shards)]


def _largest_share(env: Environment, apps: Mapping[tuple[str, str], int]) -> float:
    """The share of an environment's apps, counted by team and project, that is in its largest shard."""
    shards: Counter[str] = Counter()
    for (team, project), count in apps.items():
        shards[find_app_shard(env, team, project)] += count
    return max(shards.values(), default=0) / max(shards.total(), 1)
