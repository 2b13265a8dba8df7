"""Find the dangers of a difference, and remark on removals that only look dangerous. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from generator.argocd.workload_effects import IDENTITY_FIELDS
from generator.diff.compare import ABSENT, SHARD_FIELD, Manifest, ObjectDifference, value_at
from generator.diff.project_widening import find_widened_permissions
from generator.registry.application_rules import revision_kind

#: The title of each danger by its machine-readable name, gravest first.
DANGERS = {
    "deletes-workload": "deletes a running workload",
    "recreates-elsewhere": "recreates it elsewhere",
    "widens-project": "widens a project",
    "branch-in-pinned-environment": "branch in a pinned environment",
    "turns-on-prune-or-self-heal": "prune or self-heal turned on",
    "changes-finalizer": "finalizer changed",
}
_CASCADING_FINALIZER = "resources-finalizer.argocd.argoproj.io"
_SYNC_OPTIONS_ANNOTATION = "argocd.argoproj.io/sync-options"


class Danger(NamedTuple):
    """One danger: its name in `DANGERS`, and its description."""

    name: str
    text: str


class PinRules(NamedTuple):
    """An environment's pin policy (`any`, `tag` or `commit`), and its pinned apps."""

    pin: str = "any"
    pinned_apps: frozenset[str] = frozenset()


def find_dangers(difference: ObjectDifference, pin_rules: PinRules) -> tuple[Danger, ...]:
    """List the dangers of a difference, gravest first."""
    order = list(DANGERS)
    return tuple(sorted(_list_dangers(difference, pin_rules), key=lambda danger: order.index(danger.name)))


def removal_remark(difference: ObjectDifference) -> str:
    """Explain why a removal does not delete the workload; empty for every other difference."""
    before = difference.before
    if difference.after is not None or before is None or difference.key.kind != "Application":
        return ""
    if "Prune=false" in _annotation_sync_options(before):
        return "stays in the cluster (Prune=false), and is nobody's from now on"
    if not _has_cascading_finalizer(before):
        return "leaves its workload behind: it has no finalizer that would delete it"
    return ""


def _list_dangers(difference: ObjectDifference, pin_rules: PinRules) -> Iterator[Danger]:
    before, after, kind = difference.before, difference.after, difference.key.kind
    if kind == "Application":
        if before is not None and after is None and not removal_remark(difference):
            yield Danger("deletes-workload", _describe_deletion(before))
        if before is not None and after is not None:
            yield from _find_recreation(before, after)
            yield from _find_enabled_automation(before, after)
        if after is not None:
            yield from _find_unpinned_branches(before, after, difference.app, pin_rules)
    if kind == "AppProject" and before is not None and after is not None:
        yield from (Danger("widens-project", text) for text in find_widened_permissions(before, after))
    if before is not None and after is not None:
        yield from _find_finalizer_change(before, after)


def _describe_deletion(before: Manifest) -> str:
    told = f"everything that runs for it in namespace {_application_identity(before)['namespace']}"
    told += f" on {_application_identity(before)['cluster'].partition(':')[2]}"
    asked = {"Prune=confirm", "Delete=confirm"} & _annotation_sync_options(before)
    return f"{told}; Argo CD waits for somebody to confirm it" if asked else told


def _application_identity(item: Manifest) -> dict[str, str]:
    """The identity of an Application, with the same fields as in the removal guard."""
    destination = value_at(item, "spec", "destination") or {}
    field = "server" if value_at(destination, "server") else "name"
    parts = {
        "name": value_at(item, "metadata", "name"),
        "argocdNamespace": value_at(item, "metadata", "namespace"),
        "project": value_at(item, "spec", "project"),
        "cluster": f"{field}:{value_at(destination, field) or ''}",
        "namespace": value_at(destination, "namespace"),
        "shard": value_at(item, SHARD_FIELD),
    }
    return {name: str(value or "") for name, value in parts.items()}


def _find_recreation(before: Manifest, after: Manifest) -> Iterator[Danger]:
    old, new = _application_identity(before), _application_identity(after)
    moved = [
        f"{part} {old[part] or '(none)'} → {new[part] or '(none)'}"
        for part in IDENTITY_FIELDS
        if old[part] != new[part]
    ]
    if moved and not (_is_kept_on_removal(before) and old | {"shard": ""} == new | {"shard": ""}):
        yield Danger("recreates-elsewhere", ", ".join(moved))


def _find_enabled_automation(before: Manifest, after: Manifest) -> Iterator[Danger]:
    old, new = _list_automation_effects(before), _list_automation_effects(after)
    for name, effect in new.items():
        if name not in old:
            yield Danger("turns-on-prune-or-self-heal", f"{name}: {effect}")


def _list_automation_effects(item: Manifest) -> dict[str, str]:
    """The automated actions that an Application turns on, each with its effect on the workload."""
    automated = value_at(item, "spec", "syncPolicy", "automated")
    if not isinstance(automated, Mapping) or automated.get("enabled") is False:
        return {}
    on = {}
    if automated.get("prune") is True and not {"Prune=false", "Prune=confirm"} & _policy_sync_options(item):
        on["prune"] = "what the source does not have is deleted"
    if automated.get("selfHeal") is True:
        on["selfHeal"] = "what was changed by hand in the cluster is undone"
    if automated.get("prune") is True and automated.get("allowEmpty") is True:
        on["allowEmpty"] = "a source that yields nothing deletes everything"
    return on


def _find_unpinned_branches(
    before: Manifest | None, after: Manifest, app: str, pin_rules: PinRules
) -> Iterator[Danger]:
    """Find branches that are new in a pinned environment."""
    if pin_rules.pin == "any":
        return
    known = set(_list_git_revisions(before)) if before is not None else set()
    for url, revision in _list_git_revisions(after):
        if (url, revision) not in known and revision_kind(revision, app in pin_rules.pinned_apps) == "branch":
            yield Danger("branch-in-pinned-environment", f"{revision} of {url}; only a {pin_rules.pin} may run here")


def _list_git_revisions(item: Manifest) -> list[tuple[str, str]]:
    """List the Git repositories and revisions of an Application's sources."""
    spec = value_at(item, "spec") or {}
    listed = value_at(spec, "sources")
    sources = [
        *(listed if isinstance(listed, list) else []),
        value_at(spec, "source"),
        value_at(spec, "sourceHydrator", "drySource"),
    ]
    return [
        (str(source.get("repoURL", "")), str(source.get("targetRevision") or "HEAD"))
        for source in sources
        if isinstance(source, Mapping) and "chart" not in source and not str(source.get("repoURL")).startswith("oci://")
    ]


def _find_finalizer_change(before: Manifest, after: Manifest) -> Iterator[Danger]:
    old, new = (_list_finalizers(item) for item in (before, after))
    if old == new or _is_kept_on_removal(before) != _is_kept_on_removal(after):
        return  # A missing finalizer does no harm while Prune=false protects the Application.
    told = f"{_join_finalizers(old)} → {_join_finalizers(new)}"
    if _has_cascading_finalizer(before) != _has_cascading_finalizer(after):
        told += ": deleting it " + (
            "deletes what it runs" if _has_cascading_finalizer(after) else "leaves its workload behind"
        )
    yield Danger("changes-finalizer", told)


def _is_kept_on_removal(item: Manifest) -> bool:
    """Whether the object stays in the cluster when its chart no longer has it."""
    return "Prune=false" in _annotation_sync_options(item) and not _has_cascading_finalizer(item)


def _list_finalizers(item: Manifest) -> list[str]:
    value = value_at(item, "metadata", "finalizers")
    return [str(name) for name in value] if isinstance(value, list) else []


def _join_finalizers(finalizers: list[str]) -> str:
    return ", ".join(finalizers) or "none"


def _has_cascading_finalizer(item: Manifest) -> bool:
    return any(name.startswith(_CASCADING_FINALIZER) for name in _list_finalizers(item))


def _annotation_sync_options(item: Manifest) -> set[str]:
    """The sync options in the Application's own annotation."""
    annotations = value_at(item, "metadata", "annotations")
    value = annotations.get(_SYNC_OPTIONS_ANNOTATION) if isinstance(annotations, Mapping) else None
    return {option.strip() for option in str(value or "").split(",")}


def _policy_sync_options(item: Manifest) -> set[str]:
    value = value_at(item, "spec", "syncPolicy", "syncOptions")
    return {str(option) for option in value} if isinstance(value, list) else set()


def changes_only_revisions(difference: ObjectDifference) -> bool:
    """Whether only the revisions of the sources differ."""
    spec = ("spec", "source"), ("spec", "sources"), ("spec", "sourceHydrator")
    return bool(difference.fields) and all(
        field.path[-1] == "targetRevision" and field.path[:2] in spec and ABSENT not in (field.before, field.after)
        for field in difference.fields
    )


def source_at(difference: ObjectDifference, path: tuple[Any, ...]) -> Manifest:
    """The source that contains the field at `path`, as it is after the change."""
    item: Any = difference.after
    for part in path[:-1]:
        if isinstance(item, list):
            named = (one for one in item if isinstance(one, Mapping) and f"[{one.get('name')}]" == part)
            item = item[part] if isinstance(part, int) else next(named, None)
        else:
            item = item.get(part) if isinstance(item, Mapping) else None
    return item if isinstance(item, Mapping) else {}
