"""A registry of three environments in a folder of its own, and `workloads` run there as a user runs it."""

from __future__ import annotations

import hashlib
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from generator import cli

ROOT = Path(__file__).parents[1]

#: `billing` runs everywhere, `ledger` in dev and test.
REGISTRY = """\
version = 1
defaults = { finalizer = "foreground", syncPolicy.automated.prune = true }

[environments.dev]
labels = { env = "dev" }
createProjects = true
apps = [
  "billing",
  "ledger",
]

[environments.test]
promotesFrom = ["dev"]
apps = [
  "billing@v1.1.0", # tested
  "ledger",
]

[environments.prod]
promotesFrom = ["test"]
apps = [
  "billing@v1.0.0",
]

# Who owns what.
[teams.payments]
repositories = ["https://github.com/acme/"]
namespaces = ["billing", "ledger", "money"]

[apps.billing]
team = "payments"
repoURL = "https://github.com/acme/billing.git"
path = "chart"
targetRevision = "main"

[apps.ledger]
team = "payments"
repoURL = "https://github.com/acme/ledger.git"
path = "chart"
targetRevision = "main"
"""

#: One more app of one more team, for the end of the registry.
AUDIT = """
[teams.audit]
repositories = ["https://github.com/audit/"]
namespaces = ["audit"]

[apps.audit]
team = "audit"
repoURL = "https://github.com/audit/audit.git"
path = "chart"
"""


def onboarded(text: str, environment: str = "dev") -> str:
    """The registry with `audit` in an environment's list."""
    head, mark, rest = text.partition(f"[environments.{environment}]\n")
    return head + mark + rest.replace("apps = [\n", 'apps = [\n  "audit",\n', 1) + AUDIT


def without(text: str, entry: str, environment: str) -> str:
    """The registry without an entry of an environment's list."""
    head, mark, rest = text.partition(f"[environments.{environment}]\n")
    assert f'  "{entry}",' in rest
    lines = rest.splitlines(keepends=True)
    lines.remove(next(line for line in lines if line.startswith(f'  "{entry}",')))
    return head + mark + "".join(lines)


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def last(self) -> str:
        """The last line of stderr."""
        return self.err.splitlines()[-1] if self.err else ""


Run = Callable[..., Done]


def isolate(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home of its own, and nothing of the machine's git configuration, actor or proxies."""
    for name in list(os.environ):
        if name.startswith(("GIT_", "SSH_", "XDG_", "GPG_", "GITHUB_", "GITLAB_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    folder.mkdir()
    (folder / ".gitconfig").write_text(
        "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n[commit]\n\tgpgSign = false\n"
    )
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def runner(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `workloads ARGS` in this process, from the command line to the exit code."""

    def run(*args: str | Path, cwd: Path) -> Done:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["workloads", *map(str, args)])
            patch.chdir(cwd)
            capsys.readouterr()
            with pytest.raises(SystemExit) as stop:
                cli.main()
            captured = capsys.readouterr()
        assert isinstance(stop.value.code, int)
        return Done(stop.value.code, captured.out, captured.err)

    return run


def spawn(*args: str | Path, cwd: Path, limits: str = "", **variables: str) -> Done:
    """Run `workloads ARGS` in a process of its own; `limits` are shell commands before it, `ulimit` for one."""
    command = [sys.executable, "-m", "generator", *map(str, args)]
    if limits:
        command = ["sh", "-c", f'{limits}; exec "$@"', "sh", *command]
    done = subprocess.run(
        command, cwd=cwd, env=environment(**variables), capture_output=True, text=True, encoding="utf-8", check=False
    )
    return Done(done.returncode, done.stdout, done.stderr)


def in_terminal(*args: str, cwd: Path, columns: int, typed: str = "", code: int = 0, **variables: str) -> str:
    """What a terminal of a width shows, in which somebody types; the command ends with the code."""
    master, slave = pty.openpty()
    os.write(master, typed.encode())
    settings = environment(COLUMNS=str(columns), TERM="xterm-256color", **variables)
    with subprocess.Popen(
        [sys.executable, "-m", "generator", *args], cwd=cwd, env=settings, stdout=slave, stderr=slave, stdin=slave
    ) as process:
        os.close(slave)
        shown = b""
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:
                break
            if not part:
                break
            shown += part
    os.close(master)
    assert process.returncode == code, shown
    return shown.decode().replace("\r\n", "\n")


def environment(**variables: str) -> dict[str, str]:
    """Our own environment, in which a new Python finds this checkout."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **variables}


def contents(folder: Path) -> dict[str, str]:
    """Every file and link below a folder, its bytes as a digest; what is empty counts too."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        else:
            found[name] = "folder" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
    return found


@contextmanager
def untouched(folder: Path) -> Iterator[None]:
    """Whatever happens inside leaves every file below the folder, `.git` included, as it was."""
    before: dict[str, Any] = contents(folder)
    yield
    assert contents(folder) == before
