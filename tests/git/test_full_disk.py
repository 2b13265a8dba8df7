"""Disks that are full, here and on the server; a limit on the size of files stands for them."""

from __future__ import annotations

import random
import resource
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from generator.errors import LocalError, NetworkError
from generator.git.branch_snapshot import BranchSnapshot
from generator.git.commit_plan import Proposal
from tests.git.remotes import ADA, Remote, run, serving

_BIG = bytes(range(256)) * 17 + b"".join(b"%d" % (n * n) for n in range(60_000))

# More than there is room for, and little enough to be sent before the server hangs up on us.
_MORE = random.Random(1).randbytes(40_000)  # noqa: S311 - no secret


@contextmanager
def no_room() -> Iterator[None]:
    """Nobody can write more than 16 KiB to a file: not we, not those we start."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def propose(base: BranchSnapshot) -> Proposal:
    return Proposal({"big": _BIG}, "big", ADA)


def clones(home: Path) -> list[str]:
    return [path.name for path in (home / ".cache/workloads/git").iterdir() if path.is_dir()]


def test_no_room_for_what_we_write(daemon: str, remote: Remote, home: Path) -> None:
    before = remote.head()
    with no_room(), pytest.raises(LocalError) as failure:
        run(daemon, propose)
    assert failure.value.not_done == "nothing was pushed"
    assert clones(home) == []
    assert remote.head() == before
    assert run(daemon, propose).pushed


def test_no_room_for_what_we_fetch(daemon: str, remote: Remote, home: Path) -> None:
    remote.write({"large": _BIG.hex()})
    with no_room(), pytest.raises(LocalError):
        run(daemon, propose)
    assert clones(home) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.parametrize("size", [600_000, 990_000, 5_000_000])
def test_a_disk_that_fills_up_while_a_commit_is_written(
    remote: Remote, small_disk: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(small_disk))
    large = random.Random(size).randbytes(size)  # noqa: S311 - no secret
    before = remote.head()
    wanted = {"big": large, "bigger": large[::-1]}
    with pytest.raises(LocalError) as failure:
        run(remote.url, lambda base: Proposal(wanted, "big", ADA))
    assert (failure.value.exit_code, failure.value.not_done) == (9, "nothing was pushed")
    assert remote.head() == before
    assert not [path for path in (small_disk / "workloads/git").iterdir() if path.is_dir()]
    assert run(remote.url, lambda base: Proposal({"small": b"s"}, "small", ADA)).pushed


def test_no_room_on_the_server(remote: Remote) -> None:
    before, pauses = remote.head(), list[float]()
    with ExitStack() as stack:
        with no_room():
            url = stack.enter_context(serving(remote))
        with pytest.raises(NetworkError, match="unpack") as failure:
            run(url, lambda base: Proposal({"big": _MORE}, "big", ADA), sleep=pauses.append)
    assert len(pauses) == 3
    assert failure.value.not_done == "nothing was pushed"
    assert remote.head() == before
