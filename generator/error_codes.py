"""The kinds of errors, each with a code that `workloads explain` and docs/errors.md explain."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import NamedTuple


class ErrorCode(NamedTuple):
    """A kind of error: what it means and why it is an error, and what to do. The texts are Markdown."""

    code: str
    title: str
    why: str
    fix: str


def read_error_codes() -> dict[str, ErrorCode]:
    """Read every kind of error, by code."""
    text = resources.files(__package__).joinpath("error_codes.toml").read_text(encoding="utf-8")
    return {code: ErrorCode(code, **table) for code, table in tomllib.loads(text).items()}
