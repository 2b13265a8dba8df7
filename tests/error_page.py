"""docs/errors.md is generated from generator/error_codes.toml; `python -m tests.error_page` writes it again."""

from __future__ import annotations

from generator.error_codes import ErrorCode, read_error_codes
from tests.workspace import ROOT

PAGE = ROOT / "docs" / "errors.md"
_HEAD = """\
# Error codes

Every error has a code, at the end of its first line: `error: unknown app "shop" [WL1005]`. `workloads explain
WL1005` prints the section of this page without a network; with `--json`, the output has the `code`. A code keeps its
meaning. Where this documentation is published, set `WORKLOADS_DOCS_URL` to its address in your shell or CI: each error
then ends with a link to its section.
"""
AREAS = {
    "1": "Command line",
    "2": "Registry",
    "3": "Policy, tenancy and ownership",
    "4": "Removals",
    "5": "Git and remotes",
    "6": "This machine",
    "7": "Helm and chart files",
    "8": "Import",
}


def render_page(codes: dict[str, ErrorCode]) -> str:
    """The page: a section for each area, with a section for each code."""
    parts = [_HEAD]
    for digit, area in AREAS.items():
        parts.append(f"## {area}\n")
        parts += [
            f"### {one.code}\n\n**{one.title}.** {one.why}\n\n*What to do:* {one.fix}\n"
            for one in codes.values()
            if one.code[2] == digit
        ]
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(render_page(read_error_codes()), encoding="utf-8")
