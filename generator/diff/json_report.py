"""Convert a diff report to the data of its JSON form. Pure."""

from __future__ import annotations

from typing import Any

from generator.diff import phrases as words
from generator.diff.compare import ABSENT, FieldDifference
from generator.diff.report import AssessedDifference, DiffChapter, DiffReport
from generator.diff.sides import Side


def report_as_json(report: DiffReport) -> dict[str, Any]:
    """The data of the JSON form. Nothing is folded or truncated; a missing field has no `before` or `after`."""
    return {
        "differs": report.has_differences,
        "base": _side_as_json(report.base),
        "head": _side_as_json(report.head),
        "refused": [str(problem) for problem in report.head.violations],
        "environments": [_chapter_as_json(chapter) for chapter in report.chapters if chapter.environment],
        "plainProjects": [_chapter_as_json(chapter) for chapter in report.chapters if not chapter.environment],
    }


def _side_as_json(side: Side) -> dict[str, Any]:
    return {"revision": side.revision, "from": side.origin}


def _chapter_as_json(chapter: DiffChapter) -> dict[str, Any]:
    told = [each for section in chapter.diff_sections for entry in section.entries for each in entry]
    name = {"environment": chapter.environment} if chapter.environment else {}
    return {
        **name,
        "files": chapter.file_count,
        "dangerous": chapter.dangerous_count,
        "changes": [_difference_as_json(each) for each in told],
    }


def _difference_as_json(assessed: AssessedDifference) -> dict[str, Any]:
    difference = assessed.difference
    return {
        **difference.key._asdict(),
        "app": difference.app or None,
        "change": difference.change_type,
        "dangers": [{"name": danger.name, "text": danger.text} for danger in assessed.dangers],
        "fields": [_field_as_json(field) for field in difference.fields],
        "summary": words.list_details(assessed),
        "remark": assessed.remark or None,
        "links": list(assessed.links),
    }


def _field_as_json(field: FieldDifference) -> dict[str, Any]:
    ends = {"before": field.before, "after": field.after}
    return {"path": list(field.path), **{name: value for name, value in ends.items() if value is not ABSENT}}
