"""Publishing environments in shards: where Argo CD is sent for them, and what is told of their apps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.charts.rendered import sharded
from tests.git.remotes import Remote, git
from tests.publishing.arrangement import Arrangement
from tests.workspace import REGISTRY, Done, Run, contents, onboarded

PARENT = "argo-app-of-apps/dev/values.yaml"


@dataclass
class Place:
    """A checkout of the workloads repository whose registry is in a folder of it."""

    checkout: Path
    remote: Remote
    run_here: Run
    folder: str

    @property
    def registry(self) -> Path:
        return self.checkout / self.folder / "apps.toml"

    def run(self, *args: str) -> Done:
        return self.run_here(*args, cwd=self.registry.parent)

    def edit(self, old: str, new: str) -> None:
        text = self.registry.read_text()
        assert old in text
        self.registry.write_text(text.replace(old, new))

    def publish(self, *args: str) -> Done:
        """Publish, and have the checkout what the branch has."""
        done = self.run("publish", *args)
        assert done.code == 0, done.err
        git(self.checkout, "fetch", "--quiet")
        git(self.checkout, "reset", "--quiet", "--hard", "origin/main")
        return done

    def trailers(self) -> list[str]:
        return [line for line in self.remote.git("log", "-1", "--format=%B", "main").splitlines() if ": " in line]

    def read(self, path: str) -> str:
        return (self.registry.parent / "multi-repo" / path).read_text()


def text_for(remote: Remote, shards: str = '"team"') -> str:
    return sharded(onboarded(REGISTRY), shards).replace("https://github.com/acme/workloads.git", remote.url)


@pytest.fixture(params=["", "deep/registry"], ids=["top", "folder"])
def place(request: pytest.FixtureRequest, tmp_path: Path, workloads: Run) -> Place:
    server = tmp_path / "server" / "workloads.git"
    server.mkdir(parents=True)
    git(server, "init", "--quiet", "--bare", "--template=")
    remote = Remote(server)
    git(tmp_path, "clone", "--quiet", "--template=", remote.url, "checkout")
    found = Place(tmp_path / "checkout", remote, workloads, request.param)
    found.registry.parent.mkdir(parents=True, exist_ok=True)
    found.registry.write_text(text_for(remote))
    found.publish()
    return found


def test_argo_cd_is_sent_to_where_the_shards_are(place: Place) -> None:
    folder = f"{place.folder}/multi-repo" if place.folder else "multi-repo"
    assert f'    path: "{folder}/argo-app-shards/dev"\n' in place.read(PARENT)
    published = place.remote.files()
    assert f"{folder}/argo-app-shards/dev/audit/templates/audit.yaml" in published
    assert f"{folder}/argo-app-shards/dev/payments/templates/ledger.yaml" in published


def test_what_is_rendered_is_what_is_published(place: Place) -> None:
    before = contents(place.registry.parent / "multi-repo")
    assert place.run("render").out == "multi-repo: up to date\n"
    assert place.run("check").code == 0
    git(place.checkout, "rm", "-r", "--quiet", "--", str(place.registry.parent / "multi-repo"))
    assert place.run("render").code == 0
    assert contents(place.registry.parent / "multi-repo") == before


def test_from_another_folder_the_same_is_rendered(place: Place) -> None:
    path = str(place.registry.relative_to(place.checkout))
    assert "up to date" in place.run_here("render", "--registry", path, cwd=place.checkout).out
    assert "up to date" in place.run_here("render", "--registry", str(place.registry), cwd=place.checkout.parent).out
    (place.checkout.parent / "link").symlink_to(place.registry.parent)
    assert "up to date" in place.run_here("render", cwd=place.checkout.parent / "link").out


def test_in_a_fork_the_same_is_rendered(place: Place) -> None:
    git(place.checkout, "remote", "set-url", "origin", "https://github.com/ada/fork.git")
    done = place.run("check")
    assert done.code == 0, done.out


def test_publishing_again_is_nothing_to_publish(place: Place) -> None:
    before = place.remote.head()
    assert place.publish().out == "already up to date\n"
    assert place.remote.head() == before


def test_an_app_whose_values_alone_change_is_named(place: Place) -> None:
    place.edit("[apps.ledger]\n", "[apps.ledger]\nrevisionHistoryLimit = 3\n")
    place.publish()
    place.edit("revisionHistoryLimit = 3", "revisionHistoryLimit = 4")
    place.publish()
    assert place.trailers()[-1] == "Apps-Changed: dev/ledger, test/ledger"
    changed = place.remote.git("diff", "--name-only", "main~1", "main").splitlines()
    assert {Path(path).name for path in changed} == {"apps.toml", "values.yaml", "ledger_test.yaml", ".generated.json"}
    assert [path for path in changed if path.endswith("values.yaml")] == [
        f"{place.folder + '/' if place.folder else ''}multi-repo/argo-app-shards/{env}/payments/values.yaml"
        for env in ("dev", "test")
    ]


def test_apps_that_move_are_named_and_none_is_removed(place: Place) -> None:
    place.edit('[environments.dev]\nshards = "team"\n', '[environments.dev]\nshards = "team"\nhandOver = true\n')
    place.publish()
    assert place.trailers()[-1] == "Apps-Changed: dev/audit, dev/billing, dev/ledger"
    place.edit('shards = "team"\nhandOver', "shards = 4\nhandOver")
    place.publish()
    assert place.trailers()[-1] == "Apps-Changed: dev/audit, dev/billing, dev/ledger"
    place.edit("handOver = true\n", "")
    place.publish()
    assert place.trailers()[-1] == "Apps-Changed: dev/audit, dev/billing, dev/ledger"
    assert not [path for path in place.remote.files() if "/argo-app-shards/dev/payments/" in path]


def test_a_move_that_was_not_handed_over_is_not_published(place: Place) -> None:
    before = place.remote.head()
    place.edit('[environments.dev]\nshards = "team"\n', "[environments.dev]\nshards = 4\n")
    done = place.run("publish")
    assert (done.code, done.err.splitlines()[-1]) == (5, "nothing was pushed")
    assert "workloads shard dev --by 4" in done.err
    assert place.remote.head() == before


@pytest.mark.parametrize(("shards", "code"), [('"team"', 0), ("4", 5)])
def test_without_a_record_an_app_is_in_the_shard_that_its_template_is_in(place: Place, shards: str, code: int) -> None:
    git(place.checkout, "rm", "--quiet", "--", str(place.registry.parent / "multi-repo" / ".generated.json"))
    git(place.checkout, "commit", "--quiet", "-m", "no record")
    git(place.checkout, "push", "--quiet", "origin", "HEAD:main")
    place.edit('[environments.dev]\nshards = "team"\n', f"[environments.dev]\nshards = {shards}\n")
    done = place.run("publish", "--adopt", "--overwrite")
    assert done.code == code, done.err
    assert ("Application audit: shard audit → " in done.err) is (code == 5)


def test_edits_by_hand_in_a_shard_are_kept(place: Place) -> None:
    path = f"{place.folder + '/' if place.folder else ''}multi-repo/argo-app-shards/dev/audit/values.yaml"
    place.remote.write({path: "mine\n"})
    done = place.run("publish")
    assert done.code == 4
    assert f"generated files were edited by hand [WL7004]:\n  {path}\n" in done.err


def test_charts_apart_from_the_registry_are_where_the_workloads_repository_has_them(apart: Arrangement) -> None:
    deep = apart.checkout / "deep"
    deep.mkdir()
    (deep / "apps.toml").write_text(text_for(apart.remote))
    done = apart.run("publish", cwd=deep)
    assert done.code == 0, done.err
    assert '    path: "multi-repo/argo-app-shards/dev"\n' in apart.read(f"multi-repo/{PARENT}")
    assert apart.message()[-1] == (
        "Apps-Changed: dev/audit, dev/billing, dev/ledger, test/billing, test/ledger, prod/billing"
    )
    assert apart.run("publish", cwd=deep).out == "already up to date\n"
    assert apart.run("render", cwd=deep).code == 0
    written = {f"multi-repo/{path.relative_to(deep / 'multi-repo')}": path.read_text()
               for path in (deep / "multi-repo").rglob("*") if path.is_file()}  # fmt: skip
    assert written == {path: f"{text}\n" for path, text in apart.charts().items()}
    assert apart.run("shard", "dev", "--by", "8", cwd=deep).out.startswith("dev: step 1 of 3: 3 Applications are")


def test_charts_at_the_top_of_their_repository(apart: Arrangement) -> None:
    apart.edit(text_for(apart.remote).replace("[workloads]\n", '[workloads]\npath = "."\n'))
    assert apart.publish().code == 0
    assert '    path: "argo-app-shards/dev"\n' in apart.read(PARENT)
    assert "argo-app-shards/dev/audit/Chart.yaml" in apart.remote.files()
    assert apart.publish().out == "already up to date\n"


@pytest.mark.parametrize("flags", [(), ("--without-helm",)])
def test_a_chart_that_helm_would_not_read_is_not_published(
    apart: Arrangement, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]
) -> None:
    monkeypatch.setattr("generator.helm.chart_size.MAX_FILE_BYTES", 500)
    before = apart.heads()
    done = apart.publish(*flags)
    assert (done.code, done.last, apart.heads()) == (3, "nothing was pushed", before)
    assert "chart dev: values.yaml has " in done.err
    assert "Helm takes no file of more than 500: set environments.dev.shards = " in done.err
