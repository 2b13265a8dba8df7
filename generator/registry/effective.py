"""Merge an app's settings for one environment.

From the weakest to the strongest: built-in defaults, `defaults`, the app, `app.environments.<env>`, the pin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from generator.argocd.revisions import is_version_range

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


@dataclass(slots=True)
class EffectiveApp:
    """One app in one environment, with all layers merged into `fields`. Do not modify it.

    `has_multiple_sources` is True if the registry uses `sources` for this app.
    """

    # Created and read often, about three for each app: a frozen class with properties takes twice the time.
    app: str
    environment: str
    team: str
    pin: str | None
    fields: Layer
    project: str = field(init=False)
    namespace: str = field(init=False)
    has_multiple_sources: bool = field(init=False)
    _sources: list[dict[str, Any]] | None = field(init=False, default=None, repr=False, compare=False)
    _revision: str | None = field(init=False, default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.project = str(self.fields.get("project", self.app))
        self.namespace = str(self.fields.get("namespace", self.app))
        self.has_multiple_sources = "sources" in self.fields

    @property
    def sources(self) -> list[dict[str, Any]]:
        """The sources with all defaults filled in; empty if a source hydrator replaces them."""
        if self._sources is None:
            self._sources = self._fill_in_sources()
        return self._sources

    def _fill_in_sources(self) -> list[dict[str, Any]]:
        revision = self.fields["targetRevision"]
        if self.has_multiple_sources:
            return [
                {**source, "targetRevision": revision} if follows_app_revision(source) else dict(source)
                for source in self.fields["sources"]
            ]
        if "sourceHydrator" in self.fields:
            return []
        return [{key: self.fields[key] for key in SOURCE_KEYS if key in self.fields}]

    @property
    def repositories(self) -> list[str]:
        """The distinct repository URLs that this app reads, in order."""
        hydrator = self.fields.get("sourceHydrator")
        if hydrator is None and not self.has_multiple_sources:
            return [self.fields["repoURL"]] if "repoURL" in self.fields else []
        hydrator = hydrator or {}
        parts = [*self.sources, *(hydrator.get(name, {}) for name in ("drySource", "syncSource"))]
        return list(dict.fromkeys(part["repoURL"] for part in parts if "repoURL" in part))

    @property
    def revision(self) -> str:
        """The revision that runs in this environment: that of the first source that renders manifests."""
        if self._revision is None:
            self._revision = self._find_deployed_revision()
        return self._revision

    def _find_deployed_revision(self) -> str:
        hydrator = self.fields.get("sourceHydrator")
        if hydrator:
            return str(hydrator["drySource"]["targetRevision"])
        if self.has_multiple_sources and not any(follows_app_revision(source) for source in self.fields["sources"]):
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
    if isinstance(parameters, Mapping):
        return {name: {"name": name, "value": value} for name, value in parameters.items()}
    return {parameter["name"]: parameter for parameter in parameters}


def _index_helm_parameters(helm: Layer) -> Layer:
    """A helm table for merging: `parameters`, in either form, as a table keyed by name."""
    if "parameters" not in helm:
        return helm
    return {**helm, "parameters": _parameters_by_name(helm["parameters"])}


def _list_helm_parameters(helm: Layer) -> Layer:
    """A helm table in the form that Argo CD expects: `parameters` as a list."""
    if "parameters" not in helm:
        return helm
    return {**helm, "parameters": [dict(parameter) for parameter in helm["parameters"].values()]}


def _normalize_layer(layer: Layer) -> Layer:
    own = {key: value for key, value in layer.items() if key not in _REGISTRY_ONLY_KEYS}
    return {**own, "helm": _index_helm_parameters(own["helm"])} if "helm" in own else own


def _apply_layer(base: Layer, layer: Layer) -> dict[str, Any]:
    replaced = {_EXCLUSIVE_KEYS[key] for key in layer if key in _EXCLUSIVE_KEYS} - layer.keys()
    below = {key: value for key, value in base.items() if key not in replaced} if replaced else base
    merged = merge_layers(below, layer)
    parameters = layer.get("helm", {}).get("parameters", {})
    # Replace a parameter as a whole: merged key by key, an overridden one would inherit `forceString`.
    if parameters and "parameters" in base.get("helm", {}):
        merged["helm"]["parameters"] = {**base["helm"]["parameters"], **parameters}
    return merged


def build_base_layer(defaults: Layer) -> Layer:
    """Merge `defaults` over the built-in defaults: the layer that every app starts from."""
    return _apply_layer(BUILT_IN_DEFAULTS, _normalize_layer(defaults))


class AppWithoutEnvironment(NamedTuple):
    """An app before any environment is applied.

    An environment is merged over `layer_before_environment`; `fields` are the final fields without one.
    """

    layer_before_environment: Layer
    fields: Layer


def merge_declared_app(base: Layer, declared: Layer) -> AppWithoutEnvironment:
    """Merge an app as `declared` over `base`, the result of `build_base_layer`."""
    layers = _apply_layer(base, _normalize_layer(declared))
    return AppWithoutEnvironment(layers, _to_argocd_fields(layers))


def build_effective_app(base: Layer, app: str, declared: Layer, environment: str, pin: str | None) -> EffectiveApp:
    """Merge the app named `app` for `environment` at `pin`; `base` is the result of `build_base_layer`."""
    return resolve_in_environment(merge_declared_app(base, declared), app, declared, environment, pin)


def resolve_in_environment(
    without_environment: AppWithoutEnvironment, app: str, declared: Layer, environment: str, pin: str | None
) -> EffectiveApp:
    """Apply an environment and a pin to the result of `merge_declared_app`.

    Environments without overrides share one `fields` object.
    """
    narrower = declared.get("environments", {}).get(environment)
    fields = (
        _to_argocd_fields(_apply_layer(without_environment.layer_before_environment, _normalize_layer(narrower)))
        if narrower
        else without_environment.fields
    )
    if pin is not None:
        fields = _apply_pin(fields, pin)
    return EffectiveApp(app, environment, str(declared.get("team", "")), pin, fields)


def _apply_pin(fields: Layer, pin: str) -> dict[str, Any]:
    """Write the pin where Argo CD reads it, and drop `tagPrefix` unless the pin is a version range."""
    pinned = {**fields, "targetRevision": pin}
    if not is_version_range(pin):
        pinned.pop("tagPrefix", None)
    hydrator = fields.get("sourceHydrator")
    if hydrator:
        pinned["sourceHydrator"] = {**hydrator, "drySource": {**hydrator["drySource"], "targetRevision": pin}}
    return pinned


def _to_argocd_fields(fields: Layer) -> dict[str, Any]:
    fields = dict(fields)
    if "helm" in fields:
        fields["helm"] = _list_helm_parameters(fields["helm"])
    if "sources" in fields:
        fields["sources"] = [
            {**source, "helm": _list_helm_parameters(_index_helm_parameters(source["helm"]))}
            if "helm" in source
            else source
            for source in fields["sources"]
        ]
    policy = fields.get("syncPolicy", {})
    if policy.get("automated") is False:
        fields["syncPolicy"] = {key: value for key, value in policy.items() if key != "automated"}
    return fields
