"""Translate Argo CD's objects to the tables of a registry, and compare two objects as Argo CD acts on them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from generator.charts.app_projects import FINALIZER
from generator.helm.engine import HelmRefusal, parse_values
from generator.registry.effective import SOURCE_KEYS, SOURCE_TOOLS
from generator.registry.source_tables import Layer

Body = Mapping[str, Any]
WAVE_ANNOTATION = "argocd.argoproj.io/sync-wave"
#: What a cluster, kubectl and Argo CD add to an object.
ADDED_ANNOTATIONS = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        "argocd.argoproj.io/tracking-id",
        "argocd.argoproj.io/refresh",
        "argocd.argoproj.io/hydrate",
        "notified.notifications.argoproj.io",
    }
)
_INSTANCE_LABEL = "app.kubernetes.io/instance"
_BACKGROUND_FINALIZER = f"{FINALIZER}/background"
#: Finalizers of Argo CD itself on an Application, by their word in the registry.
_FINALIZERS = {FINALIZER: "foreground", f"{FINALIZER}/foreground": "foreground", _BACKGROUND_FINALIZER: "background"}
#: Finalizers that Argo CD adds and removes by itself.
_TRANSIENT_FINALIZERS = re.compile(r"(?:pre|post)-delete-finalizer\.argocd\.argoproj\.io(?:/.*)?")
_SPEC_KEYS = ("ignoreDifferences", "info", "revisionHistoryLimit", "sourceHydrator")
#: Sync options that say what Argo CD does anyway.
NO_OP_SYNC_OPTIONS = frozenset(
    {
        "ApplyOutOfSyncOnly=false",
        "CreateNamespace=false",
        "Delete=true",
        "FailOnSharedResource=false",
        "PruneLast=false",
        "Prune=true",
        "Replace=false",
        "RespectIgnoreDifferences=false",
        "ServerSideApply=false",
        "SkipDryRunOnMissingResource=false",
        "Validate=true",
    }
)


class Translated(NamedTuple):
    """An Application as a table of the registry, complete: nothing in it depends on a default.

    `argocd_namespace` is the namespace of the Application itself, "" for the default one.
    """

    name: str
    argocd_namespace: str
    fields: dict[str, Any]


class TranslationError(Exception):
    """The registry cannot express an Application; the message says why."""


def translate_application(body: Body) -> Translated:
    """Translate an Application. Raises TranslationError if the registry cannot express it."""
    metadata, spec = _without_cluster_fields(body)["metadata"], body.get("spec")
    if not isinstance(spec, Mapping):
        raise TranslationError("it has no spec")
    destination = spec.get("destination") or {}
    fields: dict[str, Any] = {"project": spec.get("project") or "default", "namespace": destination.get("namespace")}
    if not fields["namespace"]:
        reason = "its destination has no namespace, so that its manifests choose one and no team can be granted it"
        raise TranslationError(f"{reason}: add destination.namespace")
    if destination.get("server") and destination.get("name"):
        raise TranslationError("its destination has both a server and a name: keep one")
    fields |= {"cluster": destination["name"]} if destination.get("name") else {"server": destination.get("server")}
    if not fields.get("cluster") and not fields.get("server"):
        raise TranslationError("its destination has neither a server nor a name")
    fields |= _translate_sources(spec)
    fields["syncPolicy"] = _complete_sync_policy(spec.get("syncPolicy") or {})
    fields["finalizer"] = _translate_finalizers(metadata.get("finalizers") or [])
    fields |= {key: spec[key] for key in _SPEC_KEYS if spec.get(key) not in (None, [], {})}
    known = {"project", "destination", "source", "sources", "syncPolicy", *_SPEC_KEYS}
    rest = {key: value for key, value in spec.items() if key not in known}
    return Translated(
        str(metadata.get("name", "")),
        str(metadata.get("namespace") or ""),
        {**fields, **_translate_metadata(metadata), **({"spec": rest} if rest else {})},
    )


def _translate_sources(spec: Body) -> dict[str, Any]:
    if spec.get("sources"):
        return {"sources": [_translate_source(source) for source in spec["sources"]]}
    if spec.get("source"):
        return _translate_source(spec["source"])
    if spec.get("sourceHydrator"):
        return {}
    raise TranslationError("it has no source")


def _translate_source(source: Body) -> dict[str, Any]:
    found = {key: value for key, value in source.items() if value not in (None, "")}
    if not isinstance(found.get("targetRevision", ""), str):
        raise TranslationError(
            f"targetRevision {found['targetRevision']} is a number, which Kubernetes refuses: quote it"
        )
    found.setdefault("targetRevision", "HEAD")
    # Argo CD drops a tool without settings (util/argo, NormalizeApplicationSpec).
    tools = {tool: _without_empty_fields(found.pop(tool)) for tool in SOURCE_TOOLS if tool in found}
    found |= {tool: table for tool, table in tools.items() if table}
    helm = found.get("helm", {})
    if "parameters" in helm:
        found["helm"] = {**helm, "parameters": _brief_parameters(helm["parameters"])}
    return found


def restate_fields(fields: Layer) -> dict[str, Any]:
    """The fields of an app with its sources and its sync policy in the form of a translated Application."""
    rest = {key: value for key, value in fields.items() if key not in (*SOURCE_KEYS, "sources")}
    if "sources" in fields:
        sources: dict[str, Any] = {"sources": [_translate_source(source) for source in fields["sources"]]}
    else:
        sources = _translate_source({key: fields[key] for key in SOURCE_KEYS if key in fields})
    return {**rest, **sources, "syncPolicy": _complete_sync_policy(fields.get("syncPolicy", {}))}


def _without_empty_fields(table: Body) -> dict[str, Any]:
    """A tool's table without the fields that are as if they were absent; a table below it keeps its keys."""
    return {key: value for key, value in table.items() if value not in (None, "", [], {}) and value is not False}


def _brief_parameters(parameters: list[Body]) -> Any:
    """Helm parameters as a table from name to value, if it loses nothing; the last parameter of a name wins."""
    last = {str(each.get("name")): each for each in parameters}
    if any(each.get("forceString") for each in last.values()):
        return [{key: value for key, value in each.items() if value is not False} for each in last.values()]
    return {name: each.get("value", "") for name, each in last.items()}


def _complete_sync_policy(policy: Body) -> dict[str, Any]:
    """A sync policy with its automation and options stated, so that no default can turn anything on."""
    automated = policy.get("automated")
    found: dict[str, Any] = {
        "automated": False
        if automated is None
        else {
            "prune": bool(automated.get("prune")),
            "selfHeal": bool(automated.get("selfHeal")),
            **{key: automated[key] for key in ("allowEmpty", "enabled") if automated.get(key) is not None},
        },
        "syncOptions": _effective_sync_options(policy),
    }
    rest = {key: value for key, value in policy.items() if key not in found and value not in (None, {}, [])}
    return found | rest


def _effective_sync_options(policy: Body) -> list[str]:
    return [option for option in policy.get("syncOptions") or [] if option not in NO_OP_SYNC_OPTIONS]


def _translate_finalizers(finalizers: list[str]) -> str:
    kept = [each for each in finalizers if not _TRANSIENT_FINALIZERS.fullmatch(each)]
    unknown = [each for each in kept if each not in _FINALIZERS]
    if unknown:
        raise TranslationError(f"the finalizer {unknown[0]} is not Argo CD's: the registry cannot express it")
    words = {_FINALIZERS[each] for each in kept}
    if len(words) > 1:
        raise TranslationError("it has two finalizers of Argo CD: keep one")
    return words.pop() if words else "none"


def _translate_metadata(metadata: Body) -> dict[str, Any]:
    annotations = dict(metadata.get("annotations") or {})
    wave = annotations.pop(WAVE_ANNOTATION, None)
    found: dict[str, Any] = {}
    if wave is not None:
        try:
            found["syncWave"] = int(wave)
        except ValueError:
            raise TranslationError(f"the sync wave {wave!r} is not a number") from None
    if metadata.get("labels"):
        found["labels"] = dict(metadata["labels"])
    if annotations:
        found["annotations"] = annotations
    return found


def _without_cluster_fields(body: Body) -> dict[str, Any]:
    """An object without what a cluster, kubectl and Argo CD add to it."""
    metadata = dict(body.get("metadata") or {})
    is_live = "uid" in metadata or "status" in body
    annotations = {
        key: value for key, value in (metadata.get("annotations") or {}).items() if key not in ADDED_ANNOTATIONS
    }
    labels = dict(metadata.get("labels") or {})
    if is_live:
        labels.pop(_INSTANCE_LABEL, None)
    kept = {key: metadata[key] for key in ("name", "namespace", "finalizers") if metadata.get(key)}
    own = {"annotations": annotations, "labels": labels}
    return {
        "apiVersion": body.get("apiVersion"),
        "kind": body.get("kind"),
        "metadata": kept | {key: value for key, value in own.items() if value},
        "spec": body.get("spec") or {},
    }


def explain_owner(body: Body) -> str | None:
    """Why an Application is kept by something else than a chart; None if it is not."""
    for owner in (body.get("metadata") or {}).get("ownerReferences") or ():
        if owner.get("kind") == "ApplicationSet":
            return (
                f"the ApplicationSet {owner.get('name')} generates it, and would overwrite the fields that a chart sets"
            )
    return None


def translate_project(body: Body) -> dict[str, Any]:
    """Translate an AppProject to a table of the registry."""
    found = _without_cluster_fields(body)
    labels = {"labels": found["metadata"]["labels"]} if "labels" in found["metadata"] else {}
    kept = {key: value for key, value in found["spec"].items() if value not in (None, "", [], {})}
    for role in kept.get("roles") or ():
        role.pop("jwtTokens", None)
    found_fields: dict[str, Any] = _without_nulls(labels | kept)
    return found_fields


def _without_nulls(value: Any) -> Any:
    """The data without nulls, which stand for absent fields."""
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value if inner is not None] if isinstance(value, list) else value


# Comparison


def comparable_application(body: Body, argocd_namespace: str) -> dict[str, Any]:
    """An Application as Argo CD acts on it: without absent fields that equal its defaults, and in one order.

    The sync wave is left out: what counts is the order that the waves give.
    """
    found = _without_cluster_fields(body)
    metadata, spec = found["metadata"], dict(found["spec"])
    annotations = {key: value for key, value in metadata.get("annotations", {}).items() if key != WAVE_ANNOTATION}
    sources = "sources" if spec.get("sources") else "source"
    if spec.get("sources"):
        spec.pop("source", None)
        spec["sources"] = [_comparable_source(source) for source in spec["sources"]]
    elif spec.get("source"):
        spec["source"] = _comparable_source(spec["source"])
    policy = spec.pop("syncPolicy", None) or {}
    spec = {key: value for key, value in spec.items() if value not in (None, "", [], {})}
    finalizers = [_FINALIZERS.get(each, each) for each in metadata.get("finalizers", ())]
    return {
        "metadata": {
            "name": metadata.get("name"),
            "namespace": metadata.get("namespace") or argocd_namespace,
            "labels": metadata.get("labels", {}),
            "annotations": annotations,
            "finalizers": sorted(each for each in finalizers if not _TRANSIENT_FINALIZERS.fullmatch(each)),
        },
        "spec": {
            **{key: value for key, value in spec.items() if key != sources},
            sources: spec.get(sources),
            "project": spec.get("project") or "default",
            "destination": {key: value for key, value in (spec.get("destination") or {}).items() if value},
            "syncPolicy": _comparable_sync_policy(policy),
        },
    }


def _comparable_source(source: Body) -> dict[str, Any]:
    found = _translate_source(source)
    helm = found.get("helm", {})
    if "valuesObject" in helm or "values" in helm:
        helm = found["helm"] = {**helm, "values": None, "valuesObject": _effective_values(helm)}
    if isinstance(helm.get("parameters"), list):
        named = {each["name"]: (each.get("value", ""), bool(each.get("forceString"))) for each in helm["parameters"]}
        found["helm"] = {**helm, "parameters": named}
    elif "parameters" in helm:
        found["helm"] = {**helm, "parameters": {name: (value, False) for name, value in helm["parameters"].items()}}
    return found


def _effective_values(helm: Body) -> Any:
    """The values that Argo CD hands to Helm: `valuesObject`, else `values`, as data; text that is no table stays."""
    if helm.get("valuesObject"):
        return helm["valuesObject"]
    try:
        return parse_values(helm["values"])
    except HelmRefusal:
        return helm["values"]


def _comparable_sync_policy(policy: Body) -> dict[str, Any]:
    found = _complete_sync_policy(policy)
    if found["automated"]:
        without = {"allowEmpty": False, "enabled": True}
        found["automated"] = {key: value for key, value in found["automated"].items() if without.get(key) is not value}
    return found | {"syncOptions": sorted(found["syncOptions"])}


def sync_wave(body: Body) -> int:
    """The sync wave of an object; 0 if it has none."""
    value = str(((body.get("metadata") or {}).get("annotations") or {}).get(WAVE_ANNOTATION, 0))
    return int(value) if re.fullmatch(r"-?[0-9]+", value) else 0


def list_differences(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield the fields in which two objects differ, each with its value in both; None for an absent one."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}, key=str):
            at = f"{path}.{key}" if path else str(key)
            if key in before and key in after:
                yield from list_differences(before[key], after[key], at)
            else:
                yield at, before.get(key), after.get(key)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from list_differences(old, new, f"{path}[{index}]")
    elif before != after or type(before) is not type(after):
        yield path, before, after
