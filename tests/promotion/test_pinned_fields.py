"""A release of what is not a Git revision: a chart of several sources, an image tag, and the rest of `pins`."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.artifacts import http_client, http_request
from generator.promotion.fixed_sources import FixedSource
from generator.promotion.snapshots import RevisionReader
from generator.registry.effective import merge_layers
from generator.registry.pinned_fields import UnknownFieldError, find_pinned_field, write_pin
from generator.registry.reader import read_registry
from tests.promotion.world import World
from tests.workspace import ROOT, Run

REGISTRY = """\
version = 1

[environments.dev]
apps = [
  "web", # the shop
]

[environments.test]
promotesFrom = ["dev"]
apps = []

[environments.prod]
promotesFrom = ["test"]
apps = []

[environments.prod.policy]
pin = "commit"
soak = "24h"

[teams.shop]
repositories = ["https://git.example.com/shop/", "https://charts.example.com/stable", "registry.example.com/charts"]
namespaces = ["web"]

[apps.web]
team = "shop"
APP
"""
COMMIT = "0123456789abcdef0123456789abcdef01234567"
GIT_CHART = f'repoURL = "https://git.example.com/shop/web.git"\npath = "chart"\ntargetRevision = "{COMMIT}"\n'
APPS = {
    "sources": f"""\
pins = ["sources.chart"]
sources = [
  {{ repoURL = "https://charts.example.com/stable", chart = "web", name = "chart", targetRevision = "1.0.0" }},
  {{ repoURL = "https://git.example.com/shop/values.git", ref = "values", targetRevision = "{COMMIT}" }},
]
""",
    "chart": 'repoURL = "registry.example.com/charts"\nchart = "web"\ntargetRevision = "1.0.0"\n',
    "value": GIT_CHART + 'pins = ["helm.valuesObject.image.tag"]\nhelm.valuesObject = { image = { tag = "1.0.0" } }\n',
    "parameter": GIT_CHART + 'pins = ["helm.parameters.image.tag"]\nhelm.parameters = { "image.tag" = "1.0.0" }\n',
    "image": GIT_CHART + 'pins = ["kustomize.images.web"]\nkustomize.images = ["web=registry.example.com/web:1.0.0"]\n',
}


@pytest.fixture(params=APPS)
def world(request: pytest.FixtureRequest, tmp_path: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch) -> World:
    """The registry with each kind of app; no registry of charts or images can be reached."""
    monkeypatch.setattr(http_request, "_exchange", _unreachable)
    monkeypatch.setattr(http_client, "_ATTEMPTS", 1)
    return World(tmp_path, workloads, monkeypatch).build(REGISTRY.replace("APP\n", APPS[request.param]), "")


def _unreachable(*_: object) -> None:
    raise OSError("no network")


def step(world: World, *args: str) -> str:
    """Run an edit, keep its diff, commit it as it proposes, and push."""
    done = world.run(*args)
    assert done.code == 0, done.err
    changed = world.diff()
    world.commit_as_told(done.err)
    return changed


def test_a_release_goes_through_every_environment_and_back(world: World) -> None:
    start = world.at = datetime(2026, 11, 15, 9, 0, tzinfo=UTC)
    changed = step(world, "promote", "web", "--to", "dev", "--revision", "1.1.0")
    assert changed == '-  "web", # the shop\n+  "web@1.1.0", # the shop\n'
    assert step(world, "promote", "web", "--to", "test") == '-apps = []\n+apps = [\n+  "web@1.1.0",\n+]\n'
    soak = "soak: in test since 2026-11-15 09:00 UTC, soak 24h, ready 2026-11-16 09:00 UTC"
    assert soak in world.refused(4, "promote", "web", "--to", "prod")
    world.at = start + timedelta(hours=24)
    # A chart version and an image tag are no commits: a fixed version is the strictest pin.
    assert '+  "web@1.1.0",\n' in step(world, "promote", "web", "--to", "prod")
    assert "1.1.0" in next(world.checkout.glob("multi-repo/*/prod/values.yaml")).read_text()

    step(world, "promote", "web", "--to", "dev", "--revision", "1.2.0")
    assert "web: test 1.1.0 is behind dev (1.2.0)" in world.ok("status")
    assert step(world, "promote", "--to", "test", "--ready") == '-  "web@1.1.0",\n+  "web@1.2.0",\n'
    assert "1.2.0" in (shown := world.ok("diff", "--base", "HEAD~1"))
    assert "(forward)" in shown
    world.at += timedelta(hours=24)
    step(world, "hold", "web", "--in", "prod", "--reason", "pen test")
    assert "hold: held" in world.refused(4, "promote", "web", "--to", "prod")
    step(world, "unhold", "web", "--in", "prod")
    step(world, "promote", "--to", "prod", "--ready")
    world.at += timedelta(hours=1)
    assert '+  "web@1.1.0",\n' in step(world, "rollback", "web", "--in", "prod", "--reason", "latency")
    world.ok("promote", "--to", "prod", "--ready")
    assert world.diff() == "", "a schedule undid a rollback"

    moves = json.loads(world.ok("history", "web", "--env", "prod", "--json"))
    assert [(each["from"], each["to"]) for each in moves] == [(None, "1.1.0"), ("1.1.0", "1.2.0"), ("1.2.0", "1.1.0")]
    assert "prod: web 1.1.0, pinned" in world.ok("why", "web", "--in", "prod")
    metrics = json.loads(world.ok("metrics", "--json", "--since", "2026-11-01"))["measures"]
    # 1.1.0 onboarded the app in prod, which is no deployment; 1.2.0 is one, and was rolled back.
    assert [(each["deployments"], each["failures"]) for each in metrics if each["app"]] == [(1, 1)]
    assert world.ok("check").endswith("valid and up to date\n")


def test_a_version_that_can_change_is_refused_where_the_policy_wants_pins(world: World) -> None:
    for version in ("latest", "main"):
        step(world, "promote", "web", "--to", "dev", "--revision", version)
        step(world, "promote", "web", "--to", "test")
        assert "prod runs fixed versions only" in world.run("promote", "web", "--to", "prod", "--revision", version).err


def test_a_hand_edit_of_what_a_pin_would_set_meets_the_policy(world: World) -> None:
    path = world.checkout / "apps.toml"
    path.write_text(path.read_text().replace("apps = []", 'apps = ["web"]'))
    world.ok("render")
    world.commit("everywhere")
    world.push()
    path.write_text(path.read_text().replace("1.0.0", "1.1.0"))
    world.ok("render")
    done = world.run("check")
    assert done.code == 4, done.out
    assert "prod/web: soak: 1.1.0 is not committed in test yet; the soak time is 24h" in done.err


def test_two_fields_with_different_values_get_one_pin(
    tmp_path: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = GIT_CHART + 'pins = ["targetRevision", "helm.parameters.tag"]\nhelm.parameters = { tag = "old" }\n'
    world = World(tmp_path, workloads, monkeypatch).build(REGISTRY.replace("APP\n", both), "")
    path = world.checkout / "apps.toml"
    path.write_text(
        path.read_text().replace('"web", # the shop', f'"web@{COMMIT}",').replace("apps = []", 'apps = ["web"]', 1)
    )
    world.ok("render")
    world.commit("pinned in dev")
    assert world.ok("promote", "web", "--to", "test")
    assert f'"web@{COMMIT}"' in world.diff()
    assert "already up to date" in world.ok("promote", "web", "--to", "test")


FIELDS: dict[str, Any] = {
    "targetRevision": "v1",
    "helm": {
        "valuesObject": {"image": {"tag": "1.0"}, "web.main": {"tag": 2}},
        "parameters": [{"name": "image.tag", "value": "1.0"}],
    },
    "kustomize": {"images": ["nginx:1.27", "web=registry.example.com:5000/shop/web@sha256:00"]},
}


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("targetRevision", "v1", {"targetRevision": "PIN"}),
        ("helm.valuesObject.image.tag", "1.0", {"helm": {"valuesObject": {"image": {"tag": "PIN"}}}}),
        ('helm.valuesObject."web.main".tag', "2", {"helm": {"valuesObject": {"web.main": {"tag": "PIN"}}}}),
        ("helm.valuesObject.image.new", "", {"helm": {"valuesObject": {"image": {"new": "PIN"}}}}),
        ("helm.parameters.image.tag", "1.0", {"helm": {"parameters": [{"name": "image.tag", "value": "PIN"}]}}),
        ("kustomize.images.nginx", "1.27", {"kustomize": {"images": ["nginx:PIN", FIELDS["kustomize"]["images"][1]]}}),
        ("kustomize.images.web", "sha256:00",
         {"kustomize": {"images": ["nginx:1.27", "web=registry.example.com:5000/shop/web:PIN"]}}),
        ("kustomize.images.ghcr.io/acme/new", "",
         {"kustomize": {"images": [*FIELDS["kustomize"]["images"], "ghcr.io/acme/new:PIN"]}}),
    ],
)  # fmt: skip
def test_a_pin_is_read_and_written_where_its_name_says(name: str, before: str, after: dict[str, Any]) -> None:
    assert find_pinned_field(FIELDS, name).read(FIELDS) == before
    pinned = write_pin(FIELDS, [name], "PIN")
    assert pinned == merge_layers(FIELDS, after)
    assert find_pinned_field(pinned, name).read(pinned) == "PIN"


@pytest.mark.parametrize("pin", ["20261128", "true", "null", "-1"])
def test_a_parameter_stays_a_text_where_helm_would_read_a_number(pin: str) -> None:
    pinned = write_pin(FIELDS, ["helm.parameters.image.tag"], pin)
    assert pinned["helm"]["parameters"] == [{"name": "image.tag", "value": pin, "forceString": True}]


KEYS = st.text(st.characters(codec="ascii", categories=("L", "N"), include_characters="-_."), min_size=1, max_size=6)
VALUES = st.recursive(
    st.one_of(st.text(max_size=4), st.integers(), st.floats(allow_nan=False)),
    lambda inner: st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUES, max_size=4), st.lists(KEYS, min_size=1, max_size=4), st.text(min_size=1))
def test_a_pin_changes_one_value_and_nothing_else(values: dict[str, Any], keys: list[str], pin: str) -> None:
    name = "helm.valuesObject." + ".".join(f'"{key}"' for key in keys)
    fields = {"helm": {"valuesObject": values, "releaseName": "web"}}
    before = copy.deepcopy(fields)
    pinned = write_pin(fields, [name], pin)
    assert fields == before
    try:
        field = find_pinned_field(fields, name)
    except UnknownFieldError:
        assert pinned == before
        return
    assert field.read(pinned) == pin
    assert _leaves(pinned) == {**_leaves(before), ("helm", "valuesObject", *keys): pin}


def _leaves(value: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """The values of a table by their path; an empty table is none, as a pin may fill it."""
    if not isinstance(value, dict):
        return {path: value}
    return {at: leaf for key, inner in value.items() for at, leaf in _leaves(inner, (*path, key)).items()}


def test_history_reads_the_sources_whose_revision_no_pin_sets() -> None:
    text = """version = 1
[environments.dev]
apps = ["one@1", "two@1", "plain@1"]
[apps.one]
repoURL = "https://git.example.com/a/one.git"
targetRevision = "v3"
pins = ["helm.valuesObject.tag"]
helm.valuesObject.tag = "1"
[apps.two]
sources = [{ repoURL = "a", path = "b" }, { repoURL = "c", chart = "d", targetRevision = "2" }]
[apps.plain]
targetRevision = "v1"
"""
    reader = RevisionReader()
    reader.read_blobs({"blob": text.encode()})
    wanted = {("dev", "one"): (FixedSource("", "", "v3"),), ("dev", "two"): (FixedSource("c", "d", "2"),)}
    assert reader.find_fixed_sources(["blob"]) == wanted


def test_a_digest_of_an_image_follows_an_at_sign() -> None:
    digest = f"sha256:{'0' * 64}"
    pinned = write_pin(FIELDS, ["kustomize.images.nginx"], digest)
    assert pinned["kustomize"]["images"][0] == f"nginx@{digest}"


def test_a_value_is_added_where_the_app_has_none() -> None:
    assert write_pin({}, ["helm.valuesObject.image.tag"], "1") == {"helm": {"valuesObject": {"image": {"tag": "1"}}}}


def test_a_pin_sets_the_dry_source_of_a_source_hydrator() -> None:
    dry = {"repoURL": "https://git.example.com/a/web.git", "targetRevision": "v1", "helm": {"valuesObject": {}}}
    fields = {"targetRevision": "HEAD", "sourceHydrator": {"drySource": dry, "syncSource": {}}}
    pinned = write_pin(fields, ["targetRevision", "helm.valuesObject.tag"], "v2")
    assert pinned["sourceHydrator"] == {
        "drySource": {**dry, "targetRevision": "v2", "helm": {"valuesObject": {"tag": "v2"}}},
        "syncSource": {},
    }


def test_a_pin_of_a_chart_takes_its_tag_prefix_away() -> None:
    fields = {"sources": [{"targetRevision": ">=1", "tagPrefix": "web-"}, {"name": "a.b", "targetRevision": "1"}]}
    assert write_pin(fields, ["sources.0"], "web-1.0.0")["sources"][0] == {"targetRevision": "web-1.0.0"}
    assert write_pin(fields, ["sources.0"], "<2")["sources"][0] == {"targetRevision": "<2", "tagPrefix": "web-"}
    assert write_pin(fields, ["sources.a.b"], "2")["sources"][1] == {"name": "a.b", "targetRevision": "2"}


@pytest.mark.parametrize("name", ["pins", "every-field"])
def test_history_reads_the_revisions_that_the_registry_has(name: str) -> None:
    path = ROOT / "tests" / "data" / "golden" / name / "apps.toml"
    registry, reader = read_registry(path), RevisionReader()
    wanted = {
        (env, app.app): app.revision for env in registry.environments for app in registry.list_effective_apps(env)
    }
    reader.read_blobs({"blob": path.read_bytes()})
    assert reader.find_listed_revisions(["blob"]) == wanted


def test_history_reads_what_a_pin_would_set_in_any_layout() -> None:
    tables = """version = 1
[environments.dev]
apps = ["web", "chart"]
[apps.web]
pins = ["helm.valuesObject.image.tag"]
[apps.web.helm]
[apps.web.helm.valuesObject.image]
tag = "1.0.0"
[apps.chart]
pins = ["sources.1"]
[[apps.chart.sources]]
repoURL = "https://git.example.com/a/values.git"
[[apps.chart.sources]]
chart = "web"
targetRevision = "2.0.0"
"""
    for text in (tables, tables.replace("[apps.web.helm]\n", "")):
        reader = RevisionReader()
        reader.read_blobs({"blob": text.encode()})
        assert reader.find_listed_revisions(["blob"]) == {("dev", "web"): "1.0.0", ("dev", "chart"): "2.0.0"}
