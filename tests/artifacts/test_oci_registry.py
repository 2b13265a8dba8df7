"""Tags of a real registry: pages, passwords, tokens and refusals."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from generator.artifacts import oci_registry
from generator.artifacts.http_client import fetch
from generator.artifacts.oci_registry import list_tags, resolve_digest
from generator.errors import NetworkError
from tests.artifacts.servers import (
    PASSWORD,
    TokenService,
    docker_registry,
    helm,
    htpasswd_auth,
    package_chart,
    push_charts,
    serve,
)

pytestmark = [pytest.mark.registry, pytest.mark.timeout(300)]

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
VERSIONS = ("1.0.0", "1.1.0", "1.2.0-rc.1", "1.2.0+build.7")
TAGS = ["1.0.0", "1.1.0", "1.2.0-rc.1", "1.2.0_build.7"]


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The storage of a registry with one chart in four versions."""
    folder = tmp_path_factory.mktemp("registry")
    with docker_registry(folder) as host:
        push_charts(host, "charts", package_chart(folder, "web", *VERSIONS))
    return folder


@pytest.fixture
def guarded(storage: Path) -> Iterator[str]:
    with docker_registry(storage, htpasswd_auth(storage)) as host:
        yield host


def always(status: int, body: bytes) -> Callable[[str, object], tuple[int, dict[str, str], bytes]]:
    return lambda target, headers: (status, {}, body)


def docker_config(home: Path, config: object) -> None:
    (home / ".docker").mkdir(exist_ok=True)
    (home / ".docker" / "config.json").write_text(json.dumps(config))


def test_all_pages_of_tags_are_read(storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with docker_registry(storage) as host:
        assert sorted(list_tags(f"{host}/charts/web")) == TAGS
        monkeypatch.setattr(oci_registry, "_PAGE_SIZE", 1)
        assert sorted(list_tags(f"{host}/charts/web")) == TAGS
        with pytest.raises(NetworkError, match=f'{host} has no repository "{host}/charts/wob"'):
            list_tags(f"{host}/charts/wob")


def test_a_digest_is_that_of_the_manifest(storage: Path) -> None:
    with docker_registry(storage) as host:
        digest = resolve_digest(f"{host}/charts/web", "1.0.0")
        answer = fetch(f"http://{host}/v2/charts/web/manifests/{digest}", {"Accept": MANIFEST})
        assert (answer.status, answer.headers["Docker-Content-Digest"]) == (200, digest)
        assert resolve_digest(f"{host}/charts/web", "9.9.9") is None


def test_a_password_is_read_where_docker_keeps_it(guarded: str, home: Path) -> None:
    with pytest.raises(NetworkError, match="denies access") as refused:
        list_tags(f"{guarded}/charts/web")
    assert refused.value.remedy == f"log in with access to it: helm registry login {guarded}, or docker login {guarded}"
    word = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
    docker_config(home, {"auths": {"other.example.com": {"auth": "eDp5"}, f"http://{guarded}/v2/": {"auth": word}}})
    assert sorted(list_tags(f"{guarded}/charts/web")) == TAGS


def test_a_wrong_password_is_refused_and_not_shown(guarded: str, home: Path) -> None:
    word = base64.b64encode(b"ada:hunter2").decode()
    docker_config(home, {"auths": {guarded: {"auth": word}}})
    with pytest.raises(NetworkError) as refused:
        list_tags(f"{guarded}/charts/web")
    assert "hunter2" not in (said := f"{refused.value.message} {refused.value.remedy}")
    assert word not in said


def test_a_credential_helper_is_asked_for_this_host(
    guarded: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper = tmp_path / "docker-credential-vault"
    answer = json.dumps({"ServerURL": guarded, "Username": "ada", "Secret": PASSWORD})
    helper.write_text(f"#!/bin/sh\n[ \"$1 $(cat)\" = 'get {guarded}' ] && echo '{answer}'\n")
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    docker_config(home, {"credHelpers": {guarded: "vault"}})
    assert sorted(list_tags(f"{guarded}/charts/web")) == TAGS
    docker_config(home, {"credsStore": "missing"})
    with pytest.raises(NetworkError, match="denies access"):
        list_tags(f"{guarded}/charts/web")


def test_a_token_is_requested_with_what_helm_stored(storage: Path) -> None:
    service = TokenService(storage)
    with serve(service.answer) as tokens:
        auth = f"auth: {{token: {service.auth[:-1]}, realm: '{tokens.url}/token'}}}}"
        with docker_registry(storage, auth) as host:
            with pytest.raises(NetworkError, match="denies access"):
                list_tags(f"{host}/charts/web")
            helm("registry", "login", host, "--username", "ada", "--password-stdin", "--plain-http", stdin=PASSWORD)
            assert sorted(list_tags(f"{host}/charts/web")) == TAGS


def test_an_identity_token_is_exchanged_for_a_token(home: Path) -> None:
    def answer(target: str, headers: Any) -> tuple[int, dict[str, str], bytes]:
        if target.startswith("/token?"):
            return 200, {}, b'{"access_token": "short"}' if "refresh_token=long" in target else b"{}"
        if headers["Authorization"] == "Bearer short":
            return 200, {}, b'{"tags": ["1.0.0"]}'
        return 401, {"WWW-Authenticate": f'Bearer realm="{server.url}/token",service="here"'}, b""

    with serve(answer) as server:
        host = server.url.removeprefix("http://")
        docker_config(home, {"auths": {host: {"auth": "PHRva2VuPjo=", "identitytoken": "long"}}})
        assert list_tags(f"{host}/charts/web") == ["1.0.0"]
    assert "scope=repository%3Acharts%2Fweb%3Apull" in server.requests[1][0]


def test_what_is_no_registry_is_said_so() -> None:
    bodies = [b"<html>", b"[]", b'{"tags": {}}', b'"x"']
    for body in bodies:
        with (
            serve(always(200, body)) as server,
            pytest.raises(NetworkError, match="does not answer as an OCI registry"),
        ):
            list_tags(f"{server.url.removeprefix('http://')}/charts/web")


def test_what_can_be_no_tag_is_left_out() -> None:
    with serve(always(200, b'{"tags": ["1.0.0", "\\u001b[31m", 7, null, "a/b", ""]}')) as server:
        assert list_tags(f"{server.url.removeprefix('http://')}/charts/web") == ["1.0.0"]


def test_a_page_on_another_host_is_not_read() -> None:
    link = {"Link": '<https://evil.example.com/v2/charts/web/tags/list?n=1>; rel="next"'}
    with (
        serve(lambda target, headers: (200, link, b'{"tags": ["1.0.0"]}')) as server,
        pytest.raises(NetworkError, match="on another host"),
    ):
        list_tags(f"{server.url.removeprefix('http://')}/charts/web")
