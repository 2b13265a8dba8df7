"""The page on bootstrapping shows real output, of every form."""

from __future__ import annotations

from pathlib import Path

from generator.bootstrap.forms import FORM_NAMES
from tests.bootstrap.page import PAGE, fill_in


def test_the_page_shows_real_output(tmp_path: Path) -> None:
    page = PAGE.read_text()
    assert all(f"--for {form}" in page for form in FORM_NAMES)
    assert fill_in(page, tmp_path) == page, "run: python -m tests.bootstrap.page"
