"""Format a diff report as one self-contained HTML page."""

from __future__ import annotations

from pathlib import Path

from generator.diff import phrases
from generator.diff.report import DiffReport, list_counted
from generator.html_templates import open_html_templates

_TEMPLATES = Path(__file__).parent / "templates"


def format_html_page(report: DiffReport) -> str:
    """Format the report as an HTML page that loads nothing."""
    template = open_html_templates(_TEMPLATES).get_template("report.html.j2")
    return template.render(report=report, phrases=phrases, counted=list_counted(report))
