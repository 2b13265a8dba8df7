"""The errors, one subclass for each exit code (see the table in docs/cli.md)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass


class GeneratorError(Exception):
    """An error that the user can act on: `message` is what is wrong, `remedy` is what to do.

    `code` is its kind, a key of `error_codes.toml`, which explains it. `not_done` is what was not done
    ("nothing was pushed"); it is printed last.
    """

    exit_code = 70

    def __init__(self, code: str, message: str, *, remedy: str = "", not_done: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy
        self.not_done = not_done


class UsageError(GeneratorError):
    """The command line, or a file or URL that it names, is invalid."""

    exit_code = 2


@dataclass(frozen=True, order=True)
class Problem:
    """A problem in a registry file, at 1-based `line` and `column`.

    `file_order` is the file's index among the files read (the root registry is 0), so that sorting
    gives file order. `key` is the dotted key, empty if the TOML itself is invalid. `code` is the kind of
    problem, as in `GeneratorError`; notes have none.
    """

    file_order: int
    line: int
    column: int
    file: str
    key: str
    text: str
    code: str

    @property
    def is_violation(self) -> bool:
        """Whether a policy or tenancy rule is violated, as opposed to invalid content."""
        return self.code.startswith("WL3")

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}"
        return f"{where}: {self.key}: {self.text}" if self.key else f"{where}: {self.text}"


class RegistryError(GeneratorError):
    """The registry is invalid (exit code 3), or violates only tenancy or policy rules (4)."""

    def __init__(self, problems: Sequence[Problem], name: str) -> None:
        self.problems = tuple(sorted(set(problems)))
        count = len(self.problems)
        super().__init__("WL2000", f"{count} problem{'' if count == 1 else 's'} in {name}")
        self.exit_code = 4 if all(p.is_violation for p in self.problems) else 3


@contextmanager
def say_what_is_not_done(text: str) -> Iterator[None]:
    """Set `text` as what was not done on an error raised inside, unless the error has its own."""
    try:
        yield
    except GeneratorError as error:
        error.not_done = error.not_done or text
        raise


class RefusedError(GeneratorError):
    """A policy, tenancy or ownership rule forbids the change."""

    exit_code = 4


class RemovalError(GeneratorError):
    """The change would delete Applications without the user's consent."""

    exit_code = 5


class ConflictError(GeneratorError):
    """The branch changed concurrently, or the local state is stale; a retry can succeed."""

    exit_code = 6


class RemoteRefusedError(GeneratorError):
    """The remote rejected the request, and a retry would fail too."""

    exit_code = 7


class NetworkError(GeneratorError):
    """The remote cannot be reached, or denied access."""

    exit_code = 8


class LocalError(GeneratorError):
    """The local machine failed: disk, permissions, a missing or outdated program, or a key."""

    exit_code = 9


def error_url(code: str) -> str:
    """The URL of a code's section below WORKLOADS_DOCS_URL, where the documentation is published; empty if not set."""
    site = os.environ.get("WORKLOADS_DOCS_URL", "").rstrip("/")
    return f"{site}/errors.html#{code.lower()}" if site else ""
