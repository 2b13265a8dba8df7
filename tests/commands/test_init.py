"""`workloads init` as a new user runs it: from an empty folder to a first published chart."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.workspace import Run, in_terminal, untouched

_FLAGS = ("--team", "payments", "--owner", "@acme/payments", "--repository", "https://git.example.org/acme/")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of an empty repository."""
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "remote.git"], check=True)
    subprocess.run(["git", "clone", "-q", tmp_path / "remote.git", tmp_path / "clone"], check=True, capture_output=True)
    return tmp_path / "clone"


def test_six_commands_lead_from_an_empty_repository_to_a_published_chart(workloads: Run, clone: Path) -> None:
    add = ("--team", "payments", "--repository", "https://git.example.org/acme/billing.git", "--path", "chart")
    assert workloads("init", *_FLAGS, "--namespace", "billing", cwd=clone).code == 0
    done = workloads("add", "billing", *add, "--revision", "main", "--no-verify-remote", cwd=clone)
    assert done.code == 0, done.err
    subprocess.run(["git", "add", "-A"], cwd=clone, check=True)
    subprocess.run(["git", "commit", "-qm", "First app"], cwd=clone, check=True)
    done = workloads("publish", cwd=clone)
    assert (done.code, "git push --set-upstream origin HEAD:main" in done.err) == (2, True), done.err
    subprocess.run(["git", "push", "-q", "--set-upstream", "origin", "HEAD:main"], cwd=clone, check=True)
    assert workloads("publish", cwd=clone).out == "already up to date\n"
    files = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", "main"],
        cwd=clone.parent / "remote.git",
        check=True,
        capture_output=True,
    ).stdout.decode()
    assert "multi-repo/argo-app-of-apps/dev/templates/billing.yaml" in files


def test_the_registry_is_valid_and_its_files_have_owners(workloads: Run, clone: Path) -> None:
    done = workloads("init", *_FLAGS, "--env", "dev", "--env", "prod=https://prod.example.org", cwd=clone)
    assert (done.code, workloads("check", "--without-helm", cwd=clone).code) == (0, 1), "only the charts are missing"
    assert "/apps.toml @acme/payments" in (clone / ".github/CODEOWNERS").read_text()
    assert 'server = "https://prod.example.org"' in (clone / "apps.toml").read_text()
    assert (clone / ".github/workflows/workloads-check.yml").is_file()
    assert "workloads add APP --team payments --repository https://git.example.org/acme/APP.git" in done.last


def test_gitlab_gets_its_own_files(workloads: Run, clone: Path) -> None:
    done = workloads("init", *_FLAGS, "--forge", "gitlab", "--json", cwd=clone)
    assert json.loads(done.out)["files"] == ["apps.toml", "apps.schema.json", "CODEOWNERS", ".gitlab-ci.yml"]


def test_files_that_exist_are_not_replaced(workloads: Run, clone: Path) -> None:
    (clone / "apps.schema.json").write_text("mine")
    with untouched(clone):
        done = workloads("init", *_FLAGS, cwd=clone)
    assert (done.code, done.last) == (4, "nothing was written")


def test_a_value_that_is_not_valid_is_refused(workloads: Run, clone: Path) -> None:
    with untouched(clone):
        done = workloads("init", "--team", "Payments Team", cwd=clone)
    assert done.code == 3
    assert "Payments Team" in done.err
    assert done.last == "nothing was written: correct the options of 'workloads init'"


def test_without_a_terminal_the_team_must_be_given(workloads: Run, clone: Path) -> None:
    done = workloads("init", cwd=clone)
    assert (done.code, "add --team TEAM" in done.err) == (2, True)


def test_a_terminal_asks(clone: Path) -> None:
    typed = "dev live\npayments\n@acme/payments\n\nbilling\n"
    in_terminal("init", cwd=clone, columns=100, typed=typed)
    text = (clone / "apps.toml").read_text()
    assert "[environments.live]" in text
    assert 'namespaces = ["billing"]' in text
