"""`workloads merge-driver`, run by real `git merge`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.git.remotes import git
from tests.workspace import AUDIT, REGISTRY, ROOT, Run, onboarded


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "workloads"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m generator "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "--quiet")
    return folder


def commit(folder: Path, text: str, message: str, name: str = "apps.toml") -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(text.encode())
    git(folder, "add", "-A")
    git(folder, "commit", "--quiet", "-m", message)


def diverged(folder: Path, ours: str, theirs: str, base: str = REGISTRY) -> None:
    commit(folder, base, "base")
    git(folder, "switch", "--quiet", "-c", "theirs")
    commit(folder, theirs, "theirs")
    git(folder, "switch", "--quiet", "main")
    commit(folder, ours, "ours")


def merge(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "merge", "--no-edit", "theirs"], cwd=folder, capture_output=True, text=True, check=False
    )


def onboarding(name: str) -> str:
    return onboarded(REGISTRY).replace("audit", name)


def test_two_who_onboard_at_the_same_place_do_not_conflict(checkout: Path, workloads: Run) -> None:
    diverged(checkout, onboarding("fraud"), onboarding("audit"))
    assert merge(checkout).returncode == 1  # as git does it alone
    git(checkout, "merge", "--abort")
    done = workloads("merge-driver", "--install", cwd=checkout)
    assert done.out.splitlines()[0] == ".gitattributes: /apps.toml merge=workloads"
    assert merge(checkout).returncode == 0
    text = (checkout / "apps.toml").read_text()
    assert "[apps.fraud]" in text
    assert "[apps.audit]" in text
    assert text.count("# Who owns what.") == 1
    assert workloads("check", "--without-helm", cwd=checkout).code in (0, 1)  # the charts are another matter


def test_a_true_conflict_is_left_to_the_user_with_markers(checkout: Path, workloads: Run) -> None:
    one, other = (REGISTRY.replace("billing@v1.0.0", f"billing@{pin}") for pin in ("v2", "v3"))
    diverged(checkout, one, other)
    workloads("merge-driver", "--install", cwd=checkout)
    done = merge(checkout)
    assert done.returncode == 1
    assert 'environments.prod.apps.billing: theirs "billing@v3", ours "billing@v2"' in done.stderr
    text = (checkout / "apps.toml").read_text()
    assert "<<<<<<< ours" in text
    assert ">>>>>>> theirs" in text
    assert git(checkout, "diff", "--name-only", "--diff-filter=U") == "apps.toml"


def test_a_file_that_is_no_toml_is_merged_by_line(checkout: Path, workloads: Run) -> None:
    diverged(checkout, REGISTRY.replace("version = 1", "version = [1"), REGISTRY + "# end\n")
    workloads("merge-driver", "--install", cwd=checkout)
    assert merge(checkout).returncode == 1
    assert "# end" in (checkout / "apps.toml").read_text()


def test_windows_line_ends_stay(checkout: Path, workloads: Run) -> None:
    texts = [text.replace("\n", "\r\n") for text in (onboarding("fraud"), onboarding("audit"), REGISTRY)]
    diverged(checkout, *texts)
    workloads("merge-driver", "--install", cwd=checkout)
    assert merge(checkout).returncode == 0
    data = (checkout / "apps.toml").read_bytes()
    assert data.count(b"\n") == data.count(b"\r\n")
    assert b"[apps.audit]" in data


def test_the_comments_of_both_sides_are_kept(checkout: Path, workloads: Run) -> None:
    ours = REGISTRY.replace('  "billing@v1.1.0", # tested\n', '  "billing@v1.1.0", # tested, not before the audit\n')
    ours = ours.replace("# Who owns what.\n", "# Who owns what.\n# Ask security first.\n")
    theirs = REGISTRY.replace('  "ledger",\n]\n\n[environments.prod]', '  "ledger@v2",\n]\n\n[environments.prod]')
    diverged(checkout, ours, theirs)
    workloads("merge-driver", "--install", cwd=checkout)
    assert merge(checkout).returncode == 0
    expected = ours.replace('  "ledger",\n]\n\n[environments.prod]', '  "ledger@v2",\n]\n\n[environments.prod]')
    assert (checkout / "apps.toml").read_text() == expected


def test_an_attributes_file_that_is_a_link_is_refused(checkout: Path, workloads: Run, tmp_path: Path) -> None:
    commit(checkout, REGISTRY, "base")
    (tmp_path / "elsewhere").write_text("")
    (checkout / ".gitattributes").symlink_to(tmp_path / "elsewhere")
    done = workloads("merge-driver", "--install", cwd=checkout)
    assert done.code == 9
    assert "is a symbolic link" in done.err
    assert (tmp_path / "elsewhere").read_text() == ""


def test_a_rebase_uses_it_too(checkout: Path, workloads: Run) -> None:
    diverged(checkout, onboarding("fraud"), onboarding("audit"))
    workloads("merge-driver", "--install", cwd=checkout)
    git(checkout, "rebase", "--quiet", "theirs")
    text = (checkout / "apps.toml").read_text()
    assert "[apps.fraud]" in text
    assert "[apps.audit]" in text


def test_installing_covers_included_files_and_twice_is_once(checkout: Path, workloads: Run) -> None:
    text = 'include = ["teams/{team}.toml", "more.toml"]\n' + REGISTRY
    commit(checkout, text, "registry", "plat form/apps.toml")
    (checkout / ".gitattributes").write_text("*.png binary")
    for _ in range(2):
        assert workloads("merge-driver", "--install", cwd=checkout / "plat form").code == 0
    assert (checkout / ".gitattributes").read_text().splitlines() == [
        "*.png binary",
        '"/plat form/apps.toml" merge=workloads',
        '"/plat form/teams/*.toml" merge=workloads',
        '"/plat form/more.toml" merge=workloads',
    ]
    found = git(checkout, "check-attr", "merge", "plat form/teams/audit.toml", "other/apps.toml")
    assert found.splitlines() == ["plat form/teams/audit.toml: merge: workloads", "other/apps.toml: merge: unspecified"]


def test_without_its_files_or_a_repository_it_is_a_usage_error(tmp_path: Path, workloads: Run) -> None:
    assert workloads("merge-driver", cwd=tmp_path).code == 2
    (tmp_path / "apps.toml").write_text(REGISTRY + AUDIT)
    assert workloads("merge-driver", "--install", cwd=tmp_path).code == 2
