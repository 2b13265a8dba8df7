"""The registry as a whole: references, promotion order, uniqueness, Argo CD's rules and tenancy, with places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from generator.registry.carried import free_form, not_carried
from generator.registry.draft import Draft, Entry
from generator.registry.memo import FORGETFUL, Memo
from generator.registry.model import BY_TEAM, AppFields, Environment
from generator.registry.project import ProjectFields
from generator.registry.project_rules import project_problems
from generator.registry.references import cycles, folds, helm_key
from generator.registry.repeats import repeated
from generator.registry.report import suggestion
from generator.registry.review_apps import review_apps
from generator.registry.rules import metadata_problems
from generator.registry.shards import shard_application
from generator.registry.since import newer_fields, release, too_new
from generator.registry.tenancy import claims
from generator.registry.text import revision_problem, shown
from generator.registry.toml import Path

#: What a label may hold: by labels an Argo CD tells whose an object is, where it does not by annotations.
_LONGEST_LABEL = 63
#: The first Argo CD that asks before it deletes.
_ASKS = "2.14"


def review(draft: Draft, memo: Memo = FORGETFUL) -> None:
    """Report everything that can only be seen with all files read."""
    _settings(draft)
    _environments(draft)
    for name in draft.environments:
        _entries(draft, name, draft.entries[name])
    _names(draft)
    _teams(draft)
    review_apps(draft, memo)
    _projects(draft)


def _settings(draft: Draft) -> None:
    version = draft.settings.argocd.version
    for at, table in free_form(draft.defaults):
        for path, text in not_carried(table):
            draft.complain(("defaults", *at, *path), text)
    for path, text in newer_fields(AppFields, draft.defaults, version):
        draft.complain(("defaults", *path), text)
    if draft.root is not None:
        for path, text in repeated({key: value for key, value in draft.root.data.items() if key != "apps"}):
            draft.report.written(draft.root, path, text)


def _environments(draft: Draft) -> None:
    for name, env in draft.environments.items():
        at: Path = ("environments", name)
        if env.server and env.cluster:
            draft.complain((*at, "cluster"), "an environment has a server or a cluster (destination.name): keep one")
        for path, text, refused in metadata_problems(env.labels, "labels"):
            draft.complain((*at, "labels", *path), text, refused=refused)
        for index, source in enumerate(env.promotes_from):
            _promotes_from(draft, (*at, "promotesFrom", index), env, index, source)
        _notes(draft, at, env, {entry.listing.app for entry in draft.entries[name]})
        _policy(draft, at, env)
        if env.shards is not None:
            _shards(draft, name, env)
    for way in cycles({name: env.promotes_from for name, env in draft.environments.items()}):
        text = f"the promotion order goes in a circle: {' → '.join(way)}"
        draft.complain(("environments", way[0], "promotesFrom"), text)


def _shards(draft: Draft, name: str, env: Environment) -> None:
    at: Path = ("environments", name, "shards")
    names = draft.names["teams"] if env.shards == BY_TEAM else [str(env.shards)]
    for application in (shard_application(name, shard) for shard in names):
        if len(application) > _LONGEST_LABEL:
            text = f'Application "{application}" would have {len(application)} characters, and Argo CD writes it into '
            draft.complain(at, f"{text}labels, which take {_LONGEST_LABEL}: shorten the name of environment or team")


def _notes(draft: Draft, at: Path, env: Environment, running: set[str]) -> None:
    """Holds, retirements and hand-overs name apps that there are."""
    handed_over = env.hand_over if isinstance(env.hand_over, list) else []
    gone = "does not run here: remove this line, or list the app until it is removed"
    noted: list[tuple[Path, str, str]] = [(("holds", app), app, "") for app in env.holds]
    noted += [(("retired", app), app, gone) for app in env.retired]
    noted += [(("handOver", i), app, f"{shown(app)} does not run here: remove it") for i, app in enumerate(handed_over)]
    for place, app, absent in noted:
        if app not in draft.names["apps"]:
            _unknown(draft, (*at, *place), "app", app, draft.names["apps"])
        elif absent and app not in running and draft.complete:
            draft.complain((*at, *place), absent)


def _unknown(draft: Draft, at: Path, what: str, name: str, known: Mapping[str, object]) -> None:
    # A file that could not be read may be what declares it.
    if draft.complete:
        draft.complain(at, f"unknown {what} {shown(name)}{suggestion(name, known)}")


def _promotes_from(draft: Draft, at: Path, env: Environment, index: int, source: str) -> None:
    known = draft.names["environments"]
    if source not in known:
        _unknown(draft, at, "environment", source, known)
    elif source in env.promotes_from[:index]:
        draft.complain(at, f'environment "{source}" is listed twice: remove one')


def _policy(draft: Draft, at: Path, env: Environment) -> None:
    for index, freeze in enumerate(env.policy.freeze):
        place = (*at, "policy", "freeze", index)
        if freeze.from_.tzinfo is None or freeze.until.tzinfo is None:
            draft.complain(place, "a freeze needs times with an offset, such as 2026-12-19T00:00:00Z")
        elif freeze.until <= freeze.from_:
            draft.complain(place, "until is not after from")
    version = draft.settings.argocd.version
    if env.policy.confirm_deletion and release(version) < release(_ASKS):
        draft.complain((*at, "policy", "confirmDeletion"), too_new(_ASKS, version))


def _entries(draft: Draft, name: str, entries: list[Entry]) -> None:
    env = draft.environments[name]
    lower = {entry.listing.app for source in env.promotes_from for entry in draft.entries.get(source, ())}
    seen: dict[str, Entry] = {}
    for entry in entries:
        for text in _entry_problems(draft, env, lower, seen, entry):
            draft.report.written(entry.document, entry.path, text)
        _listed_by_owner(draft, entry)


def _entry_problems(
    draft: Draft, env: Environment, lower: set[str], seen: dict[str, Entry], entry: Entry
) -> Iterator[str]:
    app, pin = entry.listing
    wrong = revision_problem(pin) if pin is not None else None
    if wrong:
        yield f"{shown(entry.text)}: the revision after @ {wrong}"
    first = seen.setdefault(app, entry)
    if first is not entry:
        place = first.document.value_position(first.path)
        where = f"{first.document.name}:{place.line}:{place.column}"
        yield f"{shown(app)} is listed twice: first in {where}; keep one of them"
    elif not draft.complete:
        return
    elif app not in draft.names["apps"]:
        yield f"unknown app {shown(app)}{suggestion(app, draft.names['apps'])}"
    elif env.promotes_from and app not in lower and draft.names["environments"].keys() >= set(env.promotes_from):
        below = ", ".join(dict.fromkeys(env.promotes_from))
        yield f'"{app}" runs in none of {below}, from where it is promoted: list it there first'


def _listed_by_owner(draft: Draft, entry: Entry) -> None:
    """A file with a team's apps lists only these: whoever may change the file decides about no other team."""
    owner = draft.teams_of.get(entry.document.name)
    declared = draft.apps.get(entry.listing.app)
    if owner and declared and declared.layer["team"] != owner:
        text = (
            f'{shown(entry.text)} is team "{declared.layer["team"]}"\'s, in a file of team "{owner}": '
            "list it in the root file, or in a file without apps"
        )
        draft.report.written(entry.document, entry.path, text, refused=True)


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


def _projects(draft: Draft) -> None:
    used = {str(layer["project"]) for layer in _layers(draft) if "project" in layer} | draft.names["apps"].keys()
    for name, fields in draft.projects.items():
        at: Path = ("projects", name)
        if name not in used and draft.complete:
            draft.complain(at, f"no app has this project{suggestion(name, used)}: remove it, or name it in an app")
        for path, text in newer_fields(ProjectFields, fields, draft.settings.argocd.version):
            draft.complain((*at, *path), text)
        for path, text, refused in project_problems(name, fields, draft.settings.argocd):
            draft.complain((*at, *path), text, refused=refused)


def _layers(draft: Draft) -> Iterator[Mapping[str, object]]:
    yield draft.defaults
    for app in draft.apps.values():
        yield app.layer
        yield from app.layer.get("environments", {}).values()
