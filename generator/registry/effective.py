"""What an app is in an environment: built-in ← defaults ← app ← app.environments.<env> ← the pin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Layer = Mapping[str, Any]

#: What an Application says unless the registry says otherwise.
BUILT_IN: Layer = {
    "targetRevision": "HEAD",
    "syncPolicy": {"automated": {"prune": True}, "syncOptions": ["CreateNamespace=false"]},
}
#: Of these, the one that a narrower layer sets takes the place of the other.
_ALTERNATIVES = {"server": "cluster", "cluster": "server"}
#: Keys of a layer that are about the registry and not about what Argo CD runs.
_OWN = frozenset({"team", "description", "environments", "track"})
_RANGE = re.compile(r"[*<>~^|]|\.x\b| - ", re.ASCII)
_TOOLS = ("helm", "kustomize", "directory", "plugin")
SOURCE_KEYS = ("repoURL", "path", "chart", "targetRevision", "tagPrefix", *_TOOLS)


@dataclass(slots=True)
class EffectiveApp:
    """One app in one environment, merged: `fields` are the registry's keys. Never to be modified.

    `several` says which form of sources the registry used.
    """

    # There are three for each app, asked again and again: frozen, and with properties, they took twice the time.
    app: str
    environment: str
    team: str
    pin: str | None
    fields: Layer
    project: str = field(init=False)
    namespace: str = field(init=False)
    several: bool = field(init=False)
    _sources: list[dict[str, Any]] | None = field(init=False, default=None, repr=False, compare=False)
    _revision: str | None = field(init=False, default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.project = str(self.fields.get("project", self.app))
        self.namespace = str(self.fields.get("namespace", self.app))
        self.several = "sources" in self.fields

    @property
    def sources(self) -> list[dict[str, Any]]:
        """Argo CD's sources with every default filled in; empty where a hydrator takes their place."""
        if self._sources is None:
            self._sources = self._filled()
        return self._sources

    def _filled(self) -> list[dict[str, Any]]:
        revision = self.fields["targetRevision"]
        if self.several:
            return [
                {**source, "targetRevision": revision} if follows(source) else dict(source)
                for source in self.fields["sources"]
            ]
        if "sourceHydrator" in self.fields:
            return []
        return [{key: self.fields[key] for key in SOURCE_KEYS if key in self.fields}]

    @property
    def repositories(self) -> list[str]:
        """Every repository URL that this app reads, in order, each once."""
        hydrator = self.fields.get("sourceHydrator")
        if hydrator is None and not self.several:
            return [self.fields["repoURL"]] if "repoURL" in self.fields else []
        hydrator = hydrator or {}
        parts = [*self.sources, *(hydrator.get(name, {}) for name in ("drySource", "syncSource"))]
        return list(dict.fromkeys(part["repoURL"] for part in parts if "repoURL" in part))

    @property
    def revision(self) -> str:
        """The revision that this environment runs: of the first source that renders manifests."""
        if self._revision is None:
            self._revision = self._decided()
        return self._revision

    def _decided(self) -> str:
        hydrator = self.fields.get("sourceHydrator")
        if hydrator:
            return str(hydrator["drySource"]["targetRevision"])
        if self.several and not any(follows(source) for source in self.fields["sources"]):
            renders = [source for source in self.sources if "path" in source or "chart" in source]
            return str((renders or self.sources)[0].get("targetRevision", "HEAD"))
        return str(self.fields["targetRevision"])


def is_range(revision: str) -> bool:
    """Whether Argo CD reads a revision as a range of versions, which only tags can satisfy."""
    return bool(_RANGE.search(revision))


def follows(source: Layer) -> bool:
    """Whether one of several sources takes the app's `targetRevision`, and with it the pin."""
    return "targetRevision" not in source and "chart" not in source


def merge(base: Layer, over: Layer) -> dict[str, Any]:
    """`over` on `base`: tables key by key, everything else replaces, also `false` and empty values."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged


def _parameters_by_name(parameters: Any) -> dict[str, Any]:
    if isinstance(parameters, Mapping):
        return {name: {"name": name, "value": value} for name, value in parameters.items()}
    return {parameter["name"]: parameter for parameter in parameters}


def _by_name(helm: Layer) -> Layer:
    """A helm table as it is merged: `parameters`, in either spelling, as a table by name."""
    if "parameters" not in helm:
        return helm
    return {**helm, "parameters": _parameters_by_name(helm["parameters"])}


def _listed(helm: Layer) -> Layer:
    """A helm table as Argo CD takes it: `parameters` as a list."""
    if "parameters" not in helm:
        return helm
    return {**helm, "parameters": [dict(parameter) for parameter in helm["parameters"].values()]}


def _normalise(layer: Layer) -> Layer:
    own = {key: value for key, value in layer.items() if key not in _OWN}
    return {**own, "helm": _by_name(own["helm"])} if "helm" in own else own


def _overlay(base: Layer, layer: Layer) -> dict[str, Any]:
    replaced = {_ALTERNATIVES[key] for key in layer if key in _ALTERNATIVES} - layer.keys()
    below = {key: value for key, value in base.items() if key not in replaced} if replaced else base
    merged = merge(below, layer)
    parameters = layer.get("helm", {}).get("parameters", {})
    # A parameter is replaced whole: merged key by key, one that is given anew would inherit `forceString`.
    if parameters and "parameters" in base.get("helm", {}):
        merged["helm"]["parameters"] = {**base["helm"]["parameters"], **parameters}
    return merged


def base_layer(defaults: Layer) -> Layer:
    """What every app starts from."""
    return _overlay(BUILT_IN, _normalise(defaults))


class Declared(NamedTuple):
    """An app in no environment yet: the `layers` that an environment is merged over, the `fields` without one."""

    layers: Layer
    fields: Layer


def declared_fields(base: Layer, declared: Layer) -> Declared:
    """The fields of an app as `declared`; `base` is what `base_layer` gave."""
    layers = _overlay(base, _normalise(declared))
    return Declared(layers, _final(layers))


def effective(base: Layer, app: str, declared: Layer, environment: str, pin: str | None) -> EffectiveApp:
    """The app named `app`, as `declared`, in `environment` at `pin`; `base` is what `base_layer` gave."""
    return in_environment(declared_fields(base, declared), app, declared, environment, pin)


def in_environment(known: Declared, app: str, declared: Layer, environment: str, pin: str | None) -> EffectiveApp:
    """As `effective`, from what `declared_fields` gave. What environments agree on is one object in all of them."""
    narrower = declared.get("environments", {}).get(environment)
    fields = _final(_overlay(known.layers, _normalise(narrower))) if narrower else known.fields
    if pin is not None:
        fields = _pinned(fields, pin)
    return EffectiveApp(app, environment, str(declared.get("team", "")), pin, fields)


def _pinned(fields: Layer, pin: str) -> dict[str, Any]:
    """The pin, where Argo CD reads it; without `tagPrefix`, which is of no use but to a range of versions."""
    pinned = {**fields, "targetRevision": pin}
    if not is_range(pin):
        pinned.pop("tagPrefix", None)
    hydrator = fields.get("sourceHydrator")
    if hydrator:
        pinned["sourceHydrator"] = {**hydrator, "drySource": {**hydrator["drySource"], "targetRevision": pin}}
    return pinned


def _final(fields: Layer) -> dict[str, Any]:
    fields = dict(fields)
    if "helm" in fields:
        fields["helm"] = _listed(fields["helm"])
    if "sources" in fields:
        fields["sources"] = [
            {**source, "helm": _listed(_by_name(source["helm"]))} if "helm" in source else source
            for source in fields["sources"]
        ]
    policy = fields.get("syncPolicy", {})
    if policy.get("automated") is False:
        fields["syncPolicy"] = {key: value for key, value in policy.items() if key != "automated"}
    return fields
