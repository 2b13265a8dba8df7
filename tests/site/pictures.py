"""The README's pictures of the site: `python -m tests.site.pictures` takes them anew, in Chromium."""

from __future__ import annotations

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


def take(browser: Browser, site: Path, folder: Path) -> None:
    """Every picture, as a PNG in `folder`."""
    for name, (page, scheme, width, height) in PICTURES.items():
        tab = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
        tab.clock.install(time="2026-11-20T10:05:00Z")
        tab.goto(f"{site.as_uri()}/{page}")
        tab.clock.run_for(2000)
        tab.screenshot(path=folder / f"{name}.png")
        tab.close()


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=LAUNCH)
        take(browser, written(render_pages(sample()), Path(place)), folder)
        browser.close()


if __name__ == "__main__":
    main()
