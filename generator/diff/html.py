"""Format a diff report as one self-contained HTML page. Pure. Every inserted text is escaped."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from generator.console import escape_unprintable as visible
from generator.diff import phrases as words
from generator.diff.report import AssessedDifference, DiffChapter, DiffReport, DiffSection

_STYLE = """
:root { color-scheme: light dark; --bad: #b3261e; --line: #8886; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h2 { border-bottom: 1px solid var(--line); margin-top: 2rem; }
h3.danger { color: var(--bad); }
code { font: 0.9em ui-monospace, monospace; overflow-wrap: anywhere; }
li { margin: 0.25rem 0; }
@media print { details > * { display: block; } }
"""


def format_html_page(report: DiffReport) -> str:
    """Format the report as an HTML page."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>workloads diff: {_escape_html(words.headline(report))}</title>",
            f"<style>{_STYLE}</style></head><body><main>",
            f"<h1>{_escape_html(words.headline(report))}</h1>",
            f"<p>{_escape_html(words.describe_comparison(report))}</p>",
            *_violations_html(report),
            *(line for chapter in report.chapters for line in _chapter_html(chapter)),
            "</main></body></html>",
            "",
        ]
    )


def _violations_html(report: DiffReport) -> list[str]:
    problems = [f"<li><code>{_escape_html(str(problem))}</code></li>" for problem in report.head.violations]
    return ["<h2>Refused</h2>", "<ul>", *problems, "</ul>"] if problems else []


def _chapter_html(chapter: DiffChapter) -> Iterator[str]:
    yield f"<section><h2>{_escape_html(words.chapter_title(chapter))}</h2><p>{_escape_html(words.summarize_chapter(chapter))}</p>"  # noqa: E501
    for section in chapter.diff_sections:
        yield f"<h3{_danger_class(section)}>{'⚠ ' if section.is_dangerous else ''}{_escape_html(words.section_heading(section))}</h3><ul>"  # noqa: E501
        for entry in section.entries:
            yield from _entry_html(entry)
        yield "</ul>"
    yield "</section>"


def _danger_class(section: DiffSection) -> str:
    return ' class="danger"' if section.is_dangerous else ""


def _entry_html(entry: tuple[AssessedDifference, ...]) -> Iterator[str]:
    told = entry[0]
    yield f"<li><code>{_escape_html(words.object_title(told.difference) if len(entry) == 1 else words.folded_entry_title(entry))}</code><ul>"  # noqa: E501
    yield from (f"<li><code>{_escape_html(line)}</code></li>" for line in words.list_details(told))
    yield from (f'<li><a href="{_escape_html(link)}">what lies between</a></li>' for link in told.links)
    if len(entry) > 1:
        names = "".join(f"<li><code>{_escape_html(words.object_title(one.difference))}</code></li>" for one in entry)
        yield f"<li><details><summary>all of them</summary><ul>{names}</ul></details></li>"
    yield "</ul></li>"


def _escape_html(text: str) -> str:
    return escape(visible(text).replace("\n", "\\n"), quote=True)
