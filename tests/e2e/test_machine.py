"""Where programs are missing, the run is skipped with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.machine import CRDS, FOLDER, PROGRAMS, find_missing


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER, raising=False)
    assert find_missing().startswith(f"{FOLDER} names no folder with etcd, ")
    monkeypatch.setenv(FOLDER, str(tmp_path))
    for name in [*PROGRAMS[1:], *(f"{crd}-crd.yaml" for crd in CRDS)]:
        (tmp_path / name).touch()
    assert find_missing() == f"{tmp_path} ({FOLDER}) has no etcd"
    (tmp_path / "etcd").touch()
    assert find_missing() == ""
