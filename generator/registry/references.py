"""Whether the parts of a registry fit together: promotion lists, promotion order, names that must differ."""

from __future__ import annotations

import functools
import graphlib
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from generator.registry.effective import EffectiveApp
from generator.registry.registry import IN_CLUSTER, Environment
from generator.registry.text import NAME


@functools.lru_cache(maxsize=4096)
def helm_key(name: str) -> str:
    """An app's key in values.yaml: its name in camelCase (`ecsdemo-frontend` is `ecsdemoFrontend`)."""
    head, *rest = (part for part in name.split("-") if part)
    return head + "".join(part.capitalize() for part in rest)


def folds(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each name whose Helm key, seen without case, another name before it has, with that other name.

    `foo-1` and `foo1`, `a-b` and `a--b` are one key; keys that differ only in case are kept apart by
    YAML but not by a reader.
    """
    seen: dict[str, str] = {}
    for name in filter(NAME.fullmatch, names):
        other = seen.setdefault(helm_key(name).lower(), name)
        if other != name:
            yield name, other


def cycles(promotes_from: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, ...]]:
    """Ways round in the promotion order, each with its first environment repeated last."""
    left = {name: set(sources) for name, sources in promotes_from.items()}
    while True:
        try:
            graphlib.TopologicalSorter(left).prepare()
        except graphlib.CycleError as error:
            way = tuple(reversed(error.args[1]))
            yield way
            # Without its first step this way is closed, and another one may show.
            left[way[0]].discard(way[1])
        else:
            return


class Claim(NamedTuple):
    """What an app in an environment takes of an Argo CD, as far as others must not take it too.

    `running` is False where no promotion list has it there (`environment` is "" where none has it at all); `creates`
    says whether its chart creates its project, `by_itself` whether the app's own tables say so.
    """

    app: str
    environment: str
    running: bool
    argocd: str
    application: str
    cluster: tuple[str, str]
    namespace: str
    release: str
    project: str
    creates: bool
    by_itself: bool

    @classmethod
    def of(cls, app: EffectiveApp, environment: Environment) -> Claim:
        """The claim of an app that runs in an environment."""
        return cls(
            app.app,
            app.environment,
            True,
            environment.argocd,
            app.app + environment.name_suffix,
            _cluster(app, environment),
            app.namespace,
            release_name(app, environment),
            app.project,
            bool(app.fields.get("createProject", environment.create_projects)),
            bool(app.fields.get("createProject")),
        )

    @classmethod
    def on_project(cls, app: EffectiveApp) -> Claim:
        """The claim of an app that does not run where it is looked at: its project alone."""
        return cls(app.app, app.environment, False, "", "", ("", ""), "", "", app.project, False, False)


class Clash(NamedTuple):
    """Two (environment, app) that would be one thing to one Argo CD."""

    what: str
    app: Claim
    other: Claim
    remedy: str


def server_of(app: EffectiveApp, environment: Environment) -> tuple[str, str]:
    """The destination of an app as Argo CD's (field, value): `server` or `name`."""
    if "cluster" in app.fields:
        return "name", str(app.fields["cluster"])
    if "server" in app.fields:
        return "server", str(app.fields["server"])
    return ("name", environment.cluster) if environment.cluster else ("server", environment.server or IN_CLUSTER)


def release_name(app: EffectiveApp, environment: Environment) -> str:
    """The Helm release: `helm.releaseName`, else the Application's name, as Argo CD has it."""
    return str(app.fields.get("helm", {}).get("releaseName") or app.app + environment.name_suffix)


def _cluster(app: EffectiveApp, environment: Environment) -> tuple[str, str]:
    field, value = server_of(app, environment)
    return ("server", IN_CLUSTER) if (field, value) == ("name", "in-cluster") else (field, value.rstrip("/"))


def clashes(claims: Iterable[Claim]) -> Iterator[Clash]:
    """What is not unique within one Argo CD: Application names and (cluster, namespace, release)."""
    names: dict[tuple[str, str], Claim] = {}
    releases: dict[tuple[str, tuple[str, str], str, str], Claim] = {}
    for claim in claims:
        same = names.setdefault((claim.argocd, claim.application), claim)
        if same is not claim:
            what = f'Application "{claim.application}"'
            yield Clash(what, claim, same, "give one environment another nameSuffix")
            continue
        place = claim.argocd, claim.cluster, claim.namespace, claim.release
        same = releases.setdefault(place, claim)
        if same is not claim:
            what = f'release "{claim.release}" in namespace "{claim.namespace}"'
            yield Clash(what, claim, same, "give one of them another namespace or helm.releaseName")
