"""Check that an object has the shape of Argo CD's before it is translated. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_TEXT, _TABLE, _TEXTS, _TABLES = "a string", "a table", "a list of strings", "a list of tables"
#: The fields that are read here, by path, with what each must be if it is there; `*` is every key of a table.
_SOURCE = {
    "repoURL": _TEXT,
    "path": _TEXT,
    "chart": _TEXT,
    "helm": _TABLE,
    "helm.parameters": _TABLES,
    "helm.parameters.name": _TEXT,
    "helm.parameters.value": _TEXT,
    "helm.valuesObject": _TABLE,
    "helm.values": _TEXT,
    "helm.namespace": _TEXT,
    "kustomize": _TABLE,
    "kustomize.namespace": _TEXT,
    "directory": _TABLE,
    "plugin": _TABLE,
}
_METADATA = {
    "metadata": _TABLE,
    "metadata.name": _TEXT,
    "metadata.namespace": _TEXT,
    "metadata.labels": _TABLE,
    "metadata.labels.*": _TEXT,
    "metadata.annotations": _TABLE,
    "metadata.annotations.*": _TEXT,
    "metadata.finalizers": _TEXTS,
    "metadata.ownerReferences": _TABLES,
    "spec": _TABLE,
}
_FIELDS = {
    "Application": {
        **_METADATA,
        "spec.project": _TEXT,
        "spec.destination": _TABLE,
        "spec.destination.*": _TEXT,
        "spec.source": _TABLE,
        "spec.sources": _TABLES,
        **{f"spec.{name}.{field}": shape for name in ("source", "sources") for field, shape in _SOURCE.items()},
        "spec.sourceHydrator": _TABLE,
        "spec.sourceHydrator.*": _TABLE,
        "spec.sourceHydrator.drySource.repoURL": _TEXT,
        "spec.syncPolicy": _TABLE,
        "spec.syncPolicy.automated": _TABLE,
        "spec.syncPolicy.syncOptions": _TEXTS,
        "spec.syncPolicy.managedNamespaceMetadata": _TABLE,
        "spec.syncPolicy.managedNamespaceMetadata.*": _TABLE,
    },
    "AppProject": {
        **_METADATA,
        "spec.sourceRepos": _TEXTS,
        "spec.destinations": _TABLES,
        "spec.sourceNamespaces": _TEXTS,
        "spec.clusterResourceWhitelist": _TABLES,
        "spec.clusterResourceBlacklist": _TABLES,
        "spec.namespaceResourceWhitelist": _TABLES,
        "spec.namespaceResourceBlacklist": _TABLES,
        "spec.roles": _TABLES,
        "spec.roles.policies": _TEXTS,
        "spec.syncWindows": _TABLES,
    },
}


def find_shape_problem(kind: str, body: Mapping[str, Any]) -> str | None:
    """The first field of an Application or AppProject that is not what Argo CD takes there; None if all are."""
    for path, shape in _FIELDS[kind].items():
        for at, value in _values_at(body, path.split(".")):
            if value is not None and not _has_shape(value, shape):
                return f"{'.'.join(at)} holds {value!r:.60}, and must be {shape}"
    return None


def _values_at(value: Any, path: list[str], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The values at a path, each with its own path; it leads through every element of a list."""
    if not path:
        yield above, value
    elif isinstance(value, list):
        for each in value:
            yield from _values_at(each, path, above)
    elif isinstance(value, Mapping):
        for key in value if path[0] == "*" else [path[0]] if path[0] in value else []:
            yield from _values_at(value[key], path[1:], (*above, str(key)))


def _has_shape(value: Any, shape: str) -> bool:
    if shape in (_TEXTS, _TABLES):
        kind: type = str if shape == _TEXTS else dict
        return isinstance(value, list) and all(isinstance(each, kind) for each in value)
    return isinstance(value, str if shape == _TEXT else dict)
