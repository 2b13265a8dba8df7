"""The registry as everything after it sees it: validated, immutable, without positions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from generator.registry.effective import EffectiveApp, Layer, base_layer, effective
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


@dataclass(frozen=True)
class Registry:
    """Everything that `apps.toml` and what it includes say. `projects` are AppProject fields by Argo CD's names."""

    workloads: Workloads
    argocd: ArgoCD
    environments: Mapping[str, Environment]
    teams: Mapping[str, Team]
    projects: Mapping[str, Mapping[str, Any]]
    apps: Mapping[str, Layer]
    defaults: Layer = field(default_factory=dict)

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
            environments = {
                name: replace(
                    env,
                    holds={},
                    retired={app: note for app, note in env.retired.items() if app in own},
                    listings=tuple(listings[team][name]),
                )
                for name, env in self.environments.items()
            }
            yield replace(self, environments=environments, teams={team: self.teams[team]}, apps=own)

    def effective_apps(self, environment: str) -> list[EffectiveApp]:
        """The apps that run in an environment, by name."""
        base = base_layer(self.defaults)
        return [
            effective(base, listing.app, self.apps[listing.app], environment, listing.pin)
            for listing in sorted(self.environments[environment].listings)
        ]

    def effective_app(self, environment: str, app: str) -> EffectiveApp | None:
        """One app as it runs in an environment, None where it does not."""
        listing = next((listing for listing in self.environments[environment].listings if listing.app == app), None)
        if listing is None:
            return None
        return effective(base_layer(self.defaults), app, self.apps[app], environment, listing.pin)
