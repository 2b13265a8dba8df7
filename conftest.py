"""Here and not in tests/, so that the suites of the generated charts are collected too."""

from __future__ import annotations

import signal

import pytest

from generator.cache import open_result_cache

pytest_plugins = ["tests.chart_suites.plugin"]


def pytest_configure(config: pytest.Config) -> None:
    """Hear ^C, and so have every command that a test starts hear it: a shell has what it starts with & ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_cache() -> None:
    """Open the cache anew for each test, which has a home of its own."""
    open_result_cache.cache_clear()
