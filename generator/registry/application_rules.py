"""Validate one effective app by Argo CD's rules, before anything is rendered.

Each rule yields `Finding`s; a path is relative to the app. The rules are those of argo-cd's
`ValidateDestination`, `validateSourcePermissions` and the user guide on sources and sync options.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from generator.argocd.revisions import is_version_range, revision_kind
from generator.argocd.strings import quoted_excerpt
from generator.argocd.urls import OPT_IN_SCHEMES, url_scheme
from generator.argocd.versions import NEWEST_KNOWN_ARGOCD, find_newer_sync_options, major_minor, too_new_message
from generator.registry.effective import SOURCE_KEYS, EffectiveApp, follows_app_revision
from generator.toml.document import KeyPath


class Finding(NamedTuple):
    path: KeyPath
    text: str
    refused: bool = False


class ValidationSettings(NamedTuple):
    """Settings of the root file that apply to every app."""

    argocd_version: str
    allowed_schemes: frozenset[str]
    name_suffix: str


Rule = Callable[[EffectiveApp, ValidationSettings], Iterable[Finding]]
_TOOLS = ("helm", "kustomize", "directory", "plugin")
_RESERVED_KEY_PREFIXES = ("argocd.argoproj.io", "link.argocd.argoproj.io", "argocd-image-updater.argoproj.io")
#: What Kubernetes accepts in all annotations of an object, and etcd in an object, in bytes.
_MAX_ANNOTATIONS_BYTES, _MAX_OBJECT_BYTES = 256 * 1024, 1_500_000
_QUALIFIED_NAME = re.compile(
    r"(?:(?=.{1,253}/)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*/)?"
    r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)
_LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_FIELD_NAME = re.compile(r"[a-z][A-Za-z0-9]{0,62}")
_MAX_RELEASE_LENGTH = 53
#: Fields of an Application's spec that have their own keys in the registry.
_SPEC_FIELDS_WITH_KEYS = {
    "project": "project",
    "destination": "server, cluster and namespace",
    "source": "repoURL, path, chart, targetRevision, helm, …",
    **{
        key: key
        for key in (
            "sources", "sourceHydrator", "syncPolicy", "ignoreDifferences", "info", "revisionHistoryLimit"
        )
    },
}  # fmt: skip


def app_problems(app: EffectiveApp, settings: ValidationSettings) -> Iterator[Finding]:
    """Yield all problems of an app in an environment, except tenancy violations."""
    for about, rule in _APP_RULES:
        if not about or not about.isdisjoint(app.fields):
            yield from rule(app, settings)


def _source_form_problems(app: EffectiveApp, settings: ValidationSettings) -> Iterator[Finding]:
    fields = app.fields
    form = "sourceHydrator" if "sourceHydrator" in fields else "sources" if "sources" in fields else ""
    if not form:
        if "repoURL" not in fields:
            yield Finding((), "repoURL is missing: add the repository that holds the chart")
        return
    # `targetRevision` and `tagPrefix` may come from the defaults, and sources inherit `targetRevision`.
    for key in sorted(fields.keys() & (set(SOURCE_KEYS) - {"targetRevision", "tagPrefix"}) - {form}):
        yield Finding((key,), f"is ignored by Argo CD beside {form}: move it into {form}")
    if "sources" in fields and form != "sources":
        yield Finding(("sources",), f"is ignored by Argo CD beside {form}: remove one of them")


def _sources_with_paths(app: EffectiveApp) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    for index, source in enumerate(app.sources):
        yield ("sources", index) if app.has_multiple_sources else (), source


def _source_problems(app: EffectiveApp, settings: ValidationSettings) -> Iterator[Finding]:
    for at, source in _sources_with_paths(app):
        if "repoURL" not in source:
            continue
        yield from _source_location_problems(at, source, app.has_multiple_sources)
        yield from _source_tool_problems(at, source)
        yield from _source_url_problems(at, source, settings)
        wanted = source.get("targetRevision", "")
        if "tagPrefix" in source and not is_version_range(wanted):
            yield Finding(
                (*at, "tagPrefix"), 'needs a version range: write one as targetRevision, such as ">=1.0 <2.0"'
            )


def _source_location_problems(
    parent_path: KeyPath, source: dict[str, Any], multiple_sources: bool
) -> Iterator[Finding]:
    if "path" in source and "chart" in source:
        yield Finding(
            (*parent_path, "chart"),
            "a source has both a path and a chart: keep path for Git and OCI, chart for a Helm repository",
        )
    elif not source.keys() & ({"path", "chart", "ref"} if multiple_sources else {"path", "chart"}):
        yield Finding(parent_path, "path is missing: add the folder of the chart or manifests")
    if "chart" in source:
        if source.get("targetRevision", "HEAD") == "HEAD":
            yield Finding((*parent_path, "chart"), "a chart has no targetRevision: add its version or a version range")
        if "ref" in source:
            yield Finding((*parent_path, "ref"), "a chart cannot have a ref: put it on a Git source")


def _source_tool_problems(parent_path: KeyPath, source: dict[str, Any]) -> Iterator[Finding]:
    tools = [tool for tool in _TOOLS if tool in source]
    if len(tools) > 1:
        yield Finding((*parent_path, tools[1]), f"a source has the tools {' and '.join(tools)}: keep one")
    if "chart" in source and set(tools) - {"helm"}:
        yield Finding((*parent_path, tools[-1]), "only Helm renders a chart: remove it")
    helm = source.get("helm", {})
    if "values" in helm and "valuesObject" in helm:
        yield Finding((*parent_path, "helm", "values"), "is ignored by Argo CD beside valuesObject: keep one of them")


def _source_url_problems(
    parent_path: KeyPath, source: dict[str, Any], settings: ValidationSettings
) -> Iterator[Finding]:
    url = source["repoURL"]
    scheme = url_scheme(url)
    where = (*parent_path, "repoURL")
    if scheme in OPT_IN_SCHEMES - settings.allowed_schemes:
        yield _disallowed_scheme_finding(where, url)
    if scheme == "oci" and url.startswith("oci://"):
        if major_minor(settings.argocd_version) < (3, 1):
            yield Finding(where, f"an oci:// source {too_new_message('3.1', settings.argocd_version)}")
        if "chart" in source:
            yield Finding(where, "a chart has an oci:// URL: remove oci://")
    elif scheme == "oci" and "chart" not in source:
        yield Finding(where, f"{quoted_excerpt(url)} is not a repository URL: write https://host/path or git@host:path")


def _disallowed_scheme_finding(parent_path: KeyPath, url: str) -> Finding:
    return Finding(
        parent_path,
        f"{quoted_excerpt(url)}: {url_scheme(url)} is not allowed: add it to allowSchemes in the root file",
        True,
    )


def _source_reference_problems(app: EffectiveApp, settings: ValidationSettings) -> Iterator[Finding]:
    names: dict[str, set[str]] = {"ref": set(), "name": set()}
    for at, source in _sources_with_paths(app):
        for key, seen in names.items():
            if key not in source:
                continue
            if source[key] in seen:
                text = f"{quoted_excerpt(source[key])} is the {key} of two sources: rename one"
                yield Finding((*at, key), text)
            seen.add(source[key])
    refs = names["ref"]
    for at, source in _sources_with_paths(app):
        for index, name in enumerate(source.get("helm", {}).get("valueFiles", ())):
            used = name[1:].partition("/")[0] if name.startswith("$") else None
            if used is not None and used not in refs:
                yield Finding(
                    (*at, "helm", "valueFiles", index),
                    f'{quoted_excerpt(name)}: none of this app\'s sources has ref = "{used}"',
                )


def pin_problems(app: EffectiveApp, policy: str) -> Iterator[tuple[str, bool]]:
    """Yield the problems of an app's pin, and for each whether it violates the promotion policy."""
    if (
        app.pin is not None
        and app.has_multiple_sources
        and not any(follows_app_revision(source) for source in app.fields["sources"])
    ):
        yield (
            f'the pin of "{app.app}" has no effect, because each source has a targetRevision: '
            "remove it from the source that the pin is for", False,
        )  # fmt: skip
    if policy == "any":
        return
    revision = app.revision
    if revision_kind(revision, app.pin is not None) not in ("commit", policy):
        text = f"environment {app.environment} runs {policy}s only, and {quoted_excerpt(revision)} is not one"
        yield f'{text}: pin it here, "{app.app}@<{policy}>"', True
    for source in app.sources if app.has_multiple_sources else ():
        wanted = str(source.get("targetRevision", "HEAD"))
        # A chart has versions and no commits.
        allowed = ("commit", "tag" if "chart" in source else policy)
        if wanted != revision and revision_kind(wanted, False) not in allowed:
            what = f"source {quoted_excerpt(source['repoURL'])} follows {quoted_excerpt(wanted)}"
            text = f"environment {app.environment} runs {policy}s only, and {what}"
            yield f"{text}: write a {policy} as its targetRevision", True


def _release_name_problems(app: EffectiveApp, settings: ValidationSettings) -> Iterator[Finding]:
    name = app.app + settings.name_suffix
    if len(app.app) <= _MAX_RELEASE_LENGTH < len(name) and not app.fields.get("helm", {}).get("releaseName"):
        yield Finding(
            (),
            f"{quoted_excerpt(name)} is too long for a Helm release: set helm.releaseName, at most {_MAX_RELEASE_LENGTH} characters",  # noqa: E501
        )


def _app_destination_problems(app: EffectiveApp, settings: ValidationSettings) -> Iterator[Finding]:
    if "server" in app.fields and "cluster" in app.fields:
        yield Finding(("cluster",), "an app has both a server and a cluster: keep one")


def _sync_policy_problems(app: EffectiveApp, settings: ValidationSettings) -> Iterator[Finding]:
    policy = app.fields.get("syncPolicy", {})
    options = policy.get("syncOptions", [])
    for index, text in find_newer_sync_options(options, settings.argocd_version):
        yield Finding(("syncPolicy", "syncOptions", index), text)
    seen: dict[str, str] = {}
    for index, option in enumerate(options):
        name = option.partition("=")[0]
        if name in seen:
            yield Finding(
                ("syncPolicy", "syncOptions", index), f'"{option}" and "{seen[name]}" are one option: keep one'
            )
        seen[name] = option
    if "managedNamespaceMetadata" in policy and "CreateNamespace=true" not in options:
        yield Finding(
            ("syncPolicy", "managedNamespaceMetadata"),
            "has no effect: add the sync option CreateNamespace=true, or remove it",
        )
    for kind, table in policy.get("managedNamespaceMetadata", {}).items():
        for path, text, refused in metadata_problems(table, kind):
            yield Finding(("syncPolicy", "managedNamespaceMetadata", kind, *path), text, refused)


def _app_metadata_problems(app: EffectiveApp, settings: ValidationSettings) -> Iterator[Finding]:
    for table in ("labels", "annotations"):
        for path, text, refused in metadata_problems(app.fields.get(table, {}), table):
            yield Finding((table, *path), text, refused)
    annotations = app.fields.get("annotations", {})
    size = sum(len(f"{key}{value}".encode()) for key, value in annotations.items())
    if size > _MAX_ANNOTATIONS_BYTES:
        limit = f"Kubernetes accepts {_MAX_ANNOTATIONS_BYTES:,} bytes in all annotations of an object"
        yield Finding(("annotations",), f"has {size:,} bytes, and {limit}: remove some of them")


def _object_size_problems(app: EffectiveApp, settings: ValidationSettings) -> Iterator[Finding]:
    """Yield the largest field of an Application that etcd would refuse for its size."""
    sizes = {key: len(json.dumps(value, ensure_ascii=False, default=str).encode()) for key, value in app.fields.items()}
    if sum(sizes.values()) > _MAX_OBJECT_BYTES:
        largest = max(sizes, key=sizes.__getitem__)
        limit = f"etcd accepts objects of {_MAX_OBJECT_BYTES:,} bytes"
        yield Finding((largest,), f"makes the Application {sum(sizes.values()):,} bytes large, and {limit}: shorten it")


def metadata_problems(table: Mapping[str, str], kind: str) -> Iterator[Finding]:
    """Yield the labels or annotations that Kubernetes or this generator does not accept."""
    for key, value in table.items():
        prefix = key.partition("/")[0] if "/" in key else ""
        reserved = prefix in _RESERVED_KEY_PREFIXES or prefix.endswith("image-updater.argoproj.io")
        if key.startswith("helm.sh/hook") or key == "helm.sh/resource-policy":
            text = "would make Helm keep, delete or recreate the Application on its own: remove it"
            yield Finding((key,), text, True)
        elif reserved or key == "app.kubernetes.io/instance":
            yield Finding((key,), "is reserved for workloads, Argo CD and image updaters: remove it", True)
        elif not _QUALIFIED_NAME.fullmatch(key):
            yield Finding((key,), f"{quoted_excerpt(key)} is not a Kubernetes {kind[:-1]} key: write [prefix/]name")
        elif kind == "labels" and not _LABEL_VALUE.fullmatch(value):
            yield Finding(
                (key,),
                f"{quoted_excerpt(value)} is not a label value: use at most 63 letters, digits, '-', '_' and '.'",
            )


def _raw_spec_problems(app: EffectiveApp, settings: ValidationSettings) -> Iterator[Finding]:
    """Validate `spec`, which is only for fields of Argo CD versions newer than this generator supports."""
    for key in sorted(app.fields.get("spec", {})):
        if key in _SPEC_FIELDS_WITH_KEYS:
            yield Finding(("spec", key), f"has its own key in the registry: use {_SPEC_FIELDS_WITH_KEYS[key]}")
        elif not _FIELD_NAME.fullmatch(key):
            yield Finding(("spec", key), f"{quoted_excerpt(key)} is not the name of a field: use letters and digits")
        elif major_minor(settings.argocd_version) <= major_minor(NEWEST_KNOWN_ARGOCD):
            text = f"is not a field of an Application in Argo CD {settings.argocd_version}: remove it"
            yield Finding(("spec", key), text)


def _hydrator_problems(app: EffectiveApp, settings: ValidationSettings) -> Iterator[Finding]:
    hydrator = app.fields.get("sourceHydrator")
    if not hydrator:
        return
    if all(part in ("", ".") for part in hydrator["syncSource"]["path"].split("/")):
        yield Finding(("sourceHydrator", "syncSource", "path"), "is the root of the repository: name a folder")
    for name in ("drySource", "syncSource"):
        url = hydrator[name].get("repoURL", "https://")
        at: KeyPath = ("sourceHydrator", name)
        if url_scheme(url) == "oci":
            yield Finding((*at, "repoURL"), "is not a Git repository: the source hydrator needs one")
        elif url_scheme(url) in OPT_IN_SCHEMES - settings.allowed_schemes:
            yield _disallowed_scheme_finding((*at, "repoURL"), url)
    yield from _source_tool_problems(("sourceHydrator", "drySource"), hydrator["drySource"])


#: Each rule with the fields of which at least one must be set; an empty set applies to every app.
_APP_RULES: tuple[tuple[frozenset[str], Rule], ...] = (
    (frozenset(), _source_form_problems),
    (frozenset(), _source_problems),
    (frozenset({"sources", "helm"}), _source_reference_problems),
    (frozenset(), _release_name_problems),
    (frozenset({"cluster"}), _app_destination_problems),
    (frozenset({"syncPolicy"}), _sync_policy_problems),
    (frozenset({"labels", "annotations"}), _app_metadata_problems),
    (frozenset(), _object_size_problems),
    (frozenset({"spec"}), _raw_spec_problems),
    (frozenset({"sourceHydrator"}), _hydrator_problems),
)
