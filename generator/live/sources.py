"""Where live Applications are read: the SOURCEs of --live, each for one Argo CD or for all."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from generator.argocd.urls import redact_url
from generator.errors import GeneratorError, LocalError, UsageError
from generator.live.applications import LiveState
from generator.live.argocd_server import read_argocd_server
from generator.live.state_file import STANDARD_INPUT, read_state_file
from generator.registry.problems import require_known_names
from generator.registry.registry import Environment, Registry

_NAMED = re.compile(r"([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)=(.+)")
_KUBECONFIG = "kubeconfig"


class LiveSource(NamedTuple):
    """A place to read from, and the Argo CD that it is of; `argocd` is empty for those without a place of their own."""

    argocd: str
    place: str

    @classmethod
    def parse(cls, text: str) -> LiveSource:
        """Parse `[ARGOCD=]SOURCE`: `kubeconfig`, `kubeconfig:CONTEXT`, an address of argocd-server, or a file."""
        found = _NAMED.fullmatch(text)
        return cls(found[1], found[2]) if found else cls("", text)


class LiveSources:
    """The sources of a command: each is read once. `variables` are those of the process, for tokens."""

    def __init__(self, texts: Sequence[str], variables: Mapping[str, str]) -> None:
        self._sources = [LiveSource.parse(text) for text in texts]
        self._variables = variables
        self._states: dict[tuple[str, str], LiveState | GeneratorError] = {}
        self._owners: dict[tuple[str, str], str] = {}

    def __bool__(self) -> bool:
        return bool(self._sources)

    @property
    def can_be_read_again(self) -> bool:
        """Whether each source can be read more than once; the standard input cannot."""
        return all(source.place != STANDARD_INPUT for source in self._sources)

    def require_known_names(self, registry: Registry) -> None:
        """Raise UsageError for a source of an Argo CD that no environment is in."""
        known = [environment.argocd for environment in registry.environments.values()]
        require_known_names([source.argocd for source in self._sources if source.argocd], known, "Argo CD")

    def find_source(self, environment: Environment) -> LiveSource | None:
        """The source of an environment's Argo CD; None if there is none."""
        own = [source for source in self._sources if source.argocd == environment.argocd]
        every = [source for source in self._sources if not source.argocd]
        return next(iter((*own, *every)), None)

    def read(self, environment: Environment) -> LiveState:
        """Read the Applications of an environment's Argo CD.

        Raises UsageError if it has no source or an invalid one, LocalError, and NetworkError if not all were read.
        """
        source = self.find_source(environment)
        if source is None:
            raise UsageError(
                "WL1009",
                f"nothing says where to read the live state of {environment.name}",
                remedy=f"give --live SOURCE or --live {environment.argocd}=SOURCE, or set WORKLOADS_LIVE",
            )
        key = source.place, environment.argocd_settings.namespace
        if self._owners.setdefault(key, environment.argocd) != environment.argocd:
            raise UsageError(
                "WL1009",
                f"{self._owners[key]} and {environment.argocd} are two Argo CDs, and {redact_url(source.place)} is one",
                remedy=f"name the source of each, --live {environment.argocd}=SOURCE; or say in the registry that the "
                'environments share one: argocd = "NAME"',
            )
        if key not in self._states:
            try:
                self._states[key] = self._read(environment.argocd, source.place, key[1])
            except GeneratorError as error:
                self._states[key] = error
        found = self._states[key]
        if isinstance(found, GeneratorError):
            raise found
        return found

    def _read(self, argocd: str, place: str, namespace: str) -> LiveState:
        kind, _, context = place.partition(":")
        if kind == _KUBECONFIG:
            return _read_cluster(context, namespace)
        if kind in ("http", "https"):
            return read_argocd_server(place, namespace, self._variables, argocd)
        return read_state_file(place, namespace)


def _read_cluster(context: str, namespace: str) -> LiveState:
    try:
        # The client takes half a second to load, and is an extra.
        from generator.live.kubernetes_api import read_cluster
    except ImportError as error:
        raise LocalError(
            "WL6006",
            f"a kubeconfig is read with the Kubernetes client, which is not installed ({error.name})",
            remedy="pip install 'gitops-workloads[live]', or give a file or the address of argocd-server",
        ) from None
    return read_cluster(context, namespace)
