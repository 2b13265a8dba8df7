"""Commands start Git rarely: each process costs as much as the rest of a small command."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.publishing.arrangement import Arrangement
from tests.workspace import Run


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with a line for each Git process that a command starts itself."""
    folder, listing = tmp_path / "bin", tmp_path / "started"
    folder.mkdir()
    git = folder / "git"
    git.write_text(f'#!/bin/sh\necho "$@" >> "{listing}"\nPATH="${{PATH#*:}}" exec "{shutil.which("git")}" "$@"\n')
    git.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{Path(shutil.which('git') or '').parent}:/usr/bin:/bin")
    listing.touch()
    return listing


def test_render_starts_git_at_most_twice(within: Arrangement, started: Path, workloads: Run) -> None:
    assert workloads("render", cwd=within.registry.parent).code == 0
    assert len(started.read_text().splitlines()) <= 2, started.read_text()


def test_publish_of_an_edit_starts_git_at_most_nine_times(within: Arrangement, started: Path) -> None:
    """On a machine without a private clone; with one, a fetch less."""
    within.edit(within.text.replace('labels = { env = "dev" }', 'labels = { env = "x" }'))
    assert within.publish().code == 0
    assert len(started.read_text().splitlines()) <= 9, started.read_text()
