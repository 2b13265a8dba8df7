"""`workloads diff`: what a reviewer sees of a change, in every form."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from generator.diff.context import DANGERS
from generator.helm import engine as helm
from tests.diff.sample import BEFORE, PAGE, changed, replayed
from tests.workspace import Run, untouched


def _edit(shop: Path, text: str) -> None:
    (shop / "apps.toml").write_text(text)


def test_the_documentation_shows_the_current_output(shop: Path, workloads: Run) -> None:
    _edit(shop, changed())
    text = PAGE.read_text()
    assert replayed(workloads, shop, text) == text, "refresh with: python -m tests.diff.sample"


def test_each_danger_of_the_sample_is_seen_where_it_is_and_nothing_is_touched(shop: Path, workloads: Run) -> None:
    _edit(shop, changed())
    with untouched(shop):
        done = workloads("diff", "--json", "--exit-code", cwd=shop)
    assert done.code == 1
    report = json.loads(done.out)
    dangers = Counter(
        (chapter["environment"], change["kind"], change["name"], danger["name"])
        for chapter in report["environments"]
        for change in chapter["changes"]
        for danger in change["dangers"]
    )
    assert dangers == {
        ("dev", "Application", "gone", "deletes-workload"): 1,
        ("dev", "Application", "docs", "orphans-workload"): 1,
        ("dev", "Application", "blog", "recreates-workload"): 1,
        ("dev", "AppProject", "mail", "deletes-project-in-use"): 1,
        ("dev", "Application", "menu", "may-delete-resources"): 1,
        ("dev", "AppProject", "stock", "narrows-project"): 1,
        ("dev", "AppProject", "cart", "widens-project"): 1,
        ("dev", "AppProject", "pages", "widens-project"): 1,
        ("dev", "Application", "feed", "turns-on-automation"): 1,
        ("dev", "Application", "edge", "changes-finalizer"): 1,
        ("prod", "Application", "cart", "follows-branch"): 1,
    }
    # Those of namespaces are in the sample of no environment: see test_dangers.py.
    others = {"lowers-namespace-limits", "grants-namespace-access"}
    assert {danger for *_, danger in dangers} == set(DANGERS) - others
    assert report["summary"] == {
        "create": 2, "update": 10, "retire": 1, "recreate": 1, "delete": 5, "orphaned": 1, "dangerous": 11,
    }  # fmt: skip
    assert [problem for problem in report["refused"] if "runs tags only" in problem]


def _members(value: object) -> set[str]:
    """The names of all members, except those of values of objects."""
    if isinstance(value, list):
        return {name for item in value for name in _members(item)}
    if not isinstance(value, dict):
        return set()
    inner = (_members(item) for name, item in value.items() if name not in ("before", "after"))
    return {*value, *(name for names in inner for name in names)}


def test_every_member_and_danger_is_documented(shop: Path, workloads: Run) -> None:
    _edit(shop, changed())
    page = (PAGE.parent / "json.md").read_text()
    report = json.loads(workloads("diff", "--json", cwd=shop).out)
    assert not [name for name in (*_members(report), *DANGERS) if f"`{name}`" not in page]
    assert not [title for title in DANGERS.values() if f"| {title} |" not in PAGE.read_text()]


def test_equal_charts_are_not_rendered(shop: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helm, "render_chart", None)
    _edit(shop, BEFORE.replace("version = 1", "# a remark\nversion = 1"))
    done = workloads("diff", "--exit-code", cwd=shop)
    assert (done.code, done.out.splitlines()[0]) == (0, "nothing changes")


def test_files_that_differ_in_text_alone_are_reported_as_such(shop: Path, workloads: Run) -> None:
    template = shop / "multi-repo/argo-app-of-apps/dev/templates/edge.yaml"
    template.write_text(f"# by hand\n{template.read_text()}")
    subprocess.run(["git", "commit", "-qam", "by hand"], cwd=shop, check=True)
    done = workloads("diff", "--exit-code", cwd=shop)
    assert done.code == 0
    assert done.out.splitlines()[0] == "no object changes: 1 file differs in text alone"
    assert "dev: no object changes (1 file differs in text)" in done.out


def test_the_base_is_the_committed_charts_and_not_the_registry_there(shop: Path, workloads: Run) -> None:
    values = shop / "multi-repo/argo-app-of-apps/prod/values.yaml"
    values.write_text(values.read_text().replace("v1.0.0", "v0.9.0", 1))
    subprocess.run(["git", "commit", "-qam", "by hand"], cwd=shop, check=True)
    done = workloads("diff", "--env", "prod", cwd=shop)
    assert "spec.source.targetRevision: v0.9.0 → v1.0.0" in done.out


def test_two_revisions_are_compared_without_the_working_copy(shop: Path, workloads: Run) -> None:
    _edit(shop, BEFORE.replace("billing@v1.0.0", "billing@v2.0.0"))
    subprocess.run(["git", "commit", "-qam", "two"], cwd=shop, check=True)
    _edit(shop, "nothing that could be read")
    done = workloads("diff", "--base", "HEAD~1", "--head", "HEAD", cwd=shop)
    assert done.code == 0
    assert "spec.source.targetRevision: v1.0.0 → v2.0.0" in done.out


def test_before_the_first_commit_everything_is_new(tmp_path: Path, workloads: Run) -> None:
    place = tmp_path / "new"
    place.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=place, check=True)
    _edit(place, BEFORE)
    done = workloads("diff", "--env", "prod", cwd=place)
    first = ["2 to create", "(nothing → the registry of the working copy)"]
    assert done.out.splitlines()[:2] == first


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--base", "nowhere"], "no commit nowhere in this clone"),
        (["--head", "nowhere"], "no commit nowhere in this clone"),
        (["--env", "prd"], 'unknown environment "prd" (did you mean "prod"?)'),
        (["--limit", "10"], "--limit"),
    ],
)
def test_invalid_options_are_refused(shop: Path, workloads: Run, args: list[str], said: str) -> None:
    done = workloads("diff", *args, cwd=shop)
    assert done.code == 2
    assert said in done.err


def test_outside_of_a_repository_diff_is_refused(tmp_path: Path, workloads: Run) -> None:
    _edit(tmp_path, BEFORE)
    done = workloads("diff", cwd=tmp_path)
    assert done.code == 2
    assert "is not in a Git repository" in done.err


def test_an_invalid_registry_is_reported(shop: Path, workloads: Run) -> None:
    _edit(shop, BEFORE.replace("[defaults]", "[defalts]"))
    done = workloads("diff", cwd=shop)
    assert done.code == 3
    assert 'did you mean "defaults"?' in done.err
