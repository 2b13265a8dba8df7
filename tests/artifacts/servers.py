"""Real servers of charts and images on this machine: Docker's registry, and a Helm repository over HTTP."""

from __future__ import annotations

import base64
import functools
import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from generator.artifacts.http_client import fetch

#: The password of `ada`, and what bcrypt makes of it (a test vector of crypt_blowfish).
PASSWORD, _BCRYPT = "U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
BASIC = "Basic " + base64.b64encode(f"ada:{PASSWORD}".encode()).decode()


@functools.cache
def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path=Path.home() / "go" / "bin")
    if found is None:
        pytest.skip(f"there is no {name} on PATH")
    return found


def helm(*args: str, stdin: str = "") -> str:
    """Run Helm; its output."""
    done = subprocess.run([_program("helm"), *args], input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def package_chart(folder: Path, name: str, *versions: str) -> list[Path]:
    """Package a chart once for each version."""
    chart = folder / "source" / name
    chart.mkdir(parents=True, exist_ok=True)
    (chart / "Chart.yaml").write_text(
        f"apiVersion: v2\nname: {name}\nversion: 0.0.0\ndescription: |-\n  the\n   {name}:\n"
    )
    for version in versions:
        helm("package", str(chart), "--version", version, "--destination", str(folder))
    return [folder / f"{name}-{version}.tgz" for version in versions]


@contextmanager
def docker_registry(folder: Path, auth: str = "") -> Iterator[str]:
    """Run Docker's registry over the storage in `folder`, with the YAML of its `auth`; yields HOST:PORT."""
    program = _program("docker-registry")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    config = folder / f"{host}.yml"
    storage = f"storage: {{filesystem: {{rootdirectory: {folder / 'storage'}}}}}"
    config.write_text(f"version: 0.1\nlog: {{level: error}}\n{storage}\nhttp: {{addr: '{host}', secret: x}}\n{auth}\n")
    with (folder / f"{host}.log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(config)], stdout=log, stderr=log)
    try:
        _wait_for(host, process)
        yield host
    finally:
        process.terminate()
        process.wait()


def _wait_for(host: str, process: subprocess.Popen[bytes]) -> None:
    name, _, port = host.partition(":")
    for _ in range(600):
        assert process.poll() is None, "docker-registry ended"
        try:
            socket.create_connection((name, int(port))).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("docker-registry does not listen")


def push_charts(host: str, path: str, packages: list[Path]) -> None:
    """Push charts into a registry without authentication."""
    for package in packages:
        helm("push", str(package), f"oci://{host}/{path}", "--plain-http")


def copy_tag(host: str, repository: str, tag: str, new_tag: str) -> None:
    """Give the artifact of a tag another tag."""
    kind = "application/vnd.oci.image.manifest.v1+json"
    url = f"http://{host}/v2/{repository}/manifests/"
    manifest = fetch(url + tag, {"Accept": kind}).body
    request = urllib.request.Request(url + new_tag, manifest, {"Content-Type": kind}, method="PUT")  # noqa: S310
    urllib.request.urlopen(request).close()  # noqa: S310


def htpasswd_auth(folder: Path) -> str:
    """The `auth` of a registry that asks for the password of `ada`."""
    (folder / "htpasswd").write_text(f"ada:{_BCRYPT}\n")
    return f"auth: {{htpasswd: {{realm: here, path: {folder / 'htpasswd'}}}}}"


@dataclass
class HttpServer:
    """A server whose answers the test chooses; `requests` has the target and the Authorization header of each."""

    url: str = ""
    requests: list[tuple[str, str | None]] = field(default_factory=list)


@contextmanager
def serve(answer: Callable[[str, Any], tuple[int, dict[str, str], bytes]]) -> Iterator[HttpServer]:
    """Serve what `answer` returns for each target and its headers: status, headers and body."""
    server = HttpServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.requests.append((self.path, self.headers["Authorization"]))
            status, headers, body = answer(self.path, self.headers)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.path += "?" + self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with _running(Handler) as server.url:
        yield server


@contextmanager
def serve_repository(folder: Path, authorization: str = "") -> Iterator[str]:
    """Serve a folder of packaged charts as `helm repo index` describes it, perhaps to `authorization` alone."""

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def do_GET(self) -> None:
            if authorization and self.headers["Authorization"] != authorization:
                self.send_error(401)
            else:
                super().do_GET()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with _running(Handler) as url:
        helm("repo", "index", str(folder), "--url", url)
        yield url


@contextmanager
def _running(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class TokenService:
    """Issues the tokens of a registry to those who know the password of `ada`, as the Distribution project says."""

    def __init__(self, folder: Path) -> None:
        self._key, certificate = folder / "token.key", folder / "token.crt"
        subprocess.run(
            [
                *(_program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
                *("-subj", "/CN=issuer", "-keyout", str(self._key), "-out", str(certificate)),
            ],
            capture_output=True,
            check=True,
        )
        self._certificate = "".join(certificate.read_text().splitlines()[1:-1])
        self.auth = f"{{service: here, issuer: issuer, rootcertbundle: {certificate}}}"

    def answer(self, target: str, headers: Any) -> tuple[int, dict[str, str], bytes]:
        if headers["Authorization"] != BASIC:
            return 401, {}, b"{}"
        query = parse_qs(urlsplit(target).query)
        scopes = (scope.split(":") for scope in query.get("scope", ()))
        access = [{"type": kind, "name": name, "actions": actions.split(",")} for kind, name, actions in scopes]
        now = int(time.time())
        times = {"exp": now + 300, "nbf": now - 10, "iat": now, "jti": "1"}
        claims = {"iss": "issuer", "sub": "ada", "aud": query["service"][0], **times, "access": access}
        header = {"typ": "JWT", "alg": "RS256", "x5c": [self._certificate]}
        signed = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
        done = subprocess.run(
            [_program("openssl"), "dgst", "-sha256", "-sign", str(self._key)],
            input=signed.encode(),
            capture_output=True,
            check=True,
        )
        return 200, {}, json.dumps({"token": f"{signed}.{_base64url(done.stdout)}"}).encode()


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
