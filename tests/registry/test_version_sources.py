"""Where the versions of an app are listed, by what a pin sets and where the source is."""

from __future__ import annotations

import pytest

from generator.registry.effective import AppContext, build_base_layer, build_effective_app
from generator.registry.version_sources import VersionSource, find_version_source, list_version_sources

GIT = {"repoURL": "https://git.example.com/a/web.git", "path": "x"}
CHART = {"repoURL": "https://charts.example.com/stable", "chart": "web", "targetRevision": "1.0.0"}
BARE = {"repoURL": "registry.example.com/charts", "chart": "web", "targetRevision": "1.0.0"}
HELM, WEB = VersionSource("helm", "https://charts.example.com/stable", "web"), "registry.example.com/web"


@pytest.mark.parametrize(
    ("layer", "wanted"),
    [
        (GIT, VersionSource("git", "https://git.example.com/a/web.git")),
        (CHART, HELM),
        (BARE, VersionSource("oci", "registry.example.com/charts/web", "web")),
        ({"repoURL": "oci://registry.example.com/web", "path": "."}, VersionSource("oci", WEB)),
        ({"sources": [GIT, CHART], "pins": ["sources.1"]}, HELM),
        ({**GIT, "pins": ["helm.valuesObject.tag"]}, None),
        ({**GIT, "pins": ["helm.valuesObject.tag"], "track": {"image": WEB}}, VersionSource("oci", WEB)),
        (
            {**GIT, "pins": ["kustomize.images.web"], "kustomize": {"images": [f"web={WEB}:1"]}},
            VersionSource("oci", WEB),
        ),
        ({**GIT, "pins": ["kustomize.images.nginx"]}, VersionSource("oci", "registry-1.docker.io/library/nginx")),
        ({**GIT, "pins": ["kustomize.images.acme/web"]}, VersionSource("oci", "registry-1.docker.io/acme/web")),
        (
            {**GIT, "pins": ["kustomize.images.docker.io/acme/web"]},
            VersionSource("oci", "registry-1.docker.io/acme/web"),
        ),
        ({**GIT, "pins": ["kustomize.images.localhost:5000/web"]}, VersionSource("oci", "localhost:5000/web")),
    ],
)
def test_the_versions_of_what_a_pin_sets(layer: dict[str, object], wanted: VersionSource | None) -> None:
    app = build_effective_app(build_base_layer({}, 2), "web", layer, AppContext("dev"), None)
    assert find_version_source(app) == wanted


def test_every_source_of_an_app_has_its_list_and_so_has_a_tracked_image() -> None:
    layer = {"sources": [GIT, CHART], "pins": ["sources.0.helm.valuesObject.tag"], "track": {"image": WEB}}
    app = build_effective_app(build_base_layer({}, 2), "web", layer, AppContext("dev"), None)
    assert list_version_sources(app) == [VersionSource("git", GIT["repoURL"]), HELM, VersionSource("oci", WEB)]
