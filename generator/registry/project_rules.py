"""Validate the fields of one AppProject by Argo CD's rules (argo-cd's `AppProject.ValidateProject`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from generator.argocd.permissions import is_denied, normalize_git_url
from generator.argocd.strings import quoted_excerpt
from generator.registry.application_rules import Finding
from generator.registry.effective import EffectiveApp
from generator.registry.model import ArgoCD
from generator.toml.document import KeyPath

_DENIES_ALL_MESSAGE = '"!*" denies everything: remove it'
_WINDOW_SELECTORS = ("applications", "namespaces", "clusters")


def project_problems(name: str, fields: Mapping[str, Any], argocd: ArgoCD) -> Iterator[Finding]:
    """Yield each problem of project `name`: what Argo CD rejects, or silently reads differently."""
    yield from _project_destination_problems(fields)
    yield from _sync_window_problems(fields)
    yield from _role_problems(name, fields)
    yield from _source_namespace_problems(fields, argocd)
    yield from _service_account_problems(fields)
    if "signatureKeys" in fields and "sourceIntegrity" in fields:
        yield Finding(("signatureKeys",), "is ignored by Argo CD beside sourceIntegrity: keep one")


def find_project_denials(
    app: EffectiveApp, destination: tuple[str, str], fields: Mapping[str, Any]
) -> Iterator[tuple[KeyPath, str]]:
    """Yield each `!` entry of a project that denies its own app, except `!*`, which is reported for the project.

    `destination` is a (field, value) pair.
    """
    field, cluster = destination
    wanted = {field: cluster, "namespace": app.namespace}
    for index, pattern in enumerate(fields.get("sourceRepos", ())):
        for url in app.repositories:
            if pattern != "!*" and is_denied(normalize_git_url(url), normalize_git_url(pattern), "/"):
                yield (
                    ("sourceRepos", index),
                    f'{quoted_excerpt(pattern)} denies {quoted_excerpt(url)} of app "{app.app}": remove it',
                )
    for index, listed in enumerate(fields.get("destinations", ())):
        for key, value in wanted.items():
            if listed.get(key) != "!*" and is_denied(value, listed.get(key, "")):
                yield (
                    ("destinations", index, key),
                    f'{quoted_excerpt(listed[key])} denies "{value}" of app "{app.app}": remove it',
                )


def _project_destination_problems(fields: Mapping[str, Any]) -> Iterator[Finding]:
    seen: set[tuple[str, str]] = set()
    for index, destination in enumerate(fields.get("destinations", ())):
        at: KeyPath = ("destinations", index)
        if ("server" in destination) == ("name" in destination):
            yield Finding(at, "a destination needs a server or a name: keep exactly one")
        for key, value in destination.items():
            if value == "!*":
                yield Finding((*at, key), _DENIES_ALL_MESSAGE)
        # Argo CD does not distinguish the server "a" from the cluster named "a" here.
        place = destination.get("server") or destination.get("name", ""), destination["namespace"]
        if place in seen and destination not in fields["destinations"][:index]:
            yield Finding(
                at,
                f"Argo CD has {quoted_excerpt(place[0])} with namespace {quoted_excerpt(place[1])} twice: remove one",
            )
        seen.add(place)
    for index, repository in enumerate(fields.get("sourceRepos", ())):
        if repository == "!*":
            yield Finding(("sourceRepos", index), _DENIES_ALL_MESSAGE)


def _service_account_problems(fields: Mapping[str, Any]) -> Iterator[Finding]:
    seen: set[tuple[str, str]] = set()
    for index, account in enumerate(fields.get("destinationServiceAccounts", ())):
        at: KeyPath = ("destinationServiceAccounts", index)
        for key in ("server", "namespace", "defaultServiceAccount"):
            if "!" in account.get(key, ""):
                yield Finding((*at, key), "cannot deny: remove '!'")
        place = account["server"], account.get("namespace", "")
        if place in seen and account not in fields["destinationServiceAccounts"][:index]:
            yield Finding(at, "the server and namespace of another entry: keep one")
        seen.add(place)


def _sync_window_problems(fields: Mapping[str, Any]) -> Iterator[Finding]:
    for index, window in enumerate(fields.get("syncWindows", ())):
        if not any(window.get(selector) for selector in _WINDOW_SELECTORS):
            yield Finding(
                ("syncWindows", index), f"a sync window selects nothing: add one of {', '.join(_WINDOW_SELECTORS)}"
            )


def _role_problems(name: str, fields: Mapping[str, Any]) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, role in enumerate(fields.get("roles", ())):
        if role["name"] in seen:
            yield Finding(
                ("roles", index, "name"), f"{quoted_excerpt(role['name'])} is the name of two roles: rename one"
            )
        seen.add(role["name"])
        for place, policy in enumerate(role.get("policies", ())):
            parts = [part.strip() for part in policy.split(",")]
            at: KeyPath = ("roles", index, "policies", place)
            if parts[1] != f"proj:{name}:{role['name']}":
                yield Finding(
                    at,
                    f'{quoted_excerpt(policy)} names another role: the second field must be "proj:{name}:{role["name"]}"',  # noqa: E501
                )
            if not re.fullmatch(rf"{re.escape(name)}(?:/[*a-zA-Z0-9_.-]+){{1,2}}", parts[4]):
                yield Finding(
                    at,
                    f'{quoted_excerpt(policy)} names another project: the fifth field must be "{name}/<application>" or "{name}/*"',  # noqa: E501
                )
        yield from _duplicate_entry_problems(("roles", index), role, ("policies", "groups"))


def _source_namespace_problems(fields: Mapping[str, Any], argocd: ArgoCD) -> Iterator[Finding]:
    for index, namespace in enumerate(fields.get("sourceNamespaces", ())):
        if namespace == argocd.namespace:
            text = f"Argo CD's own namespace {quoted_excerpt(namespace)} is always allowed: remove it"
            yield Finding(("sourceNamespaces", index), text)


def _duplicate_entry_problems(
    parent_path: KeyPath, table: Mapping[str, Any], keys: tuple[str, ...]
) -> Iterator[Finding]:
    for key in keys:
        values = table.get(key, [])
        for index, value in enumerate(values):
            if value in values[:index]:
                yield Finding((*parent_path, key, index), f"{quoted_excerpt(value)} is in the list twice: remove one")
