"""The documents: links lead somewhere, named tests exist, and the example of the README works."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workspace import ROOT, isolate, spawn

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^ *```.*?^ *```", re.M | re.S)


def heading_anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", _FENCE.sub("", text), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> Iterator[str]:
    for target in _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8"))):
        name, _, anchor = target.partition("#")
        linked = page.parent / name if name else page
        if re.match(r"[a-z]+:", target):
            continue
        if not linked.exists() or (anchor and anchor not in heading_anchors(linked.read_text(encoding="utf-8"))):
            yield target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    assert list(broken_links(page)) == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_the_tests_that_the_page_on_publishing_names_exist() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "publishing.md").read_text()))
    existing = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.M)
    }
    assert named
    assert named - existing == set()


@pytest.mark.parametrize("document", ["README.md", "examples/demo.sh"])
def test_the_example_app_can_be_onboarded(document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(tmp_path / "home", monkeypatch)
    text = (ROOT / document).read_text(encoding="utf-8")
    table = re.search(r"^ *\[teams\.payments\]$.*?^ *targetRevision = .*?$", text, re.M | re.S)
    entry = re.search(r'^ *"billing",', text, re.M)
    assert table
    assert entry
    shutil.copy(ROOT / "apps.toml", tmp_path)
    registry = tmp_path / "apps.toml"
    head, mark, rest = registry.read_text().partition("[environments.dev]\n")
    registry.write_text(head + mark + rest.replace("apps = [\n", f"apps = [\n{entry[0]}\n", 1) + "\n" + table[0] + "\n")
    assert spawn("render", cwd=tmp_path).code == 0
    done = spawn("check", cwd=tmp_path)
    assert (done.code, done.out) == (0, "3 charts, 10 Applications: valid and up to date\n"), done
