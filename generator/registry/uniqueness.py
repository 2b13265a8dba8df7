"""Find names that collide and cycles in the promotion order."""

from __future__ import annotations

import functools
import graphlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from generator.argocd.strings import NAME_PATTERN
from generator.argocd.urls import IN_CLUSTER_SERVER

if TYPE_CHECKING:
    from generator.registry.effective import EffectiveApp
    from generator.registry.registry import Environment


@functools.lru_cache(maxsize=4096)
def helm_values_key(name: str) -> str:
    """The key of an app in values.yaml: its name in camelCase (`ecsdemo-frontend` is `ecsdemoFrontend`)."""
    head, *rest = (part for part in name.split("-") if part)
    return head + "".join(part.capitalize() for part in rest)


def find_helm_key_collisions(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each name whose Helm key, ignoring case, an earlier name has too, with the earlier name.

    `foo-1` and `foo1`, `a-b` and `a--b` are one key; keys that differ only in case are kept apart by
    YAML but not by a reader.
    """
    seen: dict[str, str] = {}
    for name in filter(NAME_PATTERN.fullmatch, names):
        other = seen.setdefault(helm_values_key(name).lower(), name)
        if other != name:
            yield name, other


def find_promotion_cycles(promotes_from: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, ...]]:
    """Yield the cycles of the promotion order, each with its first environment repeated at the end."""
    left = {name: set(sources) for name, sources in promotes_from.items()}
    while True:
        try:
            graphlib.TopologicalSorter(left).prepare()
        except graphlib.CycleError as error:
            way = tuple(reversed(error.args[1]))
            yield way
            # Remove one edge of this cycle, so that the next cycle can be found.
            left[way[0]].discard(way[1])
        else:
            return


class IdentityClaim(NamedTuple):
    """The names that an app in an environment occupies in its Argo CD, and that no other app may use.

    `creates_project` is True if its chart creates its project, `app_creates_project` if the app itself asks for it.
    """

    app: str
    environment: str
    argocd: str
    application: str
    cluster: tuple[str, str]
    namespace: str
    releases: tuple[str, ...]
    manifests: tuple[tuple[str, ...], ...]
    project: str
    creates_project: bool
    app_creates_project: bool

    @classmethod
    def for_listed_app(cls, app: EffectiveApp, environment: Environment) -> IdentityClaim:
        """Return the identity claim of an app that `environment` lists."""
        field, value = app_destination(app, environment)
        in_cluster = (field, value) == ("name", "in-cluster")
        cluster = ("server", IN_CLUSTER_SERVER) if in_cluster else (field, value.rstrip("/"))
        return cls(
            app.app,
            app.environment,
            environment.argocd,
            app.application,
            cluster,
            app.namespace,
            tuple(dict.fromkeys(release for _, release in app.releases)),
            tuple(dict.fromkeys(app.manifest_sources)),
            app.project,
            environment.creates_project(app),
            app.creates_project(by_default=False),
        )


def app_destination(app: EffectiveApp, environment: Environment) -> tuple[str, str]:
    """The destination of an app as a pair of Argo CD's field (`server` or `name`) and its value."""
    if "cluster" in app.fields:
        return "name", str(app.fields["cluster"])
    if "server" in app.fields:
        return "server", str(app.fields["server"])
    return ("name", environment.cluster) if environment.cluster else ("server", environment.server or IN_CLUSTER_SERVER)


def find_identity_conflicts(claims: Iterable[IdentityClaim]) -> Iterator[tuple[IdentityClaim, str]]:
    """Yield each claim of an Application's name, or of objects in a cluster and namespace, that repeats an earlier one.

    Objects are known by their Helm release, or by the place of manifests that no Helm renders. Each claim is for one
    object in one Argo CD. The text says which app has it, and what to do.
    """
    seen: dict[tuple[object, ...], IdentityClaim] = {}
    for claim in claims:
        application = f'Application "{claim.application}"'
        identities: tuple[tuple[str, str, tuple[object, ...]], ...] = (
            (application, "give one environment a different nameSuffix", (claim.application,)),
            *(
                (
                    f'release "{release}" in namespace "{claim.namespace}"',
                    "give one app a different namespace or helm.releaseName, or kustomize or directory = {} "
                    "where Helm does not render it",
                    (claim.cluster, claim.namespace, release),
                )
                for release in claim.releases
            ),
            *(
                (
                    f'the set of objects of "{source[1]}" in {source[0]}, in namespace "{claim.namespace}",',
                    "give one app a different namespace, or kustomize.nameSuffix",
                    (claim.cluster, claim.namespace, source),
                )
                for source in claim.manifests
            ),
        )
        for shown, remedy, identity in identities:
            other = seen.setdefault((claim.argocd, *identity), claim)
            if other is not claim:
                text = f'{shown} is also that of "{other.app}" in {other.environment}, in the same Argo CD'
                yield claim, f'{text} "{claim.argocd}": {remedy}'
                break
