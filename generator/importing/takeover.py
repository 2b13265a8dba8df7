"""Plan how live Applications change their parent, the Application that deploys them, without a deletion. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from generator.importing.manifests import Manifest
from generator.registry.shards import bootstrap_name

_TRACKING_ID = "argocd.argoproj.io/tracking-id"
_INSTANCE_LABEL = "app.kubernetes.io/instance"
_OWN_KINDS = ("Application", "AppProject")
_APPLICATION, _BOTH = "applications.argoproj.io", "applications.argoproj.io,appprojects.argoproj.io"
_IDENTITIES = '{range .items[*]}{.kind} {.metadata.name} {.metadata.uid}{"\\n"}{end}'
_BEFORE = "identities-before.txt"


class OldParent(NamedTuple):
    """A live Application that deploys other ones. `others` are the objects that it deploys besides, as `KIND NAME`."""

    name: str
    namespace: str
    file: str
    line: int
    children: tuple[str, ...]
    others: tuple[str, ...]
    parent: str


class Step(NamedTuple):
    """A step of a take-over: shell commands, and a check with what it prints once the step is done."""

    title: str
    commands: tuple[str, ...]
    check: str
    expected: str
    if_it_fails: str
    if_you_stop_here: str
    with_argocd: str = ""


def find_tracker(body: Mapping[str, Any]) -> tuple[str, bool]:
    """The Application that Argo CD tracks a live object as a part of, or ""; and whether an annotation says so."""
    metadata = _table(body, "metadata")
    if "uid" not in metadata:
        return "", False
    annotation = str(_table(metadata, "annotations").get(_TRACKING_ID, "")).partition(":")[0]
    label = str(_table(metadata, "labels").get(_INSTANCE_LABEL, ""))
    return (annotation or label).rpartition("_")[2], bool(annotation)


def find_parents(manifests: Iterable[Manifest]) -> list[OldParent]:
    """The Applications that deploy other Applications or AppProjects of the same dump, the topmost first."""
    own = [each for each in manifests if each.is_argocd and each.kind in _OWN_KINDS]
    children: dict[str, list[str]] = {}
    for manifest in own:
        tracker = find_tracker(manifest.body)[0]
        if tracker and tracker != manifest.name:
            children.setdefault(tracker, []).append(f"{manifest.kind} {manifest.name}")
    found = {each.name: each for each in own if each.kind == "Application" and each.name in children}
    parents = {name: _describe_parent(manifest, children[name]) for name, manifest in found.items()}
    return sorted(parents.values(), key=lambda each: (_depth(each, parents), each.name))


def _describe_parent(manifest: Manifest, children: Sequence[str]) -> OldParent:
    resources = _table(manifest.body, "status").get("resources")
    deployed = [each for each in resources if isinstance(each, dict)] if isinstance(resources, list) else []
    others = (each for each in deployed if each.get("kind") not in _OWN_KINDS)
    return OldParent(
        manifest.name,
        str(_table(manifest.body, "metadata").get("namespace") or "argocd"),
        manifest.file,
        manifest.line,
        tuple(children),
        tuple(f"{each.get('kind')} {each.get('name')}" for each in others),
        find_tracker(manifest.body)[0],
    )


def _table(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = body.get(key)
    return value if isinstance(value, Mapping) else {}


def _depth(parent: OldParent, parents: Mapping[str, OldParent]) -> int:
    depth, above, seen = 0, parent.parent, {parent.name}
    while above in parents and above not in seen:
        seen.add(above)
        depth, above = depth + 1, parents[above].parent
    return depth


def plan_takeover(
    environment: str, parents: Sequence[OldParent], imported: Collection[str], *, by_annotation: bool
) -> list[Step]:
    """Plan the take-over of an environment's Applications. `imported` are the tracked objects, as `KIND NAME`."""
    root = bootstrap_name(environment)
    old = [parent for parent in parents if parent.name != root and not {*parent.children}.isdisjoint(imported)]
    namespace = old[0].namespace if old else "argocd"
    removed = [parent for parent in old if not parent.others]
    return [
        _save_identities(namespace),
        *(_stop(parent) for parent in old),
        _start(environment, root, namespace, old),
        _verify_tracking(root, namespace, len(imported), by_annotation=by_annotation),
        *(_remove(parent) for parent in removed),
        _compare_identities(namespace, [parent.name for parent in removed]),
    ]


def _save_identities(namespace: str) -> Step:
    get = f"kubectl get {_BOTH} -n {namespace} -o jsonpath={shlex.quote(_IDENTITIES)} | sort"
    return Step(
        "Save the identity of every Application and AppProject",
        (f"test -s {_BEFORE} || {get} > {_BEFORE}",),
        f"test -s {_BEFORE} && echo saved",
        "saved",
        "kubectl does not reach the cluster of Argo CD: choose another context, and run it again",
        "nothing has changed",
    )


def _stop(parent: OldParent) -> Step:
    where = f"{_APPLICATION} {parent.name} -n {parent.namespace}"
    patch = '{"spec":{"syncPolicy":{"automated":null}}}'
    return Step(
        f"Stop the automated sync of the old parent {parent.name}, so that it neither prunes nor reverts",
        (f"kubectl patch {where} --type=merge -p '{patch}'",),
        f"kubectl get {where} -o jsonpath='{{.spec.syncPolicy.automated}}{{.operation}}'",
        "",
        f"something sets it again: find what deploys {parent.name}, and stop that first; or wait for a running sync",
        f"the Applications sync as before, and {parent.name} no longer applies new commits",
        f"argocd app set {parent.name} --sync-policy none",
    )


def _start(environment: str, root: str, namespace: str, old: Sequence[OldParent]) -> Step:
    back = " and ".join(parent.name for parent in old) or "the old parent"
    return Step(
        f"Start the new parent {root}, which does not prune",
        (f"workloads bootstrap {environment} --for manifest --no-prune | kubectl apply -f -",),
        f"kubectl get {_APPLICATION} {root} -n {namespace} "
        "-o jsonpath='{.status.sync.status} {.status.operationState.phase}'",
        "Synced Succeeded",
        f"wait a minute; then see why: kubectl get {_APPLICATION} {root} -n {namespace} -o yaml (status.conditions). "
        f"To go back, delete {root} (it has no finalizer), and sync {back} again",
        "both parents know the Applications, and neither of them prunes: start again with this step",
    )


def _verify_tracking(root: str, namespace: str, count: int, *, by_annotation: bool) -> Step:
    get = f"kubectl get {_BOTH} -n {namespace}"
    by_label = f"{get} -l {_INSTANCE_LABEL}={root} -o name | grep -c ."
    annotation = '{range .items[*]}{.metadata.annotations.argocd\\.argoproj\\.io/tracking-id}{"\\n"}{end}'
    check = f"{get} -o jsonpath={shlex.quote(annotation)} | grep -c '^{root}:'" if by_annotation else by_label
    return Step(
        f"Verify that Argo CD tracks the Applications and AppProjects as a part of {root}",
        (),
        check,
        str(count),
        f"sync {root} once more; what is missing is not in its chart: import it, and publish, before you go on",
        "as above",
    )


def _remove(parent: OldParent) -> Step:
    where = f"{_APPLICATION} {parent.name} -n {parent.namespace}"
    return Step(
        f"Remove the old parent {parent.name}, and not what it deployed",
        (
            f'kubectl patch {where} --type=merge -p \'{{"metadata":{{"finalizers":null}}}}\'',
            f"kubectl delete {where}",
        ),
        f"kubectl get {where} --ignore-not-found",
        "",
        "it comes back: remove it from what creates it (Terraform, a script, another Application), and do this again",
        "nothing else changes; without its finalizer, deleting it later deletes nothing else",
        f"argocd app delete {parent.name} --cascade=false --yes",
    )


def _compare_identities(namespace: str, removed: Sequence[str]) -> Step:
    get = f"kubectl get {_BOTH} -n {namespace} -o jsonpath={shlex.quote(_IDENTITIES)} | sort"
    without = f" | grep -v -E '^Application ({'|'.join(removed)}) '" if removed else ""
    return Step(
        "Compare the identities: every one is still there",
        (),
        f"{get} | comm -23 {_BEFORE} -{without}",
        "",
        "what is printed was deleted or created again: look at its Application before you do anything else",
        f"the take-over is complete; delete {_BEFORE}",
    )


def format_steps(steps: Sequence[Step]) -> Iterator[str]:
    """The steps as text."""
    for number, step in enumerate(steps, 1):
        yield f"{number}. {step.title}:"
        yield from (f"   {command}" for command in step.commands)
        if step.with_argocd:
            yield f"   or: {step.with_argocd}"
        yield f"   check: {step.check}"
        yield f"     prints {step.expected or 'nothing'}"
        yield f"     if not: {step.if_it_fails}"
        yield f"   if you stop here: {step.if_you_stop_here}"


def list_notes(parents: Sequence[OldParent], imported: Collection[str]) -> Iterator[str]:
    """What the take-over leaves as it is, as lines to print."""
    for parent in parents:
        if parent.others:
            shown = ", ".join(parent.others[:5]) + (f" and {len(parent.others) - 5} more" if parent.others[5:] else "")
            yield f"{parent.name} also deploys {shown}: it is not removed. Move these into the chart's folder as files of your own, or keep it without its Applications"  # noqa: E501
        names = {other.name for other in parents}
        left = [each for each in parent.children if each not in imported and each.partition(" ")[2] not in names]
        if left:
            yield f"the registry does not have {', '.join(left)}: once {parent.name} is removed, nothing manages them"
