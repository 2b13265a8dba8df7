"""A chart's values.yaml ⇄ its parts: what it says of all apps, and a block for each project and each app. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from generator.charts.files import Pieces

_SPEC, _PROJECTS, _APPS = "\nspec:\n", "  projects:\n", "  apps:\n"
_NO_APPS = "  apps: {}\n"
_BLOCK = r' {4}"?([A-Za-z0-9][A-Za-z0-9._-]*)"?:'
# With the end of the line before: to look for the beginning of a line takes three times as long.
_KEY = re.compile(f"\n{_BLOCK}")
# Whatever a block says is further in than its key.
_STRAY = re.compile(f"^(?!{_BLOCK}| {{6}}|$)", re.MULTILINE)


class Values(NamedTuple):
    """The text of a values.yaml in its parts: the blocks are by project, and by the key that an app has there."""

    head: str
    projects: Mapping[str, str]
    apps: Mapping[str, str]

    @property
    def text(self) -> str:
        """The whole of it again."""
        return self.head + "".join(blocks(self.projects.values(), self.apps.values()))


def blocks(projects: Iterable[str], apps: Iterable[str]) -> Pieces:
    """What a values.yaml says below its head, of projects and apps whose blocks are given in order."""
    projects, apps = tuple(projects), tuple(apps)
    return (*((_PROJECTS, *projects) if projects else ()), *((_APPS, *apps) if apps else (_NO_APPS,)))


def parts_of(data: bytes) -> Values:
    """The parts of a values.yaml; what is not laid out as the generator does it may be in a wrong one."""
    text = data.decode("utf-8", "replace")
    spec = text.find(_SPEC)
    at = text.find(f"\n{_APPS}", spec) if spec >= 0 else -1
    head, apps = (text[: at + 1], text[at + 1 + len(_APPS) :]) if at >= 0 else (text.removesuffix(_NO_APPS), "")
    at = head.find(f"\n{_PROJECTS}", spec) if apps else -1
    head, projects = (head[: at + 1], head[at + 1 + len(_PROJECTS) :]) if at >= 0 else (head, "")
    return Values(head, _blocks(projects), _blocks(apps))


def is_sum(parts: Values, data: bytes) -> bool:
    """Whether a values.yaml says nothing but its parts, each block for itself."""
    told = (block for part in (parts.projects, parts.apps) for block in part.values())
    return parts.text.encode() == data and not any(map(_STRAY.search, told))


def _blocks(text: str) -> dict[str, str]:
    keys = list(_KEY.finditer(f"\n{text}"))
    ends = [key.start() for key in keys[1:]] + [len(text)]
    return {key[1]: text[key.start() : end] for key, end in zip(keys, ends, strict=False)}


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> set[str]:
    """What has another block in one of them, or has one in one of them only."""
    return {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
