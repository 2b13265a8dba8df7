"""The site in Chromium, from the disk: filters, the keyboard, narrow screens, axe-core, hostile text, and time."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from generator.site.pages import render_index_page, render_pages
from generator.site.views import CELL_STATES
from tests.site.chromium import written
from tests.site.sample import sample
from tests.site.test_pages import wild

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

_FOCUSED = """(() => {
  const at = document.activeElement;
  return at.id || at.value || at.getAttribute("aria-label") || at.textContent;
})()"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(render_pages(sample()), tmp_path_factory.mktemp("site"))


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """A page that may ask for files alone, and must not complain."""
    opened = browser.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    asked: list[str] = []
    said: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("dialog", lambda dialog: said.append(dialog.message))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("console", lambda message: said.append(message.text))
    yield opened
    opened.close()
    assert not [url for url in asked if not url.startswith("file://")]
    assert not said


def shown(tab: Page) -> list[str]:
    """The apps whose rows are seen."""
    rows = tab.locator(".matrix tbody tr:visible th a")
    return [text.strip() for text in rows.all_text_contents()]


def address(tab: Page) -> str:
    query: str = tab.evaluate("location.search")
    return query


def wide(tab: Page) -> int:
    """By how much the page is wider than the window."""
    width: int = tab.evaluate("document.documentElement.scrollWidth - innerWidth")
    return width


def test_filters_are_in_the_url_and_follow_the_back_button(tab: Page, folder: Path) -> None:
    tab.goto(f"{folder.as_uri()}/index.html")
    assert len(shown(tab)) == 24
    tab.get_by_label("Search").type("CHECK")
    assert (shown(tab), address(tab)) == (["checkout"], "?q=CHECK")
    tab.get_by_label("Team").select_option("logistics")
    tab.get_by_label("Environment", exact=True).select_option("prod-us")
    assert address(tab) == "?q=CHECK&team=logistics&env=prod-us"
    assert tab.locator(".matrix thead th:visible").count() == 2
    tab.go_back()
    assert (address(tab), tab.locator(".matrix thead th:visible").count()) == ("?q=CHECK&team=logistics", 6)
    tab.go_back()
    assert (shown(tab), tab.get_by_label("Team").input_value()) == (["checkout"], "")
    tab.go_back()
    assert (len(shown(tab)), tab.get_by_label("Search").input_value(), address(tab)) == (24, "", "")


def test_a_shared_url_shows_the_same_rows(tab: Page, folder: Path) -> None:
    blocked = [app.name for app in sample().apps if {"blocked", "held"} & {cell.state for cell in app.cells}]
    tab.goto(f"{folder.as_uri()}/index.html?state=blocked,held&team=nobody&env=%3Cb%3E&q=%20")
    assert shown(tab) == blocked
    assert tab.get_by_role("status").text_content() == f"{len(blocked)} of 24 apps"
    tab.get_by_role("button", name="Clear").click()
    tab.wait_for_url(lambda url: "?" not in url)
    assert len(shown(tab)) == 24
    tab.get_by_label("Search").fill("no such app")
    assert tab.get_by_text("No app matches.").is_visible()


def test_the_keyboard_reaches_everything_in_reading_order(tab: Page, folder: Path) -> None:
    tab.goto(f"{folder.as_uri()}/index.html")
    seen = []
    for _ in range(25):
        tab.keyboard.press("Tab")
        seen.append(tab.evaluate(_FOCUSED))
    assert seen[0] == "Skip to content"
    assert seen[10:25] == [
        *("q", "team", "env", "sort"),
        *("blocked", "held", "frozen", "behind", "ahead", "differs", "retired", "current", "absent"),
        *("Clear", "audit"),
    ]
    tab.get_by_role("checkbox", name="blocked").focus()
    tab.keyboard.press("Space")
    assert address(tab) == "?state=blocked"
    tab.keyboard.press("/")
    assert tab.evaluate("document.activeElement.id") == "q"


def chip(tab: Page, state: str) -> int:
    """The number beside a state."""
    return int(tab.locator(f".chip.{state} b").text_content() or "")


def test_numbers_count_apps_within_the_other_filters(tab: Page, folder: Path) -> None:
    site = sample()
    tab.goto(f"{folder.as_uri()}/index.html")
    assert {state: chip(tab, state) for state in CELL_STATES} == {
        state: site.app_count_by_state.get(state, 0) for state in CELL_STATES
    }
    tab.goto(f"{folder.as_uri()}/index.html?team=shop&env=prod-us&state=blocked")
    cells = [cell for app in site.apps if app.team == "shop" for cell in app.cells if cell.environment == "prod-us"]
    for state in CELL_STATES:
        assert chip(tab, state) == sum(cell.state == state for cell in cells), state


def test_rows_are_sorted_by_name_attention_last_change_or_team(tab: Page, folder: Path) -> None:
    apps = sample().apps
    tab.goto(f"{folder.as_uri()}/index.html")
    names = [app.name for app in sorted(apps, key=lambda app: app.name)]
    assert shown(tab) == names
    tab.get_by_label("Sort by").select_option("attention")
    assert address(tab) == "?sort=attention"
    assert shown(tab) == [app.name for app in sorted(apps, key=lambda app: (app.urgency, app.name))]
    tab.goto(f"{folder.as_uri()}/index.html?sort=changed")
    assert shown(tab)[0] == max(apps, key=lambda app: app.events[0].happened_at).name
    tab.get_by_label("Sort by").select_option("team")
    assert shown(tab) == [app.name for app in sorted(apps, key=lambda app: (app.team, app.name))]
    tab.get_by_role("button", name="Clear").click()
    tab.wait_for_url(f"{folder.as_uri()}/index.html")
    assert shown(tab) == names


def test_what_needs_attention_follows_the_filters(tab: Page, folder: Path) -> None:
    tab.goto(f"{folder.as_uri()}/index.html?team=shop")
    site = sample()
    waiting = [app.name for cells in site.attention.values() for app, _ in cells if app.team == "shop"]
    tab.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    entries = tab.locator(".group li:visible")
    assert [each.get_attribute("data-app") for each in entries.all()] == waiting
    tab.goto(f"{folder.as_uri()}/index.html?q=no-such-app")
    assert not tab.get_by_role("heading", name="Needs attention").is_visible()


def test_paper_has_all_rows_and_no_controls(tab: Page, folder: Path) -> None:
    tab.goto(f"{folder.as_uri()}/index.html")
    tab.emulate_media(media="print")
    assert len(shown(tab)) == 24
    assert not tab.get_by_label("Search").is_visible()
    assert not tab.get_by_role("navigation", name="Site").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_core_finds_no_violation(tab: Page, folder: Path, scheme: Any) -> None:
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or not found.submodule_search_locations:
        pytest.skip("axe-core is not installed")
    axe = (Path(found.submodule_search_locations[0]) / "axe.min.js").read_text()
    tab.emulate_media(color_scheme=scheme)
    own = {
        "light": ("metrics.html", "apps/checkout.html"),
        "dark": ("environments/prod-us.html", "activity.html"),
    }
    for name in ("index.html", *own[scheme]):
        tab.goto(f"{folder.as_uri()}/{name}")
        tab.evaluate(axe)
        faults = tab.evaluate("axe.run({ preload: false }).then((found) => found.violations)")
        assert [(each["id"], each["nodes"][0]["html"]) for each in faults] == [], name


@pytest.mark.parametrize("width", [360, 640])
def test_narrow_pages_do_not_scroll_sideways(tab: Page, folder: Path, width: int) -> None:
    """640 pixels are what a window of 1280 has left at 200 %."""
    tab.set_viewport_size({"width": width, "height": 640})
    for name in ("index.html", "metrics.html", "activity.html", "apps/checkout.html", "environments/prod-us.html"):
        tab.goto(f"{folder.as_uri()}/{name}")
        assert wide(tab) <= 0, name


def test_hostile_text_runs_nothing(tab: Page, tmp_path: Path) -> None:
    site = written(render_pages(wild()), tmp_path)
    tab.set_viewport_size({"width": 360, "height": 640})
    for path in sorted(site.rglob("*.html")):
        tab.goto(path.as_uri())
        assert tab.locator("script").count() == 1
        assert tab.locator("img").count() == 0
        assert wide(tab) <= 0, path.name
    tab.goto(f"{site.as_uri()}/index.html?q=%3Cscript%3Ealert(1)%3C/script%3E")
    assert shown(tab) == ["bad", "con", "gone", "scp"]


def test_without_javascript_everything_is_shown(browser: Browser, folder: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{folder.as_uri()}/index.html?q=checkout")
    assert tab.locator(".matrix tbody tr:visible").count() == 24
    assert "Filters need JavaScript" in tab.inner_text("main")
    assert tab.get_by_label("Search").is_disabled()
    context.close()


def test_two_thousand_apps_are_a_small_page_that_filters(tab: Page, folder: Path, tmp_path: Path) -> None:
    small = sample()
    apps = tuple(replace(small.apps[n % 24], name=f"{small.apps[n % 24].name}-{n}") for n in range(2000))
    matrix = render_index_page(replace(small, apps=apps)).encode()
    assert len(matrix) < 3_000_000
    assets = {name: (folder / name).read_bytes() for name in ("site.css", "site.js", "icon.svg")}
    written({**assets, "index.html": matrix}, tmp_path)
    tab.goto(f"{tmp_path.as_uri()}/index.html")
    tab.get_by_label("Search").fill("billing")
    assert tab.get_by_role("status").text_content() == "84 of 2000 apps"
    tab.get_by_label("Search").fill("")
    assert tab.get_by_role("status").text_content() == "2000 apps"
