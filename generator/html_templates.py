"""Load the templates of HTML pages. They escape every text; no other module makes HTML."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import jinja2

from generator.console import escape_unprintable


@functools.cache
def open_html_templates(folder: Path) -> jinja2.Environment:
    """Open the templates in a folder. The caller may add filters and globals."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        finalize=_escape_text,
    )


def _escape_text(value: Any) -> Any:
    """Escape characters that reorder or hide text, because no schema validates Git authors and subjects."""
    return escape_unprintable(value) if type(value) is str else value
