"""One Chromium for all browser tests, which may load nothing but files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.site.chromium import LAUNCH, chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if chromium() is None:
        pytest.skip("no Chromium was found")
    with playwright.sync_playwright() as play:
        opened = play.chromium.launch(executable_path=chromium(), args=LAUNCH)
        yield opened
        opened.close()
