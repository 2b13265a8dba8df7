"""Registry edits that roll back, hold, unhold, retire or remove an app."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from generator.errors import RefusedError, UsageError
from generator.promotion.history import History, shorten_commit
from generator.promotion.pins import Pin, RemoteLookup, WantedRevision, choose_pin
from generator.promotion.policy import format_time
from generator.registry.editable import EditableRegistry
from generator.registry.effective import EffectiveApp
from generator.registry.problems import suggest_nearest
from generator.registry.promotion_lists import format_entry_comment
from generator.registry.registry import Environment
from generator.registry.text_edits import EntryEdit


@dataclass(frozen=True)
class RegistryEdit:
    """A finished edit of the registry, with its commit subject and trailers and the messages for the user."""

    editable: EditableRegistry
    subject: str
    trailers: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()


def roll_back_app(
    editable: EditableRegistry,
    name: str,
    environment: str,
    requested_revision: str | None,
    history: History,
    now: datetime,
    given_reason: str,
    remotes: RemoteLookup,
) -> RegistryEdit:
    """Roll an app back to its previous revision (or `requested_revision`) and hold it there.

    Raises UsageError where nothing ran before, or the app does not run there; RefusedError for a revision that
    never ran there.
    """
    current = require_running_app(editable, name, environment)
    target = _find_rollback_target(history, current, requested_revision)
    pin = Pin(target, history.commit_tags.get((name, target), ""))
    if require_environment(editable, environment).policy.pin == "commit":
        pin = choose_pin(
            WantedRevision(current, target, pin.tag, pinned=True),
            require_environment(editable, environment),
            "",
            remotes,
        )
    reason = collapse_whitespace(given_reason) or f"was {history.format_revision(name, current.revision)}"
    after = editable.with_entries(environment, [build_list_entry(editable, environment, name, pin)])
    after = after.with_note(environment, "holds", name, f"{format_time(now)[:10]} rolled back: {reason}")
    told = (
        f"{name}: {environment} {history.format_revision(name, current.revision)} → {format_pin(pin)}",
        f"{name} is held in {environment}, so that nothing promotes it again; to end that: "
        f"workloads release {name} --in {environment}",
    )
    return RegistryEdit(
        after,
        f"roll back {name} to {pin.tag or shorten_commit(target)}: {environment}",
        _format_reason_trailers(reason),
        told,
    )


def _find_rollback_target(history: History, current: EffectiveApp, requested_revision: str | None) -> str:
    name, environment = current.app, current.environment
    before = history.list_earlier_revisions(environment, name, current.revision)
    if requested_revision is None:
        if not before:
            raise UsageError(f"git knows of no revision of {name} in {environment} before this one")
        return before[0]
    ran = {move.new_revision for move in history.filter_changes(name, environment) if move.new_revision is not None}
    found = next(
        (revision for revision in ran if requested_revision in (revision, history.commit_tags.get((name, revision)))),
        None,
    )
    if found == current.revision or requested_revision == current.revision:
        raise UsageError(f"{name} runs {history.format_revision(name, requested_revision)} in {environment} already")
    if found is None:
        known = ", ".join(history.format_revision(name, revision) for revision in before[:5])
        raise RefusedError(
            f"{name} never ran {shorten_commit(requested_revision)} in {environment}"
            + (f"; before this one ran {known}" if known else ""),
            remedy=f"for what never ran there: workloads promote {name} --to {environment} --revision {shorten_commit(requested_revision)}",  # noqa: E501
        )
    return found


def hold_app(editable: EditableRegistry, name: str, environment: str, reason: str, now: datetime) -> RegistryEdit:
    """Hold an app: refuse its promotions into an environment until the hold ends."""
    require_environment(editable, environment)
    require_app(editable, name)
    reason = collapse_whitespace(reason)
    if not reason:
        raise UsageError("a hold needs a reason", remedy="say why with --reason TEXT")
    after = editable.with_note(environment, "holds", name, f"{format_time(now)[:10]} {reason}")
    told = f"{name} is held in {environment}; to end that: workloads release {name} --in {environment}"
    return RegistryEdit(after, f"hold {name}: {environment}", _format_reason_trailers(reason), (told,))


def unhold_app(editable: EditableRegistry, name: str, environment: str) -> RegistryEdit:
    """Allow promotions of a held app again. Raises UsageError if it is not held."""
    if name not in require_environment(editable, environment).holds:
        require_app(editable, name)
        raise UsageError(f"{name} is not held in {environment}")
    after = editable.with_note(environment, "holds", name, None)
    return RegistryEdit(
        after, f"release {name}: {environment}", (), (f"{name} may be promoted to {environment} again",)
    )


def retire_app(editable: EditableRegistry, name: str, environment: str, reason: str, now: datetime) -> RegistryEdit:
    """Retire an app before its removal: its Application stays, without prune and cascading finalizer.

    Raises RefusedError if an environment that promotes only from this one still runs the app.
    """
    require_running_app(editable, name, environment)
    if name in require_environment(editable, environment).retired:
        return RegistryEdit(
            editable,
            "",
            (),
            (f"{name} is retired in {environment} already", *_describe_removal_step(name, environment)),
        )
    _refuse_only_source(editable, name, environment)
    reason = collapse_whitespace(reason)
    after = editable.with_note(environment, "retired", name, f"{format_time(now)[:10]} {reason}".strip())
    told = (f"{name} is retired in {environment}: its Application stays, without prune and without its finalizer",)
    return RegistryEdit(
        after,
        f"retire {name}: {environment}",
        _format_reason_trailers(reason),
        (*told, *_describe_removal_step(name, environment)),
    )


def _describe_removal_step(name: str, environment: str) -> tuple[str, ...]:
    return (f"once this is published and Argo CD has synced it: workloads remove {name} --in {environment}",)


def _refuse_only_source(editable: EditableRegistry, name: str, environment: str) -> None:
    """Raise RefusedError if another environment runs the app and has no other source environment for it."""
    for env in editable.registry.environments.values():
        others = [
            source for source in env.promotes_from if source != environment and find_running_app(editable, source, name)
        ]
        if environment in env.promotes_from and find_running_app(editable, env.name, name) is not None and not others:
            raise RefusedError(
                f"{name} still runs in {env.name}, which is promoted from {environment}",
                remedy=f"first: workloads retire {name} --in {env.name}",
            )


def unretire_app(editable: EditableRegistry, name: str, environment: str) -> RegistryEdit:
    """Undo a retirement. Raises UsageError if the app is not retired."""
    if name not in require_environment(editable, environment).retired:
        require_app(editable, name)
        raise UsageError(f"{name} is not retired in {environment}")
    after = editable.with_note(environment, "retired", name, None)
    return RegistryEdit(after, f"keep {name}: {environment}", (), (f"{name} is not retired in {environment} any more",))


#: The published Applications by `<env>/<app>`, as the inventory lists them.
PublishedApplications = Mapping[str, Mapping[str, str]]


def remove_retired_app(
    editable: EditableRegistry,
    name: str,
    environment: str | None,
    published: PublishedApplications,
    forget: bool = False,
) -> RegistryEdit:
    """Remove a retired app from an environment, and with `forget` also the app's own table.

    Raises RefusedError if the retirement was never published, or if the app to forget still runs elsewhere.
    """
    require_app(editable, name)
    after, told, subject = editable, [], f"forget {name}"
    if environment is not None:
        _refuse_unpublished_retirement(editable, name, environment, published)
        after, subject = _remove_entry_and_notes(editable, name, environment), f"remove {name}: {environment}"
        told.append(f"{name} left {environment}; what it deployed there keeps running until somebody deletes it")
    elsewhere = [
        env for env in editable.registry.environments if env != environment and find_running_app(editable, env, name)
    ]
    if forget and elsewhere:
        raise RefusedError(f"{name} still runs in {', '.join(elsewhere)}", remedy="retire and remove it there first")
    if forget:
        after = _remove_app_table(after, name)
        told.append(f"{name} is not in the registry any more")
    elif not elsewhere:
        told.append(f"{name} runs nowhere now; to take its table away too: workloads remove {name} --forget")
    return RegistryEdit(after, subject, (), tuple(told))


def _refuse_unpublished_retirement(
    editable: EditableRegistry, name: str, environment: str, published: PublishedApplications
) -> None:
    require_running_app(editable, name, environment)
    _refuse_only_source(editable, name, environment)
    if "retired" not in published.get(f"{environment}/{name}", {}):
        retired = name in require_environment(editable, environment).retired
        first = "" if retired else f"workloads retire {name} --in {environment}, "
        raise RefusedError(
            f"{name} in {environment} was never published as retired: removing it would delete its workload",
            remedy=f"{first}publish the retirement, let Argo CD sync it, then remove it",
        )


def _remove_entry_and_notes(editable: EditableRegistry, name: str, environment: str) -> EditableRegistry:
    notes = require_environment(editable, environment)
    after = editable.without_entry(environment, name)
    for table, noted in (("retired", notes.retired), ("holds", notes.holds)):
        after = after.with_note(environment, table, name, None) if name in noted else after
    return after


def _remove_app_table(editable: EditableRegistry, name: str) -> EditableRegistry:
    for env in editable.registry.environments.values():
        editable = editable.with_note(env.name, "holds", name, None) if name in env.holds else editable
    return editable.without_table(("apps", name), editable.app_files[name])


def _format_reason_trailers(reason: str) -> tuple[str, ...]:
    return (f"Reason: {reason}",) if reason else ()


def build_list_entry(editable: EditableRegistry, environment: str, name: str, pin: Pin) -> EntryEdit:
    """Build the promotion list entry for a pin, with the remark of the entry that it replaces."""
    item = editable.find_entry(environment, name)
    return EntryEdit(name, pin.revision, format_entry_comment(pin.tag, item.user_comment if item else ""))


def format_pin(pin: Pin) -> str:
    """Format a pin for display: its tag and commit."""
    revision = shorten_commit(pin.revision or "")
    return f"{pin.tag} ({revision})" if pin.tag else revision


def find_running_app(editable: EditableRegistry, environment: str, name: str) -> EffectiveApp | None:
    """Return the effective app of an environment; None if the app does not run there."""
    return editable.registry.find_effective_app(environment, name)


def require_running_app(editable: EditableRegistry, name: str, environment: str) -> EffectiveApp:
    """Return the effective app of an environment. Raises UsageError if it does not run or is unknown."""
    require_environment(editable, environment)
    require_app(editable, name)
    app = find_running_app(editable, environment, name)
    if app is None:
        raise UsageError(f"{name} does not run in {environment}")
    return app


def require_environment(editable: EditableRegistry, name: str) -> Environment:
    """Return the environment of that name. Raises UsageError if it is unknown."""
    require_known_name(name, editable.registry.environments, "environment")
    return editable.registry.environments[name]


def require_app(editable: EditableRegistry, name: str) -> None:
    """Raise UsageError if the registry has no such app."""
    require_known_name(name, editable.registry.apps, "app")


def require_known_name(name: str, names: Iterable[str], kind: str) -> None:
    """Raise UsageError, with the nearest match, if `name` is not among `names`."""
    if name not in names:
        raise UsageError(f'unknown {kind} "{name}"{suggest_nearest(name, names)}')


def collapse_whitespace(text: str) -> str:
    """Put a user's text on one line, so that it cannot add a commit trailer."""
    return " ".join(text.split())
