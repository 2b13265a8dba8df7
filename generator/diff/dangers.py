"""Find the dangers of a changed object: what Argo CD really does with it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from generator.argocd.permissions import is_destination_permitted, normalize_git_url
from generator.argocd.revisions import is_written_as_range, revision_kind
from generator.argocd.workload_effects import change_effect, removal_effect
from generator.diff import applications as argocd
from generator.diff.compare import Manifest, ObjectDifference, find_nested_value
from generator.diff.context import DANGERS, Danger, EnvironmentContext
from generator.diff.namespace_dangers import NAMESPACE_KINDS, find_namespace_dangers
from generator.diff.project_dangers import find_project_dangers, find_project_switch
from generator.registry.shards import is_team_namespaces_name

#: What it means that `Prune=false` is removed from an Application, or added to it.
_HAND_OVER = (
    "the hand-over ends: its chart deletes it when it is removed",
    "the hand-over begins: it stays in the cluster while it moves to another chart",
)
_TOOLS = ("helm", "kustomize", "directory", "plugin")


def find_dangers(difference: ObjectDifference, context: EnvironmentContext) -> tuple[Danger, ...]:
    """List the dangers of a difference, gravest first."""
    order = list(DANGERS)
    return tuple(sorted(_list_dangers(difference, context), key=lambda danger: order.index(danger.name)))


def find_remark(difference: ObjectDifference, context: EnvironmentContext) -> str:
    """What a reviewer has to know of a difference that looks dangerous, or harmless, and is not; mostly empty."""
    before, after = difference.before, difference.after
    if difference.key.kind == "Namespace" and after is None:
        return "the namespace stays in the cluster, with what runs in it; nothing manages it from now on"
    if difference.key.kind != "Application" or before is None:
        return ""
    if after is None:
        if argocd.is_kept_by_parent(before):
            return "the Application stays in the cluster (Prune=false), and nothing manages it from now on"
        if difference.app in context.retired_before and not argocd.has_cascading_finalizer(before):
            return "was retired: its workload stays"
        asks = {"Prune=confirm", "Delete=confirm"} & argocd.read_own_sync_options(before)
        confirm = "Argo CD waits until somebody sets argocd.argoproj.io/deletion-approved on the parent Application"
        return confirm if asks else ""
    kept = argocd.is_kept_by_parent(before), argocd.is_kept_by_parent(after)
    if kept != tuple(reversed(kept)):
        return _HAND_OVER[kept[1]]
    if retires(difference, context):
        return "retires: without prune and finalizer, its workload stays when the app is removed"
    if argocd.read_project_name(before) != argocd.read_project_name(after):
        return "the project changes in place: the workload keeps running"
    return ""


def _list_dangers(difference: ObjectDifference, context: EnvironmentContext) -> Iterator[Danger]:
    before, after = difference.before, difference.after
    if is_team_namespaces_name(difference.key.name):
        return  # The objects that they deploy are compared themselves.
    if difference.key.kind in NAMESPACE_KINDS:
        yield from find_namespace_dangers(difference, context)
    elif difference.key.kind == "AppProject":
        yield from find_project_dangers(difference, context)
    elif difference.key.kind == "Application" and before is not None:
        if after is None:
            yield from _find_removal(difference, before, context)
        else:
            yield from _find_move(before, after, context)
            yield from find_project_switch(before, after, context)
            yield from _find_source_change(before, after)
            yield from _find_enabled_automation(before, after)
            if not retires(difference, context) and difference.key.name not in context.shards:
                yield from _find_finalizer_change(before, after)
    if difference.key.kind == "Application" and after is not None:
        yield from _find_branches(before, after, difference.app, context)


def retires(difference: ObjectDifference, context: EnvironmentContext) -> bool:
    """Whether the change retires the object's app."""
    return difference.key.kind == "Application" and difference.app in context.retired_after - context.retired_before


def _find_removal(difference: ObjectDifference, before: Manifest, context: EnvironmentContext) -> Iterator[Danger]:
    cascades = argocd.has_cascading_finalizer(before) and "Delete=false" not in argocd.read_own_sync_options(before)
    intended = not cascades and (difference.app in context.retired_before or difference.key.name in context.shards)
    if intended or argocd.is_kept_by_parent(before):
        return
    project = context.projects_after.get(argocd.read_project_name(before))
    name, text = removal_effect(
        argocd.read_application_identity(before), cascades=cascades, permitted=_permits(project, before)
    )
    yield Danger(name, text if context.after else f"{text}, but not by itself: see the note")


def _find_move(before: Manifest, after: Manifest, context: EnvironmentContext) -> Iterator[Danger]:
    cascades = argocd.has_cascading_finalizer(before)
    permitted = _permits(context.projects_after.get(argocd.read_project_name(after)), before) and argocd.prunes(after)
    effect = change_effect(
        argocd.read_application_identity(before),
        argocd.read_application_identity(after),
        cascades=cascades,
        permitted=permitted,
    )
    if effect is None:
        return
    in_place = effect.text.startswith(("cluster ", "namespace "))
    # Argo CD skips an automated sync if neither source nor revision changed, unless it heals itself.
    later = (
        "; this happens at the next sync, because selfHeal is off" if in_place and not argocd.self_heals(after) else ""
    )
    yield Danger(effect.name, effect.text + later)


def _permits(project: Manifest | None, application: Manifest) -> bool:
    """Whether a project, if it is known, permits the destination of an Application."""
    return project is None or is_destination_permitted(
        argocd.read_destination(application), find_nested_value(project, "spec") or {}
    )


def _find_source_change(before: Manifest, after: Manifest) -> Iterator[Danger]:
    if not argocd.prunes(after):
        return
    changes = list(_list_source_changes(before, after))
    if changes:
        yield Danger(
            "may-delete-resources", f"{', '.join(changes)}: prune deletes everything that the new source does not name"
        )


def _list_source_changes(before: Manifest, after: Manifest) -> Iterator[str]:
    """List the changes of sources by which other objects may come out of them."""
    sides, release = (before, after), find_nested_value(after, "metadata", "name")
    forms, sources = [argocd.source_form(side) for side in sides], [argocd.list_sources(side) for side in sides]
    if forms[0] != forms[1] or len(sources[0]) != len(sources[1]):
        was, now = ([_source_place(source, release) for source in listed] for listed in sources)
        if "sourceHydrator" not in forms and all(place in now for place in was):
            return  # What was named before is still named.
        if forms[0] != forms[1]:
            yield f"{forms[0] or 'no source'} → {forms[1] or 'no source'}"
        else:
            yield f"{len(sources[0])} sources → {len(sources[1])}"
        return
    for old, new in zip(*sources, strict=True):
        places = [_source_place(source, release) for source in (old, new)]
        for name in dict.fromkeys([*places[0], *places[1]]):
            values = [str(place.get(name) or "(none)") for place in places]
            # Argo CD finds Helm and Kustomize by the files there: their tables alone change no tool.
            detected = name == "tool" and {*values} in ({"(none)", "helm"}, {"(none)", "kustomize"})
            if values[0] != values[1] and not detected:
                written = [str(source.get(name)) for source in (old, new)] if name == "repoURL" else values
                yield f"{name} {' → '.join(written)}"


def _source_place(source: Manifest, release: object) -> dict[str, Any]:
    """The fields of a source that decide which objects it yields, and by which names; `release` is Helm's default."""
    return {
        "repoURL": normalize_git_url(str(source.get("repoURL"))),
        **{name: source.get(name) for name in ("path", "chart", "ref")},
        "tool": next((tool for tool in _TOOLS if source.get(tool) is not None), None),
        "releaseName": find_nested_value(source, "helm", "releaseName") or release,
        "namePrefix": find_nested_value(source, "kustomize", "namePrefix"),
        "nameSuffix": find_nested_value(source, "kustomize", "nameSuffix"),
    }


def _find_enabled_automation(before: Manifest, after: Manifest) -> Iterator[Danger]:
    old, new = _list_automation_effects(before), _list_automation_effects(after)
    yield from (Danger("turns-on-automation", f"{name}: {effect}") for name, effect in new.items() if name not in old)


def _list_automation_effects(item: Manifest) -> dict[str, str]:
    """What Argo CD does with an Application by itself, each with its effect on the workload."""
    on, automated = {}, argocd.automated_policy(item)
    if automated is not None:
        on["automated"] = "Argo CD syncs every change without anybody"
        if automated.get("prune") is True and argocd.prunes(item):
            on["prune"] = "what the source does not have is deleted"
        if automated.get("selfHeal") is True:
            on["selfHeal"] = "what was changed by hand in the cluster is undone"
        if automated.get("allowEmpty") is True:
            on["allowEmpty"] = "a source that yields nothing deletes everything"
    for option, effect in (
        ("Replace=true", "objects are replaced, or deleted and recreated, instead of patched"),
        ("Force=true", "objects that cannot be patched are deleted and created again"),
    ):
        if option in argocd.read_sync_options(item):
            on[option] = effect
    return on


def _find_branches(before: Manifest | None, after: Manifest, app: str, context: EnvironmentContext) -> Iterator[Danger]:
    """Find sources that follow a branch or a range where a pin was, or where the policy wants a pin."""
    old = {argocd.source_location(each): each for each in argocd.list_sources(before or {})}
    for source in argocd.list_sources(after):
        url, revision = argocd.source_location(source), argocd.source_revision(source)
        was = old.get(url)
        unchanged = was is not None and argocd.source_revision(was) == revision
        if unchanged or not _moves(source, (app, url) in context.pinned_after):
            continue
        if context.pin != "any":
            yield Danger("follows-branch", f"{revision} of {url}: only a {context.pin} may run here")
        elif was is not None and not _moves(was, (app, url) in context.pinned_before):
            change = f"{argocd.source_revision(was)} → {revision} of {url}"
            effect = f"new {'versions' if 'chart' in source else 'commits'} are deployed without a review"
            if argocd.automated_policy(after) is None:
                effect = "each sync by hand deploys what it has then"
            yield Danger("follows-branch", f"{change}: {effect}")


def _moves(source: Manifest, pinned: bool) -> bool:
    """Whether a source's revision may be another commit or version tomorrow."""
    revision = argocd.source_revision(source)
    kind = revision_kind(revision, pinned, in_git="chart" not in source)
    return is_written_as_range(revision) or kind == "branch"


def _find_finalizer_change(before: Manifest, after: Manifest) -> Iterator[Danger]:
    cascaded, cascades = argocd.has_cascading_finalizer(before), argocd.has_cascading_finalizer(after)
    # A missing finalizer does no harm while Prune=false protects the Application.
    if cascaded == cascades or argocd.is_kept_by_parent(before) != argocd.is_kept_by_parent(after):
        return
    effect = "deletes everything that it deployed" if cascades else "leaves its workload unmanaged"
    yield Danger("changes-finalizer", f"removing the Application later {effect}")
