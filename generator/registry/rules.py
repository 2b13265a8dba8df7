"""Argo CD's own rules about one app, judged on the merged app before anything is rendered.

Each rule yields `Finding`s; a path is relative to the app. The rules are those of argo-cd's
`ValidateDestination`, `validateSourcePermissions` and the user guide on sources and sync options.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from generator.registry.effective import SOURCE_KEYS, EffectiveApp, Layer, follows, is_range
from generator.registry.since import NEWEST, newer_sync_options, release, too_new
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
    suffix: str


Rule = Callable[[EffectiveApp, Setting], Iterable[Finding]]
_TOOLS = ("helm", "kustomize", "directory", "plugin")
_RESERVED = ("argocd.argoproj.io", "link.argocd.argoproj.io", "argocd-image-updater.argoproj.io")
_QUALIFIED = re.compile(
    r"(?:(?=.{1,253}/)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*/)?"
    r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)
_LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_VERSION = re.compile(r"v?[0-9]+(?:\.[0-9]+)+(?:[-+][0-9A-Za-z.+-]+)?")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SHORT_COMMIT = re.compile(r"[0-9a-f]{7,39}")
_FIELD = re.compile(r"[a-z][A-Za-z0-9]{0,62}")
_LONGEST_RELEASE = 53
#: Fields of an Application's spec that the registry has other keys for.
_KNOWN_SPEC = {
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


def judge(app: EffectiveApp, setting: Setting) -> Iterator[Finding]:
    """Everything that is wrong with an app in an environment, before tenancy."""
    for about, rule in _RULES:
        if not about or not about.isdisjoint(app.fields):
            yield from rule(app, setting)


def reads_revision(fields: Layer) -> bool:
    """Whether an app can be wrong at one revision and right at another: rules read it beside these fields only."""
    return not {"chart", "tagPrefix", "sources"}.isdisjoint(fields)


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
        if "tagPrefix" in source and not is_range(wanted):
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
        yield _closed_scheme(where, url)
    if scheme == "oci" and url.startswith("oci://"):
        if release(setting.version) < (3, 1):
            yield Finding(where, f"an oci:// source {too_new('3.1', setting.version)}")
        if "chart" in source:
            yield Finding(where, "a Helm chart in a registry has its repoURL without oci://")
    elif scheme == "oci" and "chart" not in source:
        yield Finding(where, f"{shown(url)} is not a repository URL: https://host/path or ssh (git@host:path)")


def _closed_scheme(at: Path, url: str) -> Finding:
    return Finding(at, f"{shown(url)}: {scheme_of(url)} is allowed only by allowSchemes in the root file", True)


def _references(app: EffectiveApp, setting: Setting) -> Iterator[Finding]:
    names: dict[str, set[str]] = {"ref": set(), "name": set()}
    for at, source in _each_source(app):
        for key, seen in names.items():
            if key not in source:
                continue
            if source[key] in seen:
                text = f"{shown(source[key])} is the {key} of another source too: name it differently"
                yield Finding((*at, key), text)
            seen.add(source[key])
    refs = names["ref"]
    for at, source in _each_source(app):
        for index, name in enumerate(source.get("helm", {}).get("valueFiles", ())):
            used = name[1:].partition("/")[0] if name.startswith("$") else None
            if used is not None and used not in refs:
                yield Finding(
                    (*at, "helm", "valueFiles", index), f'{shown(name)}: none of this app\'s sources has ref = "{used}"'
                )


def pin_problems(app: EffectiveApp, policy: str) -> Iterator[tuple[str, bool]]:
    """What is wrong with the revision that an environment runs by its promotion list, and whether policy refuses it."""
    if app.pin is not None and app.several and not any(follows(source) for source in app.fields["sources"]):
        yield (
            f'the pin of "{app.app}" has no effect: each of its sources has a targetRevision of its own; '
            "leave it out of the source that the pin is for", False,
        )  # fmt: skip
    if policy == "any":
        return
    revision = app.revision
    if pin_kind(revision, app.pin is not None) not in ("commit", policy):
        text = f"environment {app.environment} runs {policy}s only, and {shown(revision)} is not one"
        yield f'{text}: pin it here, "{app.app}@<{policy}>"', True


def pin_kind(revision: str, pinned: bool) -> str:
    """`commit`, `tag` or `branch`, as far as a revision tells by itself.

    A version-like word is a tag; any other word is taken for a tag only where a promotion list pins it.
    """
    if COMMIT.fullmatch(revision) or _DIGEST.fullmatch(revision):
        return "commit"
    if revision.startswith("refs/tags/") or _VERSION.fullmatch(revision):
        return "tag"
    # A shortened commit id is no tag, and may one day stand for two commits.
    moves = revision in ("HEAD", "main", "master") or revision.startswith("refs/") or is_range(revision)
    moves = moves or bool(_SHORT_COMMIT.fullmatch(revision))
    return "tag" if pinned and not moves else "branch"


def _release(app: EffectiveApp, setting: Setting) -> Iterator[Finding]:
    name = app.app + setting.suffix
    if len(app.app) <= _LONGEST_RELEASE < len(name) and not app.fields.get("helm", {}).get("releaseName"):
        yield Finding((), f"{shown(name)} is too long for Helm's release: at most {_LONGEST_RELEASE} characters")


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
    for kind, table in policy.get("managedNamespaceMetadata", {}).items():
        for path, text, refused in metadata_problems(table, kind):
            yield Finding(("syncPolicy", "managedNamespaceMetadata", kind, *path), text, refused)


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
    """`spec` is for fields of an Argo CD newer than this registry knows: every older field has a key of its own."""
    for key in sorted(app.fields.get("spec", {})):
        if key in _KNOWN_SPEC:
            yield Finding(("spec", key), f"has a key of its own in the registry: use {_KNOWN_SPEC[key]}")
        elif not _FIELD.fullmatch(key):
            yield Finding(("spec", key), f"{shown(key)} is not the name of a field")
        elif release(setting.version) <= release(NEWEST):
            text = f"Argo CD {setting.version} has no such field in an Application's spec, and would drop it: remove it"
            yield Finding(("spec", key), text)


def _hydrator(app: EffectiveApp, setting: Setting) -> Iterator[Finding]:
    hydrator = app.fields.get("sourceHydrator")
    if not hydrator:
        return
    if all(part in ("", ".") for part in hydrator["syncSource"]["path"].split("/")):
        yield Finding(("sourceHydrator", "syncSource", "path"), "may not be the root of the repository: name a folder")
    for name in ("drySource", "syncSource"):
        url = hydrator[name].get("repoURL", "https://")
        at: Path = ("sourceHydrator", name)
        if scheme_of(url) == "oci":
            yield Finding((*at, "repoURL"), "a hydrator reads and writes git repositories only")
        elif scheme_of(url) in OPEN_SCHEMES - setting.schemes:
            yield _closed_scheme((*at, "repoURL"), url)
    yield from _source_tool(("sourceHydrator", "drySource"), hydrator["drySource"])


#: Each rule, and the fields without all of which it has nothing to say; none: it is asked of every app.
_RULES: tuple[tuple[frozenset[str], Rule], ...] = (
    (frozenset(), _source_form),
    (frozenset(), _source),
    (frozenset({"sources", "helm"}), _references),
    (frozenset(), _release),
    (frozenset({"cluster"}), _destination),
    (frozenset({"syncPolicy"}), _sync_policy),
    (frozenset({"labels", "annotations"}), _metadata),
    (frozenset({"spec"}), _raw_spec),
    (frozenset({"sourceHydrator"}), _hydrator),
)
