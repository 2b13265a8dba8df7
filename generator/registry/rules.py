"""Argo CD's own rules about one app, judged on the merged app before anything is rendered.

Each rule yields `Finding`s; a path is relative to the app. The rules are those of argo-cd's
`ValidateDestination`, `validateSourcePermissions` and the user guide on sources and sync options.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from generator.registry.effective import SOURCE_KEYS, EffectiveApp, follows
from generator.registry.since import newer_sync_options, release, too_new
from generator.registry.text import COMMIT, shown
from generator.registry.toml import Path
from generator.registry.urls import OPEN_SCHEMES, scheme_of


class Finding(NamedTuple):
    path: Path
    text: str
    refused: bool = False


class Setting(NamedTuple):
    """What the root registry decides for every app."""

    version: str
    schemes: frozenset[str]
    pin: str


Rule = Callable[[EffectiveApp, Setting], Iterable[Finding]]
_TOOLS = ("helm", "kustomize", "directory", "plugin")
_RESERVED = ("argocd.argoproj.io", "link.argocd.argoproj.io", "argocd-image-updater.argoproj.io")
_QUALIFIED = re.compile(r"(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_VERSION = re.compile(r"v?\d+(?:\.\d+)+(?:[-+][0-9A-Za-z.+-]+)?")
_CONSTRAINT = re.compile(r"[*<>~^|]|\.x\b| - ")
_GENERATED_SPEC = frozenset({"project", "destination", "source", "sources", "sourceHydrator"})


def judge(app: EffectiveApp, setting: Setting) -> Iterator[Finding]:
    """Everything that is wrong with an app in an environment, before tenancy."""
    for rule in _RULES:
        yield from rule(app, setting)


def _source_form(app: EffectiveApp, setting: Setting) -> Iterator[Finding]:
    fields = app.fields
    form = "sourceHydrator" if "sourceHydrator" in fields else "sources" if "sources" in fields else ""
    if not form:
        if "repoURL" not in fields:
            yield Finding((), "repoURL is missing: add the repository that holds the chart")
        return
    # `targetRevision` and `tagPrefix` may come from the defaults; several sources follow the former.
    for key in sorted(fields.keys() & (set(SOURCE_KEYS) - {"targetRevision", "tagPrefix"}) - {form}):
        yield Finding((key,), f"stands beside {form}, and Argo CD would ignore it: move it into {form}")
    if "sources" in fields and form != "sources":
        yield Finding(("sources",), f"stands beside {form}, and Argo CD would ignore it: remove one of them")


def _each_source(app: EffectiveApp) -> Iterator[tuple[Path, dict[str, Any]]]:
    for index, source in enumerate(app.sources):
        yield ("sources", index) if app.several else (), source


def _source(app: EffectiveApp, setting: Setting) -> Iterator[Finding]:
    for at, source in _each_source(app):
        if "repoURL" not in source:
            continue
        yield from _source_place(at, source, app.several)
        yield from _source_tool(at, source)
        yield from _source_url(at, source, setting)
        wanted = source.get("targetRevision", "")
        if "tagPrefix" in source and not _CONSTRAINT.search(wanted):
            yield Finding((*at, "tagPrefix"), 'needs a version range as targetRevision, such as ">=1.0 <2.0"')


def _source_place(at: Path, source: dict[str, Any], several: bool) -> Iterator[Finding]:
    if "path" in source and "chart" in source:
        yield Finding((*at, "chart"), "a source has either a path (git, OCI) or a chart (Helm repository), not both")
    elif not source.keys() & ({"path", "chart", "ref"} if several else {"path", "chart"}):
        yield Finding(at, "path is missing: add where the chart or the manifests are in the repository")
    if "chart" in source:
        if source.get("targetRevision", "HEAD") == "HEAD":
            yield Finding((*at, "chart"), "a chart needs a targetRevision: its version or a range of versions")
        if "ref" in source:
            yield Finding((*at, "ref"), "Argo CD does not take a ref on a chart: put it on a git source")


def _source_tool(at: Path, source: dict[str, Any]) -> Iterator[Finding]:
    tools = [tool for tool in _TOOLS if tool in source]
    if len(tools) > 1:
        yield Finding((*at, tools[1]), f"a source has one tool, and this one has {' and '.join(tools)}: keep one")
    if "chart" in source and set(tools) - {"helm"}:
        yield Finding((*at, tools[-1]), "a chart is rendered by Helm alone: remove it")
    helm = source.get("helm", {})
    if "values" in helm and "valuesObject" in helm:
        yield Finding((*at, "helm", "values"), "Argo CD ignores values where there is valuesObject: keep one of them")


def _source_url(at: Path, source: dict[str, Any], setting: Setting) -> Iterator[Finding]:
    url = source["repoURL"]
    scheme = scheme_of(url)
    where = (*at, "repoURL")
    if scheme in OPEN_SCHEMES - setting.schemes:
        yield Finding(where, f"{shown(url)}: {scheme} is allowed only by allowSchemes in the root file", True)
    if scheme == "oci" and url.startswith("oci://"):
        if release(setting.version) < (3, 1):
            yield Finding(where, f"an oci:// source {too_new('3.1', setting.version)}")
        if "chart" in source:
            yield Finding(where, "a Helm chart in a registry has its repoURL without oci://")
    elif scheme == "oci" and "chart" not in source:
        yield Finding(where, f"{shown(url)} is not a repository URL: https://host/path or ssh (git@host:path)")


def _references(app: EffectiveApp, setting: Setting) -> Iterator[Finding]:
    refs: set[str] = set()
    for at, source in _each_source(app):
        ref = source.get("ref")
        if ref in refs:
            yield Finding((*at, "ref"), f"{shown(str(ref))} is the ref of another source too: name it differently")
        if ref:
            refs.add(ref)
    for at, source in _each_source(app):
        for index, name in enumerate(source.get("helm", {}).get("valueFiles", ())):
            used = name[1:].partition("/")[0] if name.startswith("$") else None
            if used is not None and used not in refs:
                yield Finding(
                    (*at, "helm", "valueFiles", index), f'{shown(name)}: none of this app\'s sources has ref = "{used}"'
                )


def _pin(app: EffectiveApp, setting: Setting) -> Iterator[Finding]:
    if app.pin is not None and app.several and not any(follows(source) for source in app.fields["sources"]):
        yield Finding(
            ("sources",), "a promotion list pins this app, but each source has a targetRevision of its own: "
            "leave it out of the source that the pin is for",
        )  # fmt: skip
    revision = app.revision
    if setting.pin == "any" or pin_kind(revision, app.pin is not None) in ("commit", setting.pin):
        return
    yield Finding(
        (), f"environment {app.environment} runs {setting.pin}s only, and {shown(revision)} is not one: pin it in its "
        f'list, "{app.app}@<{setting.pin}>"', True,
    )  # fmt: skip


def pin_kind(revision: str, pinned: bool) -> str:
    """`commit`, `tag` or `branch`, as far as a revision tells by itself.

    A version-like word is a tag; any other word is taken for a tag only where a promotion list pins it.
    """
    if COMMIT.fullmatch(revision):
        return "commit"
    if revision.startswith("refs/tags/") or _VERSION.fullmatch(revision):
        return "tag"
    moves = revision in ("HEAD", "main", "master") or revision.startswith("refs/") or _CONSTRAINT.search(revision)
    return "tag" if pinned and not moves else "branch"


def _destination(app: EffectiveApp, setting: Setting) -> Iterator[Finding]:
    if "server" in app.fields and "cluster" in app.fields:
        yield Finding(("cluster",), "Argo CD takes either server or cluster (destination.name), not both: keep one")


def _sync_policy(app: EffectiveApp, setting: Setting) -> Iterator[Finding]:
    policy = app.fields.get("syncPolicy", {})
    options = policy.get("syncOptions", [])
    for index, text in newer_sync_options(options, setting.version):
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
            ("syncPolicy", "managedNamespaceMetadata"), "has no effect without the sync option CreateNamespace=true"
        )


def _metadata(app: EffectiveApp, setting: Setting) -> Iterator[Finding]:
    for table in ("labels", "annotations"):
        for path, text, refused in metadata_problems(app.fields.get(table, {}), table):
            yield Finding((table, *path), text, refused)


def metadata_problems(table: Mapping[str, str], kind: str) -> Iterator[Finding]:
    """What Kubernetes, or this generator, does not take of a table of labels or annotations."""
    for key, value in table.items():
        prefix = key.partition("/")[0] if "/" in key else ""
        reserved = prefix in _RESERVED or prefix.endswith("image-updater.argoproj.io")
        if reserved or key == "app.kubernetes.io/instance":
            yield Finding((key,), "is written by the generator, by Argo CD or by an image updater: remove it", True)
        elif not _QUALIFIED.fullmatch(key):
            yield Finding((key,), f"{shown(key)} is not a Kubernetes {kind[:-1]} key")
        elif kind == "labels" and not _LABEL_VALUE.fullmatch(value):
            yield Finding((key,), f"{shown(value)} is not a label value: at most 63 letters, digits, '-', '_', '.'")


def _raw_spec(app: EffectiveApp, setting: Setting) -> Iterator[Finding]:
    for key in sorted(app.fields.get("spec", {}).keys() & _GENERATED_SPEC):
        yield Finding(("spec", key), "has a key of its own in the registry: use that")
    for key in sorted(app.fields.get("spec", {}).keys() & app.fields.keys()):
        yield Finding(("spec", key), f"stands in the app too: use {key} and remove it from spec")


def _hydrator(app: EffectiveApp, setting: Setting) -> Iterator[Finding]:
    hydrator = app.fields.get("sourceHydrator")
    if not hydrator:
        return
    if hydrator["syncSource"]["path"] in ("", ".", "./"):
        yield Finding(("sourceHydrator", "syncSource", "path"), "may not be the root of the repository: name a folder")
    for name in ("drySource", "syncSource"):
        url = hydrator[name].get("repoURL", "https://")
        if scheme_of(url) == "oci":
            yield Finding(("sourceHydrator", name, "repoURL"), "a hydrator reads and writes git repositories only")


_RULES: tuple[Rule, ...] = (
    _source_form, _source, _references, _pin, _destination, _sync_policy, _metadata, _raw_spec, _hydrator,
)  # fmt: skip
