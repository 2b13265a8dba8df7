"""The shipped workflows are valid, pass a security linter, and do their work."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from generator.registry.reader import read_registry
from tests.ci.steps import Runner, load
from tests.git.remotes import Remote, git
from tests.live.sample import healthy, set_field, write_state
from tests.workspace import REGISTRY, ROOT, isolate, spawn, without

GITHUB = sorted((ROOT / "ci" / "github").glob("*.yml"))
WORKFLOWS = [*GITHUB, *sorted((ROOT / ".github" / "workflows").glob("*.yml"))]
GITLAB = ROOT / "ci" / "gitlab" / "workloads.yml"
#: What jobs may need beside reading the repository, by workflow.
PERMISSIONS = {
    "diff": {"pull-requests"},
    "publish": {"pull-requests"},
    "docs": {"pages", "id-token"},
}
TOKEN = "cAn4ry-w0rkflow"
PINNED = r"^[\w-]+/[\w./-]+@[0-9a-f]{40}$"


def find_tool(name: str) -> str:
    """Find a development tool; skip the test if it is not installed."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed")
    return found


def assert_passes(*command: str | Path) -> None:
    done = subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_are_valid(path: Path) -> None:
    assert_passes(find_tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", path)


def test_the_action_is_valid() -> None:
    assert_passes(find_tool("check-jsonschema"), "--builtin-schema", "vendor.github-actions", ROOT / "action.yml")


@pytest.mark.parametrize("path", sorted(GITLAB.parent.iterdir()), ids=lambda path: path.name)
def test_the_pipelines_are_valid(path: Path) -> None:
    schema = ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci")
    assert_passes(find_tool("check-jsonschema"), *schema, path)


def test_the_hooks_are_valid() -> None:
    assert_passes(find_tool("pre-commit"), "validate-manifest", ROOT / ".pre-commit-hooks.yaml")


def test_zizmor_finds_nothing() -> None:
    assert_passes(find_tool("zizmor"), "--offline", "--persona", "pedantic", *WORKFLOWS, ROOT / "action.yml")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_have_the_least_permissions_and_a_concurrency_group(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] in ({}, {"contents": "read"})
    assert "group" in workflow["concurrency"]
    for job in workflow["jobs"].values():
        assert job.get("permissions", {}).keys() <= {"contents"} | PERMISSIONS.get(path.stem, set())
        assert job["timeout-minutes"]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server of a published registry, to be copied."""
    folder = tmp_path_factory.mktemp("published")
    with pytest.MonkeyPatch.context() as patch:
        isolate(folder / "home", patch)
        path = folder / "workloads.git"
        git(folder, "init", "--quiet", "--bare", str(path))
        git(folder, "clone", "--quiet", f"file://{path}", "first")
        (folder / "first" / "apps.toml").write_text(REGISTRY)
        assert spawn("publish", cwd=folder / "first").code == 0
    return path


@pytest.fixture
def job(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Remote]:
    """A fresh checkout of a published registry, as a runner has it, and the server."""
    isolate(tmp_path / "home", monkeypatch)
    remote = Remote(tmp_path / "acme" / "workloads.git")
    shutil.copytree(published, remote.path)
    return checkout(tmp_path, remote), remote


def checkout(tmp_path: Path, remote: Remote) -> Path:
    folder = tmp_path / f"runner-{len(list(tmp_path.iterdir()))}"
    git(tmp_path, "clone", "--quiet", remote.url, str(folder))
    return folder


def runner(folder: Path, values: Mapping[str, str], **variables: str) -> Runner:
    temp = folder.parent / f"{folder.name}.temp"
    temp.mkdir(exist_ok=True)
    expressions = {"github.token": TOKEN, **{f"inputs.{key}": value for key, value in values.items()}}
    server = {"GITHUB_SERVER_URL": f"file://{folder.parent}", "GITHUB_REPOSITORY": "acme/workloads"}
    return Runner(folder, temp, expressions, {**server, **variables})


def run(path: Path, folder: Path, **values: str) -> subprocess.CompletedProcess[str]:
    (folder.parent / f"{folder.name}.temp" / "gitconfig").unlink(missing_ok=True)
    return runner(folder, values).run_workflow(path)


def workflow(name: str) -> Path:
    return ROOT / "ci" / "github" / f"{name}.yml"


def test_a_check_passes_for_published_charts_and_fails_for_an_edit(job: tuple[Path, Remote]) -> None:
    folder, _ = job
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "the merge that a runner checks out")
    assert run(workflow("check"), folder).returncode == 0
    (folder / "apps.toml").write_text(REGISTRY.replace("billing@v1.0.0", "billing@v1.1.0"))
    assert run(workflow("check"), folder).returncode == 1


def test_a_check_refuses_a_removal_that_is_not_confirmed(job: tuple[Path, Remote]) -> None:
    folder, _ = job
    (folder / "apps.toml").write_text(without(REGISTRY, "ledger", "test"))
    assert spawn("render", cwd=folder).code == 0
    git(folder, "commit", "--quiet", "--all", "--message", "take it away")
    assert run(workflow("check"), folder).returncode == 5


def test_a_scheduled_run_without_a_change_pushes_nothing(job: tuple[Path, Remote]) -> None:
    folder, remote = job
    before = remote.git("for-each-ref")
    done = run(workflow("publish"), folder)
    assert done.returncode == 0, done
    assert done.stdout == "already up to date\nthere is no open pull request of workloads\n"
    assert remote.git("for-each-ref") == before


def test_a_scheduled_run_refreshes_the_requests_that_fell_behind(job: tuple[Path, Remote], tmp_path: Path) -> None:
    folder, remote = job
    assert spawn("hold", "billing", "--in", "prod", "--reason", "x", "--pull-request", cwd=folder).code == 0
    remote.write({"apps.toml": REGISTRY.replace("billing@v1.0.0", "billing@v1.1.0")}, "merge")
    done = run(workflow("publish"), checkout(tmp_path, remote))
    assert done.returncode == 0, done
    (branch,) = remote.git("for-each-ref", "--format=%(refname:short)", "refs/heads/workloads").split()
    assert f"{branch}: refreshed as " in done.stdout
    assert remote.git("rev-parse", f"{branch}^") == remote.head()


def test_publishing_after_a_merge_changes_only_the_app_of_the_merge(job: tuple[Path, Remote], tmp_path: Path) -> None:
    _, remote = job
    remote.write({"apps.toml": REGISTRY.replace("billing@v1.0.0", "billing@v1.1.0")}, "merge")
    done = run(workflow("publish"), checkout(tmp_path, remote))
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "prod: billing"), done
    assert remote.subjects()[1:] == ["merge", "update billing: prod"]
    changed = remote.git("diff", "--name-only", "main~1", "main").splitlines()
    assert [path for path in changed if "/dev/" in path or "/test/" in path] == []
    who = remote.git("log", "-1", "--format=%an <%ae>")
    assert who == "octocat <octocat@users.noreply.github.com>"
    assert TOKEN not in done.stdout + done.stderr + remote.git("log", "-p", "--format=fuller", "main")


def test_promoting_ready_apps_twice_changes_nothing_more(job: tuple[Path, Remote], tmp_path: Path) -> None:
    folder, remote = job
    first = run(workflow("promote-ready"), folder)
    assert first.returncode == 0, first
    before = remote.git("for-each-ref")
    again = run(workflow("promote-ready"), checkout(tmp_path, remote))
    assert (again.returncode, remote.git("for-each-ref")) == (0, before), again


def _write_live_state(folder: Path, health: str) -> str:
    """A live state of every environment, in which each app is of this health; the value of WORKLOADS_LIVE."""
    registry, synced_at = read_registry(folder / "apps.toml"), datetime.now(UTC) - timedelta(minutes=10)
    states = []
    for name, environment in registry.environments.items():
        items = [
            set_field(healthy(environment, app, "1" * 40, synced_at=synced_at), "status/health/status", health)
            for app in registry.list_effective_apps(name)
        ]
        states.append(f"{name}={write_state(folder.parent / f'{name}.json', items)}")
    return " ".join(states)


@pytest.mark.parametrize(("health", "code"), [("Healthy", 0), ("Degraded", 1)])
def test_the_comparison_with_the_live_state_fails_for_a_deviation(
    job: tuple[Path, Remote], health: str, code: int
) -> None:
    folder, _ = job
    here = runner(folder, {})
    expressions = {**here.expressions, "vars.WORKLOADS_LIVE": _write_live_state(folder, health)}
    done = replace(here, expressions=expressions).run_workflow(workflow("drift"))
    assert done.returncode == code, done.stderr
    assert ("degraded: Degraded" in done.stdout) == bool(code)


def test_promoting_by_hand_moves_the_app(job: tuple[Path, Remote]) -> None:
    folder, remote = job
    done = run(workflow("promote"), folder, apps="billing", to="prod")
    assert done.returncode == 0, done
    assert '"billing@v1.1.0"' in remote.git("cat-file", "blob", "main:apps.toml").partition("[environments.prod]")[2]


@pytest.mark.parametrize("apps", ["--all", "$(touch pwned)", "billing; touch pwned", "`touch pwned`"])
def test_inputs_are_not_run_as_commands(job: tuple[Path, Remote], apps: str) -> None:
    folder, remote = job
    before = remote.git("for-each-ref")
    assert run(workflow("promote"), folder, apps=apps, to="prod").returncode == 2
    assert not (folder / "pwned").exists()
    assert remote.git("for-each-ref") == before


def test_the_gitlab_pipeline_shows_the_diff_of_a_merge_request(job: tuple[Path, Remote]) -> None:
    folder, _ = job
    (folder / "apps.toml").write_text(REGISTRY.replace("billing@v1.0.0", "billing@v1.1.0"))
    base = git(folder, "rev-parse", "HEAD")
    done = runner(folder, {}, CI_MERGE_REQUEST_DIFF_BASE_SHA=base).run_gitlab_job(GITLAB, "workloads-diff")
    assert done.returncode == 0, done
    assert "spec.source.targetRevision: v1.0.0 → v1.1.0" in done.stdout
    assert "v1.1.0" in (folder / "diff.html").read_text()


def test_the_gitlab_pipeline_publishes_what_changed(job: tuple[Path, Remote], tmp_path: Path) -> None:
    folder, remote = job
    variables = {
        "CI_SERVER_URL": f"file://{tmp_path}",
        "CI_PROJECT_PATH": "acme/workloads",
        "CI_SERVER_HOST": "gitlab.example.com",
        "WORKLOADS_TOKEN": TOKEN,
    }
    git(folder, "checkout", "--quiet", "--detach")
    before = remote.git("for-each-ref")
    done = runner(folder, {}, **variables).run_gitlab_job(GITLAB, "workloads-publish")
    assert (done.returncode, remote.git("for-each-ref")) == (0, before), done
    remote.write({"apps.toml": REGISTRY.replace("billing@v1.0.0", "billing@v1.1.0")}, "merge")
    later = checkout(tmp_path, remote)
    git(later, "checkout", "--quiet", "--detach")
    done = runner(later, {}, **variables).run_gitlab_job(GITLAB, "workloads-publish")
    assert (done.returncode, remote.subjects()[-1]) == (0, "update billing: prod"), done
    assert TOKEN not in done.stdout + done.stderr


def test_no_job_has_a_cache() -> None:
    used = [step.get("uses", "") for path in GITHUB for job in load(path)["jobs"].values() for step in job["steps"]]
    assert not [name for name in used if "cache" in name]
    jobs = load(GITLAB)
    assert {name: job["cache"] for name, job in jobs.items() if "cache" in job} == {".workloads": []}


def test_every_action_is_pinned_by_commit() -> None:
    used = [
        step["uses"]
        for path in WORKFLOWS
        for each in load(path)["jobs"].values()
        for step in each["steps"]
        if "uses" in step
    ]
    assert used
    assert all(re.match(PINNED, name) for name in used)


def test_the_image_does_not_run_as_root() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert "USER 65532" in lines
    assert lines.index("USER 65532") < lines.index('ENTRYPOINT ["workloads"]')
