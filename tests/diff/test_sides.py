"""Whole chart folders on both sides: foreign files, moved folders, other versions, revisions and ranges."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from generator.charts.inventory import INVENTORY_FILE
from generator.git.object_reader import ObjectReader
from tests.diff.sample import BEFORE, committed
from tests.workspace import Run

_CHART = Path("multi-repo/argo-app-of-apps/dev")
_TEMPLATE = _CHART / "templates/by-hand.yaml"
_FOREIGN = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: by-hand
  namespace: argocd
  finalizers: [resources-finalizer.argocd.argoproj.io]
spec:
  project: default
  source: { repoURL: https://github.com/acme/by-hand.git, path: x, targetRevision: v1.0.0 }
  destination: { namespace: by-hand, server: https://kubernetes.default.svc }
"""


def git(folder: Path, *args: str) -> str:
    return subprocess.run(["git", *args], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path, message: str = "change") -> str:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", message)
    return git(folder, "rev-parse", "HEAD")


def report(workloads: Run, folder: Path, *args: str) -> dict[str, Any]:
    done = workloads("diff", "--json", *args, cwd=folder)
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def changes(found: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    """The name, action and dangers of each changed object; foreign ones with a star."""
    return [
        (f"{one['name']}{'*' if one['foreign'] else ''}", one["action"], [each["name"] for each in one["dangers"]])
        for chapter in found["environments"]
        for one in chapter["changes"]
    ]


@pytest.fixture
def handmade(shop: Path) -> Path:
    """The sample with a template in a chart that nobody generated."""
    (shop / _TEMPLATE).write_text(_FOREIGN)
    commit(shop)
    return shop


def test_an_unchanged_foreign_template_is_no_change(handmade: Path, workloads: Run) -> None:
    assert report(workloads, handmade)["differs"] is False
    head = git(handmade, "rev-parse", "HEAD")
    assert report(workloads, handmade, "--base", head, "--head", head)["differs"] is False
    (handmade / "apps.toml").write_text(BEFORE.replace("billing@v1.0.0", "billing@v1.1.0"))
    assert changes(report(workloads, handmade)) == [("billing", "update", [])]
    (handmade / "apps.toml").write_text(BEFORE.replace(', "gone"', ""))
    assert changes(report(workloads, handmade)) == [("gone", "delete", ["deletes-workload"]), ("gone", "delete", [])]


def test_deleting_a_foreign_template_says_what_is_deleted(handmade: Path, workloads: Run) -> None:
    (handmade / _TEMPLATE).unlink()
    assert changes(report(workloads, handmade)) == [("by-hand*", "delete", ["deletes-workload"])]
    before, after = git(handmade, "rev-parse", "HEAD"), commit(handmade)
    assert changes(report(workloads, handmade, "--base", before, "--head", after)) == [
        ("by-hand*", "delete", ["deletes-workload"])
    ]


def test_a_changed_foreign_template_is_shown_with_its_dangers(handmade: Path, workloads: Run) -> None:
    (handmade / _TEMPLATE).write_text(_FOREIGN.replace("v1.0.0", "main"))
    assert changes(report(workloads, handmade)) == [("by-hand*", "update", ["follows-branch"])]
    assert "Application by-hand (foreign: not in the registry)" in workloads("diff", cwd=handmade).out


def test_a_moved_folder_is_compared_with_where_the_charts_were(shop: Path, workloads: Run) -> None:
    moved = f'{BEFORE}\n[workloads]\npath = "gitops"\n'
    (shop / "apps.toml").write_text(moved.replace("billing@v1.0.0", "billing@v2.0.0"))
    found = report(workloads, shop)
    assert changes(found) == [("billing", "update", [])]
    assert "workloads.path changes from multi-repo to gitops" in found["notes"][0]
    (shop / "apps.toml").write_text(moved)
    assert workloads("diff", cwd=shop).out.startswith("no object changes; see the notes\n")


def test_a_removed_environment_says_that_argo_cd_deletes_nothing_yet(shop: Path, workloads: Run) -> None:
    head, _, rest = BEFORE.partition("[environments.prod]")
    (shop / "apps.toml").write_text(head + rest[rest.index("[teams.shop]") :])
    found = report(workloads, shop)
    assert [note for note in found["notes"] if note.startswith("the chart of prod is gone")]
    assert found["summary"]["delete"] == 2


def test_an_emptied_environment_says_that_argo_cd_deletes_nothing_yet(shop: Path, workloads: Run) -> None:
    (shop / "apps.toml").write_text(BEFORE.replace('apps = ["billing@v1.0.0", "cart@v1.0.0"]', "apps = []"))
    (note,) = report(workloads, shop)["notes"]
    assert note.startswith("the chart of prod is empty: Argo CD refuses to delete all objects")


def test_another_version_of_the_generator_is_named_as_the_cause(shop: Path, workloads: Run) -> None:
    helpers = shop / _CHART / "templates/_helpers.tpl"
    inventory = shop / "multi-repo" / INVENTORY_FILE
    before = subprocess.run(["sha256sum", helpers], check=True, capture_output=True, text=True).stdout.split()[0]
    helpers.write_text(helpers.read_text().replace("kind: Application", "kind:  Application", 1))
    after = subprocess.run(["sha256sum", helpers], check=True, capture_output=True, text=True).stdout.split()[0]
    entry = f'"argo-app-of-apps/dev/templates/_helpers.tpl": "{before}"'
    assert entry in inventory.read_text()
    inventory.write_text(inventory.read_text().replace(entry, entry.replace(before, after)))
    commit(shop)
    (note,) = report(workloads, shop)["notes"]
    assert note.startswith("another version of workloads generated the charts at the base: this one writes 1 template")


def test_both_sides_are_read_one_after_the_other(shop: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """They share one Git process, whose answers two threads would mix up."""
    readers = set()
    read = ObjectReader.read_objects

    def record_thread(reader: ObjectReader, *args: Any) -> Any:
        readers.add(threading.current_thread())
        return read(reader, *args)

    base = git(shop, "rev-parse", "HEAD")
    (shop / _TEMPLATE).write_text(_FOREIGN)
    head = commit(shop)
    monkeypatch.setattr(ObjectReader, "read_objects", record_thread)
    assert report(workloads, shop, "--base", base, "--head", head)["summary"]["create"] == 1
    assert readers == {threading.main_thread()}


def test_ranges_are_those_of_git(shop: Path, workloads: Run) -> None:
    git(shop, "checkout", "-qb", "feature")
    (shop / "apps.toml").write_text(BEFORE.replace("billing@v1.0.0", "billing@v1.1.0"))
    commit(shop)
    git(shop, "checkout", "-q", "main")
    (shop / "apps.toml").write_text(BEFORE.replace("cart@v1.0.0", "cart@v1.1.0"))
    commit(shop)
    assert changes(report(workloads, shop, "--base", "main...feature")) == [("billing", "update", [])]
    two_dots = report(workloads, shop, "--base", "main~1..main")
    assert (two_dots["base"]["revision"], two_dots["head"]["revision"]) == (
        git(shop, "rev-parse", "main~1"),
        git(shop, "rev-parse", "main"),
    )
    done = workloads("diff", "--base", "main~1..main", "--head", "main", cwd=shop)
    assert (done.code, "names both sides" in done.err) == (2, True)


def test_production_comes_first(shop: Path, workloads: Run) -> None:
    (shop / "apps.toml").write_text(
        BEFORE.replace(
            'repoURL = "https://gitlab.com/acme/billing.git"', 'repoURL = "https://gitlab.com/acme/bill.git"'
        )
    )
    found = report(workloads, shop)
    assert [chapter["environment"] for chapter in found["environments"]] == ["prod", "dev"]
    assert workloads("diff", cwd=shop).out.splitlines()[0].endswith(" · prod first")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("createProjects = true\n", "createProjects = false\n", "deletes-project-in-use"),
        ('docs = { team = "shop",', 'docs = { team = "shop", kustomize.namePrefix = "x-",', "may-delete-resources"),
        ("[environments.dev]\n", '[environments.dev]\nserver = "https://other.example.com"\n', "orphans-workload"),
    ],
)
def test_changes_of_whole_environments_and_sources_have_their_danger(
    shop: Path, workloads: Run, before: str, after: str, expected: str
) -> None:
    assert before in BEFORE
    (shop / "apps.toml").write_text(BEFORE.replace(before, after, 1))
    found = {danger for _, _, dangers in changes(report(workloads, shop, "--env", "dev")) for danger in dangers}
    assert found == {expected}


def test_an_added_environment_and_a_retirement_raise_no_alarm(tmp_path: Path, workloads: Run) -> None:
    place = tmp_path / "place"
    committed(place, BEFORE)
    edge = ['cluster = "edge"', 'promotesFrom = ["prod"]', "createProjects = true", 'apps = ["cart@v1.0.0"]']
    added = "\n".join(["[environments.edge]", *edge, "", "[teams.shop]"])
    retired = 'policy.pin = "tag"\nretired.billing = "2026-11-27 sold"'
    text = BEFORE.replace("[teams.shop]", added).replace('policy.pin = "tag"', retired)
    (place / "apps.toml").write_text(text)
    found = report(workloads, place)
    assert found["summary"] | {"create": 0} == {
        "create": 0, "update": 0, "retire": 1, "recreate": 0, "delete": 0, "orphaned": 0, "dangerous": 0,
    }  # fmt: skip
    assert found["summary"]["create"] == 2
