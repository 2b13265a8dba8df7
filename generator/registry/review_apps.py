"""Every app in every environment, against Argo CD's rules, its team's grants and all other apps, with places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from generator.registry.carried import free_form, not_carried
from generator.registry.draft import DeclaredApp, Draft
from generator.registry.effective import EffectiveApp, Layer, base_layer, declared_fields, in_environment
from generator.registry.memo import Memo, key_of
from generator.registry.model import App
from generator.registry.project_rules import denials
from generator.registry.references import Claim, Clash, clashes, server_of
from generator.registry.registry import Environment
from generator.registry.repeats import repeated
from generator.registry.report import suggestion
from generator.registry.rules import Finding, Setting, judge, pin_problems, reads_revision
from generator.registry.shape import is_refused
from generator.registry.shards import shard_application, shard_of, shard_project
from generator.registry.since import newer_fields
from generator.registry.tenancy import Tenancy, privileges
from generator.registry.text import shown
from generator.registry.toml import Path

_KIND = "apps"


def review_apps(draft: Draft, memo: Memo) -> None:
    """Report what is wrong with each app, and between them. What `memo` knows to be right is not judged again."""
    review = _Review(draft, memo)
    by_team: dict[str, list[str]] = {}
    for name, app in draft.apps.items():
        by_team.setdefault(app.layer["team"], []).append(name)
    of: dict[str, list[Claim]] = {}
    for team, names in by_team.items():
        of.update(review.claims(team, names))
    claims = [claim for name in draft.apps for claim in of.get(name, ())]
    _owned_projects(draft, claims)
    running = [claim for claim in claims if claim.running]
    for clash in clashes(running):
        _clash(draft, clash)
    _shard_names(draft, running)
    _creators(draft, running)


class _Review:
    """Judges the apps of a team by themselves, and tells what they claim."""

    def __init__(self, draft: Draft, memo: Memo) -> None:
        self._draft = draft
        self._memo = memo
        self._base = base_layer(draft.defaults)
        sharded = [name for name, env in draft.environments.items() if env.shards is not None]
        self._tenancy = Tenancy(draft.teams, draft.settings.argocd, frozenset(map(shard_project, sharded)))
        self._settings = {env: _setting(draft, env) for env in ("", *draft.environments)}
        self._ground = key_of(_ground(draft))

    def claims(self, team: str, names: list[str]) -> Mapping[str, list[Claim]]:
        """The claims of a team's apps, by app."""
        key = self._key(team, names)
        known = self._memo.get(_KIND, key)
        if known is not None:
            return {name: [Claim._make(claim) for claim in claims] for name, claims in known.items()}
        problems = len(self._draft.report.problems)
        claims = {name: self._judged(name) for name in names}
        if len(self._draft.report.problems) == problems:
            self._memo.put(_KIND, key, {name: [tuple(claim) for claim in own] for name, own in claims.items()})
        return claims

    def _key(self, team: str, names: list[str]) -> str:
        draft = self._draft
        apps = [(name, draft.apps[name].layer, draft.apps[name].refused) for name in names]
        entries = [[(env, entry.text) for env, entry in draft.runs_in.get(name, {}).items()] for name in names]
        return key_of((self._ground, team, apps, entries))

    def _judged(self, name: str) -> list[Claim]:
        app = self._draft.apps[name]
        if not _declaration(self._draft, name, app):
            return []
        return list(self._effective_apps(name, app))

    def _effective_apps(self, name: str, app: DeclaredApp) -> Iterator[Claim]:
        """Judge an app in every environment that lists it or that it speaks of, by itself where there is none."""
        draft, narrower = self._draft, app.layer.get("environments", {})
        entries = draft.runs_in.get(name, {})
        listed = {env: entry.listing.pin for env, entry in entries.items() if env in draft.environments}
        spoken_of = dict.fromkeys(env for env in narrower if env in draft.environments)
        known = declared_fields(self._base, app.layer)
        by_revision = reads_revision(known.fields)
        sound: set[tuple[str | None, str]] = set()
        for env, pin in {**spoken_of, **(listed or {"": None})}.items():
            merged = in_environment(known, name, app.layer, env, pin)
            # Where an environment has no words of its own, what is sound in one is sound in all that see it alike.
            alike = pin if by_revision else None, self._settings[env].suffix
            if env in narrower:
                self._sound(app, merged)
            elif alike not in sound and self._sound(app, merged):
                sound.add(alike)
            if env in listed:
                draft.merged[env, entries[env].listing] = merged
                _pin(draft, merged)
                _denied(draft, merged, draft.finished(env))
                yield Claim.of(merged, draft.finished(env))
            else:
                yield Claim.on_project(merged)

    def _sound(self, app: DeclaredApp, merged: EffectiveApp) -> bool:
        """Report what is wrong with a merged app; whether there is nothing."""
        env = merged.environment
        findings = [*judge(merged, self._settings[env]), *self._tenancy.judge(merged)]
        told = (found for found in findings if not is_refused(found.path, _refused(app, env)))
        _report(self._draft, merged.app, env, told)
        return not findings


def _ground(draft: Draft) -> tuple[Any, ...]:
    """All that the judgement of an app rests on besides its own tables and entries."""
    # What an environment says of its own apps is not among it: a promotion would have every team judged again.
    told_elsewhere: dict[str, Any] = {"apps": [], "holds": {}, "retired": {}, "hand_over": False}
    environments = {name: env.model_copy(update=told_elsewhere) for name, env in draft.environments.items()}
    names = [list(draft.names["environments"]), list(draft.names["teams"])]
    tables = environments, draft.teams, draft.projects, draft.defaults
    return draft.settings.argocd, draft.settings.allow_schemes, names, tables


def _owned_projects(draft: Draft, claims: Iterable[Claim]) -> None:
    """A project belongs to the first team that uses it."""
    owners: dict[str, str] = {}
    for claim in claims:
        team = draft.apps[claim.app].layer["team"]
        other = owners.setdefault(claim.project, team)
        if other == team or is_refused(("project",), _refused(draft.apps[claim.app], claim.environment)):
            continue
        text = f'project "{claim.project}" is team "{other}"\'s: two teams never share one'
        _report(draft, claim.app, claim.environment, [Finding(("project",), text, True)])


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


def _setting(draft: Draft, env: str) -> Setting:
    settings = draft.settings
    suffix = draft.environments[env].name_suffix if env else ""
    return Setting(settings.argocd.version, frozenset(settings.allow_schemes), suffix)


def _pin(draft: Draft, app: EffectiveApp) -> None:
    """A promotion list says what runs in an environment, as its policy wants it said."""
    for text, refused in pin_problems(app, draft.environments[app.environment].policy.pin):
        entry = draft.runs_in[app.app][app.environment]
        draft.report.written(entry.document, entry.path, text, refused=refused)


def _refused(app: DeclaredApp, environment: str) -> list[Path]:
    """The paths that are left out of an app's table, as its merged form has them."""
    overlay: Path = ("environments", environment)
    return [path[2:] if path[:2] == overlay else path for path in app.refused]


def _denied(draft: Draft, app: EffectiveApp, env: Environment) -> None:
    if app.project not in draft.projects:
        return
    for path, text in denials(app, server_of(app, env), draft.projects[app.project]):
        draft.complain(("projects", app.project, *path), text, refused=True)


def _report(draft: Draft, app: str, environment: str, findings: Iterable[Finding]) -> None:
    for path, text, refused in findings:
        document, place = draft.locate(app, environment, path)
        draft.report.value(document, place, text, refused=refused)


def _clash(draft: Draft, clash: Clash) -> None:
    app, other = clash.app, clash.other
    entry = draft.runs_in[app.app][app.environment]
    text = (
        f'{clash.what} is that of "{other.app}" in {other.environment} too, and both are in Argo CD '
        f'"{draft.finished(app.environment).argocd}": {clash.remedy}'
    )
    draft.report.written(entry.document, entry.path, text)


def _shard_names(draft: Draft, running: Iterable[Claim]) -> None:
    """The Applications that shards are have names that nothing else has in the same Argo CD."""
    running = list(running)
    finished = {name: draft.finished(name) for name in draft.environments}
    taken: dict[tuple[str, str], str] = {}
    for claim in running:
        env = finished[claim.environment]
        if env.shards is not None:
            shard = shard_of(env, draft.apps[claim.app].layer["team"], claim.project)
            application = shard_application(env.name, shard)
            first = taken.setdefault((env.argocd, application), env.name)
            if first != env.name:
                text = f'Application "{application}" is the name of a shard of {first} too: rename team or environment'
                draft.complain(("environments", env.name, "shards"), text)
    for claim in running if taken else ():
        sharded = taken.get((claim.argocd, claim.application))
        if sharded is not None:
            entry = draft.runs_in[claim.app][claim.environment]
            text = f'Application "{claim.application}" is the name of a shard of {sharded}: rename the app'
            draft.report.written(entry.document, entry.path, text)


def _creators(draft: Draft, running: Iterable[Claim]) -> None:
    """A project is created by one chart of an Argo CD: two would each undo what the other did."""
    creators: dict[tuple[str, str], str] = {}
    told: set[Path] = set()
    for claim in filter(lambda claim: claim.creates, running):
        env = claim.environment
        first = creators.setdefault((claim.argocd, claim.project), env)
        place: Path = ("environments", env, "createProjects")
        if first == env or place in told:
            continue
        told.add(place)
        text = f'Argo CD "{claim.argocd}" gets project "{claim.project}" from {first} already: create it in one of them'
        if claim.by_itself:
            _report(draft, claim.app, env, [Finding(("createProject",), text)])
        else:
            draft.complain(place, text)
