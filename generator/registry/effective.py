"""Merge an app's settings for one environment.

From the weakest to the strongest: built-in defaults, `defaults`, the app, `app.environments.<env>`, the pin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from generator.argocd.revisions import is_written_as_range
from generator.toml.syntax import KeyPath

Layer = Mapping[str, Any]

#: Fields of every Application, unless the registry sets them.
BUILT_IN_DEFAULTS: Layer = {
    "targetRevision": "HEAD",
    "syncPolicy": {"automated": {"prune": True}, "syncOptions": ["CreateNamespace=false"]},
}
#: Two keys for one setting: if a narrower layer sets one, it replaces the other.
_EXCLUSIVE_KEYS = {"server": "cluster", "cluster": "server"}
#: Keys of a layer that describe the app in the registry and do not go into its Application.
_REGISTRY_ONLY_KEYS = frozenset({"team", "description", "environments", "track"})
SOURCE_TOOLS = ("helm", "kustomize", "directory", "plugin")
SOURCE_KEYS = ("repoURL", "path", "chart", "targetRevision", "tagPrefix", *SOURCE_TOOLS)


@dataclass
class EffectiveApp:
    """One app in one environment, with all layers merged into `fields`. Do not modify it."""

    app: str
    environment: str
    team: str
    pin: str | None
    fields: Layer

    def __post_init__(self) -> None:
        self.project = str(self.fields.get("project", self.app))
        self.namespace = str(self.fields.get("namespace", self.app))
        #: Whether the registry uses `sources` for this app.
        self.has_multiple_sources = "sources" in self.fields

    @cached_property
    def sources(self) -> list[dict[str, Any]]:
        """The sources with all defaults filled in; empty if a source hydrator replaces them."""
        if self.has_multiple_sources:
            revision = self.fields["targetRevision"]
            return [
                {**source, "targetRevision": revision} if follows_app_revision(source) else dict(source)
                for source in self.fields["sources"]
            ]
        if "sourceHydrator" in self.fields:
            return []
        return [{key: self.fields[key] for key in SOURCE_KEYS if key in self.fields}]

    def sources_with_paths(self) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
        """Yield the sources, each with its path in the app's table."""
        for index, source in enumerate(self.sources):
            yield ("sources", index) if self.has_multiple_sources else (), source

    @property
    def repositories(self) -> list[str]:
        """The distinct repository URLs that this app reads, in order."""
        hydrator = self.fields.get("sourceHydrator", {})
        parts = [*self.sources, *(hydrator.get(name, {}) for name in ("drySource", "syncSource"))]
        return list(dict.fromkeys(part["repoURL"] for part in parts if "repoURL" in part))

    @cached_property
    def revision(self) -> str:
        """The revision that runs in this environment: that of the first source that renders manifests."""
        hydrator = self.fields.get("sourceHydrator")
        if hydrator:
            return str(hydrator["drySource"]["targetRevision"])
        if self.has_multiple_sources and not any(map(follows_app_revision, self.fields["sources"])):
            renders = [source for source in self.sources if "path" in source or "chart" in source]
            return str((renders or self.sources)[0].get("targetRevision", "HEAD"))
        return str(self.fields["targetRevision"])


def follows_app_revision(source: Layer) -> bool:
    """Whether a source takes its revision from the app's `targetRevision`, and so from the pin."""
    return "targetRevision" not in source and "chart" not in source


def merge_layers(base: Layer, overlay: Layer) -> dict[str, Any]:
    """Merge `overlay` into `base`: tables key by key; any other value, even `false` or empty, replaces."""
    merged = dict(base)
    for key, value in overlay.items():
        below = merged.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            merged[key] = merge_layers(below, value)
        else:
            merged[key] = value
    return merged


def _parameters_by_name(parameters: Any) -> dict[str, Any]:
    """Helm parameters in any form, a list or a table of values or parameters, as a table of parameters."""
    if not isinstance(parameters, Mapping):
        return {parameter["name"]: parameter for parameter in parameters}
    return {
        name: value if isinstance(value, Mapping) else {"name": name, "value": value}
        for name, value in parameters.items()
    }


def _normalize_layer(layer: Layer) -> Layer:
    """A layer for merging: only fields of the Application, and Helm parameters by name."""
    own = {key: value for key, value in layer.items() if key not in _REGISTRY_ONLY_KEYS}
    if "parameters" in own.get("helm", {}):
        own["helm"] = {**own["helm"], "parameters": _parameters_by_name(own["helm"]["parameters"])}
    return own


def _apply_layer(base: Layer, layer: Layer) -> dict[str, Any]:
    replaced = {_EXCLUSIVE_KEYS[key] for key in layer if key in _EXCLUSIVE_KEYS} - layer.keys()
    merged = merge_layers({key: value for key, value in base.items() if key not in replaced}, layer)
    parameters = layer.get("helm", {}).get("parameters", {})
    # Replace a parameter as a whole: merged key by key, an overridden one would inherit `forceString`.
    if parameters and "parameters" in base.get("helm", {}):
        merged["helm"]["parameters"] = {**base["helm"]["parameters"], **parameters}
    return merged


def build_base_layer(defaults: Layer) -> Layer:
    """Merge `defaults` over the built-in defaults: the layer that every app starts from."""
    return _apply_layer(BUILT_IN_DEFAULTS, _normalize_layer(defaults))


def build_effective_app(base: Layer, app: str, declared: Layer, environment: str, pin: str | None) -> EffectiveApp:
    """Merge the app named `app` for `environment` at `pin`; `base` is the result of `build_base_layer`."""
    merged = _apply_layer(base, _normalize_layer(declared))
    narrower = declared.get("environments", {}).get(environment)
    if narrower:
        merged = _apply_layer(merged, _normalize_layer(narrower))
    fields = _to_argocd_fields(merged)
    if pin is not None:
        fields = _apply_pin(fields, pin)
    return EffectiveApp(app, environment, str(declared.get("team", "")), pin, fields)


def _apply_pin(fields: Layer, pin: str) -> dict[str, Any]:
    """Write the pin where Argo CD reads it, and drop `tagPrefix` unless the pin is a version range."""
    pinned = {**fields, "targetRevision": pin}
    if not is_written_as_range(pin):
        pinned.pop("tagPrefix", None)
    hydrator = fields.get("sourceHydrator")
    if hydrator:
        pinned["sourceHydrator"] = {**hydrator, "drySource": {**hydrator["drySource"], "targetRevision": pin}}
    return pinned


def _to_argocd_fields(layer: Layer) -> dict[str, Any]:
    """The fields as Argo CD expects them: Helm parameters as lists, and no `automated = false`."""
    fields = _with_parameter_list(layer)
    if "sources" in fields:
        fields["sources"] = [_with_parameter_list(source) for source in fields["sources"]]
    policy = fields.get("syncPolicy", {})
    if policy.get("automated") is False:
        fields["syncPolicy"] = {key: value for key, value in policy.items() if key != "automated"}
    return fields


def _with_parameter_list(source: Layer) -> dict[str, Any]:
    helm = source.get("helm", {})
    if "parameters" not in helm:
        return dict(source)
    parameters = [dict(parameter) for parameter in _parameters_by_name(helm["parameters"]).values()]
    return {**source, "helm": {**helm, "parameters": parameters}}
