"""Objects that Helm rendered → what Argo CD would refuse of them: the last look before they are trusted. Pure."""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from generator.registry.text import SYNC_OPTIONS

Manifest = Mapping[str, Any]
_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?")
_KINDS = ("AppProject", "Application")
_FORMS = ("source", "sources", "sourceHydrator")


def object_problems(objects: Sequence[Manifest], expected: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """What is wrong with the objects of one chart.

    `expected` are the identities of its Applications by app; the chart may yield no others, and no object
    but Applications and AppProjects.
    """
    keys = Counter(_key(item) for item in objects)
    yield from (f"{key} is rendered {count} times" for key, count in sorted(keys.items()) if count > 1)
    for item in objects:
        for problem in _object(item):
            yield f"{_key(item)}: {problem}"
    yield from _unexpected(objects, expected)
    projects = {item["metadata"]["name"]: item["spec"] for item in objects if item.get("kind") == "AppProject"}
    for item in objects:
        if item.get("kind") == "Application" and item["spec"].get("project") in projects:
            for problem in _denied(item["spec"], projects[item["spec"]["project"]]):
                yield f"{_key(item)}: its project does not allow {problem}"


def _key(item: Manifest) -> str:
    metadata = item.get("metadata") or {}
    return f"{item.get('kind')} {metadata.get('namespace')}/{metadata.get('name')}"


def _unexpected(objects: Sequence[Manifest], expected: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    found = {item["metadata"].get("name") for item in objects if item.get("kind") == "Application"}
    named = {identity["name"] for identity in expected.values()}
    yield from (f"Application {name} is missing" for name in sorted(named - found))
    yield from (f"Application {name} is not in the registry" for name in sorted(map(str, found - named)))


def _object(item: Manifest) -> Iterator[str]:
    metadata = item.get("metadata") or {}
    if item.get("apiVersion") != "argoproj.io/v1alpha1" or item.get("kind") not in _KINDS:
        yield "is neither an Application nor an AppProject of argoproj.io/v1alpha1"
        return
    for field in ("name", "namespace"):
        value = metadata.get(field)
        if not isinstance(value, str) or len(value) > 253 or not _NAME.fullmatch(value):
            yield f"metadata.{field} {value!r} is not a Kubernetes name"
    for field in ("labels", "annotations"):
        for key, value in (metadata.get(field) or {}).items():
            if not isinstance(value, str):
                yield f"metadata.{field}.{key} is not a string"
    yield from _application(item["spec"]) if item["kind"] == "Application" else _project(item["spec"])


def _application(spec: Manifest) -> Iterator[str]:
    destination = spec.get("destination") or {}
    if bool(destination.get("server")) == bool(destination.get("name")):
        yield "spec.destination needs either a server or a name"
    if not destination.get("namespace"):
        yield "spec.destination.namespace is missing"
    if spec.get("project") in (None, "", "default"):
        yield "spec.project must be a project of its own"
    forms = [form for form in _FORMS if spec.get(form)]
    if len(forms) != 1:
        yield f"spec needs exactly one of {', '.join(_FORMS)}, and has {', '.join(forms) or 'none'}"
    for source in _sources(spec):
        yield from _source(source)
    for option in (spec.get("syncPolicy") or {}).get("syncOptions") or ():
        if option not in SYNC_OPTIONS:
            yield f"spec.syncPolicy.syncOptions: Argo CD does not know {option!r}"


def _sources(spec: Manifest) -> list[Manifest]:
    return [spec["source"]] if spec.get("source") else list(spec.get("sources") or ())


def _source(source: Manifest) -> Iterator[str]:
    if not isinstance(source.get("repoURL"), str) or not source["repoURL"]:
        yield "a source has no repoURL"
    if not source.keys() & {"path", "chart", "ref"}:
        yield "a source has neither path nor chart nor ref"
    if "chart" in source and not source.get("targetRevision"):
        yield "a chart has no targetRevision"
    if not isinstance(source.get("targetRevision", ""), str):
        yield "targetRevision is not a string"
    for parameter in (source.get("helm") or {}).get("parameters") or ():
        if not isinstance(parameter.get("name"), str) or not isinstance(parameter.get("value", ""), str):
            yield "a Helm parameter is not a name and a string"


def _project(spec: Manifest) -> Iterator[str]:
    if spec.get("namespaceResourceWhitelist") == []:
        yield "an empty namespaceResourceWhitelist denies every kind"
    for field in ("sourceRepos", "destinations"):
        if not spec.get(field):
            yield f"spec.{field} is empty, so the project allows nothing"
    for destination in spec.get("destinations") or ():
        if bool(destination.get("server")) == bool(destination.get("name")):
            yield "a destination needs either a server or a name"


def _denied(application: Manifest, project: Manifest) -> Iterator[str]:
    """What of an Application its AppProject does not permit, by Argo CD's matching."""
    hydrator = application.get("sourceHydrator") or {}
    sources = [*_sources(application), *(part for part in hydrator.values() if part.get("repoURL"))]
    for source in sources:
        if not permitted(
            _normal(source.get("repoURL", "")), [_normal(url) for url in project.get("sourceRepos") or ()]
        ):
            yield f"the repository {source.get('repoURL')}"
    destination = application.get("destination") or {}
    if not _destination_permitted(destination, project.get("destinations") or ()):
        yield f"namespace {destination.get('namespace')} on {destination.get('server') or destination.get('name')}"


def _normal(url: str) -> str:
    # util/git NormalizeGitURL: lower case, without `.git`.
    denied, plain = url.startswith("!"), url.removeprefix("!").lower().removesuffix(".git")
    return f"!{plain}" if denied else plain


def permitted(value: str, patterns: Sequence[str]) -> bool:
    """Argo CD's rule for lists with denials: some pattern matches, and no `!` pattern does."""
    allows = any(_glob(value, pattern) for pattern in patterns if not pattern.startswith("!"))
    return allows and not any(_glob(value, pattern[1:]) for pattern in patterns if pattern.startswith("!"))


def _glob(value: str, pattern: str) -> bool:
    return pattern == "*" or value == pattern or fnmatch.fnmatchcase(value, pattern)


def _destination_permitted(destination: Manifest, allowed: Sequence[Manifest]) -> bool:
    """AppProject.IsDestinationPermitted: one item covers cluster and namespace, and no `!` item covers either."""

    def covers(item: Manifest) -> bool:
        key = "server" if destination.get("server") else "name"
        return all(
            permitted(str(destination.get(field, "")), [str(item.get(field, ""))]) for field in (key, "namespace")
        )

    def denies(item: Manifest) -> bool:
        return any(
            str(item.get(field, "")).startswith("!") and _glob(str(destination.get(field, "")), str(item[field])[1:])
            for field in ("server", "name", "namespace")
        )

    return any(map(covers, allowed)) and not any(map(denies, allowed))
