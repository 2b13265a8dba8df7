"""URLs: what git may use for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.errors import UsageError
from generator.git.remote_url import absolute_url, allowed_protocols, names_a_host, url_host


@pytest.mark.parametrize("url", ["https://h/x", "ssh://git@h/x", "git@h:x/y.git", "h:x", "file:///x", "/x", "x/y:z"])
def test_safe_protocols_are_for_everybody(url: str) -> None:
    assert allowed_protocols(url) == ("file", "https", "ssh")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "http://localhost/x", "git://[::1]/x", "HTTP://127.1.2.3/"])
def test_plain_protocols_are_for_this_machine(url: str) -> None:
    assert allowed_protocols(url)[3] in {"http", "git"}


@pytest.mark.parametrize("url", ["http://h/x", "git://10.0.0.1/x", "http://localhost.example.org/x"])
def test_plain_protocols_to_elsewhere_need_a_word(url: str) -> None:
    with pytest.raises(UsageError, match="anybody on the network"):
        allowed_protocols(url)
    assert len(allowed_protocols(url, insecure=True)) == 4


@pytest.mark.parametrize("url", ["ext::sh -c x", "ftp://h/x", "fd::3", "rsync://h/x"])
def test_other_protocols_are_refused(url: str) -> None:
    with pytest.raises(UsageError, match="git may not use"):
        allowed_protocols(url, insecure=True)


@pytest.mark.parametrize("url", ["", " ", "-x", "--upload-pack=x", "https://h/\nx", "https://h/\x1b[0m"])
def test_what_cannot_be_a_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        absolute_url(url)


def test_paths_are_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute_url("x/../y.git") == str(tmp_path / "x/../y.git")
    assert absolute_url("https://h/x") == "https://h/x"
    assert absolute_url("git@h:x") == "git@h:x"
    assert absolute_url("git@h/x") == "ssh://git@h/x"


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("https://Example.org/a", "https://ada:x@example.org:443/b.git", True),
        ("git@example.org:a/b", "ssh://git@example.org/c", True),
        ("https://example.org/a", "https://example.org:8443/a", False),
        ("https://example.org/a", "http://example.org/a", False),
        ("https://example.org/a", "https://example.org.evil.example/a", False),
        ("/a", "file:///b", True),
    ],
)
def test_a_host_is_a_scheme_a_name_and_a_port(first: str, second: str, same: bool) -> None:
    assert (url_host(first) == url_host(second)) == same


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("https://example.org", True),
        ("https://*.example.org/acme", True),
        ("https://ada@example.org:8443/", True),
        ("example.org", True),
        ("https://", False),
        ("https://*/", False),
        ("https:///acme", False),
        ("*.*", False),
    ],
)
def test_a_setting_is_for_a_host_if_its_pattern_names_one(pattern: str, named: bool) -> None:
    assert names_a_host(pattern) == named
