"""Requests that fail, that are redirected, and that never end."""

from __future__ import annotations

from email.message import Message
from typing import Any

import pytest

from generator.artifacts import http_client, http_request
from generator.artifacts.http_client import fetch
from generator.artifacts.http_request import Response
from generator.errors import NetworkError
from tests.artifacts.servers import serve

Answer = tuple[int, dict[str, str], bytes]


def answers(*given: Answer) -> Any:
    """Answer each request with the next of these, and with the last one from then on."""
    left = list(given)
    return lambda target, headers: left.pop(0) if len(left) > 1 else left[0]


def test_a_busy_server_is_asked_again_when_it_says() -> None:
    pauses: list[float] = []
    with serve(answers((503, {"Retry-After": "7"}, b""), (429, {}, b""), (200, {}, b"yes"))) as server:
        assert fetch(server.url, sleep=pauses.append).body == b"yes"
    assert pauses == [7.0, 2.0]


def test_a_server_that_stays_broken_is_given_up() -> None:
    pauses: list[float] = []
    with serve(answers((500, {"Retry-After": "9999"}, b"no"))) as server:
        assert fetch(server.url, sleep=pauses.append).status == 500
        assert len(server.requests) == 3
    assert pauses == [30.0, 30.0]
    with pytest.raises(NetworkError, match=r"cannot be reached: .*refused"):
        fetch(server.url, sleep=pauses.append)


def test_credentials_stay_on_the_host_that_they_are_for() -> None:
    with (
        serve(answers((200, {}, b"moved"))) as other,
        serve(answers((302, {"Location": "/here"}, b""), (302, {"Location": f"{other.url}/there"}, b""))) as server,
    ):
        assert fetch(f"{server.url}/start", authorization="Basic c2VjcmV0").body == b"moved"
    assert server.requests == [("/start", "Basic c2VjcmV0"), ("/here", "Basic c2VjcmV0")]
    assert other.requests == [("/there", None)]


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_a_redirect_to_another_kind_of_address_is_refused(location: str) -> None:
    with (
        serve(answers((302, {"Location": location}, b""))) as server,
        pytest.raises(NetworkError, match="redirects to an address that is not allowed"),
    ):
        fetch(server.url)


def test_a_redirect_never_leaves_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    headers = Message()
    headers["Location"] = "http://charts.example.com/index.yaml"
    monkeypatch.setattr(http_request, "send_request", lambda url, *_: Response(url, 301, headers, b""))
    with pytest.raises(NetworkError, match="redirects to an address that is not allowed"):
        fetch("https://charts.example.com/index.yaml", authorization="Basic c2VjcmV0")


def test_redirects_without_end_are_refused() -> None:
    with (
        serve(answers((307, {"Location": "/again"}, b""))) as server,
        pytest.raises(NetworkError, match="redirects more than 5 times"),
    ):
        fetch(server.url)


def test_an_answer_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "_MAX_BYTES", 2**20)
    with (
        serve(answers((200, {}, b"x" * (2**20 + 1)))) as server,
        pytest.raises(NetworkError, match="sends more than 1 MiB"),
    ):
        fetch(server.url)


def test_an_answer_that_breaks_off_is_an_error() -> None:
    with (
        serve(answers((200, {"Content-Length": "10"}, b"short"))) as server,
        pytest.raises(NetworkError, match="cannot be reached"),
    ):
        fetch(server.url, sleep=lambda seconds: None)
