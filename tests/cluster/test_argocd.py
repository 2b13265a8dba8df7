"""A live Argo CD on the generated charts: what it deletes, and what it leaves alone.

It makes Applications, AppProjects and namespaces, and takes them away again, so it wants to be asked for:
`WORKLOADS_TEST_ARGOCD=HOST pytest -m cluster --kubeconfig=FILE`, where HOST is the address under which Argo CD
reaches this machine. Each test takes minutes.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.argocd import Live
from tests.git.remotes import Web, web_serving
from tests.workspace import isolate

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]
_HOST = "WORKLOADS_TEST_ARGOCD"


@pytest.fixture
def live(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    """An environment that Argo CD has synced."""
    host = os.environ.get(_HOST)
    if not host:
        pytest.skip(f"no Argo CD: {_HOST} names no address under which it reaches this machine")
    isolate(tmp_path / "home", monkeypatch)
    (tmp_path / "home" / "repositories").mkdir()
    with web_serving(Web(), tmp_path / "home" / "repositories", host) as url:
        found = Live(cluster, tmp_path / "home" / "repositories", url, f"w{secrets.token_hex(3)}")
        try:
            found.start()
            found.synced()
            yield found
        finally:
            found.stop()


def test_apps_come_into_shards_into_others_and_out_again_and_nothing_is_deleted(live: Live) -> None:
    before = live.identities()
    assert None not in before.values()
    for by in ("team", "4", "none"):
        for step in (1, 2, 3):
            done = live.run("shard", live.environment, "--by", by, "--publish")
            assert f"step {step} of 3" in done.out + done.err
            live.synced()
            assert live.identities() == before, f"by {by}, step {step}"
        parents = set(live.parents().values())
        assert parents == {live.environment} if by == "none" else live.environment not in parents


def test_without_the_hand_over_everything_is_made_anew(live: Live) -> None:
    before = live.identities()
    live.edit("createProjects", 'shards = "team"\ncreateProjects')
    named = [option for app in live.apps for option in ("--allow-removal", f"{live.environment}/{app}")]
    live.run("publish", *named, "--confirm-removals", f"{live.environment}={len(live.apps)}")
    live.synced()
    after = live.identities()
    assert None not in after.values()
    assert {name for name in before if before[name] == after[name]} == set()


def test_what_is_removed_is_deleted_and_what_was_retired_first_runs_on(live: Live) -> None:
    before, (removed, retired, *_) = live.identities(), live.apps
    live.run("retire", retired, "--in", live.environment, "--reason", "it moves", "--publish")
    live.synced()
    live.run("remove", retired, "--in", live.environment, "--synced", "--publish")
    live.synced()
    live.edit(f'  "{removed}",\n', "")
    live.run("publish", "--allow-removal", f"{live.environment}/{removed}")
    live.synced()
    after = live.identities()
    gone = {f"Application {removed}", f"workload of {removed}", f"Application {retired}"}
    assert {name for name, identity in after.items() if identity is None} == gone
    assert {name: identity for name, identity in after.items() if identity} == {
        name: identity for name, identity in before.items() if name not in gone
    }
