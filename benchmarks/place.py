"""A registry of one size → all that the commands are timed on: checkouts, a remote, caches, and edits to make."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from benchmarks import registries
from benchmarks.timing import FailedError, Sample, timed

ROOT = Path(__file__).parents[1]
#: So many apps in one chart are more than Helm and etcd take: from here on the environments are divided by team.
MANY = 20_000
_CONFIG = """\
[user]
\tname = Ada
\temail = ada@example.org
[init]
\tdefaultBranch = main
[gc]
\tauto = 0
[url "{remote}"]
\tinsteadOf = {repository}
"""


class Place:
    """One registry on disk: a checkout with its charts, the remote, a checkout that was never rendered, two caches."""

    def __init__(self, folder: Path, apps: int, *, sharded: bool = False) -> None:
        self.folder, self.apps, self.sharded = folder, apps, sharded or apps >= MANY
        self.work, self.fresh, self.remote = folder / "work", folder / "fresh", folder / "remote.git"
        self._serial, self._waiting = count(1), count()
        self._base = ""

    def make(self) -> None:
        """Generate, render and commit, and make the remote of it; the warm cache then knows the registry."""
        (self.folder / "home").mkdir(parents=True)
        config = _CONFIG.format(remote=self.remote.as_uri(), repository=registries.REPOSITORY)
        (self.folder / "home" / ".gitconfig").write_text(config)
        divided = ["--sharded"] if self.sharded else []
        self.python("warm", "-m", "benchmarks.registries", self.work, "--apps", str(self.apps), *divided)
        shutil.copytree(self.work, self.fresh)
        self._commit(self.fresh)
        self._git(self.work, "init", "--quiet")
        self.workloads("warm", "render")
        self._commit(self.work)
        self._git(self.folder, "clone", "--quiet", "--bare", str(self.work), str(self.remote))
        self._git(self.work, "remote", "add", "origin", registries.REPOSITORY)
        self._git(self.work, "fetch", "--quiet", "origin")
        self._base = self._git(self.work, "rev-parse", "HEAD")

    def prime(self) -> None:
        """Publish once: the warm cache then has the private clone too, and Helm's verdicts."""
        self.workloads("warm", "publish")

    def variables(self, cache: str) -> dict[str, str]:
        """A home and a cache that are nobody's, and nothing else of the caller's environment."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        ours = {"HOME": str(self.folder / "home"), "XDG_CACHE_HOME": str(self.folder / f"cache-{cache}")}
        return {**kept, **ours, "PYTHONPATH": str(ROOT), "GIT_CONFIG_NOSYSTEM": "1"}

    def python(self, cache: str, *args: str | Path, at: Path | None = None) -> Sample:
        """Run our Python in the checkout."""
        return timed([sys.executable, *args], at or self.folder, self.variables(cache))

    def workloads(self, cache: str, *args: str, at: Path | None = None) -> Sample:
        """Run a command of ours in the checkout."""
        return self.python(cache, "-m", "generator", *args, at=at or self.work)

    def printed(self, command: Sequence[str | Path], at: Path | None = None) -> str:
        """What a command prints that is not itself timed. Raises FailedError."""
        done = subprocess.run(  # noqa: S603
            command, cwd=at or self.folder, env=self.variables("warm"), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise FailedError(f"{' '.join(map(str, command))}: {done.stderr[-2000:]}")
        return done.stdout.strip()

    @property
    def tree(self) -> Path:
        """The folder of the charts."""
        return self.work / "multi-repo"

    @property
    def charts(self) -> list[Path]:
        """The charts that have the apps."""
        return sorted(self.tree.glob("argo-app-shards/*/*" if self.sharded else "argo-app-of-apps/*"))

    def restore(self) -> None:
        """Back to the commit that everything sets out from, here and on the remote."""
        self._git(self.work, "reset", "--quiet", "--hard", self._base)
        self._git(self.work, "clean", "-dfq")
        self._git(self.remote, "update-ref", "refs/heads/main", self._base)
        self._git(self.work, "update-ref", "refs/remotes/origin/main", self._base)

    def cool(self) -> None:
        """Take away what an earlier run left to be found again."""
        shutil.rmtree(self.folder / "cache-cold", ignore_errors=True)
        shutil.rmtree(self.fresh / "multi-repo", ignore_errors=True)

    def promote(self) -> None:
        """Edit one entry of one team's list as a person would: a new revision for the first environment."""
        serial = next(self._serial)
        number = serial % self.apps
        path = self._file_of(registries.name_of(number))
        text = registries.promoted(path.read_text(), registries.name_of(number), "dev", f"v90.{serial}.0")
        path.write_text(text)

    def onboard(self) -> None:
        """Add an app to the end of a team's file."""
        serial = next(self._serial)
        path = self._file_of(registries.name_of(0))
        path.write_text(registries.onboarded(path.read_text(), f"onboarded-{serial:05}", path.stem))

    def waiting(self) -> str:
        """An app whose revision in test may go to prod, another one each time while there are any."""
        numbers = [number for number in range(min(self.apps, 1000)) if registries.behind(number)]
        return registries.name_of(numbers[next(self._waiting) % len(numbers)])

    def _file_of(self, app: str) -> Path:
        table = f"\n[apps.{app}]\n"
        return next(path for path in sorted((self.work / "teams").iterdir()) if table in path.read_text())

    def _commit(self, folder: Path) -> None:
        self._git(folder, "init", "--quiet")
        self._git(folder, "add", "--all")
        self._git(folder, "commit", "--quiet", "--message", "set out")

    def _git(self, folder: Path, *args: str) -> str:
        # Nothing here outlives the benchmark: neither safe on disk nor small.
        return self.printed(["git", "-c", "core.fsync=none", "-c", "core.compression=0", *args], folder)
