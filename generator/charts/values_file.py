"""Split a chart's values.yaml into its head and a block for each project and app, and join them again. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

VALUES_FILE = "values.yaml"
#: The parts of a values.yaml that have digests of their own: its head, and `<name>.<key>` for each block.
HEAD_PART, PROJECTS_PART, APPS_PART = "head", "spec.projects", "spec.apps"
_SPEC, _PROJECTS, _APPS = "\nspec:\n", "  projects:\n", "  apps:\n"
_NO_APPS = "  apps: {}\n"
_BLOCK_KEY = r' {4}"?([A-Za-z0-9][A-Za-z0-9._-]*)"?:'
# Matches the line break before the key: matching the start of a line takes three times as long.
_KEY_PATTERN = re.compile(f"\n{_BLOCK_KEY}")


class ValuesParts(NamedTuple):
    """The text of a values.yaml in parts: its head, and its blocks by project and by app key."""

    head: str
    projects: Mapping[str, str]
    apps: Mapping[str, str]

    @property
    def by_name(self) -> Mapping[str, str]:
        """The text of each part by its name."""
        blocks = ((PROJECTS_PART, self.projects), (APPS_PART, self.apps))
        return {HEAD_PART: self.head, **{f"{of}.{key}": text for of, part in blocks for key, text in part.items()}}

    @property
    def full_text(self) -> str:
        """The whole text of the values.yaml."""
        return self.head + join_blocks(self.projects.values(), self.apps.values())


def join_blocks(projects: Iterable[str], apps: Iterable[str]) -> str:
    """Join the blocks of projects and apps, each in order, to the text below the head of a values.yaml."""
    projects, apps = "".join(projects), "".join(apps)
    return (_PROJECTS + projects if projects else "") + (_APPS + apps if apps else _NO_APPS)


def split_values(data: bytes) -> ValuesParts:
    """Split a generated values.yaml into its parts; in an edited one, text may be in a wrong part."""
    text = data.decode("utf-8", "replace")
    spec = text.find(_SPEC)
    at = text.find(f"\n{_APPS}", spec) if spec >= 0 else -1
    head, apps = (text[: at + 1], text[at + 1 + len(_APPS) :]) if at >= 0 else (text.removesuffix(_NO_APPS), "")
    at = head.find(f"\n{_PROJECTS}", spec) if apps else -1
    head, projects = (head[: at + 1], head[at + 1 + len(_PROJECTS) :]) if at >= 0 else (head, "")
    return ValuesParts(head, _split_blocks(projects), _split_blocks(apps))


def _split_blocks(text: str) -> dict[str, str]:
    keys = list(_KEY_PATTERN.finditer(f"\n{text}"))
    ends = [key.start() for key in keys[1:]] + [len(text)]
    return {key[1]: text[key.start() : end] for key, end in zip(keys, ends, strict=False)}


def find_differing_keys(first: Mapping[str, str], second: Mapping[str, str]) -> set[str]:
    """The keys whose blocks differ, or that only one of the mappings has."""
    return {key for key in first.keys() | second.keys() if first.get(key) != second.get(key)}
