"""The history of files, whatever its commits say of themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.git.checkout import Checkout
from generator.git.commit_log import LoggedCommit, open_head_log, parse_raw_date
from tests.git.remotes import git

_WHO = "Ada <ada@example.org>"


def _logged(folder: Path, header: str) -> LoggedCommit:
    """Commit a file with the given author and committer lines, and read it back."""
    git(folder, "init", "--quiet")
    (folder / "apps.toml").write_text("version = 1\n")
    git(folder, "add", "apps.toml")
    tree = git(folder, "write-tree")
    text = f"tree {tree}\n{header}\n\nsubject\n"
    commit = git(folder, "hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=text)
    git(folder, "update-ref", "refs/heads/main", commit)
    log = open_head_log(Checkout(folder))
    assert log is not None
    (found,) = log.iterate_commits("apps.toml")
    log.read_graph()
    return found


@pytest.mark.parametrize(
    ("committer", "expected"),
    [
        (f"committer {_WHO} 1700000000 +0130", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        (f"committer {_WHO} 1700000000 +9959", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        (f"committer {_WHO} 1700000000 -1400", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        (f"committer {_WHO} 253402300800 +0000", datetime(9999, 12, 30, tzinfo=UTC)),
        (f"committer {_WHO} 99999999999999999999 +0000", None),
        (f"committer {_WHO} -1 +0000", None),
        (f"committer {_WHO} 1700000000", None),
        (f"committer {_WHO} yesterday", None),
        (f"committer {_WHO}", None),
        ("committer", None),
        ("", None),
    ],
)
def test_a_commit_with_any_date_is_read(tmp_path: Path, committer: str, expected: datetime | None) -> None:
    header = f"author {_WHO} 1700000000 +0000" + (f"\n{committer}" if committer else "")
    found = _logged(tmp_path, header)
    assert found.message == "subject"
    assert expected is None or abs(found.committed_at - expected) < timedelta(seconds=1)


def test_a_commit_without_author_is_read(tmp_path: Path) -> None:
    assert _logged(tmp_path, f"committer {_WHO} 1700000000 +0000").author == ""


@given(st.one_of(st.text(max_size=40), st.from_regex(r"-?\d{1,25} [+-]\d{4}", fullmatch=True)))
def test_any_text_is_a_date(text: str) -> None:
    assert datetime(1969, 12, 31, tzinfo=UTC) < parse_raw_date(text) <= datetime.max.replace(tzinfo=UTC)


def test_a_blob_that_is_too_large_for_a_registry_is_left_out(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "apps.toml").write_bytes(b"#" * (4 * 1024 * 1024 + 1))
    git(tmp_path, "add", "apps.toml")
    git(tmp_path, "commit", "--quiet", "-m", "large")
    log = open_head_log(Checkout(tmp_path))
    assert log is not None
    (commit,) = log.iterate_commits("apps.toml")
    assert log.read_blobs(commit.blob_ids.values()) == {}
