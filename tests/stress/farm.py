"""A server, and any number of publishers with a machine each: a home, a cache and a checkout of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.git.remotes import Remote, Web, git, serving, web_serving
from tests.workspace import REGISTRY, environment

_IDENTITY = "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"


@dataclass(frozen=True)
class Ended:
    """How one run of `workloads publish` ended; `data` is its JSON document."""

    code: int
    seconds: float
    data: dict[str, Any]
    said: str


class Machine:
    """Somebody's home and checkout; nothing of it is shared with any other."""

    def __init__(self, folder: Path, url: str, *options: str) -> None:
        self.home, self.checkout = folder / "home", folder / "checkout"
        self._out, self._err = folder / "stdout", folder / "stderr"
        self.home.mkdir(parents=True)
        (self.home / ".gitconfig").write_text(_IDENTITY)
        git(folder, "clone", "--quiet", *options, url, str(self.checkout), variables=self._variables())

    @property
    def registry(self) -> Path:
        return self.checkout / "apps.toml"

    def pull(self) -> None:
        """Give up what was edited, and take what the branch has."""
        git(self.checkout, "fetch", "--quiet", "origin", "main", variables=self._variables())
        git(self.checkout, "reset", "--quiet", "--hard", "FETCH_HEAD", variables=self._variables())

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        """Start `workloads publish`; what it says goes into files, as a full pipe would hold it up."""
        with self._out.open("wb") as out, self._err.open("wb") as err:
            return subprocess.Popen(
                [sys.executable, "-m", "generator", "publish", "--json", "--keep-checkout", *args],
                cwd=self.checkout,
                env=environment(**self._variables()),
                stdout=out,
                stderr=err,
            )

    def fetching(self) -> bool:
        """Whether the run that was started last has got as far as the remote."""
        return b"fetching" in self._err.read_bytes()

    def ended(self, code: int, seconds: float) -> Ended:
        """What the run that was started last has left."""
        out = self._out.read_text()
        return Ended(code, seconds, json.loads(out) if out else {}, self._err.read_text())

    def publish(self, *args: str) -> Ended:
        """Publish and wait for the end."""
        started = time.monotonic()
        return self.ended(self.start(*args).wait(), time.monotonic() - started)

    def _variables(self) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "GIT_CONFIG_NOSYSTEM": "1",
            # An installed command is compiled once, and not in every process.
            "PYTHONDONTWRITEBYTECODE": "",
        }


class Farm:
    """A bare repository with a published registry, how it is reached, and the machines that publish to it."""

    def __init__(self, folder: Path, remote: Remote, url: str) -> None:
        self.remote, self.url = remote, url
        self._folder = folder
        self._count = 0

    def machine(self) -> Machine:
        self._count += 1
        return Machine(self._folder / f"machine-{self._count}", self.url)

    def found(self, text: str = REGISTRY) -> None:
        """Publish the registry that everybody sets out from."""
        first = self.machine()
        first.registry.write_text(text)
        ended = first.publish()
        assert ended.code == 0, ended.said

    def registry(self, revision: str = "main") -> str:
        return self.remote.git("cat-file", "blob", f"{revision}:apps.toml") + "\n"

    def commits(self) -> list[str]:
        """The branch's commits, the first one first."""
        return self.remote.git("rev-list", "--reverse", "main").splitlines()

    def is_linear(self) -> bool:
        return not self.remote.git("rev-list", "--min-parents=2", "main")

    def is_sound(self) -> bool:
        """Whether nothing that a ref reaches is missing or broken. Objects that nothing reaches do no harm."""
        done = subprocess.run(
            ["git", "fsck", "--strict", "--full", "--no-dangling"],
            cwd=self.remote.path,
            capture_output=True,
            check=False,
        )
        return done.returncode == 0

    def is_settled(self) -> bool:
        """Whether the branch's charts are what its registry says: one more publish finds nothing to do."""
        ended = self.machine().publish()
        return ended.code == 0 and ended.data["files"] == []


@contextmanager
def farm(folder: Path, transport: str) -> Iterator[Farm]:
    """A farm whose server is reached through its folder, a git daemon, or git's HTTP backend."""
    path = folder / "server" / "workloads.git"
    path.mkdir(parents=True)
    git(path, "init", "--quiet", "--bare", "--initial-branch=main")
    # Whoever may push over git:// and http:// is nobody's business here; housekeeping would blur the figures.
    for setting in ("http.receivepack=true", "receive.autogc=false", "gc.auto=0"):
        git(path, "config", *setting.split("="))
    remote = Remote(path)
    if transport == "file":
        yield Farm(folder, remote, remote.url)
    elif transport == "daemon":
        with serving(remote) as url:
            yield Farm(folder, remote, url)
    else:
        with web_serving(Web(), remote.path.parent) as url:
            yield Farm(folder, remote, f"{url}/workloads.git")


def at_once(machines: Sequence[Machine], *args: Sequence[str]) -> list[Ended]:
    """Let all of them publish at the same time; `args` are each one's own, if there are any."""
    started = time.monotonic()
    own = args or [()] * len(machines)
    running = {machine: machine.start(*more) for machine, more in zip(machines, own, strict=True)}
    ended: dict[Machine, Ended] = {}
    while len(ended) < len(running):
        time.sleep(0.05)
        for machine, process in running.items():
            if machine not in ended and process.poll() is not None:
                ended[machine] = machine.ended(process.returncode, time.monotonic() - started)
    return [ended[machine] for machine in machines]
