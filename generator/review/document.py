"""`Report` → plain data for programs, whole. Pure."""

from __future__ import annotations

from typing import Any

from generator.review import words
from generator.review.compare import ABSENT, Field
from generator.review.report import Chapter, Report, Told
from generator.review.sides import Side


def data(report: Report) -> dict[str, Any]:
    """What JSON is made of; nothing is folded or cut, and a field that is not there has no `before` or `after`."""
    return {
        "differs": report.differs,
        "base": _side(report.base),
        "head": _side(report.head),
        "refused": [str(problem) for problem in report.head.refused],
        "environments": [_chapter(chapter) for chapter in report.chapters if chapter.environment],
        "plainProjects": [_chapter(chapter) for chapter in report.chapters if not chapter.environment],
    }


def _side(side: Side) -> dict[str, Any]:
    return {"revision": side.revision, "from": side.origin}


def _chapter(chapter: Chapter) -> dict[str, Any]:
    told = [each for section in chapter.sections for entry in section.entries for each in entry]
    name = {"environment": chapter.environment} if chapter.environment else {}
    return {**name, "files": chapter.files, "dangerous": chapter.dangerous, "changes": [_told(each) for each in told]}


def _told(told: Told) -> dict[str, Any]:
    difference = told.difference
    return {
        **difference.key._asdict(),
        "app": difference.app or None,
        "change": difference.change,
        "dangers": [{"name": danger.name, "text": danger.text} for danger in told.dangers],
        "fields": [_field(field) for field in difference.fields],
        "summary": words.details(told),
        "remark": told.remark or None,
        "links": list(told.links),
    }


def _field(field: Field) -> dict[str, Any]:
    ends = {"before": field.before, "after": field.after}
    return {"path": list(field.path), **{name: value for name, value in ends.items() if value is not ABSENT}}
