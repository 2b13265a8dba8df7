"""What an app is to be synced to, by the kind of its source: a commit, a chart version, a digest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from generator.errors import NetworkError
from generator.git.remote_refs import RemoteRefs
from generator.live.applications import LiveApplication
from generator.live.registry_state import LiveRegistry
from generator.live.sources import LiveSources
from tests.charts.rendered import registry_of
from tests.live.sample import SYNCED_AT, healthy, set_field, write_state
from tests.workspace import REGISTRY

COMMIT, OTHER, DIGEST = "1" * 40, "2" * 40, f"sha256:{'3' * 64}"
_NOW = SYNCED_AT + timedelta(minutes=20)
_TEAM = 'repositories = ["https://github.com/acme/"]'
_SOURCE = 'repoURL = "https://github.com/acme/billing.git"\npath = "chart"\ntargetRevision = "main"'


def _read_refs(url: str) -> RemoteRefs:
    return RemoteRefs("main", {"main": OTHER}, {"v1.0.0": COMMIT})


def _unmet(
    folder: Path,
    text: str,
    environment: str,
    synced: str | Sequence[str],
    remotes: Any = None,
    names: Sequence[str] = (),
    others: Sequence[dict[str, Any]] = (),
) -> list[str]:
    """The terms that `billing` does not meet in an environment, synced to these revisions."""
    registry = registry_of(text)
    app = registry.find_effective_app(environment, "billing")
    assert app
    revisions = [synced] if isinstance(synced, str) else synced
    path = write_state(folder / "live.json", [healthy(registry.environments[environment], app, *revisions), *others])
    found = remotes or SimpleNamespace(read_refs=_read_refs, resolve_digest=lambda source, tag: DIGEST)
    live = LiveRegistry(LiveSources([path], {}), found, timedelta(minutes=30))
    verdict = live.check_health(registry.environments[environment], app, names or [app.revision], _NOW)
    return [str(term) for term in verdict.unmet]


def _with_source(source: str, pin: str) -> str:
    text = REGISTRY.replace(_SOURCE, source).replace("billing@v1.0.0", f"billing@{pin}")
    return text.replace(_TEAM, f'{_TEAM[:-1]}, "https://charts.acme.io/stable", "oci://ghcr.io/acme/"]').replace(
        "billing@v1.1.0", f"billing@{pin}"
    )


def test_a_tag_is_the_commit_that_it_has_in_the_repository(tmp_path: Path) -> None:
    assert _unmet(tmp_path, REGISTRY, "prod", COMMIT) == []
    assert _unmet(tmp_path, REGISTRY, "prod", OTHER) == ["commit: it is at 222222222222, and the pin is 111111111111"]
    # The tag v1.1.0 does not exist.
    assert _unmet(tmp_path, REGISTRY, "test", COMMIT) == ["commit: it is at 111111111111, and the pin is unknown"]


def test_a_commit_is_itself_and_a_branch_its_head_or_the_commit_that_is_promoted(tmp_path: Path) -> None:
    pinned = REGISTRY.replace("billing@v1.0.0", f"billing@{OTHER}")
    assert _unmet(tmp_path, pinned, "prod", OTHER) == []
    assert _unmet(tmp_path, REGISTRY, "dev", OTHER) == []
    assert _unmet(tmp_path, REGISTRY, "dev", COMMIT, names=["main", COMMIT]) == []
    assert _unmet(tmp_path, REGISTRY, "dev", COMMIT) != []


def test_the_head_of_a_branch_is_no_proof_for_a_tag(tmp_path: Path) -> None:
    assert _unmet(tmp_path, REGISTRY, "dev", COMMIT, names=["v1.0.0"]) == []
    assert _unmet(tmp_path, REGISTRY, "dev", OTHER, names=["v1.0.0"]) == [
        "commit: it is at 222222222222, and the pin is 111111111111"
    ]


def test_a_chart_is_its_version(tmp_path: Path) -> None:
    chart = 'repoURL = "https://charts.acme.io/stable"\nchart = "billing"\ntargetRevision = "1.2.3"'
    assert _unmet(tmp_path, _with_source(chart, "1.2.3"), "prod", "1.2.3") == []
    assert _unmet(tmp_path, _with_source(chart, "v1.2.3"), "prod", "1.2.3") == []
    assert _unmet(tmp_path, _with_source(chart, "1.2.3"), "prod", "1.2.4") != []


def test_an_artifact_is_its_digest(tmp_path: Path) -> None:
    artifact = 'repoURL = "oci://ghcr.io/acme/billing"\npath = "."\ntargetRevision = "v1.0.0"'
    assert _unmet(tmp_path, _with_source(artifact, "v1.0.0"), "prod", DIGEST) == []
    assert _unmet(tmp_path, _with_source(artifact, "v1.0.0"), "prod", f"sha256:{'4' * 64}") != []


def test_a_repository_that_cannot_be_read_leaves_the_commit_unknown(tmp_path: Path) -> None:
    def refuse(url: str) -> RemoteRefs:
        raise NetworkError("WL5001", "no route to host")

    found = _unmet(tmp_path, REGISTRY, "prod", COMMIT, SimpleNamespace(read_refs=refuse))
    assert found == ["commit: the commit of v1.0.0 is not known: no route to host"]


@pytest.mark.parametrize(("hydrated", "revisions"), [(OTHER, (COMMIT,)), (COMMIT, ())])
def test_of_a_source_hydrator_the_commit_of_the_dry_source_counts(hydrated: str, revisions: tuple[str, ...]) -> None:
    registry = registry_of(REGISTRY)
    app = registry.find_effective_app("prod", "billing")
    assert app
    item = set_field(healthy(registry.environments["prod"], app, OTHER), "spec/sourceHydrator", {"drySource": {}})
    done = {"lastSuccessfulOperation": {"drySHA": COMMIT, "hydratedSHA": hydrated}}
    live = LiveApplication.from_object(set_field(item, "status/sourceHydrator", done))
    assert live.revisions == revisions


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("multi-repo/argo-app-of-apps/prod", []),
        ("argo-app-shards/prod/payments", []),
        ("charts/prod-us", []),
        (None, []),
        (
            "multi-repo/argo-app-of-apps/prod-us",
            ["seen: the chart of prod-us deploys it, so this is not the Argo CD of prod"],
        ),
        (
            "argo-app-shards/prod-us/prod",
            ["seen: the chart of prod-us deploys it, so this is not the Argo CD of prod"],
        ),
    ],
)
def test_an_application_of_the_chart_of_another_environment_is_not_it(
    tmp_path: Path, path: str | None, said: list[str]
) -> None:
    source = {"repoURL": "https://github.com/acme/workloads", "path": path}
    parent = {"kind": "Application", "metadata": {"name": "parent", "namespace": "argocd"}, "spec": {"source": source}}
    assert _unmet(tmp_path, REGISTRY, "prod", COMMIT, others=[parent]) == said
