"""URLs: what git may use for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.errors import UsageError
from generator.git.remote_url import absolute_url, allowed_protocols, local_remote_folder


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


def test_the_folder_of_a_local_remote() -> None:
    assert local_remote_folder("file:///a%20b") == Path("/a b")
    assert local_remote_folder("/a b") == Path("/a b")
    assert local_remote_folder("https://h/x") is None
    assert local_remote_folder("git@h:x") is None
