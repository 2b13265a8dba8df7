"""Find the permissions that an AppProject gains. Pure.

By Argo CD's rules (pkg/apis/application/v1alpha1/app_project_types.go): an absent list of sources, destinations or
cluster kinds permits nothing, an absent `namespaceResourceWhitelist` every kind and an empty one none, no allowing
sync window means always. A glob counts as covered only by the same glob or by `*`; every possible widening is listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from generator.diff.compare import Manifest, value_at

#: Lists whose entries allow; a missing list allows nothing.
_ALLOW_LISTS = (
    *("sourceRepos", "destinations", "sourceNamespaces"),
    *("clusterResourceWhitelist", "destinationServiceAccounts"),
)
#: Lists whose entries deny.
_DENY_LISTS = ("clusterResourceBlacklist", "namespaceResourceBlacklist")


def find_widened_permissions(before: Manifest, after: Manifest) -> Iterator[str]:
    """List the permissions that the project gains: `sourceRepos + https://github.com/acme/`."""
    old, new = (_mapping_or_empty(project.get("spec")) for project in (before, after))
    for field in _ALLOW_LISTS:
        yield from _find_gained_entries(field, _list_field(old, field), _list_field(new, field))
    for field in _DENY_LISTS:
        yield from (
            f"{field} - {format_permission(item)}"
            for item in _items_not_in(_list_field(old, field), _list_field(new, field))
        )
    yield from _find_gained_kinds(old, new)
    yield from _find_gained_role_permissions(_list_field(old, "roles"), _list_field(new, "roles"))
    yield from _find_widened_sync_windows(_list_field(old, "syncWindows"), _list_field(new, "syncWindows"))
    if old.get("permitOnlyProjectScopedClusters") and not new.get("permitOnlyProjectScopedClusters"):
        yield "permitOnlyProjectScopedClusters is off"
    yield from _find_weakened_signatures(old, new)


def format_permission(item: Any) -> str:
    """Format an entry of a permission list in short form."""
    if isinstance(item, Mapping):
        return ", ".join(f"{name} {format_permission(value)}" for name, value in item.items())
    return ", ".join(map(format_permission, item)) if isinstance(item, list) else str(item)


def _find_gained_entries(field: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[str]:
    permitting = [item for item in old if not _is_denial(item)]
    for item in _items_not_in(new, old):
        if not _is_denial(item) and not any(_covers_pattern(other, item) for other in permitting):
            yield f"{field} + {format_permission(item)}"
    yield from (f"{field} - {format_permission(item)}" for item in _items_not_in(old, new) if _is_denial(item))


def _is_denial(item: Any) -> bool:
    values = item.values() if isinstance(item, Mapping) else (item,)
    return any(str(value).startswith("!") for value in values)


def _covers_pattern(pattern: Any, covered: Any) -> bool:
    """Whether `pattern` certainly permits everything that `covered` permits."""
    if isinstance(pattern, Mapping) and isinstance(covered, Mapping):
        return all(_covers_pattern(value, covered.get(name, "")) for name, value in pattern.items())
    if isinstance(pattern, Mapping) or isinstance(covered, Mapping):
        return False
    return str(pattern) == "*" or _normalize_pattern(pattern) == _normalize_pattern(covered)


def _normalize_pattern(value: Any) -> str:
    # util/git NormalizeGitURL: lower case, without `.git`; names are lower case anyway.
    return str(value).lower().removesuffix(".git")


def _find_gained_kinds(old: Manifest, new: Manifest) -> Iterator[str]:
    field = "namespaceResourceWhitelist"
    if old.get(field) is None:
        return
    if new.get(field) is None:
        yield f"{field} is gone: every kind may be deployed"
        return
    yield from _find_gained_entries(field, _list_field(old, field), _list_field(new, field))


def _find_gained_role_permissions(old: Sequence[Any], new: Sequence[Any]) -> Iterator[str]:
    former = {_mapping_or_empty(role).get("name"): _mapping_or_empty(role) for role in old}
    current = {_mapping_or_empty(role).get("name"): _mapping_or_empty(role) for role in new}
    for name, role in current.items():
        was = former.get(name, {})
        for field in ("policies", "groups", "jwtTokens"):
            gained = _items_not_in(_list_field(role, field), _list_field(was, field))
            yield from (
                f"role {name}: {field} + {format_permission(item)}" for item in gained if not _is_deny_policy(item)
            )
        lost = _items_not_in(_list_field(was, "policies"), _list_field(role, "policies"))
        yield from (f"role {name}: policies - {policy}" for policy in lost if _is_deny_policy(policy))


def _is_deny_policy(policy: Any) -> bool:
    return str(policy).replace(" ", "").endswith(",deny")


def _find_widened_sync_windows(old: Sequence[Any], new: Sequence[Any]) -> Iterator[str]:
    lost, gained = _items_not_in(old, new), _items_not_in(new, old)
    yield from (
        f"syncWindows - {format_permission(window)}"
        for window in lost
        if _mapping_or_empty(window).get("kind") == "deny"
    )
    allowed = [window for window in old if _mapping_or_empty(window).get("kind") == "allow"]
    if allowed:
        yield from (
            f"syncWindows + {format_permission(window)}"
            for window in gained
            if _mapping_or_empty(window).get("kind") == "allow"
        )
    if allowed and not any(_mapping_or_empty(window).get("kind") == "allow" for window in new):
        yield "syncWindows: none allows any more, so every time is allowed"


def _find_weakened_signatures(old: Manifest, new: Manifest) -> Iterator[str]:
    """Find signatures that are no longer required, or may come from more keys."""
    keys, now = _list_field(old, "signatureKeys"), _list_field(new, "signatureKeys")
    if keys and not now:
        yield "signatureKeys are gone: commits need not be signed"
    elif keys:
        yield from (f"signatureKeys + {format_permission(key)}" for key in _items_not_in(now, keys))
    policies = value_at(old, "sourceIntegrity", "git", "policies"), value_at(new, "sourceIntegrity", "git", "policies")
    lost = _items_not_in(*(value if isinstance(value, list) else [] for value in policies))
    yield from (f"sourceIntegrity - {format_permission(policy)}" for policy in lost)


def _items_not_in(items: Iterable[Any], others: Sequence[Any]) -> list[Any]:
    return [item for item in items if item not in others]


def _list_field(table: Manifest, field: str) -> list[Any]:
    value = table.get(field)
    return value if isinstance(value, list) else []


def _mapping_or_empty(value: Any) -> Manifest:
    return value if isinstance(value, Mapping) else {}
