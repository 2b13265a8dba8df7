"""`--remote`: the commands that read show the branch on the remote, not the checkout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.git.remotes import git
from tests.publishing.arrangement import Arrangement
from tests.publishing.conftest import published, within  # noqa: F401 - fixtures
from tests.workspace import spawn, untouched

PROMOTED = ("billing@v1.0.0", "billing@v1.1.0")


@pytest.fixture
def behind(within: Arrangement, tmp_path: Path) -> Arrangement:  # noqa: F811
    """A checkout that lacks, and has not fetched, a promotion that somebody else published."""
    other = tmp_path / "other"
    git(tmp_path, "clone", "--quiet", within.remote.url, str(other))
    done = spawn("promote", "billing", "--to", "prod", "--publish", cwd=other)
    assert done.code == 0, done
    return within


@pytest.mark.parametrize(
    ("command", "fresh"),
    [
        (["status"], "billing  main"),
        (["history", "billing", "--env", "prod"], "v1.0.0  v1.1.0"),
        (["why", "billing", "--in", "prod"], "prod: billing v1.1.0"),
        (["metrics", "--team", "payments"], "payments"),
    ],
)
def test_the_branch_of_the_remote_is_shown(behind: Arrangement, command: list[str], fresh: str) -> None:
    with untouched(behind.checkout):
        done = behind.run(*command, "--remote", cwd=behind.checkout)
    assert done.code == 0, done
    assert fresh in done.out
    assert "behind" not in done.err
    if command[0] != "metrics":
        assert "v1.1.0" in done.out
        assert done.out != behind.run(*command, cwd=behind.checkout).out


def test_a_site_of_the_branch(behind: Arrangement, tmp_path: Path) -> None:
    assert behind.run("site", tmp_path / "old", cwd=behind.checkout).code == 0
    assert behind.run("site", tmp_path / "new", "--remote", cwd=behind.checkout).code == 0
    pages = [(tmp_path / name / "index.html").read_text() for name in ("old", "new")]
    assert pages[0] != pages[1]


def test_diff_compares_the_branch_with_what_publish_would_push(behind: Arrangement) -> None:
    behind.others({"multi-repo/argo-app-of-apps/dev/templates/note.yaml": "# by hand\n"})
    data = json.loads(behind.run("diff", "--remote", "--json", cwd=behind.checkout).out)
    assert (data["differs"], data["base"]["revision"]) == (False, behind.remote.head())
    behind.edit(behind.text.replace('  "ledger",\n]\n\n[environments.prod]', "]\n\n[environments.prod]"))
    with untouched(behind.checkout):
        data = json.loads(behind.run("diff", "--remote", "--json", cwd=behind.checkout).out)
    assert [chapter["environment"] for chapter in data["environments"]] == ["test"]
    assert data["summary"]["delete"] == 1


def test_diff_of_the_branch_lists_what_policy_refuses(behind: Arrangement) -> None:
    git(behind.checkout, "pull", "--quiet")
    done = spawn("hold", "billing", "--in", "prod", "--reason", "audit", "--publish", cwd=behind.checkout)
    assert done.code == 0, done
    behind.edit(behind.text.replace("billing@v1.1.0", "billing@v1.2.0"))
    done = behind.run("diff", "--remote", cwd=behind.checkout)
    assert done.code == 0
    assert "audit" in done.out


def test_both_sides_cannot_be_named_twice(behind: Arrangement) -> None:
    done = behind.run("diff", "--remote", "--base", "HEAD", cwd=behind.checkout)
    assert (done.code, "--remote names both sides" in done.err) == (2, True)


def test_a_remote_that_cannot_be_read(behind: Arrangement) -> None:
    git(behind.checkout, "remote", "set-url", "origin", str(behind.checkout / "missing"))
    done = behind.run("status", "--remote", cwd=behind.checkout)
    assert done.code in (2, 8)
    git(behind.checkout, "remote", "remove", "origin")
    done = behind.run("status", "--remote", cwd=behind.checkout)
    assert (done.code, "has no remote origin to read" in done.err) == (2, True)
