"""What others copy is valid by its official schema, passes a security linter, and does what it is for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ci.steps import github, gitlab, load
from tests.git.remotes import Remote, git
from tests.workspace import REGISTRY, ROOT, isolate, spawn, without

GITHUB = sorted((ROOT / "ci" / "github").glob("*.yml"))
WORKFLOWS = [*GITHUB, *sorted((ROOT / ".github" / "workflows").glob("*.yml"))]
GITLAB = ROOT / "ci" / "gitlab" / "workloads.yml"
TOKEN = "cAn4ry-w0rkflow"
PINNED = r"^[\w-]+/[\w./-]+@[0-9a-f]{40}$"


def tool(name: str) -> str:
    """A development tool beside our Python; without it the test is skipped."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed")
    return found


def passes(*command: str | Path) -> None:
    done = subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_are_valid(path: Path) -> None:
    passes(tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", path)


def test_the_action_is_valid() -> None:
    passes(tool("check-jsonschema"), "--builtin-schema", "vendor.github-actions", ROOT / "action.yml")


def test_the_pipeline_is_valid() -> None:
    schema = ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci")
    passes(tool("check-jsonschema"), *schema, GITLAB)


def test_the_hooks_are_valid() -> None:
    passes(tool("pre-commit"), "validate-manifest", ROOT / ".pre-commit-hooks.yaml")


def test_a_security_linter_finds_nothing() -> None:
    passes(tool("zizmor"), "--offline", "--persona", "pedantic", *WORKFLOWS, ROOT / "action.yml")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_take_the_least_and_wait_for_each_other(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] in ({}, {"contents": "read"})
    assert "group" in workflow["concurrency"]
    for job in workflow["jobs"].values():
        needed = {"contents", "pull-requests"} if path.stem == "diff" else {"contents"}
        assert job.get("permissions", {}).keys() <= needed
        assert job["timeout-minutes"]


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Remote]:
    """A fresh checkout of a published registry, as a runner has it, and the server."""
    isolate(tmp_path / "home", monkeypatch)
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "workloads"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m generator "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    path = tmp_path / "acme" / "workloads.git"
    path.mkdir(parents=True)
    git(path, "init", "--quiet", "--bare")
    remote = Remote(path)
    first = tmp_path / "first"
    git(tmp_path, "clone", "--quiet", remote.url, str(first))
    (first / "apps.toml").write_text(REGISTRY)
    assert spawn("publish", cwd=first).code == 0
    return checkout(tmp_path, remote), remote


def checkout(tmp_path: Path, remote: Remote) -> Path:
    folder = tmp_path / f"runner-{len(list(tmp_path.iterdir()))}"
    git(tmp_path, "clone", "--quiet", remote.url, str(folder))
    return folder


def run(path: Path, folder: Path, **values: str) -> subprocess.CompletedProcess[str]:
    given = {"github.token": TOKEN, **{f"inputs.{key}": value for key, value in values.items()}}
    return github(path, folder, given, GITHUB_ACTOR="octocat")


def workflow(name: str) -> Path:
    return ROOT / "ci" / "github" / f"{name}.yml"


def test_a_check_of_what_is_published_passes_and_of_an_edit_fails(job: tuple[Path, Remote]) -> None:
    folder, _ = job
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "the merge that a runner checks out")
    assert run(workflow("check"), folder).returncode == 0
    (folder / "apps.toml").write_text(REGISTRY.replace("billing@v1.0.0", "billing@v1.1.0"))
    assert run(workflow("check"), folder).returncode == 1


def test_a_check_refuses_a_removal_that_nobody_named(job: tuple[Path, Remote]) -> None:
    folder, _ = job
    (folder / "apps.toml").write_text(without(REGISTRY, "ledger", "test"))
    assert spawn("render", cwd=folder).code == 0
    git(folder, "commit", "--quiet", "--all", "--message", "take it away")
    assert run(workflow("check"), folder).returncode == 5


def test_a_scheduled_run_without_a_change_pushes_nothing(job: tuple[Path, Remote]) -> None:
    folder, remote = job
    before = remote.git("for-each-ref")
    done = run(workflow("publish"), folder)
    assert (done.returncode, done.stdout) == (0, "nothing to publish: the branch is up to date\n"), done
    assert remote.git("for-each-ref") == before


def test_a_run_after_a_merge_publishes_the_one_app_that_changed(job: tuple[Path, Remote], tmp_path: Path) -> None:
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


def test_promoting_what_is_ready_twice_is_once(job: tuple[Path, Remote], tmp_path: Path) -> None:
    folder, remote = job
    first = run(workflow("promote-ready"), folder)
    assert first.returncode == 0, first
    before = remote.git("for-each-ref")
    again = run(workflow("promote-ready"), checkout(tmp_path, remote))
    assert (again.returncode, remote.git("for-each-ref")) == (0, before), again


def test_promoting_by_hand_moves_the_app(job: tuple[Path, Remote]) -> None:
    folder, remote = job
    done = run(workflow("promote"), folder, apps="billing", to="prod")
    assert done.returncode == 0, done
    assert '"billing@v1.1.0"' in remote.git("cat-file", "blob", "main:apps.toml").partition("[environments.prod]")[2]


@pytest.mark.parametrize("apps", ["--all", "$(touch pwned)", "billing; touch pwned", "`touch pwned`"])
def test_what_is_typed_in_is_no_command(job: tuple[Path, Remote], apps: str) -> None:
    folder, remote = job
    before = remote.git("for-each-ref")
    assert run(workflow("promote"), folder, apps=apps, to="prod").returncode == 2
    assert not (folder / "pwned").exists()
    assert remote.git("for-each-ref") == before


def test_the_pipeline_of_gitlab_tells_what_a_merge_request_does(job: tuple[Path, Remote]) -> None:
    folder, _ = job
    (folder / "apps.toml").write_text(REGISTRY.replace("billing@v1.0.0", "billing@v1.1.0"))
    base = git(folder, "rev-parse", "HEAD")
    done = gitlab(GITLAB, "workloads-diff", folder, CI_MERGE_REQUEST_DIFF_BASE_SHA=base)
    assert done.returncode == 0, done
    assert "spec.source.targetRevision: v1.0.0 → v1.1.0" in done.stdout
    assert "v1.1.0" in (folder / "diff.html").read_text()


def test_the_pipeline_of_gitlab_does_the_same(job: tuple[Path, Remote], tmp_path: Path) -> None:
    folder, remote = job
    variables = {
        "CI_SERVER_URL": f"file://{tmp_path}",
        "CI_PROJECT_PATH": "acme/workloads",
        "CI_SERVER_HOST": "gitlab.example.com",
        "WORKLOADS_TOKEN": TOKEN,
    }
    git(folder, "checkout", "--quiet", "--detach")
    before = remote.git("for-each-ref")
    done = gitlab(GITLAB, "workloads-publish", folder, **variables)
    assert (done.returncode, remote.git("for-each-ref")) == (0, before), done
    remote.write({"apps.toml": REGISTRY.replace("billing@v1.0.0", "billing@v1.1.0")}, "merge")
    later = checkout(tmp_path, remote)
    git(later, "checkout", "--quiet", "--detach")
    done = gitlab(GITLAB, "workloads-publish", later, **variables)
    assert (done.returncode, remote.subjects()[-1]) == (0, "update billing: prod"), done
    assert TOKEN not in done.stdout + done.stderr


def test_runs_keep_what_they_work_out_where_later_ones_take_it(job: tuple[Path, Remote], tmp_path: Path) -> None:
    folder, _ = job
    steps = [step for path in GITHUB for each in load(path)["jobs"].values() for step in each["steps"]]
    taken = [step["with"]["path"] for step in steps if step.get("uses", "").startswith("actions/cache")]
    assert taken == ["~/.cache/workloads/memo"] * len(GITHUB)
    kept = tmp_path / "home" / ".cache" / "workloads" / "memo"
    shutil.rmtree(kept)
    assert run(workflow("publish"), folder).returncode == 0
    assert any(kept.iterdir())


def test_what_a_request_works_out_is_not_what_publishing_trusts() -> None:
    saving = [path.stem for path in GITHUB if "uses: actions/cache@" in path.read_text()]
    assert saving == ["publish"]
    jobs = load(GITLAB)
    keys = {name: jobs[name]["cache"]["key"] for name in (".workloads", ".workloads-write")}
    assert len({*keys.values()}) == 2
    of_requests = [job for job in jobs.values() if "merge_request_event" in str(job.get("rules"))]
    assert [job["extends"] for job in of_requests] == [".workloads"] * 2


def test_the_pipeline_of_gitlab_keeps_it_in_the_checkout_and_publishes_none_of_it(job: tuple[Path, Remote]) -> None:
    folder, remote = job
    common = load(GITLAB)[".workloads"]
    cache = common["variables"]["XDG_CACHE_HOME"].replace("$CI_PROJECT_DIR", str(folder))
    (folder / "apps.toml").write_text(REGISTRY.replace("billing@v1.0.0", "billing@v1.1.0"))
    variables = {"CI_SERVER_URL": remote.url.removesuffix("/acme/workloads.git"), "CI_PROJECT_PATH": "acme/workloads"}
    done = gitlab(GITLAB, "workloads-publish", folder, XDG_CACHE_HOME=cache, **variables)
    assert done.returncode == 0, done
    assert all(any((folder / path).iterdir()) for path in common["cache"]["paths"])
    assert ".cache" not in remote.git("ls-tree", "-r", "--name-only", "main")


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


def test_the_image_runs_as_nobody_special() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert "USER 65532" in lines
    assert lines.index("USER 65532") < lines.index('ENTRYPOINT ["workloads"]')
