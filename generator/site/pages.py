"""Render the pages of the site as escaped HTML. Pure except for reading templates and assets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from generator.html_templates import open_html_templates
from generator.promotion.history import History
from generator.promotion.metrics import DeliveryMetrics
from generator.promotion.times import format_age, format_time
from generator.site.graphs import rank_environments, summarize_policy
from generator.site.views import ATTENTION_STATES, CELL_STATES, Event, Site
from generator.toml.document import format_key_path

#: Names that Windows reserves for devices, with any extension. App names have no underscore, so `_` is safe.
_WINDOWS_DEVICE_NAMES = {*["con", "prn", "aux", "nul"], *(f"{kind}{i}" for kind in ("com", "lpt") for i in range(10))}
_MAX_BARS = 15
#: The activity page has so many changes; the pages of apps have all of theirs.
_MAX_EVENTS = 500


def render_pages(site: Site) -> dict[str, bytes]:
    """Render every file of the site by its path. The same site gives the same bytes."""
    files = {path: text.encode() for path, text in _render_page_texts(site)}
    own = Path(__file__).parent / "assets"
    return dict(sorted({**files, **{path.name: path.read_bytes() for path in sorted(own.iterdir())}}.items()))


def _render_page_texts(site: Site) -> Iterator[tuple[str, str]]:
    yield "index.html", render_index_page(site)
    yield "activity.html", _render_activity_page(site)
    yield "metrics.html", _render_template("metrics", site, root="", **_list_bars(site))
    for app in site.apps:
        yield page_path("apps", app.name), _render_template("app", site, app=app)
    for environment in site.environments:
        page = _render_template("environment", site, environment=environment)
        yield page_path("environments", environment.name), page


def render_index_page(site: Site) -> str:
    """Render the index page: the matrix, and the promotion graph below it."""
    views = {environment.name: environment for environment in site.environments}
    ranks = [[views[name] for name in rank] for rank in rank_environments(site.editable.registry)]
    return _render_template("index", site, root="", ranks=ranks)


def page_path(folder: str, name: str) -> str:
    """The path of the page of an app or environment."""
    return f"{folder}/{name}{'_' if name in _WINDOWS_DEVICE_NAMES else ''}.html"


def _render_activity_page(site: Site) -> str:
    repositories = {app.name: app.repository for app in site.apps}
    days = _group_by_day(site.events[:_MAX_EVENTS])
    return _render_template("activity", site, root="", days=days, repositories=repositories)


def _group_by_day(events: Iterable[Event]) -> list[tuple[str, list[Event]]]:
    return [(day, list(group)) for day, group in groupby(events, key=lambda event: _format_day(event.happened_at))]


class Bar(NamedTuple):
    """A bar of a chart: `value` in proportion to the largest, `text` as people read it."""

    name: str
    value: float
    text: str


def _list_bars(site: Site) -> dict[str, list[Bar]]:
    """The bars of the delivery page, by chart."""
    teams = site.delivery.teams[:_MAX_BARS]
    leads = [(each.team, each.lead_time) for each in teams if each.lead_time is not None]
    return {
        "leads": [Bar(team, time.total_seconds(), format_age(time)) for team, time in leads],
        "failed": [Bar(each.team, each.failure_rate or 0, f"{each.failure_rate or 0:.0%}") for each in teams],
    }


def _render_template(template: str, site: Site, root: str = "../", **context: Any) -> str:
    environment = open_html_templates(Path(__file__).parent / "templates")
    environment.filters |= {
        "moment": format_time,
        "day": _format_day,
        "iso": _format_iso,
        "key": format_key_path,
        "web": _is_web_url,
        "measured": _format_measures,
    }
    environment.globals |= {
        "states": CELL_STATES,
        "attention_states": ATTENTION_STATES,
        "place": page_path,
        "asks": summarize_policy,
        "revision": History.format_revision,
    }
    return environment.get_template(f"{template}.html.j2").render(site=site, root=root, **context)


def _format_day(when: datetime) -> str:
    return format_time(when)[:10]


def _format_iso(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _is_web_url(url: str) -> bool:
    """Whether a URL may become a link; other schemes could start a program."""
    return url.startswith(("https://", "http://"))


def _format_measures(measures: DeliveryMetrics) -> list[str]:
    rate, times = measures.failure_rate, (measures.lead_time, measures.time_to_restore)
    lead, restore = (format_age(time) if time is not None else "-" for time in times)
    failed = "-" if rate is None else f"{rate:.0%}"
    return [str(measures.deployments), f"{measures.per_week:.1f}", lead, failed, restore, str(measures.overridden)]
