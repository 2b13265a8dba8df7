"""The documentation site is built without a warning, is complete, and needs no other server."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path, PurePath
from urllib.parse import unquote

import pytest

from generator.error_codes import read_error_codes
from tests.workspace import ROOT

BUILDER = ROOT / ".venv" / "docs" / "bin" / "zensical"
#: Something that a browser loads from another server as the page opens.
_LOADED = re.compile(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not BUILDER.exists():
        pytest.skip("Zensical is not installed: make .venv/docs/.installed")
    folder = tmp_path_factory.mktemp("docs")
    shutil.copytree(ROOT / "docs", folder / "docs")
    shutil.copy(ROOT / "mkdocs.yml", folder)
    done = subprocess.run([BUILDER, "build", "--strict"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "build" / "docs"


def test_every_page_is_in_the_navigation() -> None:
    listed = re.findall(r": ([\w-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.M)
    assert sorted(listed) == sorted(path.name for path in (ROOT / "docs").glob("*.md"))


def test_every_page_is_built_and_loads_nothing_from_another_server(site: Path) -> None:
    pages = {page.stem: page.read_text(encoding="utf-8") for page in site.glob("*.html")}
    assert pages.keys() >= {path.stem for path in (ROOT / "docs").glob("*.md")}
    for name, text in pages.items():
        assert [found for found in _LOADED.findall(text) if "zensical.org" not in found] == [], name


def test_every_error_code_has_an_anchor(site: Path) -> None:
    anchors = set(re.findall(r"id=\"?(wl\d{4})\b", (site / "errors.html").read_text(encoding="utf-8")))
    assert anchors == {code.lower() for code in read_error_codes()}


def test_every_link_between_pages_leads_somewhere(site: Path) -> None:
    """The strict build does so for Markdown; this covers other files, pictures, and what the theme writes."""
    pages = {page.name: page.read_text(encoding="utf-8") for page in site.glob("*.html") if page.name != "404.html"}
    anchors = {name: set(re.findall(r"\bid=\"?([^\"\s>]+)", text)) for name, text in pages.items()}
    broken = []
    for name, text in pages.items():
        for target in re.findall(r"\b(?:href|src)=\"?([^\"\s>]+)", text):
            file, _, anchor = unquote(target).partition("#")
            if re.match(r"[a-z]+:|//", target) or file in (".", "./"):
                continue
            known = anchors.get(PurePath(file).name or name, {anchor})
            if not (site / (file or name)).is_file() or (anchor and anchor not in known):
                broken.append((name, target))
    assert broken == []
