"""Argo CD's own rules about one project's fields (argo-cd's `AppProject.ValidateProject`)."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping
from typing import Any

from generator.registry.effective import EffectiveApp
from generator.registry.model import ArgoCD
from generator.registry.rules import Finding
from generator.registry.text import shown
from generator.registry.toml import Path

_DENIES_ALL = '"!*" would deny everything: Argo CD refuses it'
_SELECTORS = ("applications", "namespaces", "clusters")


def project_problems(name: str, fields: Mapping[str, Any], argocd: ArgoCD) -> Iterator[Finding]:
    """What Argo CD would refuse, or silently read otherwise, of the project called `name`."""
    yield from _destinations(fields)
    yield from _windows(fields)
    yield from _roles(name, fields)
    yield from _namespaces(fields, argocd)
    yield from _accounts(fields)
    if "signatureKeys" in fields and "sourceIntegrity" in fields:
        yield Finding(("signatureKeys",), "Argo CD ignores signatureKeys where there is sourceIntegrity: keep one")


def denials(app: EffectiveApp, destination: tuple[str, str], fields: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """What in a project's own lists denies (`!`) an app that is in it; `destination` is its `server` or `name`."""
    field, cluster = destination
    wanted = {field: cluster, "namespace": app.namespace}
    for index, pattern in enumerate(fields.get("sourceRepos", ())):
        for url in app.repositories:
            if _denies(pattern.lower().removesuffix(".git"), url.lower().removesuffix(".git")):
                yield ("sourceRepos", index), f'{shown(pattern)} denies {shown(url)} of app "{app.app}"'
    for index, listed in enumerate(fields.get("destinations", ())):
        for key, value in wanted.items():
            if _denies(listed.get(key, ""), value):
                yield ("destinations", index, key), f'{shown(listed[key])} denies "{value}" of app "{app.app}"'


def _denies(pattern: str, value: str) -> bool:
    # A denial of everything has a message of its own.
    return pattern.startswith("!") and pattern != "!*" and fnmatch.fnmatchcase(value, pattern[1:])


def _destinations(fields: Mapping[str, Any]) -> Iterator[Finding]:
    seen: set[tuple[str, str]] = set()
    for index, destination in enumerate(fields.get("destinations", ())):
        at: Path = ("destinations", index)
        if ("server" in destination) == ("name" in destination):
            yield Finding(at, "a destination has either a server or a name")
        for key, value in destination.items():
            if value == "!*":
                yield Finding((*at, key), _DENIES_ALL)
        # Argo CD does not tell the server "a" from the cluster named "a" here.
        place = destination.get("server") or destination.get("name", ""), destination["namespace"]
        if place in seen and destination not in fields["destinations"][:index]:
            yield Finding(at, f"Argo CD has {shown(place[0])} with namespace {shown(place[1])} twice: remove one")
        seen.add(place)
    for index, repository in enumerate(fields.get("sourceRepos", ())):
        if repository == "!*":
            yield Finding(("sourceRepos", index), _DENIES_ALL)


def _accounts(fields: Mapping[str, Any]) -> Iterator[Finding]:
    seen: set[tuple[str, str]] = set()
    for index, account in enumerate(fields.get("destinationServiceAccounts", ())):
        at: Path = ("destinationServiceAccounts", index)
        for key in ("server", "namespace", "defaultServiceAccount"):
            if "!" in account.get(key, ""):
                yield Finding((*at, key), "may not deny with '!' here")
        place = account["server"], account.get("namespace", "")
        if place in seen and account not in fields["destinationServiceAccounts"][:index]:
            yield Finding(at, "another entry is for this server and namespace too: keep one")
        seen.add(place)


def _windows(fields: Mapping[str, Any]) -> Iterator[Finding]:
    for index, window in enumerate(fields.get("syncWindows", ())):
        if not any(window.get(selector) for selector in _SELECTORS):
            yield Finding(("syncWindows", index), f"a sync window needs one of {', '.join(_SELECTORS)}")


def _roles(name: str, fields: Mapping[str, Any]) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, role in enumerate(fields.get("roles", ())):
        if role["name"] in seen:
            yield Finding(("roles", index, "name"), f"{shown(role['name'])} is another role's name too")
        seen.add(role["name"])
        for place, policy in enumerate(role.get("policies", ())):
            parts = [part.strip() for part in policy.split(",")]
            at: Path = ("roles", index, "policies", place)
            if parts[1] != f"proj:{name}:{role['name']}":
                yield Finding(at, f'{shown(policy)}: the second field must be "proj:{name}:{role["name"]}"')
            if not re.fullmatch(rf"{re.escape(name)}(?:/[*a-zA-Z0-9_.-]+){{1,2}}", parts[4]):
                yield Finding(at, f'{shown(policy)}: the fifth field must be "{name}/<application>" or "{name}/*"')
        yield from _twice(("roles", index), role, ("policies", "groups"))


def _namespaces(fields: Mapping[str, Any], argocd: ArgoCD) -> Iterator[Finding]:
    for index, namespace in enumerate(fields.get("sourceNamespaces", ())):
        if namespace == argocd.namespace:
            text = f"Argo CD's own namespace {shown(namespace)} is always allowed and must not be listed"
            yield Finding(("sourceNamespaces", index), text)


def _twice(at: Path, table: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[Finding]:
    for key in keys:
        values = table.get(key, [])
        for index, value in enumerate(values):
            if value in values[:index]:
                yield Finding((*at, key, index), f"{shown(value)} is in the list twice: remove one")
