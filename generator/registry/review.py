"""The registry as a whole: references, promotion order, uniqueness, Argo CD's rules and tenancy, with places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from generator.registry.argocd import ProjectFields
from generator.registry.carried import free_form, not_carried
from generator.registry.draft import DeclaredApp, Draft, Entry
from generator.registry.effective import EffectiveApp, Layer, base_layer, effective
from generator.registry.model import App, AppFields, Environment
from generator.registry.project_rules import project_problems
from generator.registry.references import Clash, clashes, cycle, folds, helm_key
from generator.registry.registry import Environment as FinishedEnvironment
from generator.registry.registry import Listing
from generator.registry.report import suggestion
from generator.registry.rules import Finding, Setting, judge, metadata_problems
from generator.registry.since import newer_fields
from generator.registry.tenancy import Tenancy, claims, privileges
from generator.registry.text import revision_problem, shown
from generator.registry.toml import Path

_VERSION = re.compile(r"\d{1,3}\.\d{1,3}(?:\.\d{1,3})?")
_OWNER = re.compile(r"@[A-Za-z0-9](?:[-A-Za-z0-9_.]*/?[-A-Za-z0-9_.]+)*|[^@\s,]+@[A-Za-z0-9.-]+")


def review(draft: Draft) -> None:
    """Report everything that can only be seen with all files read."""
    _settings(draft)
    _environments(draft)
    for name in draft.environments:
        _entries(draft, name, draft.entries[name])
    _names(draft)
    _teams(draft)
    _apps(draft)
    _projects(draft)


def _settings(draft: Draft) -> None:
    argocd = draft.settings.argocd
    if not _VERSION.fullmatch(argocd.version):
        draft.complain(("argocd", "version"), f'{shown(argocd.version)} is not a version such as "3.4"')
        # What follows compares versions; the default keeps one mistake from hiding the others.
        draft.settings = draft.settings.model_copy(update={"argocd": argocd.model_copy(update={"version": "3.4"})})
    for path, text in not_carried_in(draft.defaults):
        draft.complain(("defaults", *path), text)
    for path, text in newer_fields(AppFields, draft.defaults, draft.settings.argocd.version):
        draft.complain(("defaults", *path), text)


def not_carried_in(layer: dict[str, object] | object) -> Iterator[tuple[Path, str]]:
    """What in the free-form tables of an app's layer cannot reach Argo CD as written."""
    if isinstance(layer, dict):
        for at, table in free_form(layer):
            for path, text in not_carried(table):
                yield (*at, *path), text


def _environments(draft: Draft) -> None:
    for name, env in draft.environments.items():
        at: Path = ("environments", name)
        if env.server and env.cluster:
            draft.complain((*at, "cluster"), "an environment has a server or a cluster (destination.name): keep one")
        for path, text, refused in metadata_problems(env.labels, "labels"):
            draft.complain((*at, "labels", *path), text, refused=refused)
        if not re.fullmatch(r"(?:[-a-z0-9]*[a-z0-9])?", env.name_suffix):
            draft.complain((*at, "nameSuffix"), f"{shown(env.name_suffix)} cannot end a name: use '-', a-z and 0-9")
        for index, source in enumerate(env.promotes_from):
            _promotes_from(draft, (*at, "promotesFrom", index), env, index, source)
        for app in env.holds.keys() - draft.names["apps"].keys():
            draft.complain((*at, "holds", app), f"unknown app{suggestion(app, draft.names['apps'])}")
        _freeze(draft, at, env)
    round_trip = cycle({name: env.promotes_from for name, env in draft.environments.items()})
    if round_trip:
        way = " → ".join(round_trip)
        draft.complain(("environments", round_trip[0], "promotesFrom"), f"the promotion order goes in a circle: {way}")


def _promotes_from(draft: Draft, at: Path, env: Environment, index: int, source: str) -> None:
    known = draft.names["environments"]
    if source not in known:
        draft.complain(at, f'unknown environment "{source}"{suggestion(source, known)}')
    elif source in env.promotes_from[:index]:
        draft.complain(at, f'environment "{source}" is listed twice: remove one')


def _freeze(draft: Draft, at: Path, env: Environment) -> None:
    for index, freeze in enumerate(env.policy.freeze):
        place = (*at, "policy", "freeze", index)
        if freeze.from_.tzinfo is None or freeze.until.tzinfo is None:
            draft.complain(place, "a freeze needs times with an offset, such as 2026-12-19T00:00:00Z")
        elif freeze.until <= freeze.from_:
            draft.complain(place, "until is not after from")


def _entries(draft: Draft, name: str, entries: list[Entry]) -> None:
    env = draft.environments[name]
    lower = {Listing.parse(entry.text).app for source in env.promotes_from for entry in draft.entries.get(source, ())}
    seen: dict[str, Entry] = {}
    for entry in entries:
        for text in _entry_problems(draft, env, lower, seen, entry):
            draft.report.value(entry.document, entry.path, text)


def _entry_problems(
    draft: Draft, env: Environment, lower: set[str], seen: dict[str, Entry], entry: Entry
) -> Iterator[str]:
    app, pin = Listing.parse(entry.text)
    wrong = revision_problem(pin) if pin is not None else None
    if wrong:
        yield f"{shown(entry.text)}: the revision after @ {wrong}"
    if app not in draft.names["apps"]:
        yield f"unknown app {shown(app)}{suggestion(app, draft.names['apps'])}"
        return
    first = seen.setdefault(app, entry)
    if first is not entry:
        place = first.document.value_position(first.path)
        yield f'"{app}" is listed twice: first in {first.document.name}:{place.line}:{place.column}; keep one of them'
    if env.promotes_from and app not in lower:
        yield f'"{app}" runs in none of {", ".join(env.promotes_from)}, from where it is promoted: list it there first'


def _names(draft: Draft) -> None:
    for section, documents in draft.names.items():
        if section == "projects":
            continue
        for name, other in folds(documents):
            place = documents[other].key_position((section, other))
            where = f"{documents[other].name}:{place.line}:{place.column}"
            text = f'"{name}" and "{other}" ({where}) are one name to Helm, {helm_key(other)}: rename one'
            draft.report.key(documents[name], (section, name), text)


def _teams(draft: Draft) -> None:
    for path, text, refused in claims(draft.teams, draft.settings.argocd, frozenset(draft.settings.allow_schemes)):
        draft.complain(("teams", *path), text, refused=refused)
    for name, team in draft.teams.items():
        for index, owner in enumerate(team.owners):
            if not _OWNER.fullmatch(owner):
                text = f"{shown(owner)} is not an owner as CODEOWNERS takes it: @user, @org/team or an e-mail address"
                draft.complain(("teams", name, "owners", index), text)


def _projects(draft: Draft) -> None:
    used = {str(app.layer.get("project", name)) for name, app in draft.apps.items()}
    used |= {str(env["project"]) for app in draft.apps.values() for env in _overlays(app) if "project" in env}
    for name, fields in draft.projects.items():
        at: Path = ("projects", name)
        if name not in used:
            draft.complain(at, f"no app has this project{suggestion(name, used)}: remove it, or name it in an app")
        for path, text in newer_fields(ProjectFields, fields, draft.settings.argocd.version):
            draft.complain((*at, *path), text)
        for path, text, refused in project_problems(name, fields, draft.settings.argocd):
            draft.complain((*at, *path), text, refused=refused)


def _overlays(app: DeclaredApp) -> Iterator[Layer]:
    yield from app.layer.get("environments", {}).values()


def _apps(draft: Draft) -> None:
    tenancy = Tenancy(draft.teams, draft.settings.argocd)
    running: list[tuple[EffectiveApp, FinishedEnvironment]] = []
    for name, app in draft.apps.items():
        if _declaration(draft, name, app):
            running += _effective_apps(draft, tenancy, name, app)
    for clash in clashes(running):
        _clash(draft, clash)


def _declaration(draft: Draft, name: str, app: DeclaredApp) -> bool:
    """Report what is wrong with an app as it is written; whether it can be judged further."""
    at: Path = ("apps", name)
    for path, text in (*not_carried_in(app.layer), *newer_fields(App, app.layer, draft.settings.argocd.version)):
        draft.report.value(app.document, (*at, *path), text)
    for env, layer in app.layer.get("environments", {}).items():
        for path, text in not_carried_in(layer):
            draft.report.value(app.document, (*at, "environments", env, *path), text)
        if env not in draft.names["environments"]:
            hint = suggestion(env, draft.names["environments"])
            draft.report.key(app.document, (*at, "environments", env), f"unknown environment{hint}")
    team = app.layer["team"]
    if team not in draft.names["teams"]:
        text = f"unknown team {shown(team)}{suggestion(team, draft.names['teams'])}"
        draft.report.value(app.document, (*at, "team"), text)
    if team not in draft.teams:
        return False
    for path, text, refused in privileges(app.layer, team, draft.teams[team]):
        draft.report.value(app.document, (*at, *path), text, refused=refused)
    return True


def _effective_apps(
    draft: Draft, tenancy: Tenancy, name: str, app: DeclaredApp
) -> Iterator[tuple[EffectiveApp, FinishedEnvironment]]:
    """Judge an app in every environment that lists it, or by itself where none does."""
    base = base_layer(draft.defaults)
    listed = {
        env: Listing.parse(entry.text).pin
        for env, entry in draft.runs_in.get(name, {}).items()
        if env in draft.environments
    }
    for env, pin in (listed or {"": None}).items():
        merged = effective(base, name, app.layer, env, pin)
        policy = draft.environments[env].policy.pin if env else "any"
        setting = Setting(draft.settings.argocd.version, frozenset(draft.settings.allow_schemes), policy)
        findings = [*judge(merged, setting)]
        if not any(not finding.refused and finding.path == () for finding in findings):
            findings += tenancy.judge(merged)
        _report(draft, merged, findings)
        if env:
            yield merged, draft.finished(env)


def _report(draft: Draft, app: EffectiveApp, findings: Iterable[Finding]) -> None:
    for path, text, refused in findings:
        document, place = draft.locate(app.app, app.environment, path)
        draft.report.value(document, place, text, refused=refused)


def _clash(draft: Draft, clash: Clash) -> None:
    app, other = clash.app, clash.other
    entry = draft.runs_in[app.app][app.environment]
    text = (
        f'{clash.what} is that of "{other.app}" in {other.environment} too, and both are in Argo CD '
        f'"{draft.finished(app.environment).argocd}": give one environment a nameSuffix, or the app another namespace'
    )
    draft.report.value(entry.document, entry.path, text)
