"""A secret that git needs is shown nowhere, whichever way it gets there and however the run ends."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from generator.git import retry as pace
from tests.git.remotes import Web, git, web_serving
from tests.publishing.arrangement import Arrangement
from tests.workspace import environment, spawn

CANARY = "cAn4ry-5ecret"
BASIC = base64.b64encode(f"ada:{CANARY}".encode()).decode()


@pytest.fixture
def web(apart: Arrangement) -> Iterator[Web]:
    """The remote over HTTP; it asks for the canary."""
    state = Web(password=CANARY)
    git(apart.remote.path, "config", "http.receivepack", "true")
    with web_serving(state, apart.remote.path.parent) as url:
        state.url = f"{url}/workloads.git"
        yield state


def _url(apart: Arrangement, url: str, home: Path) -> tuple[str, dict[str, str]]:
    return url.replace("http://", f"http://ada:{CANARY}@"), {}


def _header(apart: Arrangement, url: str, home: Path) -> tuple[str, dict[str, str]]:
    git(apart.checkout, "config", f"http.{url}.extraheader", f"Authorization: Basic {BASIC}")
    return url, {}


def _netrc(apart: Arrangement, url: str, home: Path) -> tuple[str, dict[str, str]]:
    (home / ".netrc").write_text(f"machine 127.0.0.1 login ada password {CANARY}\n")
    return url, {}


def _helper(apart: Arrangement, url: str, home: Path) -> tuple[str, dict[str, str]]:
    (home / "credentials").write_text(url.replace("http://", f"http://ada:{CANARY}@") + "\n")
    git(home, "config", "--global", "credential.helper", f"store --file {home}/credentials")
    return url, {}


def _environment(apart: Arrangement, url: str, home: Path) -> tuple[str, dict[str, str]]:
    helper = '!f() { echo username=ada; echo "password=$MY_PASSWORD"; }; f'
    git(home, "config", "--global", "credential.helper", helper)
    return url, {"MY_PASSWORD": CANARY, "WORKLOADS_GIT_ENV": "MY_PASSWORD"}


WAYS = [_url, _header, _netrc, _helper, _environment]


def _works(web: Web, apart: Arrangement) -> None:
    """Slowly enough for every command line to be seen."""
    apart.remote.hook("pre-receive", "sleep 0.2")


def _answers(status: int, body: bytes = b"") -> Callable[[Web, Arrangement], None]:
    def end(web: Web, apart: Arrangement) -> None:
        web.status, web.body = status, body

    return end


def _refuses(web: Web, apart: Arrangement) -> None:
    apart.remote.hook("pre-receive", f"echo 'no {CANARY} here' >&2; exit 1")


def _knows_another(web: Web, apart: Arrangement) -> None:
    web.password = "another"


ENDS = {
    "works": (_works, 0),
    "401": (_knows_another, 8),
    "403": (_answers(403), 8),
    "404": (_answers(404), 8),
    "500": (_answers(500), 8),
    "redirect": (_answers(302), 8),
    "page": (_answers(200, f"<html>{CANARY}</html>".encode()), 8),
}


@contextmanager
def watched() -> Iterator[set[str]]:
    """The command lines of all that this process starts meanwhile."""
    seen: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.002):
            seen.update(_command_lines(os.getpid()))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def _command_lines(above: int) -> Iterator[str]:
    """The command lines of the processes below one."""
    for listing in Path(f"/proc/{above}/task").glob("*/children"):
        with suppress(OSError):
            for child in listing.read_text().split():
                yield Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                yield from _command_lines(int(child))


def shows(text: str) -> bool:
    return CANARY in text or BASIC in text


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__[1:])
def test_the_canary_appears_nowhere(
    apart: Arrangement,
    web: Web,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
    way: Callable[..., tuple[str, dict[str, str]]],
) -> None:
    url, variables = way(apart, web.url, home)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(pace, "_BACKOFF_BASE", 0.01)
    # As in a clone whose URL carries the credentials: what is on our own command line is the caller's doing.
    apart.edit(apart.text.replace(f'repository = "{apart.remote.url}"\n', ""))
    git(apart.checkout, "push", "--quiet", apart.remote.url, "HEAD:main")
    git(apart.checkout, "config", "remote.origin.url", url)
    prepare, code = ENDS[end]
    prepare(web, apart)
    with watched() as seen:
        done = apart.publish("--json")
    assert done.code == code, done
    assert not shows(done.out + done.err)
    assert [line for line in seen if shows(line)] == []
    assert end != "works" or any("remote-http" in line for line in seen)
    assert not shows(apart.remote.git("log", "--all", "-p", "--format=fuller") if apart.heads() else "")
    for path in (home / ".cache").rglob("*"):
        assert not path.is_file() or CANARY.encode() not in path.read_bytes(), path


def test_what_the_server_says_of_a_secret_is_masked(apart: Arrangement, web: Web, home: Path) -> None:
    """In a process of its own, to the last thing that it says."""
    git(apart.checkout, "config", "remote.origin.url", _url(apart, web.url, home)[0])
    apart.edit(apart.text.replace(f'repository = "{apart.remote.url}"\n', ""))
    git(apart.checkout, "push", "--quiet", apart.remote.url, "HEAD:main")
    _refuses(web, apart)
    done = spawn("publish", cwd=apart.checkout)
    assert (done.code, shows(done.out + done.err)) == (7, False)
    assert "no *** here" in done.err


@pytest.mark.parametrize("args", [(), ("--json",), ("--dry-run",)])
def test_a_reader_that_leaves_early_changes_nothing(apart: Arrangement, args: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "generator", "publish", *args],
            cwd=apart.checkout,
            env=environment(),
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writing)
    assert done.returncode == 0
    assert "rror" not in done.stderr
    assert bool(apart.heads()) == (args != ("--dry-run",))


#: Loads, as root, what is loaded on demand, since another user may not be let in to our Python; then is that user.
_AS_ANOTHER = """
import os, sys
from generator import cli
def run(*args):
    sys.argv = ["workloads", "publish", "--without-helm", *args]
    try:
        cli.main()
    except SystemExit as stop:
        return stop.code
assert run("--dry-run") == 0
os.setgroups([])
os.setgid({nobody})
os.setuid({nobody})
os.environ.update({variables})
sys.exit(run())
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can run it as another user")
@pytest.mark.parametrize("cache", ["", "cache"])
def test_another_user_with_a_home_that_cannot_be_written_to(
    apart: Arrangement, home: Path, tmp_path: Path, cache: str
) -> None:
    """As in a container: no name, no home to write to, a checkout that belongs to somebody else."""
    nobody = 65_534
    (home / ".gitconfig").write_text((home / ".gitconfig").read_text() + "[safe]\n\tdirectory = *\n")
    home.chmod(0o555)
    for path in (apart.remote.path, *apart.remote.path.rglob("*")):
        os.chown(path, nobody, nobody)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and "pytest" in str(folder):
            folder.chmod(0o755)
    for name in ("tmp", "cache", "root"):
        (tmp_path / name).mkdir()
        os.chown(tmp_path / name, *((0, 0) if name == "root" else (nobody, nobody)))
    variables = {"XDG_CACHE_HOME": str(tmp_path / cache) if cache else "", "TMPDIR": str(tmp_path / "tmp")}
    done = subprocess.run(
        [sys.executable, "-c", _AS_ANOTHER.format(nobody=nobody, variables=variables)],
        cwd=apart.checkout,
        env=environment(XDG_CACHE_HOME=str(tmp_path / "root"), TMPDIR=str(tmp_path / "tmp")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done
    assert apart.remote.subjects() == ["update billing, ledger: dev, test, prod"]
    assert list(home.iterdir()) == [home / ".gitconfig"]
    assert [path.name for path in (tmp_path / (cache or "tmp")).iterdir()]
