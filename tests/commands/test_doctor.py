"""`workloads doctor`: what is wrong here, and how to mend it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from generator.artifacts import http_client
from tests.git.remotes import git
from tests.workspace import REGISTRY, Run


def write(folder: Path, text: str = REGISTRY) -> None:
    (folder / "apps.toml").write_text(text)


def test_a_folder_without_a_repository_is_a_warning(tmp_path: Path, workloads: Run) -> None:
    write(tmp_path)
    done = workloads("doctor", "--offline", cwd=tmp_path)
    assert done.code == 0
    assert "ok: git: git version" in done.out
    assert "ok: helm: " in done.out
    assert "is not in a Git repository" in done.out
    assert "ok: argocd: charts are for Argo CD" in done.out


def test_a_repository_that_only_a_variable_names_is_not_used(
    tmp_path: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere.git"))
    for command in (("doctor", "--offline"), ("history",), ("publish",)):
        done = workloads(*command, cwd=tmp_path)
        assert "workloads looks for its .git folder, not at the variable GIT_DIR" in done.out + done.err


def test_an_invalid_registry_is_an_error(tmp_path: Path, workloads: Run) -> None:
    write(tmp_path, "version = 3\n")
    done = workloads("doctor", "--offline", cwd=tmp_path)
    assert (done.code, "error: registry: " in done.out) == (9, True)


def test_a_checkout_behind_its_branch_and_an_app_that_cannot_be_read(tmp_path: Path, workloads: Run) -> None:
    text = REGISTRY.replace("version = 1\n", 'version = 1\nallowSchemes = ["file"]\n')
    missing = f"file://{tmp_path}/missing.git"
    text = text.replace('repositories = ["https://github.com/acme/"]', f'repositories = ["file://{tmp_path}/"]')
    for name in ("billing", "ledger"):
        text = text.replace(f"https://github.com/acme/{name}.git", missing)
    place = tmp_path / "checkout"
    git(tmp_path, "init", "--quiet", "--bare", "remote.git")
    git(tmp_path, "clone", "--quiet", "remote.git", "checkout")
    write(place, text)
    git(place, "add", "--all")
    git(place, "commit", "--quiet", "-m", "start")
    git(place, "commit", "--quiet", "--allow-empty", "-m", "more")
    git(place, "push", "--quiet", "origin", "HEAD:main")
    git(place, "reset", "--quiet", "--hard", "HEAD~1")
    git(place, "fetch", "--quiet")
    done = workloads("doctor", "--json", cwd=place)
    found = {(each["level"], each["subject"]): each["text"] for each in json.loads(done.out)}
    assert done.code == 9
    assert found["warning", "checkout"] == "1 commit behind origin/main"
    assert "missing.git" in found["error", "access"]


def test_a_chart_repository_is_read_as_one_and_is_no_error_without_access(
    tmp_path: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "_ATTEMPTS", 1)
    (tmp_path / "apps.toml").write_text("""\
version = 1
allowSchemes = ["http"]
[environments.dev]
apps = ["cache", "web"]
[teams.shop]
repositories = ["http://127.0.0.1:1/charts", "127.0.0.1:2/charts"]
namespaces = ["cache", "web"]
[apps.cache]
team = "shop"
repoURL = "http://127.0.0.1:1/charts"
chart = "cache"
targetRevision = "1.0.0"
[apps.web]
team = "shop"
sources = [{ repoURL = "127.0.0.1:2/charts", chart = "web", targetRevision = "1.0.0" }]
""")
    found = json.loads(workloads("doctor", "--json", cwd=tmp_path).out)
    access = [(each["level"], each["text"].split(": ")[:2]) for each in found if each["subject"] == "access"]
    assert access == [
        ("warning", ["app cache", '"http://127.0.0.1:1/charts/index.yaml" cannot be reached']),
        ("warning", ["app web", '"http://127.0.0.1:2/v2/charts/web/tags/list?***" cannot be reached']),
    ]


def test_the_branch_and_a_missing_remote_are_named(tmp_path: Path, workloads: Run) -> None:
    git(tmp_path, "init", "--quiet")
    write(tmp_path)
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "-m", "start")
    done = workloads("doctor", "--offline", cwd=tmp_path)
    assert "ok: branch: on main, which tracks no remote branch, without uncommitted changes" in done.out
    assert "warning: remote: there is no remote origin to publish to" in done.out
    git(tmp_path, "remote", "add", "upstream", "https://example.org/workloads.git")
    git(tmp_path, "switch", "--quiet", "--detach")
    done = workloads("doctor", "--offline", cwd=tmp_path)
    assert done.code == 0
    assert "warning: branch: no branch is checked out (HEAD is detached), without uncommitted changes" in done.out
    assert "there is no remote origin to publish to (only upstream)" in done.out


def test_a_checkout_that_git_cannot_read_is_an_error_among_the_others(tmp_path: Path, workloads: Run) -> None:
    git(tmp_path, "init", "--quiet")
    write(tmp_path)
    (tmp_path / ".git" / "HEAD").write_text("damaged\n")
    done = workloads("doctor", "--offline", cwd=tmp_path)
    assert done.code == 9
    assert "error: checkout: " in done.out
    assert "error: branch: " in done.out
