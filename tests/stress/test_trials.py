"""The trials of `make stress`, small."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stress import trials
from tests.stress.heavy import heavy

pytestmark = pytest.mark.usefixtures("home")


def test_all_who_publish_at_once_arrive_once_and_on_a_line(tmp_path: Path) -> None:
    """Over HTTP; over a daemon they meet below, and over a folder in the tests of the loop itself."""
    assert trials.crowd(tmp_path / "farm", "http", 3).problems == []


def test_publishers_and_removers_end_as_some_serial_order_would(tmp_path: Path) -> None:
    assert trials.mixed(tmp_path / "farm", 2).problems == []


def test_runs_without_a_change_push_nothing(tmp_path: Path) -> None:
    assert trials.idle(tmp_path / "farm", 3).problems == []


def test_a_publisher_that_is_killed_leaves_nothing_to_mend(tmp_path: Path) -> None:
    assert trials.kills(tmp_path / "farm", 8).problems == []


def test_of_a_heavy_history_no_more_is_fetched_than_the_last_commit(tmp_path: Path) -> None:
    assert heavy(tmp_path / "farm", 20).problems == []
