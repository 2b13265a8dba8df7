"""How a repository is written for those who are not its clone."""

from __future__ import annotations

import pytest

from generator.argocd.urls import to_https_url


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
