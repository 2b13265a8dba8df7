"""`workloads diff` where apps come into shards."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.charts.rendered import sharded
from tests.diff.sample import committed
from tests.workspace import REGISTRY, Run, without

Changes = dict[tuple[str, str], dict[str, Any]]
WHOLE = sharded(REGISTRY, '"team"').replace('shards = "team"\n', "")


def divided(text: str, shards: str = '"team"', environment: str = "dev") -> str:
    return text.replace(f"[environments.{environment}]\n", f"[environments.{environment}]\nshards = {shards}\n")


def handed_over(text: str) -> str:
    return text.replace("[environments.dev]\n", "[environments.dev]\nhandOver = true\n")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "place"


def told(place: Path, workloads: Run, before: str, after: str) -> Changes:
    """What becomes of each object of dev between two registries, the first of them with its charts."""
    committed(place, before)
    (place / "apps.toml").write_text(after)
    done = workloads("diff", "--json", cwd=place)
    assert done.code == 0, done.err
    (chapter,) = json.loads(done.out)["environments"]
    assert chapter["environment"] == "dev"
    return {(one["kind"], one["name"]): one for one in chapter["changes"]}


def dangers(found: Changes) -> dict[str, list[str]]:
    """What is dangerous of each Application."""
    texts = {name: [f"{danger['name']}: {danger['text']}" for danger in one["dangers"]]
             for (kind, name), one in found.items() if kind == "Application"}  # fmt: skip
    return {name: told for name, told in texts.items() if told}


def test_a_move_without_a_hand_over_is_a_danger(place: Path, workloads: Run) -> None:
    found = told(place, workloads, WHOLE, divided(WHOLE))
    assert dangers(found).keys() == {"billing", "ledger"}
    (danger,) = dangers(found)["billing"]
    assert danger.startswith(
        "recreates-workload: shard (none) → payments: deletes everything that it deployed in namespace"
    )
    (field,) = found["Application", "billing"]["fields"]
    assert field == {"path": ["shard"], "after": "payments"}


def test_a_handed_over_app_changes_its_shard_without_danger(place: Path, workloads: Run) -> None:
    found = told(place, workloads, handed_over(WHOLE), divided(handed_over(WHOLE)))
    assert dangers(found) == {}
    assert found["Application", "billing"]["fields"] == [{"path": ["shard"], "after": "payments"}]


@pytest.mark.parametrize("after", ["", "8"])
def test_a_handed_over_app_leaves_its_shard_without_danger(place: Path, workloads: Run, after: str) -> None:
    text = handed_over(WHOLE)
    found = told(place, workloads, divided(text), divided(text, after) if after else text)
    assert dangers(found) == {}
    assert {one["before"] for one in found["Application", "ledger"]["fields"]} == {"payments"}
    assert found["Application", "dev-applications-payments"]["change"] == "removed"


def test_a_handed_over_app_that_also_moves_is_a_danger(place: Path, workloads: Run) -> None:
    after = divided(handed_over(WHOLE)) + '\n[apps.ledger.environments.dev]\nnamespace = "money"\n'
    found = told(place, workloads, handed_over(WHOLE), after)
    (danger,) = dangers(found)["ledger"]
    assert danger.startswith("recreates-workload: namespace ledger → money: creates it in namespace money")
    assert "billing" not in dangers(found)


def test_new_shards_are_added_applications(place: Path, workloads: Run) -> None:
    found = told(place, workloads, WHOLE, divided(WHOLE))
    added = {key for key, one in found.items() if one["change"] == "added"}
    assert added == {("Application", "dev-applications-payments"), ("AppProject", "dev-applications")}
    assert {found[key]["app"] for key in added} == {None}


def test_a_promotion_in_a_shard_is_one_changed_application(place: Path, workloads: Run) -> None:
    found = told(place, workloads, divided(WHOLE), divided(WHOLE).replace('  "billing",', '  "billing@v2",', 1))
    assert list(found) == [("Application", "billing")]
    assert found["Application", "billing"]["fields"] == [
        {"path": ["spec", "source", "targetRevision"], "before": "main", "after": "v2"}
    ]


@pytest.mark.parametrize(("before", "after"), [(WHOLE, handed_over(WHOLE)), (handed_over(WHOLE), WHOLE)])
def test_the_finalizer_of_a_hand_over_is_no_danger(place: Path, workloads: Run, before: str, after: str) -> None:
    found = told(place, workloads, before, after)
    assert {kind for kind, _ in found} == {"Application", "AppProject"}
    assert not any(dangers(found).values())
    paths = {
        tuple(field["path"]) for (kind, _), one in found.items() if kind == "Application" for field in one["fields"]
    }
    assert paths == {("metadata", "finalizers"), ("metadata", "annotations", "argocd.argoproj.io/sync-options")}


def test_two_revisions_are_compared_with_their_shards(place: Path, workloads: Run) -> None:
    text = divided(WHOLE, environment="test")
    committed(place, text)
    (place / "apps.toml").write_text(without(text, "ledger", "test"))
    subprocess.run(["git", "commit", "-qam", "ledger goes"], cwd=place, check=True)
    done = workloads("diff", "--base", "HEAD~1", "--head", "HEAD", "--json", cwd=place)
    (chapter,) = json.loads(done.out)["environments"]
    assert [(one["name"], one["change"]) for one in chapter["changes"]] == [("ledger", "removed")]
    assert [danger["name"] for danger in chapter["changes"][0]["dangers"]] == ["deletes-workload"]
