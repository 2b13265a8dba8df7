"""Trailers are read from the trailer block of a commit message only."""

from __future__ import annotations

import pytest

from generator.promotion.trailers import PolicyOverride, parse_override_trailers, parse_reason_trailer

OVERRIDE = "Policy-Override: soak prod/ledger incident 7"
REASON = "Reason: incident 7"


@pytest.mark.parametrize(
    "message",
    [
        f"promote ledger\n\n{REASON}\n{OVERRIDE}",
        f"promote ledger\n\nIt cannot wait.\n\n{OVERRIDE}\n{REASON}\nSigned-off-by: Ada <ada@example.org>\n",
        f"promote ledger\r\n\r\n{REASON}\r\n{OVERRIDE}\r\n",
        f"promote ledger\n \n{REASON}\n{OVERRIDE}\n(cherry picked from commit 0123456789abcdef)\n",
    ],
    ids=["of the tool", "after a text", "with carriage returns", "cherry-picked"],
)
def test_a_trailer_block_is_believed(message: str) -> None:
    assert parse_override_trailers(message) == [PolicyOverride("soak", "incident 7", "prod", "ledger")]
    assert parse_reason_trailer(message) == "incident 7"


@pytest.mark.parametrize(
    "message",
    [
        f"{OVERRIDE}\n{REASON}",
        f"promote ledger\n\n{OVERRIDE}\n{REASON}\n\nSigned-off-by: Ada <ada@example.org>",
        f"promote ledger\n\nNobody may write\n{OVERRIDE}\n{REASON}\nin a commit.",
        f"promote ledger\n\nAs in:\n    {OVERRIDE}\n    {REASON}",
        f"promote ledger\n\n> {OVERRIDE}\n> {REASON}",
        *(f"promote ledger\n\nSee: it{end * 2}{OVERRIDE}{end}{REASON}" for end in ("\v", "\f", "\x85", "\u2028", "\r")),
    ],
    ids=["subject", "earlier paragraph", "in a text", "indented", "quoted", "VT", "FF", "NEL", "LS", "CR"],
)
def test_the_same_words_elsewhere_are_not_believed(message: str) -> None:
    assert parse_override_trailers(message) == []
    assert parse_reason_trailer(message) == ""
