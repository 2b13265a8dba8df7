"""`workloads site` and `workloads graph`, on a real checkout with a release in its history."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.promotion.world import World
from tests.workspace import Run, contents, untouched

pytestmark = pytest.mark.usefixtures("home")


def test_the_site_follows_a_release(world: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    world.ok("promote", "billing", "--to", "test", "--without-helm")
    world.commit("promote billing")
    world.at += timedelta(hours=3)
    with untouched(world.checkout):
        assert world.ok("site", str(out), "--dry-run") == f"{out}: 12 added (dry run: nothing was written)\n"
        assert not out.exists()
        assert world.ok("site", str(out)) == f"{out}: 12 added\n"
        assert world.ok("site", str(out)) == f"{out}: up to date\n"
    app = (out / "apps" / "billing.html").read_text()
    assert "promote billing" in app
    assert "2026-11-10 09:00 UTC</time> · Ada" in app
    assert f"{world.git_url}/billing.git" in app

    world.ok("promote", "billing", "--to", "dev", "--revision", "v1.2.0", "--without-helm")
    world.ok("hold", "billing", "--in", "test", "--reason", "pen test", "--without-helm")
    world.commit("hold billing")
    told = json.loads(world.ok("site", str(out), "--json", "--at", "2026-11-10 12:00:00"))
    assert (told["added"], told["removed"], told["written"]) == ([], [], True)
    assert set(told["changed"]) == {
        "activity.html",
        "apps/billing.html",
        "environments/dev.html",
        "environments/test.html",
        "index.html",
    }
    assert "behind dev: v1.2.0<br>hold: held: &#34;2026-11-10 pen test&#34;" in (out / "index.html").read_text()


def test_pages_of_removed_apps_are_deleted_and_foreign_files_stay(world: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    world.ok("site", str(out))
    (out / "CNAME").write_text("apps.example.org\n")
    shop = world.checkout / "teams" / "shop.toml"
    shop.write_text(shop.read_text().replace("[apps.web]", "[apps.www]").replace('["web"]', '["www"]').replace(
        'path = "chart"', 'path = "chart"\nnamespace = "web"'))  # fmt: skip
    told = json.loads(world.ok("site", str(out), "--json"))
    assert (told["added"], told["removed"]) == (["apps/www.html"], ["apps/web.html"])
    assert (out / "CNAME").exists()


def test_a_folder_that_is_not_a_site_is_refused(world: World, tmp_path: Path) -> None:
    charts = world.checkout / "multi-repo"
    before = contents(charts)
    assert "is not empty and was not created by workloads site" in world.refused(4, "site", str(charts))
    assert contents(charts) == before
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    world.refused(4, "site", str(out))
    (out / "notes.txt").unlink()
    assert world.ok("site", str(out)) == f"{out}: 12 added\n"
    (out / "file").write_text("a file")
    assert "is not a folder" in world.refused(4, "site", str(out / "file"))


def test_without_a_repository_there_is_no_history(tmp_path: Path, workloads: Run, world: World) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "apps.toml").write_text("version = 1\n[environments.dev]\n")
    assert workloads("site", "out", cwd=alone).code == 0
    assert (alone / "out" / "environments" / "dev.html").is_file()


def test_the_graph_in_every_format(world: World) -> None:
    assert world.ok("graph") == (
        'flowchart LR\n    n0(["dev<br>3 apps"])\n    n1(["test<br>0 apps"])\n    n2(["prod<br>0 apps"])\n'
        '    n0 --> n1\n    n1 -->|"commits only, soak 24h"| n2\n'
    )
    assert '"billing\\nv1.0.0"' in world.ok("graph", "--of", "apps", "--format", "dot", "--env", "dev")
    assert 'did you mean "prod"' in world.refused(2, "graph", "--env", "prd")
