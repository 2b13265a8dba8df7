"""The root file's `include` list → the names of the included files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from generator.registry.files import Files
from generator.registry.text import shown


class Include(NamedTuple):
    """One file that the entry at `place` in the list names, or what is `wrong` with that entry."""

    place: int
    name: str
    wrong: str | None = None


def included(files: Files, root: str, entries: list[Any]) -> Iterator[Include]:
    """Every included file once, in the order of the entries and then of the names; and every entry that is wrong."""
    seen = {root}
    written: set[str] = set()
    for index, entry in enumerate(entries):
        wrong = _problem(entry, root, written) if isinstance(entry, str) else None
        if wrong:
            yield Include(index, "", wrong)
        elif isinstance(entry, str):
            written.add(entry)
            for name in files.match(entry) if is_pattern(entry) else [entry]:
                if name not in seen:
                    seen.add(name)
                    yield Include(index, name)


def is_pattern(entry: str) -> bool:
    """Whether an entry stands for whatever files there are, and not for one."""
    return "*" in entry or "?" in entry


def _problem(entry: str, root: str, written: set[str]) -> str | None:
    parts = entry.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\\" in entry:
        return "an include is a path or pattern below the registry's folder, without '.' or '..'"
    if "[" in entry or any("**" in part and part != "**" for part in parts):
        return f"{shown(entry)}: a pattern has '*', '?' and, as a whole folder, '**'"
    if not entry.endswith(".toml"):
        return f'{shown(entry)}: the name of an included file ends in ".toml"'
    if entry == root:
        return f"{shown(entry)} is the root file itself: remove it"
    if entry in written:
        return f"{shown(entry)} is included twice: remove one"
    return None
