"""The validated, immutable registry that all later stages read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from generator.argocd.urls import IN_CLUSTER_SERVER
from generator.registry.effective import AppContext, EffectiveApp, build_base_layer, build_effective_app
from generator.registry.source_tables import Layer

if TYPE_CHECKING:
    from generator.registry.model import (
        ArgoCD,
        ArgoCDSettings,
        Credential,
        PromotionPolicy,
        SharedNamespace,
        Team,
        Workloads,
    )


class Listing(NamedTuple):
    """One entry of a promotion list: `app` or `app@revision`."""

    app: str
    pin: str | None

    @classmethod
    def parse_entry(cls, entry: str) -> Listing:
        """Split `app@revision`; without an `@`, there is no pin."""
        app, at, pin = entry.partition("@")
        return cls(app, pin if at else None)


@dataclass(frozen=True)
class Environment:
    """One environment: its destination, its policy, and its promotion list in order."""

    name: str
    server: str | None
    cluster: str | None
    argocd: str
    argocd_settings: ArgoCD
    name_suffix: str
    labels: Mapping[str, str]
    create_projects: bool
    promotes_from: tuple[str, ...]
    policy: PromotionPolicy
    holds: Mapping[str, str]
    retired: Mapping[str, str]
    listings: tuple[Listing, ...]
    shards: str | int | None = None
    hand_over: bool | tuple[str, ...] = False
    facts: Mapping[str, str] = field(default_factory=dict)

    def app_context(self, *, interpolate: bool) -> AppContext:
        """What this environment gives to its apps."""
        return AppContext(self.name, self.name_suffix, self.facts if interpolate else None)

    @property
    def argocd_destination(self) -> tuple[str, str]:
        """The cluster that this environment's Argo CD runs in, as a pair of Argo CD's field and its value.

        An Argo CD that no other environment names is taken to run in the cluster of this environment.
        """
        settings, is_own = self.argocd_settings, self.argocd == self.name
        if settings.cluster or settings.server:
            return ("name", settings.cluster) if settings.cluster else ("server", str(settings.server))
        if self.cluster and is_own:
            return "name", self.cluster
        if self.server and is_own and settings.is_eks_capability:
            return "server", self.server
        return "server", IN_CLUSTER_SERVER

    def creates_project(self, app: EffectiveApp) -> bool:
        """Whether this environment's chart creates the project of an app."""
        existing = self.argocd_settings.existing_projects
        return app.creates_project(by_default=self.create_projects and app.project not in existing)

    def hands_over(self, app: str) -> bool:
        """Whether an app moves to another chart, so that its current chart must not delete it."""
        return self.hand_over if isinstance(self.hand_over, bool) else app in self.hand_over


@dataclass(frozen=True)
class Registry:
    """The contents of `apps.toml` and its included files. `projects` maps names to AppProject fields.

    `version` decides the built-in defaults. `digest` is that of the names and bytes of the files, "" for a registry
    without files. `deprecation` is what the next release refuses, with its position, else "".
    `notes` are what `check` prints about a valid registry, each with its position.
    `effective_app_cache` holds the merged apps requested so far, by environment and entry.
    """

    workloads: Workloads
    argocd: ArgoCDSettings
    environments: Mapping[str, Environment]
    teams: Mapping[str, Team]
    projects: Mapping[str, Mapping[str, Any]]
    apps: Mapping[str, Layer]
    version: int = 2
    defaults: Layer = field(default_factory=dict)
    include: tuple[str, ...] = ()
    namespaces: Mapping[str, SharedNamespace] = field(default_factory=dict)
    digest: str = field(default="", compare=False)
    interpolate: bool = False
    credentials: Mapping[str, Credential] = field(default_factory=dict)
    notes: tuple[str, ...] = field(default=(), compare=False)
    deprecation: str = field(default="", compare=False)
    effective_app_cache: dict[tuple[str, Listing], EffectiveApp] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def next_step(self) -> str:
        """What is missing for a first chart, and how to add it, else ""."""
        if not self.environments:
            return "there are no environments: remove this registry and run 'workloads init', or add [environments.dev]"
        return "" if self.apps else "there are no apps: run 'workloads add APP'"

    @property
    def warnings(self) -> list[str]:
        """What the next release refuses, and what is missing for a first chart."""
        return [text for text in (self.deprecation, self.next_step) if text]

    def find_own_argocd(self, environment: Environment) -> str:
        """The name of an environment's Argo CD if it has settings of its own, else ""."""
        return environment.argocd if environment.argocd in self.argocd.instances else ""

    def list_effective_apps(self, environment: str) -> list[EffectiveApp]:
        """List the apps of an environment's promotion list, each with its settings there, sorted by name."""
        listings = sorted(self.environments[environment].listings)
        return [self._resolve_listing(environment, listing) for listing in listings]

    def find_listing(self, environment: str, app: str) -> Listing | None:
        """Return the promotion list entry of an app in an environment; None if it is not listed there."""
        return self._listings_by_environment[environment].get(app)

    def find_effective_app(self, environment: str, app: str) -> EffectiveApp | None:
        """Return an app with its settings for an environment; None if it is not listed there."""
        listing = self.find_listing(environment, app)
        return None if listing is None else self._resolve_listing(environment, listing)

    def _resolve_listing(self, environment: str, listing: Listing) -> EffectiveApp:
        key, app = (environment, listing), listing.app
        if key not in self.effective_app_cache:
            self.effective_app_cache[key] = self.build_effective_app(app, environment, listing.pin)
        return self.effective_app_cache[key]

    def build_effective_app(self, app: str, environment: str, pin: str | None) -> EffectiveApp:
        """Build an app with its settings for an environment, as it would run at a pin, or without one."""
        context = self.environments[environment].app_context(interpolate=self.interpolate)
        return build_effective_app(self.base_layer, app, self.apps[app], context, pin)

    @cached_property
    def base_layer(self) -> Layer:
        """The layer that every app starts from."""
        return build_base_layer(self.defaults, self.version)

    @cached_property
    def _listings_by_environment(self) -> Mapping[str, Mapping[str, Listing]]:
        """Every promotion list entry by environment and app; the first one if an app is listed twice."""
        environments = self.environments.items()
        return {name: {listing.app: listing for listing in reversed(env.listings)} for name, env in environments}
