"""Merge an app's settings for one environment.

From the weakest to the strongest: built-in defaults, `defaults`, the app, `app.environments.<env>`, the pin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from generator.argocd.revisions import revision_kind
from generator.argocd.urls import repository_key
from generator.registry.interpolation import Interpolation, find_interpolations
from generator.registry.pinned_fields import DEFAULT_PINS, PinnedField, UnknownFieldError, find_pinned_field, write_pin
from generator.registry.source_tables import Layer, set_values

if TYPE_CHECKING:
    from generator.toml.syntax import KeyPath


def _build_defaults(*, prune: bool, finalizer: str) -> Layer:
    policy = {"automated": {"prune": prune}, "syncOptions": ["CreateNamespace=false"]}
    return {"targetRevision": "HEAD", "syncPolicy": policy, "finalizer": finalizer}


#: Fields of every Application, unless the registry sets them, by the version of the registry.
BUILT_IN_DEFAULTS: Mapping[int, Layer] = {
    1: _build_defaults(prune=True, finalizer="foreground"),
    2: _build_defaults(prune=False, finalizer="none"),
}
#: Two keys for one setting: if a narrower layer sets one, it replaces the other.
_EXCLUSIVE_KEYS = {"server": "cluster", "cluster": "server"}
#: Keys of a layer that describe the app in the registry and do not go into its Application.
_REGISTRY_ONLY_KEYS = frozenset({"team", "description", "environments", "track"})
SOURCE_TOOLS = ("helm", "kustomize", "directory", "plugin")
SOURCE_KEYS = ("repoURL", "path", "chart", "targetRevision", "tagPrefix", *SOURCE_TOOLS)


class AppContext(NamedTuple):
    """What an environment gives to its apps: its name, its suffix of names, and its facts.

    `facts` are None where "${" is plain text.
    """

    environment: str
    name_suffix: str = ""
    facts: Mapping[str, str] | None = None


@dataclass
class EffectiveApp:
    """One app in one environment, with all layers merged into `fields`. Do not modify it.

    `pins` are the names of the fields that a pin sets; `track` is what `workloads update` follows;
    `interpolations` are the strings that were filled in.
    """

    app: str
    environment: str
    team: str
    pin: str | None
    fields: Layer
    pins: tuple[str, ...] = DEFAULT_PINS
    track: Layer = field(default_factory=dict)
    name_suffix: str = ""
    interpolations: tuple[Interpolation, ...] = ()

    def __post_init__(self) -> None:
        #: The name of the Application.
        self.application = str(self.fields.get("name", self.app)) + self.name_suffix
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

    def creates_project(self, *, by_default: bool) -> bool:
        """Whether a chart renders this app's AppProject; Argo CD itself creates the project `default`."""
        return self.project != "default" and bool(self.fields.get("createProject", by_default))

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

    @property
    def deployed_sources(self) -> list[dict[str, Any]]:
        """The sources that render manifests or give them values; of a source hydrator, the dry source."""
        hydrator = self.fields.get("sourceHydrator")
        return [hydrator["drySource"]] if hydrator else self.sources

    @cached_property
    def pinned_fields(self) -> tuple[PinnedField, ...]:
        """The fields that a pin sets, in the order of `pins`, without those that the app does not have."""
        found = []
        for name in self.pins:
            with suppress(UnknownFieldError):
                found.append(find_pinned_field(self.fields, name))
        return tuple(found)

    @cached_property
    def pinned_sources(self) -> tuple[dict[str, Any], ...]:
        """The sources whose `targetRevision` a pin sets."""
        sources, indexes = self.deployed_sources, []
        for pinned in self.pinned_fields:
            if pinned.path[0] == "sources" and pinned.is_revision:
                indexes.append(int(pinned.path[1]))
            elif pinned.is_revision and self.has_multiple_sources:
                indexes += [at for at, each in enumerate(self.fields["sources"]) if follows_app_revision(each)]
            elif pinned.is_revision:
                indexes.append(0)
        return tuple(sources[index] for index in dict.fromkeys(indexes))

    @property
    def has_pinnable_field(self) -> bool:
        """Whether a pin has an effect: not if it sets `targetRevision`, and every source has its own."""
        return bool(self.pinned_sources) or any(not each.is_revision for each in self.pinned_fields)

    @property
    def _revision_sources(self) -> tuple[dict[str, Any], ...]:
        """The sources that have the app's revision; where a pin has no effect, the first one that renders."""
        if self.has_pinnable_field:
            return self.pinned_sources
        renders = (source for source in self.deployed_sources if "path" in source or "chart" in source)
        return (next(renders, self.deployed_sources[0]),)

    @property
    def fixed_sources(self) -> list[dict[str, Any]]:
        """The other sources, whose revision is their own."""
        own = [id(source) for source in self._revision_sources]
        return [source for source in self.deployed_sources if id(source) not in own]

    @property
    def takes_commits(self) -> bool:
        """Whether a pin can name the content itself: the commit of a Git source, or the digest of an OCI artifact.

        Chart versions and image tags cannot; there a fixed version is the strictest pin.
        """
        return any("chart" not in source for source in self._revision_sources)

    @property
    def releases(self) -> Iterator[tuple[KeyPath, str]]:
        """The Helm release of each source that Helm may render, with the path of the source in the app's table."""
        sources = dict(self.sources_with_paths())
        if "sourceHydrator" in self.fields:
            sources["sourceHydrator", "drySource"] = self.fields["sourceHydrator"]["drySource"]
        for at, source in sources.items():
            if source.keys() & {"path", "chart"} and not source.keys() & {"kustomize", "directory", "plugin"}:
                yield at, str(source.get("helm", {}).get("releaseName") or self.application)

    @property
    def manifest_sources(self) -> Iterator[tuple[str, ...]]:
        """What decides the names of the objects of each source that no Helm release names, and where they come from."""
        for source in self.sources:
            tool = "kustomize" if "kustomize" in source else "directory"
            if tool in source and "path" in source and "repoURL" in source:
                names = (str(source[tool].get(key, "")) for key in ("namePrefix", "nameSuffix", "namespace"))
                yield repository_key(source["repoURL"]), str(source["path"]).strip("/"), *names

    @cached_property
    def revision(self) -> str:
        """The revision that runs in this environment: what the pin sets, or would set if there were one.

        Empty if that field is not set.
        """
        if self.pin is not None:
            return self.pin
        first = next(iter(self.pinned_fields), None)
        if first is not None and not first.is_revision:
            return first.read(self.fields)
        return str(self._revision_sources[0].get("targetRevision", "HEAD"))

    def deploys(self, revision: str) -> bool:
        """Whether every field that a pin sets has this value: without a pin, they may differ."""
        values = [str(source.get("targetRevision", "HEAD")) for source in self._revision_sources]
        values += [each.read(self.fields) for each in self.pinned_fields if not each.is_revision]
        return all(value == revision for value in values)

    @property
    def version_order(self) -> str:
        """How versions of the app compare: `semver`, `calver` or `date`."""
        return str(self.track.get("order", "semver"))

    @property
    def revision_kind(self) -> str:
        """The kind of the revision: `commit`, `tag` or `branch`."""
        return self.classify_revision(self.revision, self.pin is not None)

    def classify_revision(self, revision: str, pinned: bool) -> str:
        """Classify what a pin of this app may name, as `commit`, `tag` or `branch`; a version is a tag."""
        return revision_kind(revision, pinned, in_git=self.takes_commits)


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


def build_base_layer(defaults: Layer, version: int) -> Layer:
    """Merge `defaults` over the built-in ones of a version of the registry: the layer that every app starts from."""
    return _apply_layer(BUILT_IN_DEFAULTS[version], _normalize_layer(defaults))


def build_effective_app(base: Layer, app: str, declared: Layer, context: AppContext, pin: str | None) -> EffectiveApp:
    """Merge the app named `app` for an environment at `pin`; `base` is the result of `build_base_layer`."""
    merged = _apply_layer(base, _normalize_layer(declared))
    narrower = declared.get("environments", {}).get(context.environment)
    if narrower:
        merged = _apply_layer(merged, _normalize_layer(narrower))
    pins = tuple(merged.pop("pins", DEFAULT_PINS))
    team = str(declared.get("team", ""))
    interpolations = tuple(_fill_in_facts(merged, app, team, context))
    fields: Layer = _to_argocd_fields(set_values(merged, ((each.path, each.text) for each in interpolations)))
    if pin is not None:
        fields = write_pin(fields, pins, pin)
    track, suffix = declared.get("track", {}), context.name_suffix
    return EffectiveApp(app, context.environment, team, pin, fields, pins, track, suffix, interpolations)


def _fill_in_facts(fields: Layer, app: str, team: str, context: AppContext) -> Iterator[Interpolation]:
    if context.facts is not None and context.environment:
        facts = {f"facts.{name}": value for name, value in context.facts.items()}
        names = {"environment.name": context.environment, "app.name": app, "team.name": team, **facts}
        yield from find_interpolations(fields, names)


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
