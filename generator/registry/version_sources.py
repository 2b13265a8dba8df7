"""Where the versions of an app are listed: its Git repository, a Helm repository, or an OCI registry. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from generator.registry.effective import EffectiveApp
from generator.registry.findings import Finding

_DOCKER_HUB = "registry-1.docker.io"


class VersionSource(NamedTuple):
    """A list of versions: `kind` is `git`, `helm` or `oci`.

    `location` is a URL or, for `oci`, `HOST/PATH`. `chart` is the chart whose versions these are, or empty.
    """

    kind: str
    location: str
    chart: str = ""


def find_version_source(app: EffectiveApp) -> VersionSource | None:
    """Find where the versions that the app can be pinned to are listed; None if its table does not name it."""
    if app.pinned_sources:
        return _find_versions_of(app.pinned_sources[0])
    named = (field.read_image_name(app.fields) for field in app.pinned_fields if field.image)
    image = app.track.get("image") or next(named, None)
    return VersionSource("oci", _expand_image(image)) if image else None


def list_version_sources(app: EffectiveApp) -> list[VersionSource]:
    """List where the versions of every source of an app are listed and, if it tracks an image, those of the image."""
    tracked = find_version_source(app) if app.track else None
    hydrated_to = app.fields.get("sourceHydrator", {}).get("syncSource", {})
    parts = [*app.deployed_sources, *([hydrated_to] if "repoURL" in hydrated_to else [])]
    found = [_find_versions_of(source) for source in parts]
    return list(dict.fromkeys([*found, *([tracked] if tracked else [])]))


def _find_versions_of(source: Mapping[str, Any]) -> VersionSource:
    url, chart = str(source["repoURL"]), str(source.get("chart", ""))
    if url.startswith("oci://"):
        return VersionSource("oci", url.removeprefix("oci://"))
    if chart:
        return VersionSource("helm", url, chart) if "://" in url else VersionSource("oci", f"{url}/{chart}", chart)
    return VersionSource("git", url)


def _expand_image(image: str) -> str:
    """The registry and path of an image: as Docker does, Docker Hub where the name begins with no host."""
    host, slash, path = image.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        return f"{_DOCKER_HUB}/{path}" if host == "docker.io" else image
    return f"{_DOCKER_HUB}/{image if slash else f'library/{image}'}"


def track_problems(app: EffectiveApp) -> Iterator[Finding]:
    """Yield what `track` of an app cannot follow."""
    if not app.track or not app.has_pinnable_field or any("repoURL" not in each for each in app.pinned_sources):
        return
    source = find_version_source(app)
    if source is None:
        text = f'no image is known for {app.pins[0]}: add image = "HOST/PATH", where its tags are listed'
        yield Finding(("track",), "WL2306", text)
    elif "branch" in app.track and source.kind != "git":
        text = f"{source.location} has versions and no branches: follow them with semver or tags"
        yield Finding(("track", "branch"), "WL2306", text)
    elif "image" in app.track and app.pinned_sources:
        text = f"has no effect, because the versions are those of {source.location}: remove it"
        yield Finding(("track", "image"), "WL2306", text)
