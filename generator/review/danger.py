"""A difference → what is dangerous about it, and what only looks so. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from generator.publishing.guard import IDENTITY
from generator.registry.rules import pin_kind
from generator.review.compare import ABSENT, SHARD, Difference, Manifest, at
from generator.review.widened import widened

#: Each danger's name for programs, gravest first, and what it is called.
DANGERS = {
    "deletes-workload": "deletes a running workload",
    "recreates-elsewhere": "recreates it elsewhere",
    "widens-project": "widens a project",
    "branch-in-pinned-environment": "branch in a pinned environment",
    "turns-on-prune-or-self-heal": "prune or self-heal turned on",
    "changes-finalizer": "finalizer changed",
}
_CASCADING = "resources-finalizer.argocd.argoproj.io"
_SYNC_OPTIONS = "argocd.argoproj.io/sync-options"


class Danger(NamedTuple):
    """One danger by its name in `DANGERS`, and what exactly it is."""

    name: str
    text: str


class Rules(NamedTuple):
    """An environment's policy: which pins run there (`any`, `tag`, `commit`), and which of its apps are pinned."""

    pin: str = "any"
    pinned: frozenset[str] = frozenset()


def dangers(difference: Difference, rules: Rules) -> tuple[Danger, ...]:
    """What is dangerous about a difference, gravest first."""
    order = list(DANGERS)
    return tuple(sorted(_found(difference, rules), key=lambda danger: order.index(danger.name)))


def remark(difference: Difference) -> str:
    """What a reader of a removal should know that is no danger; empty where there is nothing to say."""
    before = difference.before
    if difference.after is not None or before is None or difference.key.kind != "Application":
        return ""
    if "Prune=false" in _options(before):
        return "stays in the cluster (Prune=false), and is nobody's from now on"
    if not _cascades(before):
        return "leaves its workload behind: it has no finalizer that would delete it"
    return ""


def _found(difference: Difference, rules: Rules) -> Iterator[Danger]:
    before, after, kind = difference.before, difference.after, difference.key.kind
    if kind == "Application":
        if before is not None and after is None and not remark(difference):
            yield Danger("deletes-workload", _deletion(before))
        if before is not None and after is not None:
            yield from _moved(before, after)
            yield from _switched_on(before, after)
        if after is not None:
            yield from _branches(before, after, difference.app, rules)
    if kind == "AppProject" and before is not None and after is not None:
        yield from (Danger("widens-project", text) for text in widened(before, after))
    if before is not None and after is not None:
        yield from _finalizer(before, after)


def _deletion(before: Manifest) -> str:
    told = f"everything that runs for it in namespace {_identity(before)['namespace']}"
    told += f" on {_identity(before)['cluster'].partition(':')[2]}"
    asked = {"Prune=confirm", "Delete=confirm"} & _options(before)
    return f"{told}; Argo CD waits for somebody to confirm it" if asked else told


def _identity(item: Manifest) -> dict[str, str]:
    """What makes an Application the one that it is, as the removal guard has it."""
    destination = at(item, "spec", "destination") or {}
    field = "server" if at(destination, "server") else "name"
    parts = {
        "name": at(item, "metadata", "name"),
        "argocdNamespace": at(item, "metadata", "namespace"),
        "project": at(item, "spec", "project"),
        "cluster": f"{field}:{at(destination, field) or ''}",
        "namespace": at(destination, "namespace"),
        "shard": at(item, SHARD),
    }
    return {name: str(value or "") for name, value in parts.items()}


def _moved(before: Manifest, after: Manifest) -> Iterator[Danger]:
    old, new = _identity(before), _identity(after)
    moved = [f"{part} {old[part] or '(none)'} → {new[part] or '(none)'}" for part in IDENTITY if old[part] != new[part]]
    if moved and not (_is_handed_over(before) and old | {"shard": ""} == new | {"shard": ""}):
        yield Danger("recreates-elsewhere", ", ".join(moved))


def _switched_on(before: Manifest, after: Manifest) -> Iterator[Danger]:
    old, new = _switches(before), _switches(after)
    for name, effect in new.items():
        if name not in old:
            yield Danger("turns-on-prune-or-self-heal", f"{name}: {effect}")


def _switches(item: Manifest) -> dict[str, str]:
    """What Argo CD does by itself to what runs."""
    automated = at(item, "spec", "syncPolicy", "automated")
    if not isinstance(automated, Mapping) or automated.get("enabled") is False:
        return {}
    on = {}
    if automated.get("prune") is True and not {"Prune=false", "Prune=confirm"} & _sync_options(item):
        on["prune"] = "what the source does not have is deleted"
    if automated.get("selfHeal") is True:
        on["selfHeal"] = "what was changed by hand in the cluster is undone"
    if automated.get("prune") is True and automated.get("allowEmpty") is True:
        on["allowEmpty"] = "a source that yields nothing deletes everything"
    return on


def _branches(before: Manifest | None, after: Manifest, app: str, rules: Rules) -> Iterator[Danger]:
    """Branches that a pinned environment runs now, and did not before."""
    if rules.pin == "any":
        return
    known = set(_revisions(before)) if before is not None else set()
    for url, revision in _revisions(after):
        if (url, revision) not in known and pin_kind(revision, app in rules.pinned) == "branch":
            yield Danger("branch-in-pinned-environment", f"{revision} of {url}; only a {rules.pin} may run here")


def _revisions(item: Manifest) -> list[tuple[str, str]]:
    """The git repositories and revisions of an Application's sources."""
    spec = at(item, "spec") or {}
    listed = at(spec, "sources")
    sources = [
        *(listed if isinstance(listed, list) else []),
        at(spec, "source"),
        at(spec, "sourceHydrator", "drySource"),
    ]
    return [
        (str(source.get("repoURL", "")), str(source.get("targetRevision") or "HEAD"))
        for source in sources
        if isinstance(source, Mapping) and "chart" not in source and not str(source.get("repoURL")).startswith("oci://")
    ]


def _finalizer(before: Manifest, after: Manifest) -> Iterator[Danger]:
    old, new = (_finalizers(item) for item in (before, after))
    if old == new or _is_handed_over(before) != _is_handed_over(after):
        return  # Without a finalizer nothing is lost while nothing can delete it.
    told = f"{_names(old)} → {_names(new)}"
    if _cascades(before) != _cascades(after):
        told += ": deleting it " + ("deletes what it runs" if _cascades(after) else "leaves its workload behind")
    yield Danger("changes-finalizer", told)


def _is_handed_over(item: Manifest) -> bool:
    """Whether the chart that an object leaves lets it be."""
    return "Prune=false" in _options(item) and not _cascades(item)


def _finalizers(item: Manifest) -> list[str]:
    value = at(item, "metadata", "finalizers")
    return [str(name) for name in value] if isinstance(value, list) else []


def _names(finalizers: list[str]) -> str:
    return ", ".join(finalizers) or "none"


def _cascades(item: Manifest) -> bool:
    return any(name.startswith(_CASCADING) for name in _finalizers(item))


def _options(item: Manifest) -> set[str]:
    """What the Application itself asks of the app of apps that renders it."""
    annotations = at(item, "metadata", "annotations")
    value = annotations.get(_SYNC_OPTIONS) if isinstance(annotations, Mapping) else None
    return {option.strip() for option in str(value or "").split(",")}


def _sync_options(item: Manifest) -> set[str]:
    value = at(item, "spec", "syncPolicy", "syncOptions")
    return {str(option) for option in value} if isinstance(value, list) else set()


def revision_alone(difference: Difference) -> bool:
    """Whether nothing but revisions of its sources differs."""
    spec = ("spec", "source"), ("spec", "sources"), ("spec", "sourceHydrator")
    return bool(difference.fields) and all(
        field.path[-1] == "targetRevision" and field.path[:2] in spec and ABSENT not in (field.before, field.after)
        for field in difference.fields
    )


def source_of(difference: Difference, path: tuple[Any, ...]) -> Manifest:
    """The source whose field is at `path`, as it is now."""
    item: Any = difference.after
    for part in path[:-1]:
        if isinstance(item, list):
            named = (one for one in item if isinstance(one, Mapping) and f"[{one.get('name')}]" == part)
            item = item[part] if isinstance(part, int) else next(named, None)
        else:
            item = item.get(part) if isinstance(item, Mapping) else None
    return item if isinstance(item, Mapping) else {}
