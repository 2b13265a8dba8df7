"""Resolves the root file's `include` list to the names of the included files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from generator.argocd.strings import quoted_excerpt
from generator.registry.files import RegistryFiles


class ResolvedInclude(NamedTuple):
    """One file that the list entry at `entry_index` includes, or the `problem` with that entry."""

    entry_index: int
    name: str
    problem: str | None = None


def resolve_includes(files: RegistryFiles, root_name: str, entries: list[Any]) -> Iterator[ResolvedInclude]:
    """Resolve each included file once, in the order of entries and then of names; also yield invalid entries."""
    seen = {root_name}
    written: set[str] = set()
    for index, entry in enumerate(entries):
        wrong = _include_problem(entry, root_name, written) if isinstance(entry, str) else None
        if wrong:
            yield ResolvedInclude(index, "", wrong)
        elif isinstance(entry, str):
            written.add(entry)
            for name in files.list_matching(entry) if is_include_pattern(entry) else [entry]:
                if name not in seen:
                    seen.add(name)
                    yield ResolvedInclude(index, name)


def is_include_pattern(entry: str) -> bool:
    """Whether an include entry is a pattern, not a file name."""
    return "*" in entry or "?" in entry


def _include_problem(entry: str, root_name: str, earlier_entries: set[str]) -> str | None:
    parts = entry.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\\" in entry:
        return "an include is a path or pattern below the registry's folder, without '.' or '..'"
    if "[" in entry or any("**" in part and part != "**" for part in parts):
        return f"{quoted_excerpt(entry)}: a pattern has '*', '?' and, as a whole folder, '**'"
    if not entry.endswith(".toml"):
        return f'{quoted_excerpt(entry)}: the name of an included file ends in ".toml"'
    if entry == root_name:
        return f"{quoted_excerpt(entry)} is the root file itself: remove it"
    if entry in earlier_entries:
        return f"{quoted_excerpt(entry)} is included twice: remove one"
    return None
