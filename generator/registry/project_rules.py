"""Argo CD's own rules about one project's fields (argo-cd's `AppProject.ValidateProject`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from generator.registry.model import ArgoCD
from generator.registry.rules import Finding
from generator.registry.text import shown
from generator.registry.toml import Path

_SELECTORS = ("applications", "namespaces", "clusters")


def project_problems(name: str, fields: Mapping[str, Any], argocd: ArgoCD) -> Iterator[Finding]:
    """What Argo CD would refuse, or silently read otherwise, of the project called `name`."""
    yield from _destinations(fields)
    yield from _windows(fields)
    yield from _roles(name, fields)
    yield from _namespaces(fields, argocd)
    yield from _duplicates(fields)
    if "signatureKeys" in fields and "sourceIntegrity" in fields:
        yield Finding(("signatureKeys",), "Argo CD ignores signatureKeys where there is sourceIntegrity: keep one")


def _destinations(fields: Mapping[str, Any]) -> Iterator[Finding]:
    for index, destination in enumerate(fields.get("destinations", ())):
        at: Path = ("destinations", index)
        if ("server" in destination) == ("name" in destination):
            yield Finding(at, "a destination has either a server or a name")
        for key, value in destination.items():
            if value == "!*":
                yield Finding((*at, key), '"!*" would deny everything: Argo CD refuses it')
    for index, repository in enumerate(fields.get("sourceRepos", ())):
        if repository == "!*":
            yield Finding(("sourceRepos", index), '"!*" would deny everything: Argo CD refuses it')
    for index, account in enumerate(fields.get("destinationServiceAccounts", ())):
        for key in ("server", "namespace"):
            if "!" in account.get(key, ""):
                yield Finding(("destinationServiceAccounts", index, key), "may not deny with '!' here")


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
            if not parts[4].startswith(f"{name}/"):
                yield Finding(at, f'{shown(policy)}: the fifth field must begin with "{name}/"')


def _namespaces(fields: Mapping[str, Any], argocd: ArgoCD) -> Iterator[Finding]:
    for index, namespace in enumerate(fields.get("sourceNamespaces", ())):
        if namespace == argocd.namespace:
            text = f"Argo CD's own namespace {shown(namespace)} is always allowed and must not be listed"
            yield Finding(("sourceNamespaces", index), text)


def _duplicates(fields: Mapping[str, Any]) -> Iterator[Finding]:
    for key, values in fields.items():
        if isinstance(values, list):
            for index, value in enumerate(values):
                if value in values[:index]:
                    yield Finding((key, index), "stands in the list twice: remove one")
