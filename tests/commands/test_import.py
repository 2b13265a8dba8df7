"""`workloads import` as a user runs it: what it writes, what it prints, and what it leaves alone."""

from __future__ import annotations

import json
from pathlib import Path

from tests.importing import layouts
from tests.workspace import Run, untouched


def test_the_registry_is_written_and_the_next_command_named(workloads: Run, tmp_path: Path) -> None:
    layouts.write(tmp_path / "chart", layouts.HELM_CHART)
    done = workloads("import", "chart", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "dev          2      0" in done.out
    assert done.out.splitlines()[-1] == "wrote apps.toml, apps.schema.json: 2 apps of 1 team"
    assert "workloads check" in done.last
    assert workloads("check", "--without-helm", cwd=tmp_path).code == 1, "only the charts are missing"


def test_a_registry_that_exists_is_not_replaced(workloads: Run, tmp_path: Path) -> None:
    layouts.write(tmp_path / "chart", layouts.HELM_CHART)
    (tmp_path / "apps.toml").write_text("version = 1\n")
    with untouched(tmp_path):
        done = workloads("import", "chart", cwd=tmp_path)
    assert (done.code, done.last) == (4, "nothing was written")
    assert "apps.toml already exists" in done.err


def test_strict_writes_nothing_unless_everything_is_exact(workloads: Run, tmp_path: Path) -> None:
    odd = layouts.application("odd")
    odd["metadata"]["finalizers"] = ["example.org/keep"]
    source = tmp_path / "apps.json"
    source.write_text(json.dumps({"kind": "List", "items": [layouts.application("web"), odd]}))
    with untouched(tmp_path):
        done = workloads("import", "apps.json", "--strict", cwd=tmp_path)
    assert done.code == 4
    assert "apps.json:1: Application odd is not imported: the finalizer example.org/keep" in done.err


def test_a_dry_run_writes_nothing(workloads: Run, tmp_path: Path) -> None:
    layouts.write(tmp_path / "chart", layouts.HELM_CHART)
    with untouched(tmp_path):
        done = workloads("import", "chart", "--dry-run", "--json", cwd=tmp_path)
    report = json.loads(done.out)
    assert (report["written"], report["exact"], report["changed"]) == (False, 3, [])
    assert report["teams"] == {"shop": ["cart", "tax"]}


def test_the_report_is_markdown(workloads: Run, tmp_path: Path) -> None:
    layouts.write(tmp_path / "chart", layouts.HELM_CHART)
    workloads("import", "chart", "--report", "report.md", cwd=tmp_path)
    assert "| prod | 1 | 0 |" in (tmp_path / "report.md").read_text()


def test_environments_can_be_named(workloads: Run, tmp_path: Path) -> None:
    for env in ("a", "b"):
        (tmp_path / f"{env}.json").write_text(json.dumps(layouts.application("web")))
    done = workloads("import", "dev=a.json", "prod=b.json", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "[environments.dev]" in (tmp_path / "apps.toml").read_text()


def test_teams_are_read_from_a_file(workloads: Run, tmp_path: Path) -> None:
    layouts.write(tmp_path / "chart", layouts.HELM_CHART)
    (tmp_path / "teams.toml").write_text('checkout = ["c*", "t*"]\n')
    workloads("import", "chart", "--teams", "teams.toml", "--split", "team", cwd=tmp_path)
    assert (tmp_path / "teams" / "checkout.toml").is_file()
    (tmp_path / "teams.toml").write_text('checkout = "cart*"\n')
    done = workloads("import", "chart", "--teams", "teams.toml", "-o", "other", cwd=tmp_path)
    assert (done.code, "checkout is not a list" in done.err) == (2, True)


def test_a_second_import_adds_what_is_new(workloads: Run, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    source = folder / "apps.json"
    source.write_text(json.dumps(layouts.application("web")))
    workloads("import", "dev=apps.json", cwd=folder)
    with untouched(folder):
        assert workloads("import", "--merge", "dev=apps.json", cwd=folder).out.splitlines()[-1] == (
            "nothing to add: the registry has every Application that can be imported"
        )
    web = layouts.application("web", syncPolicy={"automated": {"prune": True}})
    source.write_text(json.dumps({"kind": "List", "items": [web, layouts.application("pay")]}))
    with untouched(folder):
        done = workloads("import", "--merge", "dev=apps.json", "--dry-run", "--json", cwd=folder)
        assert json.loads(done.out)["added"] == [{"environment": "dev", "name": "pay"}]
        assert workloads("import", "--merge", "dev=apps.json", "--strict", cwd=folder).code == 4
    done = workloads("import", "--merge", "dev=apps.json", cwd=folder)
    assert "Application web in dev differs from the registry, which stays as it is" in done.err
    assert done.out.splitlines()[-2:] == ["new in dev: pay", "wrote apps.toml: 1 Application added"]


def test_a_merge_needs_a_registry(workloads: Run, tmp_path: Path) -> None:
    layouts.write(tmp_path / "chart", layouts.HELM_CHART)
    done = workloads("import", "--merge", "chart", "-o", "here", cwd=tmp_path)
    assert (done.code, "here/apps.toml" in done.err) == (9, True)
    done = workloads("import", "--merge", "--split", "team", "chart", cwd=tmp_path)
    assert (done.code, "--split does not go with --merge" in done.err) == (2, True)


def test_the_plan_of_a_take_over_is_printed_and_nothing_is_written(workloads: Run, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    root, web = layouts.application("root", project="default"), layouts.application("web")
    for body in (root, web):
        body["metadata"]["uid"] = body["metadata"]["name"]
    web["metadata"]["annotations"] = {"argocd.argoproj.io/tracking-id": "root:argoproj.io/Application:argocd/web"}
    (folder / "live.json").write_text(json.dumps({"kind": "List", "items": [root, web]}))
    with untouched(folder):
        done = workloads("import", "--plan", "dev=live.json", cwd=folder)
    assert done.code == 0, done.err
    assert "Application root is not imported: it deploys 1 of these Applications" in done.err
    assert "2. Stop the automated sync of the old parent root" in done.out
    assert "workloads bootstrap dev --for manifest --no-prune | kubectl apply -f -" in done.out
    assert workloads("import", "dev=live.json", "--strict", cwd=folder).code == 0, "a parent is no loss"
    assert workloads("import", "--plan", "--json", "dev=live.json", cwd=folder).code == 2
