"""The pages: what they say, that they are escaped, and that the same site gives the same bytes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from generator.artifacts.artifact_versions import AppRemotes
from generator.promotion.history import History, HoldChange, RevisionChange
from generator.site.links import SiteLinks
from generator.site.pages import page_path, render_pages
from generator.site.views import ATTENTION_STATES, CELL_STATES, DELIVERY_WEEKS, Site, build_site, list_events
from tests.charts.rendered import DATA
from tests.registry.writer import toml
from tests.site.sample import MOMENT, book_of, sample

#: Everything that might end a string, a tag or a script, and what no schema lets through but git does.
HOSTILE = """'"></script></title><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}&lt;javascript:alert(3)"""
GIT_ONLY = "\u202egnp.exe\x1b[31m\u2028"
URL = "https://github.com/acme/a.git"
_VOID = {"meta", "link", "input", "br", "img"}


def wild() -> Site:
    """A registry in which everybody who may write text writes the worst that the schema lets through."""
    revision = f"{HOSTILE}{'w' * 100}"
    app = {
        "team": "payments",
        "description": f"{HOSTILE}\n{HOSTILE}",
        "repoURL": URL,
        "path": "a",
        "targetRevision": "main",
        "helm": {"parameters": {"text": "${facts.text}"}},
    }
    freeze = {"from": MOMENT - timedelta(days=1), "until": MOMENT + timedelta(days=1), "reason": HOSTILE}
    data = {
        "version": 1,
        "allowSchemes": ["file"],
        "interpolate": True,
        "environments": {
            "dev": {
                "apps": [f"bad@{revision}", "con", "scp@v2", "gone"],
                "retired": {"gone": HOSTILE},
                "facts": {"text": HOSTILE},
            },
            "prod": {
                "promotesFrom": ["dev"],
                "apps": ["bad@v1", "con@v1", "scp@v1"],
                "holds": {"con": HOSTILE},
                "facts": {"text": HOSTILE},
                "policy": {"freeze": [freeze]},
            },
        },
        "teams": {
            "payments": {
                "owners": ["@acme/a"],
                "repositories": [URL, "git@github.com:acme/b.git", "file:///srv/c.git"],
                "namespaces": ["bad", "con", "scp", "gone"],
            }
        },
        "apps": {
            "bad": app,
            "con": app,
            "scp": {**app, "repoURL": "git@github.com:acme/b.git"},
            "gone": {**app, "repoURL": "file:///srv/c.git"},
        },
    }
    text = HOSTILE + GIT_ONLY
    moves = [
        RevisionChange("dev", "bad", None, revision, MOMENT - timedelta(days=9), text, "0" * 40, text, text),
        RevisionChange("prod", "bad", revision, None, MOMENT - timedelta(days=8), text, "1" * 40, text, ""),
        RevisionChange("prod", "bad", None, "v1", MOMENT - timedelta(days=7), text, "2" * 40, text, ""),
    ]
    return build_site(book_of(toml(data)), History(tuple(moves)), MOMENT, AppRemotes(), SiteLinks())


class Page(HTMLParser):
    """The elements of a page, each with its attributes, and its text."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(data.decode())
        self.close()
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [found for name, found in self.elements if name == tag and wanted.items() <= found.items()]


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return render_pages(sample())


@pytest.fixture(scope="module")
def hostile() -> dict[str, bytes]:
    return render_pages(wild())


def page(files: dict[str, bytes], name: str) -> Page:
    return Page(files[name])


def test_the_matrix_has_a_row_for_each_app_and_a_cell_for_each_environment(files: dict[str, bytes]) -> None:
    site = sample()
    cells = page(files, "index.html").all("td", role="cell")
    assert [(cell["data-env"], cell["data-state"]) for cell in cells] == [
        (cell.environment, cell.state) for app in site.apps for cell in app.cells
    ]
    assert {cell["data-state"] for cell in cells} == set(CELL_STATES)


def test_every_state_has_a_count(files: dict[str, bytes]) -> None:
    text = " ".join(page(files, "index.html").text.split())
    counts = sample().app_count_by_state
    for state, words in CELL_STATES.items():
        assert f"{words} {counts[state]} " in text
    assert counts["held"] == len({app.name for app, _ in sample().attention["held"]})


def test_every_app_and_environment_has_a_page_and_no_link_is_broken(files: dict[str, bytes]) -> None:
    assert {f"apps/{app.name}.html" for app in sample().apps} < files.keys()
    for name, data in files.items():
        if not name.endswith(".html"):
            continue
        folder = name.rpartition("/")[0]
        links = [*Page(data).all("a"), *Page(data).all("link"), *Page(data).all("script")]
        for link in links:
            to = str(link.get("href") or link.get("src")).partition("?")[0].partition("#")[0]
            if to.startswith("https://") or not to:
                continue
            path = to.removeprefix("../") if to.startswith("../") else f"{folder}/{to}".lstrip("/")
            assert path in files, (name, to)


def test_the_page_of_an_app_shows_sources_owners_revisions_and_history(files: dict[str, bytes]) -> None:
    found = page(files, "apps/checkout.html")
    assert found.all("a", href="https://github.com/logistics/checkout.git")
    for words in ("@acme/logistics", "deploy/chart", "hold: 2026-11-16 pen test", "pinned to v1.3.0"):
        assert words in found.text
    moves = next(app.events for app in sample().apps if app.name == "checkout")
    assert found.text.count(" UTC · ") == len(moves)
    assert [move.happened_at for move in moves] == sorted((move.happened_at for move in moves), reverse=True)


def test_the_page_of_an_environment_shows_policy_freezes_and_pending_promotions(files: dict[str, bytes]) -> None:
    found = page(files, "environments/prod-us.html")
    for words in ("tags and commits only", "48h", "frozen until 2026-12-01 08:00 UTC: Thanksgiving sales"):
        assert words in " ".join(found.text.split())
    view = next(env for env in sample().environments if env.name == "prod-us")
    assert len(found.all("li", **{"data-state": "frozen"})) == 2 * sum(cell.state == "frozen" for _, cell in view.cells)


def test_the_page_of_an_environment_shows_its_facts(files: dict[str, bytes]) -> None:
    text = " ".join(page(files, "environments/stage.html").text.split())
    assert "Facts domainstage.example.com regioneu-1 Policy" in text


def test_the_page_of_an_environment_shows_what_its_namespaces_get() -> None:
    text = (DATA / "golden" / "team-namespaces" / "apps.toml").read_text()
    files = render_pages(build_site(book_of(text), History(), MOMENT, AppRemotes(), SiteLinks()))
    shown = " ".join(page(files, "environments/prod.html").text.split())
    assert "Namespaces billing" in shown
    for words in ("pods 100", "view: payments-readers, payments-developers", "network policy: deny-all"):
        assert words in shown


def test_an_environment_without_facts_has_no_such_section() -> None:
    text = "version = 1\n[environments.dev]\n"
    files = render_pages(build_site(book_of(text), History(), MOMENT, AppRemotes(), SiteLinks()))
    assert "Facts" not in page(files, "environments/dev.html").text
    assert "Namespaces" not in page(files, "environments/dev.html").text


def test_the_page_of_an_app_shows_what_is_filled_in_in_each_environment(files: dict[str, bytes]) -> None:
    text = " ".join(page(files, "apps/checkout.html").text.split())
    for name in ("dev", "stage"):
        assert (
            "Filled-in fields 2 "
            f"helm.valueFiles[1]values-{name}.yaml from values-${{environment.name}}.yaml "
            f'helm.parameters."ingress.host"checkout.{name}.example.com from checkout.${{facts.domain}}'
        ) in text


def test_the_weeks_have_bars_and_numbers(files: dict[str, bytes]) -> None:
    found = page(files, "metrics.html")
    weeks = sample().delivery.weeks
    assert sum(week.deployments for week in weeks) == sum(
        each.deployments for each in sample().delivery.measures if not each.app
    )
    assert len(found.all("td", **{"class": "some"})) == sum(bool(week.failures) for week in weeks)
    bars = [bar for bar in found.all("progress") if bar["max"] == str(max(week.deployments for week in weeks))]
    assert [bar["value"] for bar in bars][: len(weeks)] == [str(week.deployments) for week in weeks]


def test_only_pages_that_show_the_time_change_with_it(files: dict[str, bytes]) -> None:
    assert render_pages(sample()) == files
    later = replace(sample(), moment=MOMENT + timedelta(minutes=1))
    assert {name for name, data in render_pages(later).items() if data != files[name]} == {"index.html"}


def test_nothing_is_loaded_from_elsewhere(files: dict[str, bytes]) -> None:
    for name, data in files.items():
        if name.endswith(".html"):
            found = Page(data)
            policy = str(found.all("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"])
            assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self';")
            assert not [each for _, each in found.elements if "style" in each or any(k.startswith("on") for k in each)]
            assert not [each for each in found.all("script") if not str(each["src"]).endswith("site.js")]
        elif name != "icon.svg":
            assert b"http" not in data


def test_hostile_text_stays_text(hostile: dict[str, bytes]) -> None:
    shown = HOSTILE + "\\u202egnp.exe\\x1b[31m\\u2028"
    for name, data in hostile.items():
        if not name.endswith(".html"):
            continue
        found = Page(data)
        assert len(found.all("script")) == 1, name
        assert not found.all("img")
        assert not set("\u202e\x1b\u2028") & set(data.decode())
        assert not [
            a for a in found.all("a") if str(a.get("href", "")).lower().startswith(("javascript", "data", "file"))
        ]
    app = page(hostile, "apps/bad.html")
    assert app.text.count(shown) >= 4
    assert f"{HOSTILE}\n{HOSTILE}" in app.text
    assert f'"{HOSTILE}"' in page(hostile, "environments/prod.html").text
    assert HOSTILE in page(hostile, "environments/dev.html").text


def test_only_web_urls_are_links(hostile: dict[str, bytes]) -> None:
    for name, url in (("scp", "git@github.com:acme/b.git"), ("gone", "file:///srv/c.git")):
        found = page(hostile, f"apps/{name}.html")
        assert url in found.text
        assert not [a for a in found.all("a") if a["href"] == url]
    assert page(hostile, "apps/bad.html").all("a", href=URL, rel="noopener noreferrer")


def test_no_page_has_a_reserved_file_name(hostile: dict[str, bytes]) -> None:
    assert page_path("apps", "con") == "apps/con_.html"
    assert "apps/con_.html" in hostile
    assert len({name.lower() for name in hostile}) == len(hostile)
    assert page(hostile, "index.html").all("a", href="apps/con_.html")


def test_an_empty_registry_has_a_site() -> None:
    files = render_pages(build_site(book_of("version = 1\n"), History(), MOMENT, AppRemotes(), SiteLinks()))
    assert "0 apps" in Page(files["index.html"]).text
    assert len(Page(files["metrics.html"]).all("progress")) == DELIVERY_WEEKS


def test_what_needs_attention_comes_first_with_the_command_that_promotes_it(files: dict[str, bytes]) -> None:
    site = sample()
    assert list(site.attention) == [state for state in ATTENTION_STATES if state in site.attention]
    text = " ".join(page(files, "index.html").text.split())
    assert text.index("Needs attention") < text.index("All apps 24 apps")
    for app, cell in site.attention["behind"]:
        assert f"workloads promote {app.name} --to {cell.environment}" in text


def test_the_activity_page_shows_rollbacks_holds_and_overrides() -> None:
    changes = (
        RevisionChange("prod", "bad", None, "v1", MOMENT - timedelta(days=9), "Ada", "0" * 40, "add", ""),
        RevisionChange(
            "prod", "bad", "v1", "v2", MOMENT - timedelta(days=8), "Ada", "1" * 40, "up", "", ("soak: fix",)
        ),
        RevisionChange("prod", "bad", "v2", "v1", MOMENT - timedelta(days=7), "Bob", "2" * 40, "back", "latency"),
        RevisionChange("prod", "gone", "v1", None, MOMENT - timedelta(days=6), "Bob", "3" * 40, "remove gone", ""),
    )
    holds = (
        HoldChange("prod", "bad", None, "pen test", MOMENT - timedelta(days=5), "Ada", "4" * 40, "hold"),
        HoldChange("prod", "bad", "pen test", None, MOMENT - timedelta(days=4), "Ada", "5" * 40, "unhold bad"),
    )
    events = list_events(History(changes, hold_changes=holds))
    assert [(each.kind, each.text) for each in events] == [
        ("no longer held", "unhold bad"),
        ("held", "pen test"),
        ("removed", "remove gone"),
        ("rolled back", "latency"),
        ("changed", "up"),
        ("added", "add"),
    ]
    site = replace(sample(), events=events)
    text = " ".join(Page(render_pages(site)["activity.html"]).text.split())
    for words in ("rolled back v2 → v1", "prod held", "overridden soak: fix", "changed v1 → v2", "prod removed v1"):
        assert words in text


def test_hashes_and_revisions_lead_to_the_forge_and_to_argo_cd(files: dict[str, bytes]) -> None:
    found = page(files, "apps/checkout.html")
    repository = "https://github.com/logistics/checkout"
    assert found.all("a", href=f"{repository}/tree/v1.3.0")
    assert found.all("a", href=f"{repository}/compare/v1.2.0...v1.3.0")
    assert found.all("a", href=f"https://github.com/acme/registry/commit/{'d' * 40}")
    assert found.all("a", href="https://argocd.example.com/prod-eu/applications/argocd/checkout")


def test_without_known_pages_nothing_is_linked(hostile: dict[str, bytes]) -> None:
    for name, data in hostile.items():
        if name.endswith(".html"):
            links = [str(each["href"]) for each in Page(data).all("a")]
            assert not [link for link in links if "/commit/" in link or "/applications/" in link], name


def test_each_metric_has_its_definition(files: dict[str, bytes]) -> None:
    found = page(files, "metrics.html")
    columns = ("Deployed", "Per week", "Lead time", "Rolled back", "Restored in", "Overridden")
    assert len(found.all("dt")) == len(found.all("dd")) == len(columns)
    assert "Neither onboarding an app nor a rollback is a deployment" in found.text
