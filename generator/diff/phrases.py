"""The phrases that every form of the diff report uses. Pure."""

from __future__ import annotations

import json
from typing import Any

from generator.diff.compare import ABSENT, FieldDifference, Manifest, ObjectDifference, format_field_path, value_at
from generator.diff.report import AssessedDifference, DiffChapter, DiffReport, DiffSection
from generator.diff.sides import Side

#: Limits for the characters of a value and the fields of an object; JSON has all of them.
MAX_VALUE_LENGTH, MAX_FIELDS = 160, 12
#: How many names the title of a folded entry lists.
MAX_NAMES = 5


def chapter_title(chapter: DiffChapter) -> str:
    """The title of a chapter: the environment name, or that of the plain AppProjects."""
    return chapter.environment or "plain AppProject manifests"


def headline(report: DiffReport) -> str:
    """Summarize the report in one line."""
    if not report.chapters:
        return "nothing changes"
    if not report.has_differences:
        files = sum(chapter.file_count for chapter in report.chapters)
        return f"no object changes: {count_noun(files, 'file')} differ{'s' if files == 1 else ''} in text alone"
    dangers = sum(chapter.dangerous_count for chapter in report.chapters)
    changes = sum(len(chapter.differences) for chapter in report.chapters)
    return f"{count_noun(changes, 'object')} change{'s' if changes == 1 else ''}, {dangers or 'none'} of them dangerous"


def describe_comparison(report: DiffReport) -> str:
    """Describe both sides of the comparison."""
    return f"{describe_side(report.base)} → {describe_side(report.head)}"


def describe_side(compared_side: Side) -> str:
    """Describe where one side of the comparison comes from."""
    if compared_side.origin == "nothing":
        return "nothing" if compared_side.revision is None else f"nothing at {compared_side.revision[:12]}"
    where = f"at {compared_side.revision[:12]}" if compared_side.revision else "of the working copy"
    return f"the charts committed {where}" if compared_side.origin == "charts" else f"the registry {where}"


def summarize_chapter(chapter: DiffChapter) -> str:
    """Summarize how much changes in a chapter."""
    if not chapter.differences:
        return f"{count_noun(chapter.file_count, 'file')} differ{'s' if chapter.file_count == 1 else ''}, and no object does"  # noqa: E501
    counts = [f"{section.difference_count} {section.section_label}" for section in chapter.diff_sections]
    return ", ".join(counts)


def count_noun(number: int, noun: str) -> str:
    """Format a number with its noun: `1 file`, `2 files`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def section_heading(section: DiffSection) -> str:
    """The heading of a section, with the number of its differences."""
    return f"{section.section_label} ({section.difference_count})"


def object_title(difference: ObjectDifference) -> str:
    """The kind and name of the object, and its app if that has another name."""
    key = difference.key
    app = f" (app {difference.app})" if difference.app and difference.app != key.name else ""
    return f"{key.kind} {key.name}{app}"


def folded_entry_title(entry: tuple[AssessedDifference, ...]) -> str:
    """The title of an entry that folds many similar differences."""
    names = ", ".join(told.difference.key.name for told in entry[:MAX_NAMES])
    return f"{len(entry)} {entry[0].difference.key.kind}s alike: {names} and {len(entry) - MAX_NAMES} more"


def list_details(assessed: AssessedDifference) -> list[str]:
    """List the details of a difference, one per line: dangers, fields, content, remark."""
    difference = assessed.difference
    lines = [danger.text for danger in assessed.dangers]
    fields = [_format_field(field) for field in difference.fields]
    more = len(fields) - MAX_FIELDS
    lines += fields if more <= 0 else [*fields[:MAX_FIELDS], f"and {count_noun(more, 'more field')}"]
    if difference.change_type != "changed":
        lines += _describe_manifest(difference.after or difference.before or {})
    return [*lines, *([assessed.remark] if assessed.remark else [])]


def _describe_manifest(item: Manifest) -> list[str]:
    """Describe the sources and destination of an Application, or the sources that a project permits."""
    spec = value_at(item, "spec") or {}
    if item.get("kind") != "Application":
        listed = value_at(spec, "sourceRepos")
        return [f"sources {format_value(listed)}"] if listed else []
    several = value_at(spec, "sources")
    sources = several if isinstance(several, list) else [value_at(spec, "source")]
    lines = [f"{value_at(one, 'repoURL')} @ {value_at(one, 'targetRevision') or 'HEAD'}" for one in sources if one]
    where = value_at(spec, "destination", "server") or value_at(spec, "destination", "name")
    return [*lines, f"into namespace {value_at(spec, 'destination', 'namespace')} on {where}"]


def _format_field(field: FieldDifference) -> str:
    return f"{format_field_path(field.path)}: {format_value(field.before)} → {format_value(field.after)}"


def format_value(raw_value: Any) -> str:
    """Format a value: text as it is, anything else as JSON, a missing value as `-`."""
    if raw_value is ABSENT:
        return "-"
    text = raw_value if isinstance(raw_value, str) and raw_value else json.dumps(raw_value, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[:MAX_VALUE_LENGTH]}…"
