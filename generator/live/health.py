"""Check whether a live Application is healthy at what the registry says, term by term, and since when. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from generator.argocd.revisions import shorten_commit
from generator.live.applications import LiveApplication
from generator.live.expected import EditedField, list_edited_fields
from generator.promotion.policy_rules import UnmetTerm
from generator.promotion.times import format_age

#: The terms, in the order in which they are listed, and what each of them asks.
TERMS = {
    "seen": "the Application was read",
    "kept": "it is not being deleted",
    "spec": "its spec is what the chart renders, its targetRevision above all",
    "compared": "Argo CD's verdict is about this spec",
    "commit": "what it is synced to is the commit, digest or version of the pin",
    "synced": "it is Synced",
    "operation": "the last sync succeeded at that commit, and none runs or waits",
    "reconciled": "Argo CD compared it after that sync ended",
    "error": "Argo CD reports no error",
    "healthy": "it is Healthy",
    "fresh": "Argo CD's verdict is not old",
    "since": "Argo CD says since when it is Healthy",
}
#: How much later the clock of Argo CD may be.
_MAX_CLOCK_DIFFERENCE = timedelta(minutes=5)


def find_unmet_terms(
    live: LiveApplication,
    expected: Mapping[str, Any],
    commits: Mapping[int, Collection[str]],
    now: datetime,
    max_age: timedelta,
) -> list[UnmetTerm]:
    """List the terms that do not hold, in the order of TERMS.

    `commits` are the commits, digests or versions that the source at an index may be synced to. A verdict older than
    `max_age` is old.
    """
    found = {
        "kept": "it is being deleted" if live.is_being_deleted else "",
        "spec": _describe_edited_spec(list_edited_fields(expected, live)),
        "compared": _describe_comparison(live),
        "commit": "; ".join(_describe_commits(live, commits)),
        "synced": "" if live.sync_status == "Synced" else f"it is {live.sync_status}",
        "operation": _describe_operation(live),
        "reconciled": _describe_reconciliation(live),
        "error": "; ".join(live.errors),
        "healthy": _describe_health(live),
        "fresh": describe_age(live, now, max_age),
        "since": "" if live.health_since else "Argo CD does not say since when it has this health",
    }
    return [UnmetTerm(term, found[term]) for term in TERMS if found.get(term)]


def find_healthy_since(live: LiveApplication) -> datetime | None:
    """Since when nothing interrupted its health, as far as Argo CD records it: its last change, and the last sync."""
    times = [live.health_since, live.operation_finished_at]
    return max((time for time in times if time), default=None)


def _describe_edited_spec(edited: list[EditedField]) -> str:
    """Name the first field of the spec that differs, a revision before others."""
    fields = [each for each in edited if each.field.startswith("spec.")]
    first = min(fields, key=lambda each: "targetRevision" not in each.field, default=None)
    if first is None:
        return ""
    more = f" (and {len(fields) - 1} more)" if len(fields) > 1 else ""
    return f"{first.field} is {_show(first.live)}, and the chart has {_show(first.expected)}{more}"


def _show(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _describe_comparison(live: LiveApplication) -> str:
    """Why the verdict is not about the spec. Of a source hydrator, Argo CD compares what it wrote itself."""
    compared = live.compared_to
    if not compared:
        return "Argo CD has not compared it yet"
    differs = ["destination"] if compared.get("destination") != live.spec.get("destination") else []
    if "sourceHydrator" not in live.spec and _list_sources(compared) != _list_sources(live.spec):
        differs.append("source")
    return f"Argo CD compared another {' and '.join(differs)}, and not yet this one" if differs else ""


def _list_sources(table: Mapping[str, Any]) -> list[Any]:
    """The sources of a spec; where there are several, Argo CD writes an empty `source` beside them."""
    return table.get("sources") or [table.get("source") or {}]


def _describe_commits(live: LiveApplication, commits: Mapping[int, Collection[str]]) -> Iterator[str]:
    revisions = live.revisions
    for index, names in commits.items():
        revision = revisions[index] if index < len(revisions) else ""
        if revision not in names:
            wanted = " or ".join(shorten_commit(name) for name in sorted(names)) or "unknown"
            yield f"it is at {shorten_commit(revision) or 'no commit'}, and the pin is {wanted}"


def _describe_operation(live: LiveApplication) -> str:
    if live.waits_for_operation:
        return "a sync was asked for and has not begun"
    if live.operation_phase != "Succeeded":
        said = f": {live.operation_message}" if live.operation_message else ""
        return f"the last sync is {live.operation_phase}{said}" if live.operation_phase else "there was no sync yet"
    if live.operation_revisions != live.compared_revisions:
        was, now = (
            shorten_commit(each[0]) if each else "nothing"
            for each in (live.operation_revisions, live.compared_revisions)
        )
        return f"the last sync was of {was}, and {now} is compared: sync it once"
    return ""


def _describe_reconciliation(live: LiveApplication) -> str:
    finished, reconciled = live.operation_finished_at, live.reconciled_at
    if finished is None or reconciled is None:
        return "Argo CD does not say when it compared it, or when the last sync ended"
    return "" if finished <= reconciled else "Argo CD has not compared it since the last sync ended"


def _describe_health(live: LiveApplication) -> str:
    said = f": {live.health_message}" if live.health_message else ""
    return "" if live.health_status == "Healthy" else f"it is {live.health_status}{said}"


def describe_age(live: LiveApplication, now: datetime, max_age: timedelta) -> str:
    """Say that Argo CD compared an Application too long ago, or in the future; empty if it did not."""
    if live.reconciled_at is None:
        return "Argo CD does not say when it compared it last"
    age = now - live.reconciled_at
    if age < -_MAX_CLOCK_DIFFERENCE:
        return f"Argo CD compared it last in {format_age(-age)}: a clock is wrong, here or there"
    return f"Argo CD compared it last {format_age(age)} ago, more than {format_age(max_age)}" if age > max_age else ""
