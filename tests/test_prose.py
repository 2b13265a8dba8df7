"""The prose of the documentation keeps the rules in .vale, where Vale is built (`make prose`)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.workspace import ROOT

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]


def run_vale(*pages: Path) -> subprocess.CompletedProcess[str]:
    built = ROOT / ".venv" / "vale"
    vale = str(built) if built.exists() else shutil.which("vale")
    if not vale:
        pytest.skip("Vale is not built: make prose")
    command = [
        vale,
        "--config",
        str(ROOT / ".vale.ini"),
        "--output=line",
        *(os.path.relpath(page, ROOT) for page in pages),
    ]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_pages_keep_the_rules() -> None:
    done = run_vale(*PAGES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_rule_finds_something(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"We judge it simply in order to see.\n\nThe the end.\n\n{'word ' * 51}.\n")
    found = run_vale(page).stdout
    rules = {path.stem for path in (ROOT / ".vale" / "Workloads").iterdir()}
    assert {rule for rule in rules if f"Workloads.{rule}:" in found} == rules
