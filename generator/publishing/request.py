"""An order and what came of it → the request to merge it: its branch's name, its title and its text. Pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from generator.forges.forge import Request
from generator.publishing.account import Account, message

_LONGEST_NAME, _LONGEST_TITLE, _MOST_LISTED = 48, 200, 50


@dataclass(frozen=True)
class Asked:
    """What a request is for: `words` go into the branch's name, `operation` tells it from every other one.

    `forge` is the one that the user named, empty to find it out.
    """

    words: str
    operation: str
    forge: str = ""


def branch_name(base: str, asked: Asked) -> str:
    """The branch for what is asked: always the same one for the same, so that a request is updated in place."""
    digest = hashlib.sha256(f"{base}\0{asked.operation}".encode("utf-8", "surrogateescape")).hexdigest()[:10]
    words = re.sub(r"[^a-z0-9]+", "-", asked.words.lower())[:_LONGEST_NAME].strip("-")
    return f"workloads/{words or 'publish'}-{digest}"


def request(head: str, base: str, account: Account) -> Request:
    """The request: what it takes away comes first, then what changes in which environment."""
    subject = message(account, "").partition("\n")[0]
    gone = len(account.removals)
    title = f"{subject} (deletes {_count(gone, 'Application')})" if gone else subject
    parts = [*_removals(account), *_changes(account), *_told(account)]
    parts.append(f"Made by workloads. Run again, it updates this request; commits of others on `{head}` stop it.")
    return Request(head, base, title[:_LONGEST_TITLE], "\n\n".join(parts) + "\n")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _removals(account: Account) -> list[str]:
    if not account.removals:
        return []
    lines = [f"- {_plain(str(removal))}" for removal in account.removals]
    return [f"**Deletes {_count(len(lines), 'Application')}**", _capped(lines)]


def _changes(account: Account) -> list[str]:
    rows = []
    for env, apps in account.environments.items():
        more = f" and {len(apps) - _MOST_LISTED} more" if len(apps) > _MOST_LISTED else ""
        rows.append(f"| {env} | {', '.join(apps[:_MOST_LISTED])}{more} |")
    return ["\n".join(["| environment | applications |", "|---|---|", *rows])] if rows else []


def _told(account: Account) -> list[str]:
    """What the operation tells, people's own words among it: as code, so that it neither links nor mentions."""
    lines = account.edited.told if account.edited else ()
    return [_capped([f"    {line}" for text in lines for line in text.splitlines()])] if lines else []


def _plain(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|@#])", r"\\\1", text)


def _capped(lines: list[str]) -> str:
    more = [f"- and {len(lines) - _MOST_LISTED} more"] if len(lines) > _MOST_LISTED else []
    return "\n".join([*lines[:_MOST_LISTED], *more])
