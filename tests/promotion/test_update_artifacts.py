"""`update` of charts and images, from a real registry and a real Helm repository, and what it says when they fail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from generator.artifacts import http_client
from generator.artifacts.oci_registry import resolve_digest
from tests.artifacts.servers import (
    copy_tag,
    docker_registry,
    htpasswd_auth,
    package_chart,
    push_charts,
    serve_repository,
)
from tests.promotion.world import World
from tests.workspace import Run

pytestmark = [pytest.mark.registry, pytest.mark.timeout(300)]

REGISTRY = """\
version = 1
allowSchemes = ["http"]

[environments.dev]
apps = [
  "api@1.0.0", # a parameter
  "artifact@1.0.0",
  "cache@1.0.0", # a chart
  "keycloak@1.0.0",
  "shop@20261101",
  "web",
]

[environments.prod]
promotesFrom = ["dev"]
apps = ["cache@1.0.0", "shop@20261101"]

[teams.shop]
repositories = ["https://git.example.com/shop/", "HTTP", "HOST/charts", "oci://HOST/charts/"]
namespaces = ["api", "artifact", "cache", "keycloak", "shop", "web"]

# A chart in an OCI registry, below the next major version.
[apps.cache]
team = "shop"
repoURL = "HOST/charts"
chart = "cache"
targetRevision = "1.0.0"
track = { semver = "^1" }

# An OCI artifact.
[apps.artifact]
team = "shop"
repoURL = "oci://HOST/charts/cache"
path = "."
targetRevision = "1.0.0"
track = { tags = "1.*" }

# The chart of an app with several sources, in a Helm repository.
[apps.keycloak]
team = "shop"
pins = ["sources.0"]
track = { semver = "*" }
sources = [
  { repoURL = "HTTP", chart = "keycloak", targetRevision = "1.0.0", helm = { valueFiles = ["$values/keycloak.yaml"] } },
  { repoURL = "https://git.example.com/shop/values.git", targetRevision = "v7.0", ref = "values" },
]

# Images: of Kustomize, in a value, and in a parameter.
[apps.shop]
team = "shop"
pins = ["kustomize.images.shop"]
track = { tags = "*", order = "date" }
repoURL = "https://git.example.com/shop/shop.git"
path = "overlays/all"
targetRevision = "v3.0"
kustomize.images = ["shop=HOST/images/shop:20261101"]

[apps.web]
team = "shop"
pins = ["helm.valuesObject.image.tag"]
track = { image = "HOST/images/web", tags = "*", semver = ">=1" }
repoURL = "https://git.example.com/shop/web.git"
path = "chart"
targetRevision = "v3.0"
helm.valuesObject = { image = { tag = "1.0.0" } }

[apps.api]
team = "shop"
pins = ["helm.parameters.image.tag"]
track = { image = "HOST/images/web", tags = "*" }
repoURL = "https://git.example.com/shop/api.git"
path = "chart"
targetRevision = "v3.0"
helm.parameters = { "image.tag" = "1.0.0" }
"""


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The storage of a registry with a chart and two images, and a folder `helm` with the charts of a repository."""
    folder = tmp_path_factory.mktemp("registry")
    with docker_registry(folder) as host:
        push_charts(host, "charts", package_chart(folder, "cache", "1.0.0", "1.4.0", "1.5.0-rc.1", "2.0.0"))
        push_charts(host, "images", package_chart(folder, "web", "1.0.0", "1.10.0", "1.9.0"))
        push_charts(host, "images", package_chart(folder, "shop", "1.0.0"))
        for tag in ("latest", "main"):
            copy_tag(host, "images/web", "1.0.0", tag)
        for tag in ("20261101", "20261128", "20261115"):
            copy_tag(host, "images/shop", "1.0.0", tag)
    package_chart(folder / "helm", "keycloak", "1.0.0", "1.2.0", "2.0.0-beta")
    return folder


@pytest.fixture
def hosts(storage: Path) -> Iterator[tuple[str, str]]:
    with docker_registry(storage) as host, serve_repository(storage / "helm") as http:
        yield host, http


@pytest.fixture
def build(tmp_path: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, workloads, monkeypatch)


def test_charts_and_images_are_updated_to_their_newest_version(build: World, hosts: tuple[str, str]) -> None:
    host, http = hosts
    world = build.build(REGISTRY.replace("HOST", host).replace("HTTP", http), "")
    done = world.run("update")
    assert done.code == 0, done.err
    assert world.diff() == (
        '-  "api@1.0.0", # a parameter\n-  "artifact@1.0.0",\n-  "cache@1.0.0", # a chart\n'
        '-  "keycloak@1.0.0",\n-  "shop@20261101",\n-  "web",\n'
        '+  "api@1.10.0", # a parameter\n+  "artifact@1.4.0",\n+  "cache@1.4.0", # a chart\n'
        '+  "keycloak@1.2.0",\n+  "shop@20261128",\n+  "web@1.10.0",\n'
    )
    told = (done.out + done.err).splitlines()
    assert told.count("web: skipped tags that are not semantic versions: latest, main") == 1
    assert told.count("shop: skipped tags that are not dates: 1.0.0") == 1
    world.commit_as_told(done.err)

    again = world.run("update")
    assert again.code == 0, again.err
    assert world.diff() == ""
    world.at += timedelta(days=1)
    assert "shop: prod 20261101 is behind dev (20261128)" in world.ok("status")
    world.ok("promote", "--to", "prod", "--ready")
    assert [world.text.count(entry) for entry in ("cache@1.4.0", "shop@20261128")] == [2, 2]


def test_a_registry_that_denies_access_stops_its_apps_alone_and_is_named_once(build: World, storage: Path) -> None:
    with docker_registry(storage, htpasswd_auth(storage)) as host, serve_repository(storage / "helm") as http:
        world = build.build(REGISTRY.replace("HOST", host).replace("HTTP", http), "")
        done = world.run("update")
    assert done.code == 0, done.err
    assert world.diff() == '-  "keycloak@1.0.0",\n+  "keycloak@1.2.0",\n'
    waits = [line for line in (done.out + done.err).splitlines() if line.startswith("waits: ")]
    hint = f"log in with access to it: helm registry login {host}, or docker login {host}"
    assert waits == [
        f"waits: {apps}: network: {host}/{path}: {host} denies access (401); {hint}"
        for apps, path in (
            ("api, web", "images/web"),
            ("artifact, cache", "charts/cache"),
            ("shop", "images/shop"),
        )
    ]


def test_a_version_that_does_not_exist_is_refused_and_one_that_cannot_be_checked_is_noted(
    build: World, hosts: tuple[str, str]
) -> None:
    host, http = hosts
    world = build.build(REGISTRY.replace("HOST", host).replace("HTTP", http), "")
    for app, version, said in (
        ("keycloak", "1.3.0", f"pin: chart keycloak of {http} has no version 1.3.0 (did you mean 1.2.0, 1.0.0?)"),
        ("cache", "1.4.1", f"pin: {host}/charts/cache has no version 1.4.1 (did you mean 1.4.0, 1.0.0?)"),
        ("web", "9.9.9", f"pin: {host}/images/web has no version 9.9.9"),
    ):
        assert said in world.refused(4, "promote", app, "--to", "dev", "--revision", version)
    world.ok("promote", "keycloak", "--to", "dev", "--revision", "2.0.0-beta")


def test_without_its_registry_a_version_is_promoted_with_a_note(build: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "_ATTEMPTS", 1)
    world = build.build(REGISTRY.replace("HOST", "127.0.0.1:1").replace("HTTP", "http://127.0.0.1:2"), "")
    done = world.run("promote", "keycloak", "--to", "dev", "--revision", "1.3.0")
    assert done.code == 0, done.err
    assert "keycloak: not verified that 1.3.0 exists: " in done.out + done.err
    assert '+  "keycloak@1.3.0",\n' in world.diff()


def test_an_artifact_is_pinned_to_its_digest_where_the_policy_wants_commits(
    build: World, hosts: tuple[str, str]
) -> None:
    host, http = hosts
    text = REGISTRY.replace('promotesFrom = ["dev"]\n', 'promotesFrom = ["dev"]\npolicy.pin = "commit"\n')
    text = text.replace('apps = ["cache@1.0.0", "shop@20261101"]', "apps = []")
    world = build.build(text.replace("HOST", host).replace("HTTP", http), "")
    digest = resolve_digest(f"{host}/charts/cache", "1.0.0")
    world.ok("promote", "artifact", "--to", "prod")
    assert world.diff() == f'-apps = []\n+apps = [\n+  "artifact@{digest}", # 1.0.0\n+]\n'
    world.commit("artifact")
    assert "1.0.0" in world.ok("status", "--json")
    world.ok("promote", "artifact", "--to", "dev", "--revision", "1.4.0")
    world.commit("newer")
    assert "artifact: prod 1.0.0 is behind dev (1.4.0)" in world.ok("status")
    newer = resolve_digest(f"{host}/charts/cache", "1.4.0")
    world.ok("promote", "--to", "prod", "--ready")
    assert f'+  "artifact@{newer}", # 1.4.0\n' in world.diff()
    world.commit("promoted")
    world.ok("rollback", "artifact", "--in", "prod")
    assert f'+  "artifact@{digest}", # 1.0.0\n' in world.diff()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('image = "HOST/images/web", tags = "*" }', 'tags = "*" }',
         'apps.api.track: no image is known for helm.parameters.image.tag: add image = "HOST/PATH"'),
        ('{ semver = "^1" }', '{ branch = "main" }', "has versions and no branches: follow them with semver or tags"),
        ('{ semver = "^1" }', '{ semver = "^1", image = "ghcr.io/acme/cache" }', "has no effect, because the versions"),
    ],
)  # fmt: skip
def test_what_cannot_be_tracked_is_refused_with_its_place(
    build: World, tmp_path: Path, old: str, new: str, said: str
) -> None:
    folder = tmp_path / "alone"
    folder.mkdir()
    text = REGISTRY.replace(old, new).replace("HOST", "127.0.0.1:1").replace("HTTP", "http://127.0.0.1:2")
    (folder / "apps.toml").write_text(text)
    done = build.run_here("check", "--without-helm", cwd=folder)
    assert done.code == 3
    assert said in done.err
