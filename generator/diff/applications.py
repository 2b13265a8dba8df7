"""Read the fields of Application manifests, also of malformed ones. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from generator.argocd.workload_effects import Identity
from generator.diff.compare import SHARD_FIELD, Manifest, find_nested_value

_CASCADING_FINALIZER = "resources-finalizer.argocd.argoproj.io"
_SYNC_OPTIONS_ANNOTATION = "argocd.argoproj.io/sync-options"


def read_application_identity(item: Manifest) -> Identity:
    """The identity of an Application, with the same fields as in the inventory."""
    destination = find_nested_value(item, "spec", "destination") or {}
    field = "server" if find_nested_value(destination, "server") else "name"
    parts = {
        "name": find_nested_value(item, "metadata", "name"),
        "argocdNamespace": find_nested_value(item, "metadata", "namespace"),
        "project": find_nested_value(item, "spec", "project"),
        "cluster": f"{field}:{find_nested_value(destination, field) or ''}",
        "namespace": find_nested_value(destination, "namespace"),
        "shard": find_nested_value(item, SHARD_FIELD),
    }
    handed_over = {"handOver": "true"} if is_kept_by_parent(item) and not has_cascading_finalizer(item) else {}
    return {**{name: str(value or "") for name, value in parts.items()}, **handed_over}


def read_project_name(item: Manifest) -> str:
    """The name of an Application's AppProject."""
    return str(find_nested_value(item, "spec", "project") or "default")


def read_destination(item: Manifest) -> Manifest:
    """The destination of an Application."""
    found = find_nested_value(item, "spec", "destination")
    return found if isinstance(found, Mapping) else {}


def list_sources(item: Manifest) -> list[Manifest]:
    """The sources of an Application: `source`, `sources`, or the dry source of its hydrator."""
    several = find_nested_value(item, "spec", "sources")
    one = find_nested_value(item, "spec", "source") or find_nested_value(item, "spec", "sourceHydrator", "drySource")
    sources = several if isinstance(several, list) else [one]
    return [source for source in sources if isinstance(source, Mapping)]


def source_location(source: Manifest) -> str:
    """The repository of a source, and its chart if it has one."""
    return " ".join(str(source.get(name)) for name in ("repoURL", "chart") if source.get(name))


def source_revision(source: Manifest) -> str:
    """The revision of a source; HEAD if it has none."""
    return str(source.get("targetRevision") or "HEAD")


def source_form(item: Manifest) -> str:
    """Which field has the sources: `source`, `sources` or `sourceHydrator`; empty if there are none."""
    spec = find_nested_value(item, "spec") or {}
    return next((form for form in ("sourceHydrator", "sources", "source") if find_nested_value(spec, form)), "")


def automated_policy(item: Manifest) -> Mapping[str, Any] | None:
    """The `automated` table of the sync policy; None if somebody has to start each sync."""
    automated = find_nested_value(item, "spec", "syncPolicy", "automated")
    return automated if isinstance(automated, Mapping) and automated.get("enabled") is not False else None


def self_heals(item: Manifest) -> bool:
    """Whether Argo CD applies a changed destination by itself."""
    automated = automated_policy(item)
    return automated is not None and automated.get("selfHeal") is True


def prunes(item: Manifest) -> bool:
    """Whether Argo CD deletes by itself what the source no longer has."""
    automated = automated_policy(item)
    kept = {"Prune=false", "Prune=confirm"} & read_sync_options(item)
    return automated is not None and automated.get("prune") is True and not kept


def read_sync_options(item: Manifest) -> set[str]:
    """The sync options for the resources of an Application."""
    value = find_nested_value(item, "spec", "syncPolicy", "syncOptions")
    return {str(option) for option in value} if isinstance(value, list) else set()


def read_own_sync_options(item: Manifest) -> set[str]:
    """The sync options in the object's own annotation, which its parent obeys."""
    annotations = find_nested_value(item, "metadata", "annotations")
    value = annotations.get(_SYNC_OPTIONS_ANNOTATION) if isinstance(annotations, Mapping) else None
    return {option.strip() for option in str(value or "").split(",")}


def is_kept_by_parent(item: Manifest) -> bool:
    """Whether the object stays in the cluster when its chart no longer has it."""
    return "Prune=false" in read_own_sync_options(item)


def list_finalizers(item: Manifest) -> list[str]:
    """The finalizers of an object."""
    value = find_nested_value(item, "metadata", "finalizers")
    return [str(name) for name in value] if isinstance(value, list) else []


def has_cascading_finalizer(item: Manifest) -> bool:
    """Whether deleting the Application deletes its workload."""
    return any(name.startswith(_CASCADING_FINALIZER) for name in list_finalizers(item))
