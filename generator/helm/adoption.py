"""What Helm renders of a folder that is there already: its Applications, and templates that an adoption orphans."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from generator.charts.chart_folder import list_chart_environments
from generator.charts.layout import parse_chart_path, parse_template_path
from generator.errors import RefusedError
from generator.helm import engine as helm
from generator.helm.environment_objects import render_environment_by_file
from generator.registry.shards import shard_application_name, team_namespaces_name

if TYPE_CHECKING:
    from generator.charts.change_set import ChangeSet
    from generator.charts.chart_folder import ChartFolder, OverlaidFolder
    from generator.charts.inventory import Inventory
    from generator.charts.layout import Chart

_Identities = Mapping[str, Mapping[str, str]]


def refuse_orphaned_templates(before: ChartFolder, after: OverlaidFolder, change: ChangeSet) -> None:
    """Raise RefusedError if taking over files changes what a foreign template that stays renders."""
    charts = {chart_path.chart for path in change.foreign_in_the_way if (chart_path := parse_chart_path(path))}
    orphaned = [path for chart in sorted(charts) for path in _find_orphaned_templates(before, after, chart)]
    if orphaned:
        raise RefusedError(
            "WL7007",
            "these templates would render something else with the generated values.yaml:\n"
            + "\n".join(f"  {after.display(path)}" for path in orphaned),
            remedy="list their apps in apps.toml, or move the templates to another chart",
        )


def _find_orphaned_templates(before: ChartFolder, after: OverlaidFolder, chart: Chart) -> Iterator[str]:
    try:
        old = helm.render_chart_by_file(before.read_chart(chart))
    except helm.HelmRefusal:
        return  # Argo CD cannot render the chart either.
    new = helm.render_chart_by_file(after.read_chart(chart))
    for name in sorted(old.keys() | new.keys()):
        if after.is_kept_foreign_file(chart, name) and old.get(name) != new.get(name):
            yield f"{chart.folder}/{name}"


def find_deployed_applications(
    before: ChartFolder, digests: Mapping[str, str], after: OverlaidFolder, *, with_helm: bool = True
) -> _Identities:
    """The identity of each Application of a folder, by `<env>/<app>`.

    They come from the inventory where the charts agree with it, by `digests`; otherwise from what Helm renders.
    Applications of foreign files that stay in `after` are left out. Raises LocalError if Helm is needed and not
    installed.
    """
    recorded = before.inventory.applications
    environments = {key.partition("/")[0] for key in recorded} | {*list_chart_environments(before.chart_paths)}
    listed: dict[str, list[str]] = defaultdict(list)
    for path in before.inventory.files:
        if chart_path := parse_chart_path(path):
            listed[chart_path.chart.environment].append(path)
    found: dict[str, Mapping[str, str]] = {}
    for environment in sorted(environments):
        own = {key: identity for key, identity in recorded.items() if key.startswith(f"{environment}/")}
        if not _charts_agree(before.inventory, digests, listed[environment], own):
            rendered = _render_identities(before, after, environment, own) if with_helm else None
            own = _infer_identities(before, after, environment, own) if rendered is None else rendered
        found |= own
    return found


def _charts_agree(
    inventory: Inventory, digests: Mapping[str, str], paths: Collection[str], recorded: _Identities
) -> bool:
    """Whether the files of an environment's charts are as the inventory says, and have exactly its apps."""
    apps = {"/".join(template) for path in paths if (template := parse_template_path(path))}
    known = all(digests.get(path) == inventory.files[path] for path in paths)
    return bool(paths) and known and apps == recorded.keys()


def _render_identities(
    before: ChartFolder, after: OverlaidFolder, environment: str, recorded: _Identities
) -> dict[str, Mapping[str, str]] | None:
    """The identities of the Applications that Helm renders; None if it refuses a chart or there is none."""
    charts = [chart for chart in before.paths_by_chart if chart.environment == environment]
    prefix = f"{environment}/"
    known = {
        identity["name"]: (key, identity)
        for identities in (recorded, after.tree.applications)
        for key, identity in identities.items()
        if key.startswith(prefix)
    }
    others = {shard_application_name(environment, chart.shard) for chart in charts if chart.shard}
    others.add(team_namespaces_name(environment))
    found: dict[str, Mapping[str, str]] = {}
    try:
        for chart, templates in render_environment_by_file(
            {chart: before.read_chart(chart) for chart in charts}, environment
        ):
            for name, items in templates.items():
                for item in () if after.is_kept_foreign_file(chart, name) else items:
                    object_name = str((item.get("metadata") or {}).get("name"))
                    if item.get("kind") == "Application" and object_name not in others:
                        key, identity = known.get(object_name, (prefix + object_name, {}))
                        found[key] = _identity_of(item, chart, identity)
    except helm.HelmRefusal:
        return None
    return found if charts else None


def _identity_of(item: helm.Manifest, chart: Chart, known: Mapping[str, str]) -> dict[str, str]:
    """The identity of a rendered Application, in the inventory's fields."""
    metadata, spec = item.get("metadata") or {}, item.get("spec") or {}
    destination = spec.get("destination") or {}
    field = "name" if destination.get("name") else "server"
    namespace = metadata.get("namespace") or known.get("argocdNamespace") or "argocd"
    return {
        "name": str(metadata.get("name")),
        "argocdNamespace": str(namespace),
        "project": str(spec.get("project")),
        "cluster": f"{field}:{destination.get('name') or destination.get('server')}",
        "namespace": str(destination.get("namespace")),
        **({"shard": chart.shard} if chart.shard else {}),
    }


def _infer_identities(
    before: ChartFolder, after: OverlaidFolder, environment: str, recorded: _Identities
) -> dict[str, Mapping[str, str]]:
    """The recorded identities, and one for each template without one, where Helm does not render the chart."""
    inferred: dict[str, Mapping[str, str]] = {}
    for path in sorted(before.chart_paths):
        chart_path, template = parse_chart_path(path), parse_template_path(path)
        if chart_path and template and template[0] == environment and not after.is_kept_foreign_file(*chart_path):
            key = f"{environment}/{template[1]}"
            identity = {**after.tree.applications.get(key, {"name": template[1], "namespace": "unknown"})}
            identity.pop("shard", None)
            inferred[key] = {**identity, **({"shard": chart_path.chart.shard} if chart_path.chart.shard else {})}
    return {**inferred, **recorded}
