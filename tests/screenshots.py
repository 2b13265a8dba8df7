"""The pictures of pages in the documentation: `python -m tests.screenshots` takes them again, in Chromium.

The site has the sample of its tests; the comment on a pull request is the one in docs/diff.md, which a test replays.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from generator.site.pages import render_pages
from tests.site.chromium import LAUNCH, chromium, written
from tests.site.sample import sample
from tests.workspace import ROOT

#: Each picture: the page, the colour scheme, width and height.
PICTURES = {
    "site-light": ("index.html", "light", 1200, 720),
    "site-dark": ("index.html?state=blocked,frozen,held", "dark", 1200, 620),
    "site-app": ("apps/checkout.html", "light", 1000, 800),
    "site-delivery": ("metrics.html", "light", 1000, 760),
    "site-phone": ("index.html?q=check", "light", 360, 640),
}

_COMMENT_HEAD = """<!doctype html><meta charset="utf-8"><style>
body { font: 14px/1.5 system-ui, sans-serif; color: #1f2328; padding: 16px }
article { border: 1px solid #d1d9e0; border-radius: 6px; padding: 0 16px 12px }
header { background: #f6f8fa; border-bottom: 1px solid #d1d9e0; margin: 0 -16px; padding: 8px 16px }
code { background: #818b981f; border-radius: 6px; font: 12px ui-monospace, monospace; padding: 2px 5px }
a { color: #0969da } h3 { font-size: 17px }
h4 { font-size: 14px; border-bottom: 1px solid #d1d9e0; padding-bottom: 5px }
</style>"""


def take(browser: Browser, site: Path, folder: Path) -> None:
    """Every picture, as a PNG in `folder`."""
    for name, (page, scheme, width, height) in PICTURES.items():
        tab = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
        tab.clock.install(time="2026-11-20T10:05:00Z")
        tab.goto(f"{site.as_uri()}/{page}")
        tab.clock.run_for(2000)
        tab.screenshot(path=folder / f"{name}.png")
        tab.close()


def render_comment() -> str:
    """The comment of docs/diff.md as a page that looks like one on a pull request."""
    text = (ROOT / "docs" / "diff.md").read_text(encoding="utf-8").partition("## As a comment\n")[2]
    comment = text.partition("--format markdown\n")[2].partition("\n~~~~")[0].replace(":warning:", "\N{WARNING SIGN}")
    comment = comment.replace("<details>", '<details open markdown="1">').replace("\n  - ", "\n    - ")
    python = ROOT / ".venv" / "docs" / "bin" / "python"
    command = [str(python), "-m", "markdown", "-x", "md_in_html"]
    body = subprocess.run(command, input=comment, capture_output=True, text=True, check=True).stdout
    return f"{_COMMENT_HEAD}<article><header><b>workloads</b> bot commented</header>{body}</article>"


def take_comment(browser: Browser, folder: Path) -> None:
    """The comment on a pull request, as a PNG in `folder`."""
    tab = browser.new_page(viewport={"width": 860, "height": 400})
    tab.set_content(render_comment())
    tab.locator("article").screenshot(path=folder / "pull-request.png")
    tab.close()


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=LAUNCH)
        take(browser, written(render_pages(sample()), Path(place)), folder)
        take_comment(browser, folder)
        browser.close()


if __name__ == "__main__":
    main()
