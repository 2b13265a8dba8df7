"""`Report` → one HTML page that needs nothing else. Pure. Every text is escaped where it is put in."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from generator.console import escape as visible
from generator.review import words
from generator.review.report import Chapter, Report, Section, Told

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


def page(report: Report) -> str:
    """The page."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>workloads diff: {_text(words.headline(report))}</title>",
            f"<style>{_STYLE}</style></head><body><main>",
            f"<h1>{_text(words.headline(report))}</h1>",
            f"<p>{_text(words.compared(report))}</p>",
            *_refused(report),
            *(line for chapter in report.chapters for line in _chapter(chapter)),
            "</main></body></html>",
            "",
        ]
    )


def _refused(report: Report) -> list[str]:
    problems = [f"<li><code>{_text(str(problem))}</code></li>" for problem in report.head.refused]
    return ["<h2>Refused</h2>", "<ul>", *problems, "</ul>"] if problems else []


def _chapter(chapter: Chapter) -> Iterator[str]:
    yield f"<section><h2>{_text(words.place(chapter))}</h2><p>{_text(words.summary(chapter))}</p>"
    for section in chapter.sections:
        yield f"<h3{_class(section)}>{'⚠ ' if section.dangerous else ''}{_text(words.heading(section))}</h3><ul>"
        for entry in section.entries:
            yield from _entry(entry)
        yield "</ul>"
    yield "</section>"


def _class(section: Section) -> str:
    return ' class="danger"' if section.dangerous else ""


def _entry(entry: tuple[Told, ...]) -> Iterator[str]:
    told = entry[0]
    yield f"<li><code>{_text(words.title(told.difference) if len(entry) == 1 else words.folded(entry))}</code><ul>"
    yield from (f"<li><code>{_text(line)}</code></li>" for line in words.details(told))
    yield from (f'<li><a href="{_text(link)}">what lies between</a></li>' for link in told.links)
    if len(entry) > 1:
        names = "".join(f"<li><code>{_text(words.title(one.difference))}</code></li>" for one in entry)
        yield f"<li><details><summary>all of them</summary><ul>{names}</ul></details></li>"
    yield "</ul></li>"


def _text(text: str) -> str:
    return escape(visible(text).replace("\n", "\\n"), quote=True)
