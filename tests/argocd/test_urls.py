"""How a repository is written for those who are not its clone."""

from __future__ import annotations

import pytest

from generator.argocd.urls import parse_remote_url, to_https_url


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/w.git",
        "git@github.com:acme/w.git",
        "github.com:acme/w.git",
        "ssh://git@github.com/acme/w.git",
        "ssh://git@github.com:22/acme/w.git",
        "https://user:token@github.com/acme/w.git",
    ],
)
def test_every_clone_tells_the_same_repository(url: str) -> None:
    assert to_https_url(url) == "https://github.com/acme/w.git"


@pytest.mark.parametrize("url", ["https://host:8443/acme/w", "file:///srv/w.git", "/srv/w.git", "http://host/w.git"])
def test_another_port_a_file_and_what_is_no_https_stay(url: str) -> None:
    assert to_https_url(url) == url


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://a%40b:pw@Git.example.com:8443/x.git", ("https", "/x.git", "git.example.com", 8443, "a%40b:pw")),
        ("ssh://git@git.example.com/x", ("ssh", "/x", "git.example.com", None, "git")),
        ("git@Git.example.com:acme/x.git", ("ssh", "acme/x.git", "git.example.com", None, "git")),
        ("host:x", ("ssh", "x", "host", None, "")),
        ("ext::sh -c id", ("ext", "sh -c id", "", None, "")),
        ("file:///srv/x", ("file", "/srv/x", "", None, "")),
        ("/srv/a:b", ("", "/srv/a:b", "", None, "")),
        ("https://[::1]:8080/x", ("https", "/x", "::1", 8080, "")),
    ],
)
def test_the_url_of_a_remote_has_parts(url: str, parts: tuple[object, ...]) -> None:
    assert parse_remote_url(url) == parts


@pytest.mark.parametrize("url", ["https://[::1/x", "https://host:99999999/x", "https://host:port/x"])
def test_an_invalid_url_has_no_parts(url: str) -> None:
    assert parse_remote_url(url) is None


def test_an_address_of_ipv6_keeps_its_brackets() -> None:
    parts = parse_remote_url("https://[::1]:8080/x")
    assert parts is not None
    assert parts.host_and_port == "[::1]:8080"
