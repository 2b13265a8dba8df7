"""Every app in every environment, against Argo CD's rules, its team's grants and all other apps, with places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from generator.registry.carried import free_form, not_carried
from generator.registry.draft import DeclaredApp, Draft
from generator.registry.effective import EffectiveApp, Layer, base_layer, effective
from generator.registry.model import App
from generator.registry.project_rules import denials
from generator.registry.references import Clash, clashes, server_of
from generator.registry.registry import Environment, Listing
from generator.registry.repeats import repeated
from generator.registry.report import suggestion
from generator.registry.rules import Finding, Setting, judge, pin_problems
from generator.registry.shape import is_refused
from generator.registry.since import newer_fields
from generator.registry.tenancy import Tenancy, privileges
from generator.registry.text import shown
from generator.registry.toml import Path

_Running = list[tuple[EffectiveApp, Environment]]


def review_apps(draft: Draft) -> None:
    """Report what is wrong with each app, and between them."""
    base = base_layer(draft.defaults)
    tenancy = Tenancy(draft.teams, draft.settings.argocd)
    running: _Running = []
    for name, app in draft.apps.items():
        if _declaration(draft, name, app):
            running += _effective_apps(draft, base, tenancy, name, app)
    for clash in clashes(running):
        _clash(draft, clash)
    _projects(draft, running)


def _declaration(draft: Draft, name: str, app: DeclaredApp) -> bool:
    """Report what is wrong with an app as it is written; whether it can be judged further."""
    at: Path = ("apps", name)
    for path, text in _as_written(app.layer, draft.settings.argocd.version):
        draft.report.value(app.document, (*at, *path), text)
    known = draft.names["environments"]
    for env in app.layer.get("environments", {}):
        if env not in known:
            text = f"unknown environment{suggestion(env, known)}"
            draft.report.key(app.document, (*at, "environments", env), text)
    team = app.layer["team"]
    if team not in draft.names["teams"]:
        text = f"unknown team {shown(team)}{suggestion(team, draft.names['teams'])}"
        draft.report.value(app.document, (*at, "team"), text)
    if team not in draft.teams:
        return False
    for path, text, refused in privileges(app.layer, team, draft.teams[team]):
        draft.report.value(app.document, (*at, *path), text, refused=refused)
    return True


def _as_written(layer: Layer, version: str) -> Iterator[tuple[Path, str]]:
    """What is wrong with an app's table by itself, its environments included."""
    yield from newer_fields(App, layer, version)
    yield from repeated(dict(layer))
    overlays = ((("environments", env), overlay) for env, overlay in layer.get("environments", {}).items())
    for at, part in (((), layer), *overlays):
        for place, table in free_form(part):
            for path, text in not_carried(table):
                yield (*at, *place, *path), text


def _effective_apps(
    draft: Draft, base: Layer, tenancy: Tenancy, name: str, app: DeclaredApp
) -> Iterator[tuple[EffectiveApp, Environment]]:
    """Judge an app in every environment that lists it or that it speaks of, by itself where there is none."""
    listed = {
        env: Listing.parse(entry.text).pin
        for env, entry in draft.runs_in.get(name, {}).items()
        if env in draft.environments
    }
    spoken_of = dict.fromkeys(env for env in app.layer.get("environments", {}) if env in draft.environments)
    for env, pin in {**spoken_of, **(listed or {"": None})}.items():
        merged = effective(base, name, app.layer, env, pin)
        findings = (*judge(merged, _setting(draft, env)), *tenancy.judge(merged))
        _report(draft, merged, (found for found in findings if not is_refused(found.path, _refused(app, env))))
        if env in listed:
            _pin(draft, merged)
            yield merged, draft.finished(env)


def _setting(draft: Draft, env: str) -> Setting:
    settings = draft.settings
    suffix = draft.environments[env].name_suffix if env else ""
    return Setting(settings.argocd.version, frozenset(settings.allow_schemes), suffix)


def _pin(draft: Draft, app: EffectiveApp) -> None:
    """A promotion list says what runs in an environment, as its policy wants it said."""
    entry = draft.runs_in[app.app][app.environment]
    for text, refused in pin_problems(app, draft.environments[app.environment].policy.pin):
        draft.report.written(entry.document, entry.path, text, refused=refused)


def _refused(app: DeclaredApp, environment: str) -> list[Path]:
    """The paths that are left out of an app's table, as its merged form has them."""
    overlay: Path = ("environments", environment)
    return [path[2:] if path[:2] == overlay else path for path in app.refused]


def _report(draft: Draft, app: EffectiveApp, findings: Iterable[Finding]) -> None:
    for path, text, refused in findings:
        document, place = draft.locate(app.app, app.environment, path)
        draft.report.value(document, place, text, refused=refused)


def _clash(draft: Draft, clash: Clash) -> None:
    app, other = clash.app, clash.other
    entry = draft.runs_in[app.app][app.environment]
    text = (
        f'{clash.what} is that of "{other.app}" in {other.environment} too, and both are in Argo CD '
        f'"{draft.finished(app.environment).argocd}": {clash.remedy}'
    )
    draft.report.written(entry.document, entry.path, text)


def _projects(draft: Draft, running: _Running) -> None:
    for app, env in running:
        for path, text in denials(app, server_of(app, env), draft.projects.get(app.project, {})):
            draft.complain(("projects", app.project, *path), text, refused=True)
    _creators(draft, running)


def _creators(draft: Draft, running: _Running) -> None:
    """A project is created by one chart of an Argo CD: two would each undo what the other did."""
    creators: dict[tuple[str, str], str] = {}
    told: set[Path] = set()
    for app, env in running:
        first = creators.setdefault((env.argocd, app.project), env.name) if _creates(app, env) else env.name
        place: Path = ("environments", env.name, "createProjects")
        if first == env.name or place in told:
            continue
        told.add(place)
        text = f'Argo CD "{env.argocd}" gets project "{app.project}" from {first} already: create it in one of them'
        if app.fields.get("createProject"):
            _report(draft, app, [Finding(("createProject",), text)])
        else:
            draft.complain(place, text)


def _creates(app: EffectiveApp, env: Environment) -> bool:
    fields: Mapping[str, Any] = app.fields
    return bool(fields.get("createProject", env.create_projects))
