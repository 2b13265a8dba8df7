"""Registry edits that roll back, hold, unhold, retire or remove apps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from generator.argocd.revisions import shorten_commit
from generator.errors import ConflictError, RefusedError, UsageError
from generator.promotion.history import History
from generator.promotion.pins import Pin, RemoteLookup, WantedRevision, choose_pin
from generator.promotion.policy_rules import format_hold
from generator.promotion.times import format_day, format_time, parse_duration_seconds
from generator.promotion.trailers import PolicyOverride
from generator.registry.effective import EffectiveApp
from generator.registry.problems import require_known_name
from generator.registry.promotion_lists import ListEntry, format_entry_comment
from generator.registry.registry import Environment

if TYPE_CHECKING:
    from generator.registry.editable import EditableRegistry


@dataclass(frozen=True)
class RegistryEdit:
    """A finished edit of the registry, with its commit subject and trailers and the messages for the user.

    `overrides` are the policy rules that the user overrides for this change.
    """

    editable: EditableRegistry
    subject: str
    trailers: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    overrides: tuple[PolicyOverride, ...] = ()


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
    current = require_listed_app(editable, environment, name)
    target = _find_rollback_target(history, current, requested_revision)
    pin = Pin(target, history.commit_tags.get((name, target), ""))
    policy_environment = require_environment(editable, environment)
    if policy_environment.policy.pin == "commit":
        pin = choose_pin(WantedRevision(current, target, pin.tag, pinned=True), policy_environment, "", remotes)
    reason = collapse_whitespace(given_reason) or f"was {history.format_revision(name, current.revision)}"
    note = f"{format_day(now)} rolled back: {reason}"
    # A new note tells a rollback from any other return to an earlier revision.
    note += " (again)" if policy_environment.holds.get(name) == note else ""
    after = editable.with_entries(environment, [build_list_entry(editable, environment, name, pin)])
    after = after.with_note(environment, "holds", name, note)
    messages = (
        f"{name}: {environment} {history.format_revision(name, current.revision)} → {format_pin(pin)}",
        f"{name} is held in {environment}, so that nothing promotes it again; to allow promotions: "
        f"workloads unhold {name} --in {environment}",
    )
    subject = f"roll back {name} to {pin.tag or shorten_commit(target)}: {environment}"
    return RegistryEdit(after, subject, _format_reason_trailers(reason), messages)


def _find_rollback_target(history: History, current: EffectiveApp, requested_revision: str | None) -> str:
    name, environment = current.app, current.environment
    earlier = history.list_earlier_revisions(environment, name, current.revision)
    if history.is_cut_off and not earlier:
        raise ConflictError(
            "WL5010",
            f"cannot tell what ran in {environment} before: this clone is shallow, so older changes are missing",
            remedy="git fetch --unshallow",
        )
    if requested_revision is None:
        if not earlier:
            raise UsageError("WL1103", f"{name} has no earlier revision in {environment}, by the Git history")
        return earlier[0]
    ran = {change.new_revision for change in history.filter_changes(name, environment)} - {None}
    names = {str(revision): history.format_revision(name, revision) for revision in ran}
    found = next((revision for revision in names if requested_revision in (revision, names[revision])), None)
    if current.revision in (found, requested_revision):
        raise UsageError(
            "WL1104", f"{environment} has {history.format_revision(name, requested_revision)} of {name} already"
        )
    by_promotion = f"workloads promote {name} --to {environment} --revision {shorten_commit(requested_revision)}"
    if found is None:
        known = ", ".join(history.format_revision(name, revision) for revision in earlier[:5])
        raise RefusedError(
            "WL3108",
            f"{name} never ran {shorten_commit(requested_revision)} in {environment}"
            + (f"; earlier revisions: {known}" if known else ""),
            remedy=f"to deploy a revision that never ran there: {by_promotion}",
        )
    if found not in earlier:
        raise RefusedError(
            "WL3108",
            f"{names[found]} of {name} ran in {environment} after the current revision, so this is no rollback",
            remedy=by_promotion,
        )
    return found


def hold_apps(
    editable: EditableRegistry,
    names: Sequence[str],
    environment: str,
    reason: str,
    now: datetime,
    until: datetime | None = None,
) -> RegistryEdit:
    """Hold apps: refuse their promotions into an environment, until a time or until they are allowed again."""
    require_environment(editable, environment)
    reason = collapse_whitespace(reason)
    if not reason:
        raise UsageError("WL1003", "a hold needs a reason", remedy="give the reason with --reason TEXT")
    if until is not None and until <= now:
        raise UsageError("WL1004", f"--until {format_time(until)} is in the past")
    after, messages = editable, []
    for name in dict.fromkeys(names):
        require_app(editable, name)
        after = after.with_note(environment, "holds", name, format_hold(reason, now, until))
        end = f" until {format_time(until)}" if until else ""
        undo = f"workloads unhold {name} --in {environment}"
        messages.append(f"{name} is held in {environment}{end}; to allow promotions: {undo}")
    subject = f"hold {_join_names(names)}: {environment}"
    return RegistryEdit(after, subject, _format_reason_trailers(reason), tuple(messages))


def unhold_apps(editable: EditableRegistry, names: Sequence[str], environment: str) -> RegistryEdit:
    """Allow promotions of held apps again. Raises UsageError if one of them is not held."""
    after, messages = editable, []
    for name in dict.fromkeys(names):
        if name not in require_environment(editable, environment).holds:
            require_app(editable, name)
            raise UsageError("WL1102", f"{name} is not held in {environment}")
        after = after.with_note(environment, "holds", name, None)
        messages.append(f"{name} may be promoted to {environment} again")
    return RegistryEdit(after, f"unhold {_join_names(names)}: {environment}", (), tuple(messages))


def _join_names(names: Sequence[str]) -> str:
    unique = list(dict.fromkeys(names))
    return ", ".join(unique) if len(unique) <= 3 else f"{len(unique)} apps"


def retire_app(editable: EditableRegistry, name: str, environment: str, reason: str, now: datetime) -> RegistryEdit:
    """Retire an app before its removal: its Application stays, without prune and cascading finalizer.

    Raises RefusedError if an environment that promotes only from this one still lists the app.
    """
    require_listed_app(editable, environment, name)
    if name in require_environment(editable, environment).retired:
        return RegistryEdit(
            editable,
            "",
            (),
            (f"{name} is already retired in {environment}", *_describe_removal_step(name, environment)),
        )
    _refuse_only_source(editable, name, environment)
    reason = collapse_whitespace(reason)
    after = editable.with_note(environment, "retired", name, f"{format_day(now)} {reason}".strip())
    messages = (f"{name} is retired in {environment}: its Application stays, without prune and without its finalizer",)
    return RegistryEdit(
        after,
        f"retire {name}: {environment}",
        _format_reason_trailers(reason),
        (*messages, *_describe_removal_step(name, environment)),
    )


def _describe_removal_step(name: str, environment: str) -> tuple[str, ...]:
    return (f"when this is published and Argo CD has synced it: workloads remove {name} --in {environment}",)


def _refuse_only_source(editable: EditableRegistry, name: str, environment: str) -> None:
    """Raise RefusedError if another environment lists the app and has no other source environment for it."""
    registry = editable.registry
    for env in registry.environments.values():
        others = [each for each in env.promotes_from if each != environment and registry.find_listing(each, name)]
        if environment in env.promotes_from and registry.find_listing(env.name, name) and not others:
            raise RefusedError(
                "WL4106",
                f"{name} still runs in {env.name}, which promotes from {environment}",
                remedy=f"retire it there first: workloads retire {name} --in {env.name}",
            )


def unretire_app(editable: EditableRegistry, name: str, environment: str) -> RegistryEdit:
    """Undo a retirement. Raises UsageError if the app is not retired."""
    if name not in require_environment(editable, environment).retired:
        require_app(editable, name)
        raise UsageError("WL1102", f"{name} is not retired in {environment}")
    after = editable.with_note(environment, "retired", name, None)
    return RegistryEdit(after, f"keep {name}: {environment}", (), (f"{name} is no longer retired in {environment}",))


#: The published Applications by `<env>/<app>`, as the inventory lists them.
PublishedApplications = Mapping[str, Mapping[str, str]]


class RetirementProof(NamedTuple):
    """What proves that Argo CD has taken over a retirement: the user's word, its live state, or the time since then.

    `difference` is how the live Application differs from the retired one, "" if it does not, None if that is not known.
    """

    now: datetime
    published_at: datetime | None = None
    synced: bool = False
    difference: str | None = None


def remove_retired_app(
    editable: EditableRegistry,
    name: str,
    environment: str | None,
    published: PublishedApplications,
    forget: bool = False,
    proof: RetirementProof | None = None,
) -> RegistryEdit:
    """Remove a retired app from an environment, and with `forget` also the app's own table.

    Raises RefusedError if the retirement was never published, if nothing proves that Argo CD has synced it, or if
    the app to forget is still listed elsewhere. Without `proof`, the published retirement is enough.
    """
    require_app(editable, name)
    after, messages, subject = editable, [], f"forget {name}"
    if environment is not None:
        _refuse_unpublished_retirement(editable, name, environment, published)
        if proof is not None:
            _refuse_unsynced_retirement(editable, name, environment, proof)
        after, subject = _remove_entry_and_notes(editable, name, environment), f"remove {name}: {environment}"
        messages.append(f"{name} is removed from {environment}; its workload keeps running there")
        messages += _list_needed_steps(editable, environment)
    registry = editable.registry
    elsewhere = [env for env in registry.environments if env != environment and registry.find_listing(env, name)]
    if forget and elsewhere:
        raise RefusedError(
            "WL4106", f"{name} still runs in {', '.join(elsewhere)}", remedy="retire and remove it there first"
        )
    if forget:
        after = _remove_app_table(after, name)
        messages.append(f"{name} is no longer in the registry")
    elif not elsewhere:
        messages.append(f"{name} is in no environment now; to remove its table too: workloads remove {name} --forget")
    return RegistryEdit(after, subject, (), tuple(messages))


def _list_needed_steps(editable: EditableRegistry, environment: str) -> Iterator[str]:
    """What Argo CD waits for before it deletes an Application of an environment, with the way to give it."""
    table = require_environment(editable, environment)
    if len(table.listings) == 1:
        yield (
            f"it was the last app of {environment}: Argo CD does not prune a whole chart automatically, so sync the "
            f"Application that deploys the chart of {environment} with prune once"
        )
    if table.policy.confirm_deletion:
        namespace = table.argocd_settings.namespace
        yield (
            f"{environment} has policy.confirmDeletion: after you publish, Argo CD waits, and syncs nothing else in "
            f"{environment}, until you confirm on the Application that deploys its chart: kubectl annotate application "
            f"PARENT --namespace {namespace} argocd.argoproj.io/deletion-approved=$(date -u +%Y-%m-%dT%H:%M:%SZ)"
        )


def _refuse_unpublished_retirement(
    editable: EditableRegistry, name: str, environment: str, published: PublishedApplications
) -> None:
    require_listed_app(editable, environment, name)
    _refuse_only_source(editable, name, environment)
    if "retired" not in published.get(f"{environment}/{name}", {}):
        retired = name in require_environment(editable, environment).retired
        first = "" if retired else f"workloads retire {name} --in {environment}, "
        raise RefusedError(
            "WL4104",
            f"{name} in {environment} was never published as retired: removing it would delete its workload",
            remedy=f"{first}publish the retirement, let Argo CD sync it, then remove it",
        )


def _refuse_unsynced_retirement(
    editable: EditableRegistry, name: str, environment: str, proof: RetirementProof
) -> None:
    """Raise RefusedError if the retirement is too young: Argo CD deletes the workload until it has synced it."""
    wait = require_environment(editable, environment).policy.retire_for
    ready = proof.published_at + timedelta(seconds=parse_duration_seconds(wait)) if proof.published_at else None
    if proof.difference and not proof.synced:
        raise RefusedError(
            "WL4105",
            f"Argo CD does not have the retirement of {name} in {environment} yet: {proof.difference}",
            remedy="let Argo CD sync it, then run this again",
        )
    if proof.synced or proof.difference == "" or (ready is not None and ready <= proof.now):
        return
    since = f"was published {format_time(proof.published_at)}" if proof.published_at else "has no known publish time"
    later = f"run this again after {format_time(ready)}, or " if ready else ""
    raise RefusedError(
        "WL4105",
        f"the retirement of {name} in {environment} {since}, and Argo CD may not have synced it yet",
        remedy=f"{later}check in Argo CD that it is synced and add --synced",
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
    return editable.without_app(name)


def _format_reason_trailers(reason: str) -> tuple[str, ...]:
    return (f"Reason: {reason}",) if reason else ()


def build_list_entry(editable: EditableRegistry, environment: str, name: str, pin: Pin) -> ListEntry:
    """Build the promotion list entry for a pin, with the remark of the entry that it replaces."""
    item = editable.find_entry(environment, name)
    return ListEntry(name, pin.revision, format_entry_comment(pin.tag, item.user_comment if item else ""))


def format_pin(pin: Pin) -> str:
    """Format a pin for display: `v1.2.0 (0123456789ab)`; empty for no pin."""
    revision = shorten_commit(pin.revision or "")
    return f"{pin.tag} ({revision})" if pin.tag else revision


def require_listed_app(editable: EditableRegistry, environment: str, name: str) -> EffectiveApp:
    """Return an app with its settings for an environment. Raises UsageError if the environment does not list it."""
    require_environment(editable, environment)
    require_app(editable, name)
    app = editable.registry.find_effective_app(environment, name)
    if app is None:
        raise UsageError("WL1101", f"{name} is not in {environment}")
    return app


def require_environment(editable: EditableRegistry, name: str) -> Environment:
    """Return the environment of that name. Raises UsageError, with the nearest match, if it is unknown."""
    require_known_name(name, editable.registry.environments, "environment")
    return editable.registry.environments[name]


def require_app(editable: EditableRegistry, name: str) -> None:
    """Raise UsageError, with the nearest match, if the registry has no app of that name."""
    require_known_name(name, editable.registry.apps, "app")


def collapse_whitespace(text: str) -> str:
    """Replace each run of whitespace by one space, so that a user's text stays on one line and adds no trailer."""
    return " ".join(text.split())
