"""Find the dangers of a changed quota, limit, network policy or access of a namespace. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from generator.diff.compare import Manifest, ObjectDifference, ObjectKey, find_nested_value
from generator.diff.context import Danger, EnvironmentContext
from generator.registry.namespace_settings import parse_quantity

NAMESPACE_KINDS = ("LimitRange", "NetworkPolicy", "ResourceQuota", "RoleBinding")
_LIMITS, _ACCESS = "lowers-namespace-limits", "grants-namespace-access"


def find_namespace_dangers(difference: ObjectDifference, context: EnvironmentContext) -> Iterator[Danger]:
    """Yield what may stop workloads that run in a namespace, and who gets access to it."""
    kind, namespace, _ = difference.key
    before, after = difference.before or {}, difference.after or {}
    if kind == "RoleBinding":
        role = find_nested_value(after or before, "roleRef", "name")
        for name in _list_subjects(after):
            if name not in _list_subjects(before):
                yield Danger(_ACCESS, f"{name} may {role} in {namespace}")
        return
    # A namespace that is new has no pods yet.
    if not after or ObjectKey("Namespace", "", namespace) not in context.before:
        return
    if kind == "ResourceQuota":
        yield from _find_lower_amounts(namespace, before, after)
    elif kind == "LimitRange":
        yield Danger(_LIMITS, f"new pods in {namespace} must keep to the new limits")
    else:
        denied = [name for name in _list_policy_types(after) if name not in _list_policy_types(before)]
        if denied:
            text = f"{' and '.join(denied).lower()} of every pod in {namespace} that no other NetworkPolicy allows"
            yield Danger(_LIMITS, f"denies {text}")


def _list_subjects(item: Manifest) -> list[str]:
    subjects = item.get("subjects")
    return [str(each.get("name")) for each in subjects] if isinstance(subjects, list) else []


def _list_policy_types(item: Manifest) -> list[str]:
    found = find_nested_value(item, "spec", "policyTypes")
    return [str(name) for name in found] if isinstance(found, list) else []


def _find_lower_amounts(namespace: str, before: Manifest, after: Manifest) -> Iterator[Danger]:
    old: Mapping[str, Any] = find_nested_value(before, "spec", "hard") or {}
    new: Mapping[str, Any] = find_nested_value(after, "spec", "hard") or {}
    for name, amount in new.items():
        was, now = parse_quantity(str(old.get(name, ""))), parse_quantity(str(amount))
        if was is None or now is None or now < was:
            change = f"{old[name]} → {amount}" if name in old else f"at most {amount}"
            yield Danger(_LIMITS, f"{name} in {namespace}: {change}; beyond that, new objects are refused")
