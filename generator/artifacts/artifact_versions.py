"""The versions of charts and images that apps track, each source read once in a command."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

from generator.artifacts.helm_repository import list_chart_versions
from generator.artifacts.oci_registry import list_tags, resolve_digest
from generator.errors import NetworkError
from generator.git.remote_refs import RemoteRepositories
from generator.registry.version_sources import VersionSource

_MAX_CONCURRENT = 8


class ArtifactVersions:
    """Reads the versions of charts and images; several sources concurrently."""

    @cached_property
    def _found(self) -> dict[VersionSource, list[str] | NetworkError]:
        return {}

    def prefetch_versions(self, sources: Iterable[VersionSource]) -> None:
        """Read several sources concurrently. One that fails raises its error on first use."""
        wanted = sorted(set(sources) - self._found.keys())
        with ThreadPoolExecutor(_MAX_CONCURRENT) as pool:
            self._found.update(zip(wanted, pool.map(_read_versions, wanted), strict=True))

    def read_versions(self, source: VersionSource) -> list[str]:
        """Return the versions of a source, in no order. Raises NetworkError if it cannot be read."""
        self.prefetch_versions([source])
        found = self._found[source]
        if isinstance(found, NetworkError):
            raise found
        return found

    def resolve_digest(self, source: VersionSource, tag: str) -> str | None:
        """Return the digest of a tag in an OCI registry; None if there is no such tag. Raises NetworkError."""
        return resolve_digest(source.location, tag)


class AppRemotes(RemoteRepositories, ArtifactVersions):
    """The Git repositories of apps, and the charts and images that they name; each is queried once."""


def _read_versions(source: VersionSource) -> list[str] | NetworkError:
    try:
        if source.kind == "helm":
            return list_chart_versions(source.location, source.chart)
        # A registry has no "+" in tags: Helm writes "_" for the one before the build of a version.
        tags = list_tags(source.location)
        return [tag.replace("_", "+") for tag in tags] if source.chart else tags
    except NetworkError as error:
        return error
