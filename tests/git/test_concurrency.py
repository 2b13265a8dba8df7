"""Many publishers at once, and publishers that die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from generator.git.retry import RetryBudget
from tests.git.remotes import Remote, proposing, run

_SCRIPT = """
import sys
from tests.git.remotes import proposing
from tests.git.remotes import run
from generator.git.retry import RetryBudget
name = sys.argv[2]
print("started", flush=True)
budget = RetryBudget(race_attempts=40)
run(sys.argv[1], proposing({f"apps/{name}.yaml": name}, name), sleep=__import__("time").sleep, budget=budget)
"""

#: Forks once everything is loaded, so that all of them set out together.
_CROWD = """
import os, sys, time
import git
from tests.git.remotes import proposing, run
from generator.git.retry import RetryBudget
def publish(name, cache):
    os.environ["XDG_CACHE_HOME"] = cache
    budget = RetryBudget(race_attempts=40)
    run(sys.argv[1], proposing({f"apps/{name}.yaml": name}, name), sleep=time.sleep, budget=budget)
children = []
for name, cache in zip(sys.argv[2::2], sys.argv[3::2]):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            publish(name, cache)
            code = 0
        finally:
            os._exit(code)
    children.append(child)
print([os.waitpid(child, 0)[1] for child in children])
"""


def start(url: str, name: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, url, name],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **variables},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("machines", ["one", "many"])
def test_eight_publishers_at_once_all_arrive_on_a_line(
    daemon: str, remote: Remote, tmp_path: Path, machines: str
) -> None:
    names = [f"app-{number}" for number in range(8)]
    caches = [str(tmp_path / (name if machines == "many" else "cache")) for name in names]
    each = [word for pair in zip(names, caches, strict=True) for word in pair]
    done = subprocess.run(
        [sys.executable, "-c", _CROWD, daemon, *each],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.stdout == f"{[0] * 8}\n", done.stderr
    assert {f"apps/{name}.yaml" for name in names} <= set(remote.files())
    assert sorted(remote.subjects()[1:]) == names
    assert remote.git("rev-list", "--min-parents=2", "main") == ""


def test_a_publisher_killed_at_any_instant_does_no_harm(daemon: str, remote: Remote) -> None:
    for number in range(8):
        process = start(daemon, f"app-{number}")
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.08 * number)  # from before the clone is opened to after the push
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    time.sleep(0.3)  # a git that outlived its parent may be at work still
    everything: dict[str, str | None] = {f"apps/app-{number}.yaml": f"app-{number}" for number in range(8)}
    run(daemon, proposing(everything))
    assert set(everything) <= set(remote.files())
    assert all(remote.subjects().count(f"app-{number}") <= 1 for number in range(8))
    assert run(daemon, proposing(everything)).pushed is False
    assert remote.git("fsck", "--strict") == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_publisher_asked_to_end_ends_clean(
    remote: Remote, home: Path, tmp_path: Path, number: signal.Signals
) -> None:
    remote.hook("pre-receive", f"touch {tmp_path}/receiving; sleep 5")
    process = start(remote.url, "app")
    while not (tmp_path / "receiving").exists():
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait(5) != 0
    assert process.stdout is not None
    process.stdout.close()
    left = [path.name for path in (home / ".cache/workloads/git").rglob("*") if "index" in path.name]
    assert left == []
    (remote.path / "hooks" / "pre-receive").unlink()
    assert run(remote.url, proposing({"b": "b"})).pushed


def test_publishers_in_threads_do_not_disturb_each_other(remote: Remote) -> None:
    def one(number: int) -> bool:
        return run(remote.url, proposing({f"apps/{number}": "x"}), budget=RetryBudget(race_attempts=40)).pushed

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(one, range(4)))
    assert {f"apps/{number}" for number in range(4)} <= set(remote.files())
