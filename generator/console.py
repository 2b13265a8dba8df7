"""The only place that prints: results on stdout, messages on stderr, nothing that could drive a terminal."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from generator.errors import GeneratorError, RegistryError

if TYPE_CHECKING:
    from rich.text import Text

#: Below this many files the work is over before a bar could be read.
_WORTH_A_BAR = 2_000
# Bidirectional controls and invisible characters reorder or hide text; white space but blank and newline moves it.
_DANGEROUS = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def escape(text: str) -> str:
    """`text` with every control, bidirectional and invisible character spelled out (`\\x1b`), newlines kept."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(c if c == "\n" or unicodedata.category(c) not in _DANGEROUS else _spelled(c) for c in text)


def _spelled(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _write(stream: TextIO, text: str) -> None:
    """A reader who has left early changes nothing about the work, nor about the exit code."""
    try:
        stream.write(text)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def result(text: str) -> None:
    """A result that a person reads, on stdout."""
    _write(sys.stdout, escape(text) + "\n")


def wrapped(text: str, indent: str = "") -> None:
    """A result of one line, which a terminal gets in as many as it needs, each of them indented."""
    if not sys.stdout.isatty():
        result(f"{indent}{text}")
        return
    width = max(20, shutil.get_terminal_size().columns)
    for line in textwrap.wrap(escape(text), width, initial_indent=indent, subsequent_indent=f"{indent}  "):
        result(line)


def result_json(value: Any) -> None:
    """A result that a program reads, on stdout: one JSON document."""
    _write(sys.stdout, json.dumps(value, indent=2, ensure_ascii=True) + "\n")


def note(text: str) -> None:
    """A message about what goes on, on stderr."""
    _write(sys.stderr, escape(text) + "\n")


def failure(error: GeneratorError, *, as_json: bool = False) -> None:
    """What was refused, why, what to do, and last what was not done."""
    if as_json:
        result_json({"error": _as_data(error)})
    if isinstance(error, RegistryError):
        for problem in error.problems:
            note(str(problem).replace("\n", "\\n"))
        note(error.message)
    else:
        note(f"error: {error.message}")
    if error.remedy:
        note(f"to do: {error.remedy}")
    if error.undone:
        note(error.undone)


def _as_data(error: GeneratorError) -> dict[str, Any]:
    data: dict[str, Any] = {"exitCode": error.exit_code, "message": error.message}
    data |= {key: value for key, value in (("remedy", error.remedy), ("undone", error.undone)) if value}
    if isinstance(error, RegistryError):
        keys = ("file", "line", "column", "key", "text")
        data["problems"] = [{key: getattr(problem, key) for key in keys} for problem in error.problems]
    return data


def table(header: Sequence[str], rows: Sequence[Sequence[str]], styles: Callable[[str], str] | None = None) -> None:
    """A table on stdout. In a terminal it is coloured and fits the width; in a pipe, columns are kept whole."""
    if not _colours():
        _plain_table(header, rows)
        return
    from rich.console import Console
    from rich.table import Table

    grid = Table(box=None, pad_edge=False, header_style="bold")
    for name in header:
        grid.add_column(_line(name), overflow="fold")
    for row in rows:
        grid.add_row(*(_cell(value, styles) for value in row))
    Console(file=sys.stdout, highlight=False, markup=False).print(grid)


def _cell(value: str, styles: Callable[[str], str] | None) -> Text:
    from rich.text import Text

    return Text(_line(value), style=styles(value) if styles else "")


def _line(text: str) -> str:
    return escape(text).replace("\n", "\\n")


def _plain_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [[_line(cell) for cell in row] for row in (header, *rows)]
    widths = [max(_width(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        padded = (cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True))
        _write(sys.stdout, "  ".join(padded).rstrip() + "\n")


def _width(text: str) -> int:
    """How many columns a terminal gives it."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))


def _colours() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


@contextmanager
def progress(total: int, what: str) -> Iterator[Callable[[int], None]]:
    """A bar on stderr while a terminal watches and the work is long; called with how much is done."""
    if total < _WORTH_A_BAR or not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)
