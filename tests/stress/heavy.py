"""A branch with a long and heavy history: a publish fetches what the last commit holds, and no more."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.stress.farm import Farm, Machine, farm
from tests.stress.trials import Trial, measured
from tests.workspace import onboarded

_MEGABYTE = 1_000_000


def heavy(folder: Path, count: int) -> Trial:
    """`count` MB of history that nothing shrinks, of which the last commit keeps nothing, over two transports."""
    trial = Trial(f"{count} MB of history")
    with farm(folder, "daemon") as here:
        here.found()
        _burden(here, count)
        machines = [Machine(folder / name, url, "--depth=1") for name, url in _places(here)]
        for machine, app in zip(machines, ("audit", "fraud"), strict=True):
            machine.registry.write_text(onboarded(machine.registry.read_text()).replace("audit", app))
        with measured(trial):
            ended = [machine.publish() for machine in machines]
        for machine, each in zip(machines, ended, strict=True):
            trial.expect(each.code == 0, each.said)
            trial.expect(each.seconds < 10, f"it took {each.seconds:.0f} s")
            fetched = sum(path.stat().st_size for path in (machine.home / "cache").rglob("*.pack"))
            trial.figures[f"fetched over {machine.checkout.parent.name}"] = f"{fetched / 1000:.0f} kB"
            trial.expect(0 < fetched < _MEGABYTE / 2, f"{fetched} bytes were fetched")
        trial.expect(len(here.commits()) == count + 4, "the history is not what it was")
    return trial


def _places(here: Farm) -> list[tuple[str, str]]:
    return [("file", here.remote.url), ("daemon", here.url)]


def _burden(here: Farm, count: int) -> None:
    """A commit for each MB, and one that takes the last of them away again."""
    with subprocess.Popen(["git", "fast-import", "--quiet"], cwd=here.remote.path, stdin=subprocess.PIPE) as importing:
        assert importing.stdin is not None
        for part in _stream(here.remote.head(), count):
            importing.stdin.write(part)
    assert importing.returncode == 0


def _stream(tip: str, count: int) -> Iterator[bytes]:
    chance = random.Random(1)  # noqa: S311 - no secret
    now = int(time.time())
    for number in range(count + 1):
        yield b"commit refs/heads/main\ncommitter Ada <ada@example.org> %d +0000\ndata 7\nby hand\n" % now
        if number == 0:
            yield b"from %b\n" % tip.encode()
        if number == count:
            yield b"D video\n"
        else:
            yield b"M 100644 inline video\ndata %d\n%b\n" % (_MEGABYTE, chance.randbytes(_MEGABYTE))
