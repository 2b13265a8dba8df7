"""A registry of three environments in a checkout, its remote, and the repositories of its apps, all of them real."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from generator.commands import options as editing
from tests.git.remotes import git
from tests.workspace import Done, Run

#: When the apps' repositories were written: their commits are the same in every run.
_THEN = {"GIT_COMMITTER_DATE": "2026-11-01T00:00:00Z", "GIT_AUTHOR_DATE": "2026-11-01T00:00:00Z"}
TAGS = ("v1.0.0", "v1.1.0", "v1.2.0")

REGISTRY = """\
version = 2
allowSchemes = ["file"]
include = ["teams/{team}.toml"]

[defaults]
finalizer = "foreground"
syncPolicy.automated.prune = true

[environments.dev]
createProjects = true
apps = [
  "billing", # the money
  "ledger",
]

[environments.test]
promotesFrom = ["dev"]
apps = []

# Customers are here.
[environments.prod]
promotesFrom = ["test"]
apps = []

[environments.prod.policy]
pin = "commit"
soak = "24h"
freeze = [{ from = 2026-12-19T00:00:00Z, until = 2027-01-04T08:00:00Z, reason = "year end" }]
overrides = ["soak"]

# Who owns what.
[teams.payments]
repositories = ["GIT/billing.git", "GIT/ledger.git"]
namespaces = ["billing", "ledger", "money"]

[teams.shop]
repositories = ["GIT/web.git", "GIT/cart.git"]
namespaces = ["web", "cart"]

[apps.billing]
team = "payments"
repoURL = "GIT/billing.git"
path = "chart"
targetRevision = "v1.0.0"

[apps.ledger]
team = "payments"
repoURL = "GIT/ledger.git"
path = "chart"
targetRevision = "v1.1.0"
"""

_HEAD, _MARK, _TAIL = REGISTRY.partition("# Customers are here.\n")
_REGION, _NEXT, _TEAMS = _TAIL.partition("# Who owns what.\n")
_REGION = _REGION.replace('["soak"]', '["order", "soak", "freeze"]')
#: The same with code owners.
OWNED = REGISTRY.replace("[teams.payments]\n", '[workloads]\nowners = ["@acme/platform"]\n\n[teams.payments]\n')
for _team in ("payments", "shop"):
    OWNED = OWNED.replace(f"[teams.{_team}]\n", f'[teams.{_team}]\nowners = ["@acme/{_team}"]\n')
#: The same with two regions, whose policies allow more overrides.
REGIONS = "".join(
    [_HEAD, _MARK, *(_REGION.replace("prod", region) for region in ("prod-eu", "prod-us")), _NEXT, _TEAMS]
)

#: The same in one Argo CD, and production waits for health.
HUB = REGISTRY.replace("[environments.dev]\n", '[environments.dev]\nargocd = "hub"\n')
for _name in ("test", "prod"):
    HUB = HUB.replace(f"[environments.{_name}]\n", f'[environments.{_name}]\nargocd = "hub"\nnameSuffix = "-{_name}"\n')
HUB = HUB.replace('soak = "24h"', 'health = "15m"')

SHOP = """\
# The shop's own.
[environments.dev]
apps = ["web"] # everything

[apps.web]
team = "shop"
repoURL = "GIT/web.git"
path = "chart"
targetRevision = "main"
"""


def repository(folder: Path, tags: tuple[str, ...] = TAGS) -> Path:
    """A bare repository with a commit and a tag for each version, the last one at the head of main."""
    shutil.copytree(_repository_to_copy(tags), folder)
    return folder


@functools.cache
def _repository_to_copy(tags: tuple[str, ...]) -> Path:
    """Such a repository, which is the same in every test: to write it takes a dozen git processes."""
    kept = tempfile.TemporaryDirectory(prefix="workloads-tests-")
    atexit.register(kept.cleanup)
    folder = Path(kept.name)
    git(folder, "init", "--quiet", "--bare", "--template=")
    parents: list[str] = []
    for tag in tags:
        blob = git(folder, "hash-object", "-w", "--stdin", stdin=tag)
        tree = git(folder, "mktree", stdin=f"100644 blob {blob}\tversion\n")
        commit = git(folder, "commit-tree", tree, *parents, "-m", tag, variables=_THEN)
        parents = ["-p", commit]
        git(folder, "tag", "-a", tag, "-m", tag, commit)
        git(folder, "update-ref", "refs/heads/main", commit)
    return folder


@dataclass
class World:
    """`checkout` holds the registry; `at` is what its commits and commands take for now."""

    folder: Path
    run_here: Run
    monkeypatch: pytest.MonkeyPatch
    at: datetime = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
    transcript: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        clock = SimpleNamespace(now=lambda zone: self.at)
        self.monkeypatch.setattr(editing, "datetime", clock)

    @property
    def checkout(self) -> Path:
        return self.folder / "registry"

    @property
    def git_url(self) -> str:
        return f"file://{self.folder}/git"

    @property
    def text(self) -> str:
        return (self.checkout / "apps.toml").read_text()

    def commit_of(self, app: str, tag: str) -> str:
        return git(self.folder / "git" / f"{app}.git", "rev-parse", f"{tag}^{{commit}}")

    def build(self, registry: str = REGISTRY, shop: str = SHOP) -> World:
        """The repositories, and the registry with its charts as the first commit, pushed."""
        for app in ("billing", "ledger", "web"):
            repository(self.folder / "git" / f"{app}.git")
        git(self.folder, "init", "--quiet", "--bare", "workloads.git")
        git(self.folder, "clone", "--quiet", "workloads.git", "registry")
        (self.checkout / "teams").mkdir()
        (self.checkout / "apps.toml").write_text(registry.replace("GIT", self.git_url))
        (self.checkout / "teams" / "shop.toml").write_text(shop.replace("GIT", self.git_url))
        self.ok("render")
        self.commit("start")
        self.push()
        return self

    def begin_empty(self, host: str = "github.com") -> World:
        """The repositories, found at their public addresses, and a clone of an empty one on a host."""
        for app in ("billing", "ledger", "web"):
            repository(self.folder / "git" / f"{app}.git")
        git(self.folder, "init", "--quiet", "--bare", "workloads.git")
        git(self.folder, "clone", "--quiet", "workloads.git", "registry")
        for forge in ("https://github.com/acme/", "https://gitlab.com/acme/"):
            git(self.checkout, "config", "--add", f"url.{self.git_url}/.insteadOf", forge)
        origin = f"git@{host}:acme/workloads.git"
        git(self.checkout, "config", f"url.{self.folder}/workloads.git.insteadOf", origin)
        git(self.checkout, "remote", "set-url", "origin", origin)
        return self

    def start_anew(self, registry: str, host: str = "github.com") -> World:
        """Another world beside this one, with another registry, or "" for an empty repository on a host."""
        folder = self.folder / "anew"
        folder.mkdir()
        world = World(folder, self.run_here, self.monkeypatch)
        return world.build(registry) if registry else world.begin_empty(host)

    def run(self, *args: str) -> Done:
        """Run `workloads` in the checkout."""
        done = self.run_here(*args, cwd=self.checkout)
        said = " ".join(f'"{arg}"' if " " in arg else arg for arg in args)
        self.transcript.append(f"$ workloads {said}\n{done.out}{done.err}")
        return done

    def ok(self, *args: str) -> str:
        """Run what must succeed; its output."""
        done = self.run(*args)
        assert done.code == 0, done.err
        return done.out

    def refused(self, code: int, *args: str) -> str:
        """Run what must be refused and change nothing; what it says."""
        before = git(self.checkout, "status", "--porcelain")
        done = self.run(*args)
        assert (done.code, done.out) == (code, ""), done
        assert git(self.checkout, "status", "--porcelain") == before
        return done.err

    def diff(self) -> str:
        """The lines of the registry files that differ from the last commit."""
        out = git(self.checkout, "diff", "-U0", "--", "*.toml")
        lines = out.splitlines()
        return "".join(f"{line}\n" for line in lines if line[0] in "+-" and not line.startswith(("+++", "---")))

    def commit(self, message: str) -> str:
        """Commit everything, now; only then does the registry's history know of it."""
        date = {"GIT_COMMITTER_DATE": self.at.isoformat(), "GIT_AUTHOR_DATE": self.at.isoformat()}
        git(self.checkout, "add", "--all")
        git(self.checkout, "commit", "--quiet", "-m", message, variables=date)
        return git(self.checkout, "rev-parse", "HEAD")

    def commit_empty(self, message: str) -> None:
        """Commit a message without a change."""
        date = {"GIT_COMMITTER_DATE": self.at.isoformat(), "GIT_AUTHOR_DATE": self.at.isoformat()}
        git(self.checkout, "commit", "--quiet", "--allow-empty", "-m", message, variables=date)

    def push(self) -> None:
        """Push, now; the checkout's reflog says when."""
        date = {"GIT_COMMITTER_DATE": self.at.isoformat()}
        git(self.checkout, "push", "--quiet", "origin", "HEAD", variables=date)

    def commit_as_told(self, told: str) -> None:
        """Commit with the message that a command proposes on stderr, and push."""
        message = "\n".join(line.removeprefix("  ") for line in told.partition("commit it as:\n")[2].splitlines())
        self.commit(message)
        self.push()
