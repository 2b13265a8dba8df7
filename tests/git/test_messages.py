"""What may be shown."""

from __future__ import annotations

import pytest

from generator.git.failure import Fault, classify_fetch_failure, classify_push_failure
from generator.git.messages import escape_for_terminal, git_message, redact, secrets_in_url, server_message
from generator.git.runner import GitResult


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:pa@ss@host/x", "https://***@host/x"),
        ("'ssh://git@host:22/x'", "'ssh://***@host:22/x'"),
        ("/x?a=1&access_token=abc&b=2", "/x?a=1&access_token=***&b=2"),
        ("?PRIVATE_TOKEN=abc'", "?PRIVATE_TOKEN=***'"),
        ("AUTHORIZATION: basic abc def", "AUTHORIZATION: ***"),
        ("proxy-authorization=Bearer abc", "proxy-authorization=***"),
        ("nothing secret: a@b c", "nothing secret: a@b c"),
    ],
)
def test_credentials_are_masked(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("https://user:p%40ss@host/x", {"p%40ss", "p@ss"}),
        ("https://token@host/x", {"token"}),
        ("ssh://git@host/x", set()),
        ("https://host/x?private_token=abc&page=12", {"abc"}),
        ("https://[broken", set()),
        ("/some/path", set()),
    ],
)
def test_the_secrets_of_a_url(url: str, secrets: set[str]) -> None:
    assert secrets_in_url(url) == secrets


def test_known_secrets_are_masked_wherever_they_are() -> None:
    assert redact("abc abcdef", ["abc", "abcdef"]) == "*** ***"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;http://evil\x07link\x1b]8;;\x07", "link"),
        ("bell\x07 del\x7f csi\x9b", "bell\\x07 del\\x7f csi\\x9b"),
        ("bidi\u202e zero\u200b", "bidi\\u202e zero\\u200b"),
        ("tab\tline\nline\r\nüñ", "tab\tline\nline\nüñ"),
    ],
)
def test_control_characters_are_escaped(text: str, shown: str) -> None:
    assert escape_for_terminal(text) == shown


def test_progress_and_hints_are_left_out() -> None:
    progress = "remote: Counting objects:  50% (1/2)\rremote: Counting objects: 100% (2/2), done.\n"
    said = f"{progress}remote: frozen  \nhint: x\nfatal: y\n"
    assert server_message(said) == "frozen"
    assert git_message(said) == "remote: frozen\nfatal: y"


def test_a_flood_is_cut() -> None:
    shown = server_message("".join(f"remote: {n}{'x' * 9999}\n" for n in range(1000)))
    assert len(shown) < 25_000
    assert shown.endswith("(960 more lines)")


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "://",
        "?token",
        "token",
        "?a=",
        "authorization ",
        "\x1b[0",
        "\x1b]",
        "repository '",
        "transport '",
        "receive-pack",
        "remote: ",
        "remote: x\n",
        "!\t\t[",
        "!\t\t[\n",
        "fatal: ",
        "Counting objects:",
        "died of signal ",
    ],
)
def test_a_word_of_any_length_from_a_server_is_read_at_once(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    assert redact(text) in (text, redact(text[: len(unit)]) * (1_000_000 // len(unit)))
    assert len(git_message(text)) < 25_000
    output = GitResult(1, text.encode(), text)
    assert {classify_fetch_failure(output).fault, classify_push_failure(output).fault} == {Fault.TRANSIENT}
