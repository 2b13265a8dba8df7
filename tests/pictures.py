"""The drawn pictures of the documentation; `python -m tests.pictures` writes them again.

The terminals show output of the pages, which a test replays. The pictures of the site are in tests/site.
"""

from __future__ import annotations

import io
import re
from html import escape

from rich.console import Console
from rich.text import Text

from tests.workspace import ROOT

IMAGES = ROOT / "docs" / "images"
#: A console block of a page for each terminal: the page, and the command that the block begins with.
TERMINALS = {
    "terminal-refused.svg": ("lifecycle.md", "workloads promote billing --to prod"),
    "terminal-status.svg": ("releases.md", "workloads status"),
}
_FLOW_STEPS = [
    ("apps.toml", "teams, apps,", "environments"),
    ("validate", "types, ownership,", "policy"),
    ("render", "a Helm chart for", "each environment"),
    ("verify", "Helm renders it,", "diff shows dangers"),
    ("commit", "registry and charts,", "one commit"),
    ("Argo CD", "syncs the branch", "it reads"),
]
_BOX_WIDTH, _BOX_HEIGHT, _GAP = 150, 84, 34


def render_flow() -> str:
    """The way from the registry to Argo CD, in the colors that the reader prefers."""
    width = len(_FLOW_STEPS) * (_BOX_WIDTH + _GAP) - _GAP + 20
    height = _BOX_HEIGHT + 20
    parts = []
    for number, (title, *lines) in enumerate(_FLOW_STEPS):
        left = 10 + number * (_BOX_WIDTH + _GAP)
        center = left + _BOX_WIDTH / 2
        parts.append(f'<rect x="{left}" y="10" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="8"/>')
        parts.append(f'<text class="title" x="{center}" y="38">{escape(title)}</text>')
        parts += [f'<text x="{center}" y="{60 + 19 * row}">{escape(line)}</text>' for row, line in enumerate(lines)]
        if number:
            end, middle = left - 3, 10 + _BOX_HEIGHT / 2
            parts.append(f'<path d="M{left - _GAP + 3} {middle}H{end}m-8 -6l8 6l-8 6"/>')
    style = (
        "rect{fill:#eef2ff;stroke:#4f6bed;stroke-width:1.5}path{fill:none;stroke:#4f6bed;stroke-width:2}"
        "text{font:14px system-ui,sans-serif;text-anchor:middle;fill:#1f2330}.title{font-weight:600;font-size:16px}"
        "@media(prefers-color-scheme:dark){rect{fill:#1d2440}text{fill:#e6e8f0}}"
    )
    title = escape("From apps.toml to Argo CD: " + ", ".join(step[0] for step in _FLOW_STEPS))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{title}">'
    return "\n".join([head, f"<style>{style}</style>", *parts, "</svg>", ""])


def render_terminal(page: str, start: str) -> str:
    """The first console block of a page that begins with a command, as a terminal of 100 columns."""
    blocks = re.findall(r"^```console\n(.*?)^```$", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.M | re.S)
    block = next(block for block in blocks if block.startswith(f"$ {start}"))
    console = Console(record=True, width=100, file=io.StringIO(), force_terminal=True)
    for line in block.rstrip("\n").splitlines():
        console.print(Text(line, style=_line_style(line)), soft_wrap=False)
    console.print()  # The picture cuts off the lower edge of the last line.
    picture = console.export_svg(title="workloads", unique_id="terminal")
    # The font would be loaded from another server.
    return re.sub(r" *@font-face \{.*?\}\n", "", picture, flags=re.S).replace("Fira Code", "ui-monospace") + "\n"


def _line_style(line: str) -> str:
    if line.startswith("$ "):
        return "bold"
    marks = {"error": "red", "hint": "cyan", "+": "green", "-": "red"}
    return next((style for mark, style in marks.items() if line.startswith(mark)), "")


def render_pictures() -> dict[str, str]:
    """Every picture by file name."""
    terminals = {name: render_terminal(page, start) for name, (page, start) in TERMINALS.items()}
    return {"flow.svg": render_flow(), **terminals}


if __name__ == "__main__":
    for _name, _picture in render_pictures().items():
        (IMAGES / _name).write_text(_picture, encoding="utf-8")
