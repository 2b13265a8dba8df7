"""A home without credentials of its own for every test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workspace import isolate


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    isolate(folder, monkeypatch)
    for name in ("HELM_CONFIG_HOME", "HELM_REGISTRY_CONFIG", "HELM_REPOSITORY_CONFIG", "DOCKER_CONFIG", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    return folder
