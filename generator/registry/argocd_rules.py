"""Validate apps and AppProjects by Argo CD's rules, before anything is rendered.

Each rule yields `Finding`s, with paths relative to the app or project. The rules are those of argo-cd's
`ValidateDestination`, `validateSourcePermissions`, `AppProject.ValidateProject`, and the user guide on sources and
sync options.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from generator.argocd.paths import resolve_path
from generator.argocd.permissions import is_denied, normalize_git_url
from generator.argocd.revisions import is_written_as_range, required_kind, required_kind_name, revision_kind
from generator.argocd.strings import SYNC_OPTIONS, quoted_excerpt
from generator.argocd.urls import OPT_IN_SCHEMES, url_scheme
from generator.argocd.versions import NEWEST_KNOWN_ARGOCD, major_minor, too_new_message
from generator.registry.effective import SOURCE_KEYS, EffectiveApp
from generator.registry.findings import Finding
from generator.registry.metadata_rules import managed_namespace_problems, metadata_problems
from generator.registry.pinned_fields import UnknownFieldError, find_pinned_field
from generator.registry.source_tables import Layer, list_file_references
from generator.toml.document import KeyPath

if TYPE_CHECKING:
    pass


class ValidationSettings(NamedTuple):
    """Settings of the root file that apply to every app."""

    argocd_version: str
    allowed_schemes: frozenset[str]


_TOOLS = ("helm", "kustomize", "directory", "plugin")
#: What Kubernetes accepts in all annotations of an object, and etcd in an object, in bytes.
_MAX_ANNOTATIONS_BYTES, _MAX_OBJECT_BYTES = 256 * 1024, 1_500_000
_FIELD_NAME = re.compile(r"[a-z][A-Za-z0-9]{0,62}")
_MAX_RELEASE_LENGTH = 53
_IMAGE_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|sha256:[0-9a-f]{64}")
_MAX_APPLICATION_LENGTH = 253
#: Fields of an Application's spec, and their own keys in the registry.
_SPEC_FIELDS_WITH_KEYS = {
    "project": "project",
    "destination": "server, cluster and namespace",
    "source": "repoURL, path, chart, targetRevision, helm, …",
    "sources": "sources",
    "sourceHydrator": "sourceHydrator",
    "syncPolicy": "syncPolicy",
    "ignoreDifferences": "ignoreDifferences",
    "info": "info",
    "revisionHistoryLimit": "revisionHistoryLimit",
}
_DENIES_ALL_MESSAGE = '"!*" denies everything: remove it'
_WINDOW_SELECTORS = ("applications", "namespaces", "clusters")
_encode_json = json.JSONEncoder(default=str).encode


def app_problems(app: EffectiveApp, settings: ValidationSettings) -> Iterator[Finding]:
    """Yield all problems of an app in an environment, except tenancy violations."""
    yield from _source_form_problems(app)
    for at, source in app.sources_with_paths():
        if "repoURL" in source:
            yield from _source_location_problems(at, source, app.has_multiple_sources)
            yield from _source_tool_problems(at, source)
            yield from _source_url_problems(at, source, settings)
        yield from _file_reference_problems(at, source, settings)
    yield from _source_reference_problems(app)
    yield from _hydrator_problems(app, settings)
    yield from _pinned_field_problems(app)
    yield from _name_problems(app)
    if "server" in app.fields and "cluster" in app.fields:
        yield Finding(("cluster",), "WL2302", "an app has both a server and a cluster: keep one")
    yield from _sync_policy_problems(app, settings)
    yield from _app_metadata_problems(app)
    yield from _object_size_problems(app)
    yield from _raw_spec_problems(app, settings)


def _source_form_problems(app: EffectiveApp) -> Iterator[Finding]:
    fields = app.fields
    form = "sourceHydrator" if "sourceHydrator" in fields else "sources" if "sources" in fields else ""
    if not form:
        if "repoURL" not in fields:
            yield Finding((), "WL2301", "repoURL is missing: add the repository that holds the chart")
        return
    # `targetRevision` and `tagPrefix` may come from the defaults, and sources inherit `targetRevision`.
    for key in sorted(fields.keys() & (set(SOURCE_KEYS) - {"targetRevision", "tagPrefix"}) - {form}):
        yield Finding((key,), "WL2302", f"is ignored by Argo CD beside {form}: move it into {form}")
    if "sources" in fields and form != "sources":
        yield Finding(("sources",), "WL2302", f"is ignored by Argo CD beside {form}: remove one of them")


def _source_location_problems(at: KeyPath, source: Layer, multiple_sources: bool) -> Iterator[Finding]:
    if "path" in source and "chart" in source:
        text = "a source has both a path and a chart: keep path for Git and OCI, chart for a Helm repository"
        yield Finding((*at, "chart"), "WL2302", text)
    elif not source.keys() & ({"path", "chart", "ref"} if multiple_sources else {"path", "chart"}):
        yield Finding(at, "WL2301", "path is missing: add the folder of the chart or manifests")
    wanted = source.get("targetRevision", "")
    if "chart" in source:
        if wanted in ("", "HEAD"):
            yield Finding((*at, "chart"), "WL2301", "a chart has no targetRevision: add its version or a version range")
        if "ref" in source:
            yield Finding((*at, "ref"), "WL2302", "a chart cannot have a ref: put it on a Git source")
    if "tagPrefix" in source and not is_written_as_range(wanted):
        text = 'needs a version range: write one as targetRevision, such as ">=1.0 <2.0"'
        yield Finding((*at, "tagPrefix"), "WL2301", text)


def _source_tool_problems(at: KeyPath, source: Layer) -> Iterator[Finding]:
    tools = [tool for tool in _TOOLS if tool in source]
    if len(tools) > 1:
        yield Finding((*at, tools[1]), "WL2302", f"a source has the tools {' and '.join(tools)}: keep one")
    if "chart" in source and set(tools) - {"helm"}:
        yield Finding((*at, tools[-1]), "WL2302", "only Helm renders a chart: remove it")
    helm = source.get("helm", {})
    if "values" in helm and "valuesObject" in helm:
        yield Finding((*at, "helm", "values"), "WL2302", "is ignored by Argo CD beside valuesObject: keep one of them")


def _source_url_problems(at: KeyPath, source: Layer, settings: ValidationSettings) -> Iterator[Finding]:
    url, where = source["repoURL"], (*at, "repoURL")
    scheme = url_scheme(url)
    yield from _scheme_problems(where, url, settings)
    if scheme == "oci" and url.startswith("oci://"):
        if major_minor(settings.argocd_version) < (3, 1):
            yield Finding(where, "WL2310", f"an oci:// source {too_new_message('3.1', settings.argocd_version)}")
        if "chart" in source:
            yield Finding(where, "WL2303", "a chart has an oci:// URL: remove oci://")
    elif scheme == "oci" and "chart" not in source:
        yield Finding(
            where, "WL2303", f"{quoted_excerpt(url)} is not a repository URL: write https://host/path or git@host:path"
        )


def _file_reference_problems(at: KeyPath, source: Layer, settings: ValidationSettings) -> Iterator[Finding]:
    version = settings.argocd_version
    for file in list_file_references(source):
        if resolve_path(file.folder, file.path) is None:
            text = f"{quoted_excerpt(file.text)} is not inside the repository: name a file of the repository"
            yield Finding((*at, *file.key), "WL2304", text)
        elif "valueFiles" in file.key and not set("*?[").isdisjoint(file.path) and major_minor(version) < (3, 4):
            text = f"{quoted_excerpt(file.text)} is a glob, which {too_new_message('3.4', version, 'list the files')}"
            yield Finding((*at, *file.key), "WL2310", text)


def _scheme_problems(path: KeyPath, url: str, settings: ValidationSettings) -> Iterator[Finding]:
    scheme = url_scheme(url)
    if scheme in OPT_IN_SCHEMES - settings.allowed_schemes:
        text = f"{quoted_excerpt(url)}: {scheme} is not allowed: add it to allowSchemes in the root file"
        yield Finding(path, "WL3209", text)


def _source_reference_problems(app: EffectiveApp) -> Iterator[Finding]:
    names: dict[str, set[str]] = {"ref": set(), "name": set()}
    for at, source in app.sources_with_paths():
        for key in names.keys() & source.keys():
            if source[key] in names[key]:
                yield Finding(
                    (*at, key), "WL2304", f"{quoted_excerpt(source[key])} is the {key} of two sources: rename one"
                )
            names[key].add(source[key])
    dry = app.fields.get("sourceHydrator", {}).get("drySource", {})
    for at, source in (*app.sources_with_paths(), (("sourceHydrator", "drySource"), dry)):
        for file in list_file_references(source):
            if file.ref and file.ref not in names["ref"]:
                text = f'{quoted_excerpt(file.text)}: none of this app\'s sources has ref = "{file.ref}"'
                yield Finding((*at, *file.key), "WL2304", text)


def _hydrator_problems(app: EffectiveApp, settings: ValidationSettings) -> Iterator[Finding]:
    hydrator = app.fields.get("sourceHydrator")
    if not hydrator:
        return
    if all(part in ("", ".") for part in hydrator["syncSource"]["path"].split("/")):
        yield Finding(
            ("sourceHydrator", "syncSource", "path"), "WL2301", "is the root of the repository: name a folder"
        )
    for name in ("drySource", "syncSource"):
        url, path = hydrator[name].get("repoURL", "https://"), ("sourceHydrator", name, "repoURL")
        if url_scheme(url) == "oci":
            yield Finding(path, "WL2303", "is not a Git repository: the source hydrator needs one")
        yield from _scheme_problems(path, url, settings)
    yield from _source_tool_problems(("sourceHydrator", "drySource"), hydrator["drySource"])
    yield from _file_reference_problems(("sourceHydrator", "drySource"), hydrator["drySource"], settings)


def pin_problems(app: EffectiveApp, policy: str) -> Iterator[tuple[str, str]]:
    """Yield the code and text of each problem of an app's pin."""
    known = len(app.pinned_fields) == len(app.pins)
    if app.pin is not None and known and not app.has_pinnable_field:
        text = f'the pin of "{app.app}" has no effect, because each source has a targetRevision'
        remedy = 'name the source that the pin is for, pins = ["sources.NAME"], or remove its targetRevision'
        yield "WL2305", f"{text}: {remedy}"
    if app.pin is None and not app.revision:
        text = f'"{app.app}" has no value for {app.pins[0]}, which a pin sets'
        yield "WL2305", f'{text}: pin it here, "{app.app}@TAG", or set a value in the app'
    if policy == "any":
        return
    if app.revision and app.revision_kind not in ("commit", required_kind(policy, app.takes_commits)):
        wanted = required_kind_name(policy, app.takes_commits)
        text = f"environment {app.environment} runs {wanted} only, and {quoted_excerpt(app.revision)} is not one"
        yield "WL3109", f'{text}: pin it here, "{app.app}@<{wanted.split()[-1][:-1]}>"'
    for source in app.fixed_sources:
        wanted = str(source.get("targetRevision", "HEAD"))
        # A chart has versions and no commits.
        kind = required_kind(policy, "chart" not in source)
        if revision_kind(wanted, False, in_git="chart" not in source) not in ("commit", kind):
            text = f"environment {app.environment} runs {policy}s only, and source {quoted_excerpt(source['repoURL'])}"
            yield "WL3109", f"{text} follows {quoted_excerpt(wanted)}: write a {policy} as its targetRevision"


def _pinned_field_problems(app: EffectiveApp) -> Iterator[Finding]:
    for index, name in enumerate(app.pins):
        try:
            field = find_pinned_field(app.fields, name)
        except UnknownFieldError as error:
            yield Finding(("pins", index), "WL2305", str(error))
            continue
        if field.image and app.pin is not None and not _IMAGE_TAG.fullmatch(app.pin):
            text = f"{quoted_excerpt(app.pin)} in {app.environment} is not the tag or digest of an image"
            yield Finding(("pins", index), "WL2305", f"{text}: pin another one")


def _name_problems(app: EffectiveApp) -> Iterator[Finding]:
    """Yield what is wrong with the names of the Application and of its Helm releases."""
    name, place = app.application, ("name",) if "name" in app.fields else ()
    if len(name) > _MAX_APPLICATION_LENGTH:
        text = f"{quoted_excerpt(name)} is longer than {_MAX_APPLICATION_LENGTH} characters: shorten it"
        yield Finding(place, "WL2309", text)
    elif any(release == name and len(name) > _MAX_RELEASE_LENGTH for _, release in app.releases):
        remedy = f"set helm.releaseName, at most {_MAX_RELEASE_LENGTH} characters"
        text = f"{quoted_excerpt(name)} is too long for a Helm release: {remedy}"
        yield Finding(place, "WL2309", f"{text}, or kustomize or directory = {{}} where Helm does not render it")


def _sync_policy_problems(app: EffectiveApp, settings: ValidationSettings) -> Iterator[Finding]:
    policy = app.fields.get("syncPolicy", {})
    options = policy.get("syncOptions", [])
    seen: dict[str, str] = {}
    for index, option in enumerate(options):
        since = SYNC_OPTIONS.get(option)
        if since and major_minor(since) > major_minor(settings.argocd_version):
            text = f'"{option}" {too_new_message(since, settings.argocd_version)}'
            yield Finding(("syncPolicy", "syncOptions", index), "WL2310", text)
        other = seen.setdefault(option.partition("=")[0], option)
        if index != options.index(other):
            yield Finding(
                ("syncPolicy", "syncOptions", index), "WL2307", f'"{option}" and "{other}" are one option: keep one'
            )
    if "managedNamespaceMetadata" in policy and "CreateNamespace=true" not in options:
        text = "has no effect: add the sync option CreateNamespace=true, or remove it"
        yield Finding(("syncPolicy", "managedNamespaceMetadata"), "WL2307", text)
    for kind, table in policy.get("managedNamespaceMetadata", {}).items():
        for path, code, text in managed_namespace_problems(table, kind, app):
            yield Finding(("syncPolicy", "managedNamespaceMetadata", kind, *path), code, text)


def _app_metadata_problems(app: EffectiveApp) -> Iterator[Finding]:
    for table in ("labels", "annotations"):
        for path, code, text in metadata_problems(app.fields.get(table, {}), table):
            yield Finding((table, *path), code, text)
    annotations = app.fields.get("annotations", {})
    size = sum(len(f"{key}{value}".encode()) for key, value in annotations.items())
    if size > _MAX_ANNOTATIONS_BYTES:
        limit = f"Kubernetes accepts {_MAX_ANNOTATIONS_BYTES:,} bytes in all annotations of an object"
        yield Finding(("annotations",), "WL2309", f"has {size:,} bytes, and {limit}: remove some of them")


def _object_size_problems(app: EffectiveApp) -> Iterator[Finding]:
    """Yield the largest field of an Application that etcd would refuse for its size."""
    if len(_encode_json(app.fields)) <= _MAX_OBJECT_BYTES:
        return
    sizes = {key: len(json.dumps(value, ensure_ascii=False, default=str).encode()) for key, value in app.fields.items()}
    if sum(sizes.values()) > _MAX_OBJECT_BYTES:
        largest = max(sizes, key=sizes.__getitem__)
        limit = f"etcd accepts objects of {_MAX_OBJECT_BYTES:,} bytes"
        yield Finding(
            (largest,), "WL2309", f"makes the Application {sum(sizes.values()):,} bytes large, and {limit}: shorten it"
        )


def _raw_spec_problems(app: EffectiveApp, settings: ValidationSettings) -> Iterator[Finding]:
    """Validate `spec`, which is only for fields of Argo CD versions newer than this generator supports."""
    keys = {field.lower(): key for field, key in _SPEC_FIELDS_WITH_KEYS.items()}
    for key in sorted(app.fields.get("spec", {})):
        if key.lower() in keys:  # Go reads the names of fields in any case.
            yield Finding(("spec", key), "WL2311", f"has its own key in the registry: use {keys[key.lower()]}")
        elif not _FIELD_NAME.fullmatch(key):
            yield Finding(
                ("spec", key), "WL2311", f"{quoted_excerpt(key)} is not the name of a field: use letters and digits"
            )
        elif major_minor(settings.argocd_version) <= major_minor(NEWEST_KNOWN_ARGOCD):
            text = f"is not a field of an Application in Argo CD {settings.argocd_version}: remove it"
            yield Finding(("spec", key), "WL2311", text)


def project_problems(name: str, fields: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield each problem of project `name`: what Argo CD rejects, or silently reads differently."""
    for path, code, text in metadata_problems(fields.get("labels", {}), "labels"):
        yield Finding(("labels", *path), code, text)
    yield from _project_destination_problems(fields)
    for index, window in enumerate(fields.get("syncWindows", ())):
        if not any(map(window.get, _WINDOW_SELECTORS)):
            text = f"a sync window selects nothing: add one of {', '.join(_WINDOW_SELECTORS)}"
            yield Finding(("syncWindows", index), "WL2313", text)
    yield from _role_problems(name, fields)
    yield from _service_account_problems(fields)
    if "signatureKeys" in fields and "sourceIntegrity" in fields:
        yield Finding(("signatureKeys",), "WL2302", "is ignored by Argo CD beside sourceIntegrity: keep one")


def find_project_denials(
    app: EffectiveApp, destination: tuple[str, str], fields: Mapping[str, Any]
) -> Iterator[tuple[KeyPath, str]]:
    """Yield each `!` entry of a project that denies its own app, except `!*`, which is reported for the project.

    `destination` is the app's cluster as a pair of Argo CD's field (`server` or `name`) and its value. A path is
    relative to the project's `fields`.
    """
    for index, pattern in enumerate(fields.get("sourceRepos", ())):
        for url in app.repositories:
            if pattern != "!*" and is_denied(normalize_git_url(url), normalize_git_url(pattern), "/"):
                text = f'{quoted_excerpt(pattern)} denies {quoted_excerpt(url)} of app "{app.app}": remove it'
                yield ("sourceRepos", index), text
    for index, listed in enumerate(fields.get("destinations", ())):
        for key, value in (destination, ("namespace", app.namespace)):
            if listed.get(key) != "!*" and is_denied(value, listed.get(key, "")):
                text = f'{quoted_excerpt(listed[key])} denies "{value}" of app "{app.app}": remove it'
                yield ("destinations", index, key), text


def _project_destination_problems(fields: Mapping[str, Any]) -> Iterator[Finding]:
    seen: set[tuple[str, str]] = set()
    for index, destination in enumerate(fields.get("destinations", ())):
        at: KeyPath = ("destinations", index)
        if "server" not in destination and "name" not in destination:
            yield Finding(at, "WL2313", "a destination needs a server or a name: add one")
        for key, value in destination.items():
            if value == "!*":
                yield Finding((*at, key), "WL2313", _DENIES_ALL_MESSAGE)
        # Argo CD does not distinguish the server "a" from the cluster named "a" here.
        place = destination.get("server") or destination.get("name", ""), destination["namespace"]
        if place in seen and destination not in fields["destinations"][:index]:
            text = f"{quoted_excerpt(place[0])} with namespace {quoted_excerpt(place[1])}"
            yield Finding(at, "WL2313", f"Argo CD has {text} twice: remove one")
        seen.add(place)
    for index, repository in enumerate(fields.get("sourceRepos", ())):
        if repository == "!*":
            yield Finding(("sourceRepos", index), "WL2313", _DENIES_ALL_MESSAGE)


def _service_account_problems(fields: Mapping[str, Any]) -> Iterator[Finding]:
    seen: set[tuple[str, str]] = set()
    for index, account in enumerate(fields.get("destinationServiceAccounts", ())):
        at: KeyPath = ("destinationServiceAccounts", index)
        for key in ("server", "namespace", "defaultServiceAccount"):
            if "!" in account.get(key, ""):
                yield Finding((*at, key), "WL2313", "cannot deny: remove '!'")
        place = account["server"], account.get("namespace", "")
        if place in seen and account not in fields["destinationServiceAccounts"][:index]:
            yield Finding(at, "WL2313", "the server and namespace of another entry: keep one")
        seen.add(place)


def _role_problems(name: str, fields: Mapping[str, Any]) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, role in enumerate(fields.get("roles", ())):
        if role["name"] in seen:
            text = f"{quoted_excerpt(role['name'])} is the name of two roles: rename one"
            yield Finding(("roles", index, "name"), "WL2313", text)
        seen.add(role["name"])
        for place, policy in enumerate(role.get("policies", ())):
            parts = [part.strip() for part in policy.split(",")]
            at: KeyPath = ("roles", index, "policies", place)
            if parts[1] != f"proj:{name}:{role['name']}":
                text = f'the second field must be "proj:{name}:{role["name"]}"'
                yield Finding(at, "WL2313", f"{quoted_excerpt(policy)} names another role: {text}")
            if not re.fullmatch(rf"{re.escape(name)}(?:/[*a-zA-Z0-9_.-]+){{1,2}}", parts[4]):
                text = f'the fifth field must be "{name}/<application>" or "{name}/*"'
                yield Finding(at, "WL2313", f"{quoted_excerpt(policy)} names another project: {text}")
