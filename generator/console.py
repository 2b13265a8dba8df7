"""All output: results on stdout, messages on stderr, control characters escaped."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from generator.errors import GeneratorError, RegistryError, error_url

#: The text column of a table is not made narrower than this.
_MIN_TEXT_WIDTH = 12
#: With fewer steps, the work ends before a progress bar is readable.
_MIN_TOTAL_FOR_BAR = 2_000
#: An invalid registry names the explanations of its first kinds of problems.
_MAX_EXPLAINED = 3
# Unicode categories that reorder, hide or move text: controls, invisible characters, line separators.
_ESCAPED_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


class _OutputSettings:
    """What the options for output set: fewer messages, and `auto`, `always` or `never` colors."""

    quiet = False
    color = "auto"


_settings = _OutputSettings()


def configure(*, quiet: bool | None = None, color: str | None = None) -> None:
    """Set how much is printed, and whether in color; None leaves a setting as it is."""
    _settings.quiet = _settings.quiet if quiet is None else quiet
    _settings.color = color or _settings.color


def count_noun(number: int, noun: str) -> str:
    """Format a number with its noun: `1 file`, `2 files`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def escape_unprintable(text: str) -> str:
    """Escape every control, bidirectional and invisible character (`\\x1b`), except newlines."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(map(_escape_character, text))


def _escape_character(character: str) -> str:
    if character == "\n" or unicodedata.category(character) not in _ESCAPED_CATEGORIES:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _write_stream(stream: TextIO, text: str) -> None:
    """Write text to a stream; a closed pipe is ignored."""
    try:
        stream.write(text)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def print_result(text: str) -> None:
    """Print a result for people to stdout."""
    _write_stream(sys.stdout, escape_unprintable(text) + "\n")


def print_wrapped(text: str, indent: str = "") -> None:
    """Print a one-line result to stdout; a terminal gets it wrapped and indented."""
    if not sys.stdout.isatty():
        print_result(f"{indent}{text}")
        return
    width = max(20, shutil.get_terminal_size().columns)
    wrapper = textwrap.TextWrapper(width, initial_indent=indent, subsequent_indent=f"{indent}  ")
    # A revision or a command must stay whole, so that it can be copied.
    wrapper.break_long_words = wrapper.break_on_hyphens = False
    for line in wrapper.wrap(escape_unprintable(text)):
        print_result(line)


def print_json(value: Any) -> None:
    """Print a result for programs to stdout, as one JSON document."""
    _write_stream(sys.stdout, json.dumps(value, indent=2, ensure_ascii=True) + "\n")


def print_message(text: str) -> None:
    """Print a message to stderr, unless --quiet is given."""
    if not _settings.quiet:
        print_problem(text)


def print_problem(text: str) -> None:
    """Print to stderr what --quiet does not suppress, such as an error."""
    _write_stream(sys.stderr, escape_unprintable(text) + "\n")


def print_error(error: GeneratorError, *, as_json: bool = False) -> None:
    """Print an error: what is wrong, what to do, where its code is explained, and what was not done."""
    if as_json:
        print_json({"error": _error_json(error)})
    codes = [error.code]
    if isinstance(error, RegistryError):
        codes = list(dict.fromkeys(problem.code for problem in error.problems))[:_MAX_EXPLAINED]
        for problem in error.problems:
            print_problem(f"{problem} [{problem.code}]".replace("\n", "\\n"))
        print_problem(error.message)
    else:
        print_problem(f"error: {_add_code(error.message, error.code)}")
    if error.remedy:
        print_problem(f"hint: {error.remedy}")
    if error_url(error.code):
        print_problem("\n".join(f"see: {error_url(code)}" for code in codes))
    elif sys.stderr.isatty():
        print_problem(f"see: workloads explain {' '.join(codes)}")
    if error.not_done:
        print_problem(error.not_done)


def _add_code(message: str, code: str) -> str:
    """The message with its code at the end of the first line, before a colon."""
    first, newline, rest = message.partition("\n")
    colon = ":" if first.endswith(":") else ""
    return f"{first.removesuffix(':')} [{code}]{colon}{newline}{rest}"


def _error_json(error: GeneratorError) -> dict[str, Any]:
    data: dict[str, Any] = {"exitCode": error.exit_code, "code": error.code, "message": error.message}
    optional = {"remedy": error.remedy, "undone": error.not_done, "url": error_url(error.code)}
    data |= {key: value for key, value in optional.items() if value}
    if isinstance(error, RegistryError):
        keys = ("file", "line", "column", "key", "text", "code")
        data["problems"] = [{key: getattr(problem, key) for key in keys} for problem in error.problems]
    return data


def print_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    styles: Callable[[str], str] | None = None,
    text_column: int = 0,
) -> None:
    """Print a table to stdout: fitted to a terminal, or with full columns to a pipe.

    Only the text of `text_column` is folded. Where the other columns do not fit, each row becomes a block of lines.
    """
    lines = [[_escape_line(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(_display_width, column)) for column in zip(*lines, strict=True)]
    narrowest = [*widths[:text_column], min(widths[text_column], _MIN_TEXT_WIDTH), *widths[text_column + 1 :]]
    if sys.stdout.isatty() and sum(narrowest) + 2 * len(widths) > shutil.get_terminal_size().columns:
        _print_blocks(lines)
        return
    if not _supports_color():
        for line in lines:
            padded = (cell + " " * (width - _display_width(cell)) for cell, width in zip(line, widths, strict=True))
            _write_stream(sys.stdout, "  ".join(padded).rstrip() + "\n")
        return
    from rich import console, table, text

    grid = table.Table(box=None, pad_edge=False, header_style="bold")
    for index, name in enumerate(lines[0]):
        grid.add_column(name, overflow="fold", no_wrap=index != text_column)
    for row, line in zip(rows, lines[1:], strict=True):
        grid.add_row(*(text.Text(cell, styles(value) if styles else "") for value, cell in zip(row, line, strict=True)))
    width = None if sys.stdout.isatty() else sum(widths) + 2 * len(widths)
    console.Console(file=sys.stdout, highlight=False, markup=False, force_terminal=True, width=width).print(grid)


def _print_blocks(lines: Sequence[Sequence[str]]) -> None:
    """Print each row as its first cell, and a line for each other cell that is not empty; two lines if it is long."""
    columns, labels = shutil.get_terminal_size().columns, lines[0][1:]
    width = max(map(_display_width, labels))
    aligned = width + max(_display_width(cell) for line in lines[1:] for cell in line[1:]) + 4 <= columns
    bold, plain = ("\x1b[1m", "\x1b[0m") if _supports_color() else ("", "")
    for first, *others in lines[1:]:
        _write_stream(sys.stdout, f"{bold}{first}{plain}\n")
        for label, cell in zip(labels, others, strict=True):
            gap = " " * (width - _display_width(label) + 2 if aligned else 2)
            if _display_width(label + gap + cell) + 2 > columns:
                gap = "\n    "
            if cell not in ("", "-"):
                _write_stream(sys.stdout, f"  {label}{gap}{cell}\n")


def _escape_line(text: str) -> str:
    return escape_unprintable(text).replace("\n", "\\n")


def _display_width(text: str) -> int:
    """The number of terminal columns that the text needs."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))


def _supports_color() -> bool:
    if _settings.color != "auto":
        return _settings.color == "always"
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


@contextmanager
def show_progress(total: int, description: str) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on stderr for long work in a terminal; call the result with the number done."""
    if total < _MIN_TOTAL_FOR_BAR or not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich import console, progress

    with progress.Progress(console=console.Console(stderr=True), transient=True) as bar:
        task = bar.add_task(description, total=total)
        yield lambda done: bar.update(task, completed=done)
