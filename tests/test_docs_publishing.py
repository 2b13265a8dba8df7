"""docs/publishing.md names the test that shows each outcome: each of them is there."""

from __future__ import annotations

import re

from tests.workspace import ROOT


def test_every_test_that_is_named_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "publishing.md").read_text()))
    there = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.M)
    }
    assert named
    assert named - there == set()
