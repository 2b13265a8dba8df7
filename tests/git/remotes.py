"""Remotes that need no network, and a second writer to them."""

from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from generator.git.branch_snapshot import BranchSnapshot
from generator.git.commit_plan import GitIdentity, Proposal
from generator.git.config import GitConfig
from generator.git.push import PublishResult, commit_and_push
from generator.git.remote_clone import PublishTarget

ADA = GitIdentity("Ada Lovelace", "ada@example.org")


def git(folder: Path, *args: str, stdin: str | None = None, variables: Mapping[str, str] | None = None) -> str:
    """Run git as a user would; its output, stripped."""
    environment = {**os.environ, **(variables or {})}
    done = subprocess.run(
        ["git", *args], cwd=folder, input=stdin, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"git {args}: {done.stderr}"
    return done.stdout.strip()


def run(
    url: str, propose: Callable[[BranchSnapshot], Proposal | None], branch: str = "main", **options: Any
) -> PublishResult:
    """Publish without waiting between attempts."""
    target = PublishTarget(
        url,
        branch,
        create_branch=options.pop("create_branch", False),
        config=options.pop("config", GitConfig()),
    )
    return commit_and_push(target, propose, **{"committer": ADA, "sleep": lambda seconds: None, **options})


@dataclass
class Remote:
    """A bare repository that stands for the server, and a second writer to it."""

    path: Path

    @property
    def url(self) -> str:
        return f"file://{self.path}"

    def git(self, *args: str) -> str:
        return git(self.path, *args)

    def head(self, branch: str = "main") -> str:
        return self.git("rev-parse", f"refs/heads/{branch}")

    def files(self, branch: str = "main") -> dict[str, str]:
        """The text of each file, stripped; one process reads all of them."""
        entries = [line.split("\t", 1) for line in self.git("ls-tree", "-r", branch).splitlines()]
        asked = "".join(f"{entry.split()[2]}\n" for entry, _ in entries)
        command = ["git", "cat-file", "--batch"]
        rest = subprocess.run(command, cwd=self.path, input=asked.encode(), capture_output=True, check=True).stdout
        found = {}
        for _, name in entries:
            head, _, rest = rest.partition(b"\n")
            size = int(head.split()[2])
            found[name] = rest[:size].decode().replace("\r\n", "\n").strip()
            rest = rest[size + 1 :]
        return found

    def subjects(self, branch: str = "main") -> list[str]:
        return self.git("log", "--reverse", "--format=%s", branch).splitlines()

    def write(self, files: dict[str, str], message: str = "by hand", branch: str = "main", mode: str = "100644") -> str:
        """Commit `files` as somebody else would, past all guards."""
        known = self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")
        index = {"GIT_INDEX_FILE": str(self.path / "other-index")}
        lines = ""
        for name, text in files.items():
            blob = git(self.path, "hash-object", "-w", "--stdin", stdin=text) if mode != "160000" else text
            lines += f"{mode} {blob}\t{name}\n"

        def run(*args: str, stdin: str | None = None) -> str:
            return git(self.path, *args, stdin=stdin, variables=index)

        run("read-tree", known or "--empty")
        run("update-index", "--index-info", stdin=lines)
        parents = ["-p", known] if known else []
        commit = run("commit-tree", run("write-tree"), *parents, "-m", message)
        run("update-ref", f"refs/heads/{branch}", commit, known)
        return commit

    def hook(self, name: str, script: str) -> None:
        hook = self.path / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\n{script}\n")
        hook.chmod(0o755)


def proposing(
    files: dict[str, str | None], message: str = "change", author: GitIdentity = ADA
) -> Callable[[BranchSnapshot], Proposal]:
    """A `propose` that wants the same files on every base."""
    content = {name: None if text is None else text.encode() for name, text in files.items()}
    return lambda base: Proposal(content, message, ADA)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(remote: Remote) -> Iterator[str]:
    """The URL of `remote` behind `git daemon`."""
    port, base = free_port(), remote.path.parent
    command = ["git", "daemon", "--reuseaddr", "--export-all", "--enable=receive-pack", "--listen=127.0.0.1"]
    command += [f"--port={port}", f"--base-path={base}", str(base)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"git://127.0.0.1:{port}/workloads.git"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@dataclass
class Web:
    """git over HTTP. `password` is asked for; `status` and `body` are answered instead, to the first `failures`
    requests or to all of them."""

    url: str = ""
    password: str = ""
    status: int = 0
    body: bytes = b""
    failures: int = 0
    requests: list[str] = field(default_factory=list)


def web_handler(state: Web, root: Path) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests.append(self.path)
            if state.status and (not state.failures or len(state.requests) <= state.failures):
                self._answer(state.status, {"Location": "http://127.0.0.1:9/elsewhere.git"}, state.body)
            elif state.password and not self._let_in():
                self._answer(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
            else:
                self._backend()

        def do_POST(self) -> None:
            self.do_GET()

        def _let_in(self) -> bool:
            given = self.headers.get("Authorization", "").removeprefix("Basic ")
            return base64.b64decode(given).decode().partition(":")[2] == state.password

        def _backend(self) -> None:
            path, _, query = self.path.partition("?")
            variables = {
                "GIT_PROJECT_ROOT": str(root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REMOTE_USER": "ada",
            }
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            done = subprocess.run(
                ["git", "http-backend"], input=body, env={**os.environ, **variables}, capture_output=True, check=False
            )
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
            self._answer(int(headers.pop("Status", "200").split()[0]), headers, content)

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


@contextmanager
def web_serving(state: Web, root: Path, host: str = "127.0.0.1") -> Iterator[str]:
    """The URL of a folder of repositories behind `git http-backend`."""
    server = ThreadingHTTPServer((host, 0), web_handler(state, root))
    server.daemon_threads = True
    server.socket.listen(128)  # As many as come at once.
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
