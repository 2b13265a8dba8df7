"""Validate labels and annotations: those that Kubernetes accepts, and that do not act on their own. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from generator.argocd.strings import quoted_excerpt
from generator.registry.findings import Finding

if TYPE_CHECKING:
    from generator.registry.effective import EffectiveApp

#: Annotations of an object that nobody may set, and why.
_FORBIDDEN_ANNOTATIONS = {
    **dict.fromkeys(
        ("helm.sh/hook", "helm.sh/hook-weight", "helm.sh/hook-delete-policy", "helm.sh/resource-policy"),
        "would make Helm keep, delete or recreate the Application on its own: remove it",
    ),
    **dict.fromkeys(
        ("argocd.argoproj.io/hook", "argocd.argoproj.io/hook-delete-policy"),
        "would make Argo CD delete and recreate the Application with each sync: remove it",
    ),
    "argocd.argoproj.io/deletion-approved": "would confirm every future deletion in advance: remove it",
    "argocd.argoproj.io/sync-wave": "is written by workloads: use syncWave",
    **dict.fromkeys(
        (
            *("argocd.argoproj.io/tracking-id", "argocd.argoproj.io/installation-id"),
            *("argocd.argoproj.io/refresh", "argocd.argoproj.io/refresh-timestamp"),
            *("argocd.argoproj.io/hydrate", "argocd.argoproj.io/hydrate-timestamp"),
        ),
        "is set by Argo CD itself while it runs: remove it",
    ),
}
SYNC_OPTIONS_ANNOTATION = "argocd.argoproj.io/sync-options"
#: Options without anything that a template could take for its own text.
_SYNC_OPTIONS_VALUE = re.compile(r"[A-Za-z]+=[A-Za-z]+(?:, ?[A-Za-z]+=[A-Za-z]+)*")
_TRACKING_ANNOTATION = "argocd.argoproj.io/tracking-id"
_QUALIFIED_NAME = re.compile(
    r"(?:(?=.{1,253}/)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*/)?"
    r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)
_LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")


def metadata_problems(table: Mapping[str, str], kind: str) -> Iterator[Finding]:
    """Yield the labels or annotations that Kubernetes or this generator does not accept."""
    for key, value in table.items():
        if key in _FORBIDDEN_ANNOTATIONS or key.startswith("helm.sh/hook"):
            yield Finding((key,), "WL3208", _FORBIDDEN_ANNOTATIONS.get(key, _FORBIDDEN_ANNOTATIONS["helm.sh/hook"]))
        elif key == SYNC_OPTIONS_ANNOTATION and not _SYNC_OPTIONS_VALUE.fullmatch(value):
            yield Finding(
                (key,), "WL2308", f'{quoted_excerpt(value)} is not a list of options: write "Delete=false,Prune=false"'
            )
        elif key == SYNC_OPTIONS_ANNOTATION and "Force=true" in value:
            text = f"{quoted_excerpt(value)} would delete and recreate the object with each sync: remove Force=true"
            yield Finding((key,), "WL3208", text)
        elif not _QUALIFIED_NAME.fullmatch(key):
            yield Finding(
                (key,), "WL2308", f"{quoted_excerpt(key)} is not a Kubernetes {kind[:-1]} key: write [prefix/]name"
            )
        elif kind == "labels" and not _LABEL_VALUE.fullmatch(value):
            text = f"{quoted_excerpt(value)} is not a label value: use at most 63 letters, digits, '-', '_' and '.'"
            yield Finding((key,), "WL2308", text)


def managed_namespace_problems(table: Mapping[str, str], kind: str, app: EffectiveApp) -> Iterator[Finding]:
    """Yield the problems of labels or annotations of the namespace that Argo CD creates for an app."""
    for finding in metadata_problems(table, kind):
        if finding.path[0] != _TRACKING_ANNOTATION:
            yield finding
    if "app.kubernetes.io/instance" in table:
        text = "would make Argo CD take the namespace for an object of that name: remove it"
        yield Finding(("app.kubernetes.io/instance",), "WL3208", text)
    # Since 3.4, Argo CD tracks a namespace that it creates only by this annotation.
    tracked = f"{app.application}:/Namespace:{app.namespace}/{app.namespace}"
    if table.get(_TRACKING_ANNOTATION, tracked) != tracked:
        yield Finding((_TRACKING_ANNOTATION,), "WL3208", f'names another Application or namespace: write "{tracked}"')
