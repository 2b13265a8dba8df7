"""The registry as everything after it sees it: validated, immutable, without positions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

from generator.registry.effective import Declared, EffectiveApp, Layer, base_layer, declared_fields, in_environment
from generator.registry.model import ArgoCD, PromotionPolicy, Team, Workloads

IN_CLUSTER = "https://kubernetes.default.svc"


class Listing(NamedTuple):
    """One entry of a promotion list: `app` or `app@revision`."""

    app: str
    pin: str | None

    @classmethod
    def parse(cls, entry: str) -> Listing:
        app, at, pin = entry.partition("@")
        return cls(app, pin if at else None)


@dataclass(frozen=True)
class Environment:
    """One environment: where it is, and everything that runs in it, in the order of its list."""

    name: str
    server: str | None
    cluster: str | None
    argocd: str
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

    def hands_over(self, app: str) -> bool:
        """Whether an app is about to come into another chart, and the one that it leaves must not delete it."""
        return self.hand_over if isinstance(self.hand_over, bool) else app in self.hand_over

    def of(self, apps: Collection[str], listings: Iterable[Listing]) -> Environment:
        """The environment with these of its apps alone, as far as charts are made of it."""
        hand_over = self.hand_over
        return replace(
            self,
            holds={},
            retired={app: note for app, note in self.retired.items() if app in apps},
            hand_over=hand_over if isinstance(hand_over, bool) else tuple(app for app in hand_over if app in apps),
            listings=tuple(listings),
        )


@dataclass(frozen=True)
class Registry:
    """Everything that `apps.toml` and what it includes say. `projects` are AppProject fields by Argo CD's names.

    `merged` are apps as they run, by environment and entry, as far as they were asked for: it says nothing of its own.
    """

    workloads: Workloads
    argocd: ArgoCD
    environments: Mapping[str, Environment]
    teams: Mapping[str, Team]
    projects: Mapping[str, Mapping[str, Any]]
    apps: Mapping[str, Layer]
    defaults: Layer = field(default_factory=dict)
    merged: dict[tuple[str, Listing], EffectiveApp] = field(default_factory=dict, init=False, repr=False, compare=False)

    def by_team(self) -> Iterator[Registry]:
        """The registry of each team's apps alone, as far as charts are made of it.

        Two teams never share a project, so that each can be rendered by itself.
        """
        apps: dict[str, dict[str, Layer]] = {}
        for name, layer in self.apps.items():
            apps.setdefault(layer["team"], {})[name] = layer
        listings: dict[str, dict[str, list[Listing]]] = {team: {env: [] for env in self.environments} for team in apps}
        for env in self.environments.values():
            for listing in env.listings:
                listings[self.apps[listing.app]["team"]][env.name].append(listing)
        for team, own in apps.items():
            environments = {name: env.of(own, listings[team][name]) for name, env in self.environments.items()}
            only = replace(self, environments=environments, teams={team: self.teams[team]}, apps=own)
            entries = ((name, entry) for name, env in environments.items() for entry in env.listings)
            only.merged.update((entry, self.merged[entry]) for entry in entries if entry in self.merged)
            yield only

    def effective_apps(self, environment: str) -> list[EffectiveApp]:
        """The apps that run in an environment, by name."""
        return [self._effective(environment, listing) for listing in sorted(self.environments[environment].listings)]

    def listing(self, environment: str, app: str) -> Listing | None:
        """An app's entry in an environment's list, None where it does not run there."""
        return self._listings[environment].get(app)

    def effective_app(self, environment: str, app: str) -> EffectiveApp | None:
        """One app as it runs in an environment, None where it does not."""
        listing = self.listing(environment, app)
        return None if listing is None else self._effective(environment, listing)

    def _effective(self, environment: str, listing: Listing) -> EffectiveApp:
        found = self.merged.get((environment, listing))
        if found is None:
            app = listing.app
            declared = self._declared.get(app)
            if declared is None:
                declared = self._declared[app] = declared_fields(self._base, self.apps[app])
            found = in_environment(declared, app, self.apps[app], environment, listing.pin)
            self.merged[environment, listing] = found
        return found

    @cached_property
    def _base(self) -> Layer:
        return base_layer(self.defaults)

    @cached_property
    def _declared(self) -> dict[str, Declared]:
        """The fields of the apps that were asked for."""
        return {}

    @cached_property
    def _listings(self) -> Mapping[str, Mapping[str, Listing]]:
        """Every entry by environment and app, the first where an app is listed twice."""
        return {
            name: {listing.app: listing for listing in reversed(env.listings)}
            for name, env in self.environments.items()
        }
