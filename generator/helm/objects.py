"""Validate rendered objects by Argo CD's rules, as the last check before they are trusted. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from generator.argocd.permissions import is_destination_permitted, is_repository_permitted
from generator.argocd.strings import SYNC_OPTIONS

Manifest = Mapping[str, Any]
_KUBERNETES_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?")
_ALLOWED_KINDS = ("AppProject", "Application")
_SOURCE_FORMS = ("source", "sources", "sourceHydrator")


def find_object_problems(objects: Sequence[Manifest], expected_names: Collection[str]) -> Iterator[str]:
    """Find the problems of the objects that the generated files of one chart render.

    `expected_names` are the names of its Applications; the files may yield no others, and no object but Applications
    and AppProjects.
    """
    keys = Counter(_format_object_key(item) for item in objects)
    yield from (f"{key} is rendered {count} times" for key, count in sorted(keys.items()) if count > 1)
    for item in objects:
        for problem in _validate_object(item):
            yield f"{_format_object_key(item)}: {problem}"
    yield from _compare_applications(objects, expected_names)
    projects = {item["metadata"]["name"]: item["spec"] for item in objects if item.get("kind") == "AppProject"}
    for item in objects:
        if item.get("kind") == "Application" and item["spec"].get("project") in projects:
            for problem in _find_denied_parts(item["spec"], projects[item["spec"]["project"]]):
                yield f"{_format_object_key(item)}: its project does not allow {problem}"


def _format_object_key(item: Manifest) -> str:
    metadata = item.get("metadata") or {}
    return f"{item.get('kind')} {metadata.get('namespace')}/{metadata.get('name')}"


def _compare_applications(objects: Sequence[Manifest], expected_names: Collection[str]) -> Iterator[str]:
    found = {item["metadata"].get("name") for item in objects if item.get("kind") == "Application"}
    named = set(expected_names)
    yield from (f"Application {name} is missing" for name in sorted(named - found))
    yield from (f"Application {name} is not in the registry" for name in sorted(map(str, found - named)))


def _validate_object(item: Manifest) -> Iterator[str]:
    metadata = item.get("metadata") or {}
    if item.get("apiVersion") != "argoproj.io/v1alpha1" or item.get("kind") not in _ALLOWED_KINDS:
        yield "is neither an Application nor an AppProject of argoproj.io/v1alpha1"
        return
    for field in ("name", "namespace"):
        value = metadata.get(field)
        if not isinstance(value, str) or len(value) > 253 or not _KUBERNETES_NAME.fullmatch(value):
            yield f"metadata.{field} {value!r} is not a Kubernetes name"
    for field in ("labels", "annotations"):
        for key, value in (metadata.get(field) or {}).items():
            if not isinstance(value, str):
                yield f"metadata.{field}.{key} is not a string"
    yield from (
        _validate_application_spec(item["spec"])
        if item["kind"] == "Application"
        else _validate_project_spec(item["spec"])
    )


def _validate_application_spec(spec: Manifest) -> Iterator[str]:
    destination = spec.get("destination") or {}
    if bool(destination.get("server")) == bool(destination.get("name")):
        yield "spec.destination needs either a server or a name"
    if not destination.get("namespace"):
        yield "spec.destination.namespace is missing"
    if not spec.get("project"):
        yield "spec.project is missing"
    forms = [form for form in _SOURCE_FORMS if spec.get(form)]
    if len(forms) != 1:
        yield f"spec needs exactly one of {', '.join(_SOURCE_FORMS)}, and has {', '.join(forms) or 'none'}"
    for source in _list_application_sources(spec):
        yield from _validate_source(source)
    for option in (spec.get("syncPolicy") or {}).get("syncOptions") or ():
        if option not in SYNC_OPTIONS:
            yield f"spec.syncPolicy.syncOptions: Argo CD does not know {option!r}"


def _list_application_sources(spec: Manifest) -> list[Manifest]:
    return [spec["source"]] if spec.get("source") else list(spec.get("sources") or ())


def _validate_source(source: Manifest) -> Iterator[str]:
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


def _validate_project_spec(spec: Manifest) -> Iterator[str]:
    if spec.get("namespaceResourceWhitelist") == []:
        yield "an empty namespaceResourceWhitelist denies every kind"
    for field in ("sourceRepos", "destinations"):
        if not spec.get(field):
            yield f"spec.{field} is empty, so the project allows nothing"
    for destination in spec.get("destinations") or ():
        if not destination.get("server") and not destination.get("name"):
            yield "a destination needs a server or a name"


def _find_denied_parts(application: Manifest, project: Manifest) -> Iterator[str]:
    """The repositories and the destination of an Application that its AppProject denies, as Argo CD matches them."""
    hydrator = application.get("sourceHydrator") or {}
    sources = [*_list_application_sources(application), *(part for part in hydrator.values() if part.get("repoURL"))]
    for source in sources:
        if not is_repository_permitted(source.get("repoURL", ""), project):
            yield f"the repository {source.get('repoURL')}"
    destination = application.get("destination") or {}
    if not is_destination_permitted(destination, project):
        yield f"namespace {destination.get('namespace')} on {destination.get('server') or destination.get('name')}"
