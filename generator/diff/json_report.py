"""Convert a diff report to the data of its JSON form, as docs/json.md describes it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from generator.diff.compare import ABSENT, FieldDifference
from generator.diff.report import AssessedDifference, ChangeCounts, DiffChapter, DiffReport
from generator.diff.sides import Side
from generator.diff.values import describe_direction


def report_as_json(report: DiffReport) -> dict[str, Any]:
    """The data of the JSON form. Nothing is folded or cut; a missing field has no `before` or `after`."""
    plain = report.plain_projects
    return {
        "differs": report.has_differences,
        "summary": _counts_as_json(report.counts),
        "base": _side_as_json(report.base),
        "head": _side_as_json(report.head),
        "notes": list(report.notes),
        "refused": [str(problem) for problem in report.head.violations],
        "environments": [_chapter_as_json(chapter) for chapter in report.chapters],
        "plainProjects": {"files": plain.file_count, "changes": _differences_as_json(plain.differences)},
    }


def _counts_as_json(counts: ChangeCounts) -> dict[str, int]:
    return {**counts.actions, "orphaned": counts.orphaned, "dangerous": counts.dangerous}


def _side_as_json(side: Side) -> dict[str, Any]:
    return {"revision": side.revision, "from": side.origin}


def _chapter_as_json(chapter: DiffChapter) -> dict[str, Any]:
    in_order = [each for section in chapter.diff_sections for entry in section.entries for each in entry]
    return {
        "environment": chapter.environment,
        "policy": chapter.has_policy,
        "files": chapter.file_count,
        "summary": _counts_as_json(chapter.counts),
        "changes": _differences_as_json(in_order),
    }


def _differences_as_json(differences: Iterable[AssessedDifference]) -> list[dict[str, Any]]:
    return [_difference_as_json(each) for each in differences]


def _difference_as_json(assessed: AssessedDifference) -> dict[str, Any]:
    difference = assessed.difference
    return {
        **difference.key._asdict(),
        "app": difference.app or None,
        "foreign": assessed.is_unregistered,
        "change": difference.change_type,
        "action": assessed.action,
        "dangers": [{"name": danger.name, "text": danger.text} for danger in assessed.dangers],
        "fields": [_field_as_json(field) for field in difference.fields],
        "remark": assessed.remark or None,
        "links": list(assessed.links),
    }


def _field_as_json(field: FieldDifference) -> dict[str, Any]:
    ends = {"before": field.before, "after": field.after}
    direction = describe_direction(field)
    return {
        "path": list(field.path),
        **{name: value for name, value in ends.items() if value is not ABSENT},
        **({"direction": direction} if direction else {}),
    }
