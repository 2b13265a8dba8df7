"""`Site` → the text of every page. The only HTML; all that goes into it is escaped. Pure but for its templates."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator.console import escape
from generator.promotion.history import History
from generator.promotion.matrix import age
from generator.promotion.metrics import Measures
from generator.promotion.policy import shown
from generator.site.drawing import svg
from generator.site.graph import asks, promotion_graph
from generator.site.model import OPEN, STATES, Site
from generator.site.plots import Bar, columns, rows

if TYPE_CHECKING:
    import jinja2

#: Names that Windows keeps for devices, whatever follows the first dot; no app's name has an underscore.
_DEVICES = {"con", "prn", "aux", "nul", *(f"{kind}{number}" for kind in ("com", "lpt") for number in range(10))}
_MOST_ROWS = 15


def pages(site: Site) -> dict[str, bytes]:
    """Every file of the site by its path. The same site gives the same bytes."""
    files = {path: text.encode() for path, text in _texts(site)}
    own = Path(__file__).parent / "assets"
    return dict(sorted({**files, **{path.name: path.read_bytes() for path in sorted(own.iterdir())}}.items()))


def _texts(site: Site) -> Iterator[tuple[str, str]]:
    yield "index.html", first_page(site)
    yield "metrics.html", _page("metrics", site, root="", **_plots(site))
    for app in site.apps:
        yield place("apps", app.name), _page("app", site, app=app)
    for environment in site.environments:
        yield place("environments", environment.name), _page("environment", site, environment=environment)


def first_page(site: Site) -> str:
    """The matrix, and the promotion graph below it."""
    picture = svg(promotion_graph(site.book.registry), alone=False, name="promotion")
    return _page("index", site, root="", picture=picture)


def place(folder: str, name: str) -> str:
    """The path of an app's or environment's page."""
    return f"{folder}/{name}{'_' if name in _DEVICES else ''}.html"


def _page(template: str, site: Site, root: str = "../", **facts: Any) -> str:
    return _template(f"{template}.html.j2").render(site=site, root=root, **facts)


def _plots(site: Site) -> dict[str, Any]:
    found = site.delivery
    weeks = [Bar(f"{each.begin:%m-%d}", each.deployments, str(each.deployments), each.failures) for each in found.weeks]
    teams = found.teams[:_MOST_ROWS]
    leads = [Bar(each.team, each.lead_time.total_seconds(), age(each.lead_time)) for each in teams if each.lead_time]
    failed = [Bar(each.team, each.failure_rate or 0, f"{each.failure_rate or 0:.0%}") for each in teams]
    return {
        "weekly": columns(weeks, "Deployments by week", "weekly"),
        "leads": rows(leads, "Median lead time by team", "leads"),
        "failed": rows(failed, "Share of deployments rolled back by team", "failed"),
    }


@functools.cache
def _template(name: str) -> jinja2.Template:
    return _environment().get_template(name)


@functools.cache
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        finalize=_plain,
    )
    environment.filters |= {"moment": _moment, "day": _day, "iso": _iso, "web": _is_web, "measured": _measured}
    environment.globals |= {"states": STATES, "open_states": OPEN, "place": place, "asks": asks, "revision": _revision}
    return environment


def _plain(value: Any) -> Any:
    """What reorders or hides text is spelled out; git's authors and subjects are judged by no schema."""
    return escape(value) if type(value) is str else value


def _moment(when: datetime) -> str:
    return f"{shown(when)} UTC"


def _day(when: datetime) -> str:
    return shown(when)[:10]


def _iso(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _is_web(url: str) -> bool:
    """Whether a browser may be sent there: any other scheme could be a program."""
    return url.startswith(("https://", "http://"))


def _revision(history: History, app: str, exact: str | None) -> str:
    return history.shown(app, exact)


def _measured(each: Measures) -> list[str]:
    rate, times = each.failure_rate, (each.lead_time, each.time_to_restore)
    lead, restore = (age(time) if time is not None else "-" for time in times)
    return [str(each.deployments), f"{each.per_week:.1f}", lead, "-" if rate is None else f"{rate:.0%}", restore]
