"""A home of its own, and `workloads` run as a user runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.diff.sample import BEFORE, committed


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository whose one commit has the sample and its charts."""
    committed(tmp_path / "shop", BEFORE)
    return tmp_path / "shop"
