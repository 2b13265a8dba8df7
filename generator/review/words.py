"""A difference → the words that every form of the report tells it in. Pure."""

from __future__ import annotations

import json
from typing import Any

from generator.review.compare import ABSENT, Difference, Field, Manifest, at, dotted
from generator.review.report import Chapter, Report, Section, Told
from generator.review.sides import Side

#: So much of a value, and so many fields of an object, are read; JSON has all of them.
LONGEST_VALUE, MOST_FIELDS = 160, 12
#: The names of so many alike objects are told.
MOST_NAMES = 5


def place(chapter: Chapter) -> str:
    """What a chapter is about."""
    return chapter.environment or "plain AppProject manifests"


def headline(report: Report) -> str:
    """The whole in one line."""
    if not report.chapters:
        return "nothing changes"
    if not report.differs:
        files = sum(chapter.files for chapter in report.chapters)
        return f"no object changes: {counted(files, 'file')} differ{'s' if files == 1 else ''} in text alone"
    dangers = sum(chapter.dangerous for chapter in report.chapters)
    changes = sum(len(chapter.told) for chapter in report.chapters)
    return f"{counted(changes, 'object')} change{'s' if changes == 1 else ''}, {dangers or 'none'} of them dangerous"


def compared(report: Report) -> str:
    """What was compared with what."""
    return f"{side(report.base)} → {side(report.head)}"


def side(one: Side) -> str:
    """Where one side of the comparison is from."""
    if one.origin == "nothing":
        return "nothing" if one.revision is None else f"nothing at {one.revision[:12]}"
    where = f"at {one.revision[:12]}" if one.revision else "of the working copy"
    return f"the charts committed {where}" if one.origin == "charts" else f"the registry {where}"


def summary(chapter: Chapter) -> str:
    """How much changes in a chapter."""
    if not chapter.told:
        return f"{counted(chapter.files, 'file')} differ{'s' if chapter.files == 1 else ''}, and no object does"
    counts = [f"{section.count} {section.title}" for section in chapter.sections]
    return ", ".join(counts)


def counted(number: int, what: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def heading(section: Section) -> str:
    """The heading of a section."""
    return f"{section.title} ({section.count})"


def title(difference: Difference) -> str:
    """The object, and the app where that has another name."""
    key = difference.key
    app = f" (app {difference.app})" if difference.app and difference.app != key.name else ""
    return f"{key.kind} {key.name}{app}"


def folded(entry: tuple[Told, ...]) -> str:
    """The title of many alike ones."""
    names = ", ".join(told.difference.key.name for told in entry[:MOST_NAMES])
    return f"{len(entry)} {entry[0].difference.key.kind}s alike: {names} and {len(entry) - MOST_NAMES} more"


def details(told: Told) -> list[str]:
    """Everything else about it, a line each: dangers, fields, what it is, remarks."""
    difference = told.difference
    lines = [danger.text for danger in told.dangers]
    fields = [_field(field) for field in difference.fields]
    more = len(fields) - MOST_FIELDS
    lines += fields if more <= 0 else [*fields[:MOST_FIELDS], f"and {counted(more, 'more field')}"]
    if difference.change != "changed":
        lines += _what(difference.after or difference.before or {})
    return [*lines, *([told.remark] if told.remark else [])]


def _what(item: Manifest) -> list[str]:
    """Where an Application's chart is from and where it goes; what a project permits."""
    spec = at(item, "spec") or {}
    if item.get("kind") != "Application":
        listed = at(spec, "sourceRepos")
        return [f"sources {value(listed)}"] if listed else []
    several = at(spec, "sources")
    sources = several if isinstance(several, list) else [at(spec, "source")]
    lines = [f"{at(one, 'repoURL')} @ {at(one, 'targetRevision') or 'HEAD'}" for one in sources if one]
    where = at(spec, "destination", "server") or at(spec, "destination", "name")
    return [*lines, f"into namespace {at(spec, 'destination', 'namespace')} on {where}"]


def _field(field: Field) -> str:
    return f"{dotted(field.path)}: {value(field.before)} → {value(field.after)}"


def value(found: Any) -> str:
    """A value in few words: text as it is, a table as JSON, what is not there as `-`."""
    if found is ABSENT:
        return "-"
    text = found if isinstance(found, str) and found else json.dumps(found, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
