"""Everything the tool refuses: one base, one subclass an exit code (the table is in docs/cli.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class GeneratorError(Exception):
    """A refusal the user can act on: `message` says what is wrong, `remedy` what to do.

    `undone` names what was *not* done ("nothing was pushed"); it is shown last.
    """

    exit_code = 70

    def __init__(self, message: str, *, remedy: str = "", undone: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.undone = undone


class UsageError(GeneratorError):
    """The command line, or what it was pointed at, makes no sense."""

    exit_code = 2


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in a registry file, at 1-based `line` and `column`.

    `order` is the file's place among the files read (the root registry is 0), so that sorting
    gives file order. `key` is the dotted key, empty when the text itself is what is wrong.
    `refused` marks what a policy or tenancy rule refuses, as against what is malformed.
    """

    order: int
    line: int
    column: int
    file: str
    key: str
    text: str
    refused: bool = False

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}"
        return f"{where}: {self.key}: {self.text}" if self.key else f"{where}: {self.text}"


class RegistryError(GeneratorError):
    """The registry is invalid (3), or valid and refused by tenancy or policy (4)."""

    def __init__(self, problems: Sequence[Problem], name: str) -> None:
        self.problems = tuple(sorted(set(problems)))
        count = len(self.problems)
        super().__init__(f"{count} problem{'' if count == 1 else 's'} in {name}")
        self.exit_code = 4 if all(p.refused for p in self.problems) else 3


class RefusedError(GeneratorError):
    """Policy, tenancy or ownership forbids it."""

    exit_code = 4


class RemovalError(GeneratorError):
    """Applications would be removed that nobody named."""

    exit_code = 5


class ConflictError(GeneratorError):
    """Somebody else was faster, or what we hold is stale; running again later may do."""

    exit_code = 6


class RemoteRefusedError(GeneratorError):
    """The remote said no, and would say no again."""

    exit_code = 7


class NetworkError(GeneratorError):
    """The remote could not be reached, or did not let us in."""

    exit_code = 8


class LocalError(GeneratorError):
    """This machine is what fails: disk, permissions, a missing or too old program, a key."""

    exit_code = 9
