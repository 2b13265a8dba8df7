"""Here and not in tests/, so that the suites of the generated charts are collected too."""

from __future__ import annotations

import pytest

from generator.cache import user_cache

pytest_plugins = ["tests.chart_suites.plugin"]


@pytest.fixture(autouse=True)
def _own_cache() -> None:
    """What one test worked out is not there for the next, unless both have one home."""
    user_cache.cache_clear()
