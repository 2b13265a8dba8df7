"""What an AppProject permits, and what it permits more or less after a change. Pure.

By Argo CD's rules (pkg/apis/application/v1alpha1/app_project_types.go): an absent list of sources, destinations or
cluster kinds permits nothing, an absent `namespaceResourceWhitelist` every kind and an empty one none, no allowing
sync window means always. A glob counts as covered only by the same glob or by `*`; every possible widening is listed.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

Manifest = Mapping[str, Any]
#: Lists whose entries allow; a missing list allows nothing.
_ALLOW_LISTS = (
    "sourceRepos",
    "destinations",
    "sourceNamespaces",
    "clusterResourceWhitelist",
    "destinationServiceAccounts",
)
#: Lists whose entries deny.
_DENY_LISTS = ("clusterResourceBlacklist", "namespaceResourceBlacklist")
#: Fields that limit nothing unless they are set, and what it means that one is gone or new.
_LIMIT_NOTES = {
    "namespaceResourceWhitelist": (
        "is gone: every kind may be deployed",
        "is new: only the listed kinds may be deployed",
    ),
    "syncWindows": (
        "no longer has an allow window: syncs run at any time",
        "has its first allow window: syncs run only then",
    ),
    "permitOnlyProjectScopedClusters": ("is off", "is on"),
    "signatureKeys": ("is gone: commits need no signature", "is new: commits need a signature"),
}


class PermissionChange(NamedTuple):
    """An entry that a list of a project gains (`+`) or loses (`-`), or a `note` about the whole field."""

    field: str
    sign: str
    entry: Any = None
    note: str = ""

    def __str__(self) -> str:
        return f"{self.field} {self.note or f'{self.sign} {format_permission(self.entry)}'}"


def find_widened_permissions(before: Manifest, after: Manifest) -> Iterator[PermissionChange]:
    """List what the project permits after the change and not before: `sourceRepos + https://github.com/acme/`."""
    old, new = (_mapping_or_empty(project.get("spec")) for project in (before, after))
    yield from _find_eased_limits(old, new)
    yield from _find_gained_role_permissions(_list_field(old, "roles"), _list_field(new, "roles"))
    gone = [field for field in _limiting_fields(old) if field not in _limiting_fields(new)]
    yield from (PermissionChange(field, "-", note=_LIMIT_NOTES[field][0]) for field in gone)


def find_narrowed_permissions(before: Manifest, after: Manifest) -> Iterator[PermissionChange]:
    """List what the project permits before the change and not after, as far as it can stop a sync."""
    old, new = (_mapping_or_empty(project.get("spec")) for project in (before, after))
    for change in _find_eased_limits(new, old):
        yield change._replace(sign="-" if change.sign == "+" else "+")
    added = [field for field in _limiting_fields(new) if field not in _limiting_fields(old)]
    yield from (PermissionChange(field, "+", note=_LIMIT_NOTES[field][1]) for field in added)


def format_permission(item: Any) -> str:
    """Format an entry of a permission list for a message: `group apps, kind Deployment`."""
    if isinstance(item, Mapping):
        return ", ".join(f"{name} {format_permission(value)}" for name, value in item.items())
    return ", ".join(map(format_permission, item)) if isinstance(item, list) else str(item) or '""'


def is_permitted_by_patterns(value: str, patterns: Sequence[str], separator: str = "") -> bool:
    """Whether patterns permit a value, by Argo CD's rule: some pattern matches, and no `!` pattern does."""
    allows = any(matches_glob(value, pattern, separator) for pattern in patterns if not pattern.startswith("!"))
    return allows and not any(is_denied(value, pattern, separator) for pattern in patterns)


def is_denied(value: str, pattern: str, separator: str = "") -> bool:
    """Whether a `!` pattern denies a value."""
    return pattern.startswith("!") and matches_glob(value, pattern[1:], separator)


def matches_glob(value: str, pattern: str, separator: str = "") -> bool:
    """Whether a value matches an Argo CD glob without `!`; `*` and `?` do not match the separator."""
    return pattern == "*" or value == pattern or bool(_compile_glob(pattern, separator).fullmatch(value))


@functools.lru_cache(maxsize=1024)
def _compile_glob(pattern: str, separator: str) -> re.Pattern[str]:
    """Translate a glob of the library that Argo CD uses (gobwas/glob); an unfinished one matches only itself."""
    one = f"[^{re.escape(separator)}]" if separator else "."
    fixed = {"**": ".*", "*": f"{one}*", "?": one, "{": "(?:", "}": ")", ",": "|"}
    depth, out = 0, []
    for part in re.findall(r"\\.|\*\*|\[!?[^\]]+\]|.", pattern, re.DOTALL):
        depth += {"{": 1, "}": -1}.get(part, 0)
        if len(part) > 2:
            out.append("[" + re.sub(r"^!", "^", part[1:-1]) + "]")
        elif part in fixed and (part != "," or depth):
            out.append(fixed[part])
        else:
            out.append(re.escape(part[-1]))
    try:
        return re.compile("".join(out), re.DOTALL)
    except re.error:
        return re.compile(re.escape(pattern))


def is_repository_permitted(url: str, project: Manifest) -> bool:
    """Whether the `spec` of an AppProject permits a repository."""
    patterns = [normalize_git_url(str(pattern)) for pattern in _list_field(project, "sourceRepos")]
    return is_permitted_by_patterns(normalize_git_url(url), patterns, "/")


def is_destination_permitted(destination: Manifest, project: Manifest) -> bool:
    """Whether the `spec` of an AppProject permits a destination: an item covers it, and no `!` item denies it."""
    permitted = [_mapping_or_empty(item) for item in _list_field(project, "destinations")]
    wanted = {field: str(destination.get(field, "")) for field in ("server", "name", "namespace")}
    fields = ("server" if wanted["server"] else "name", "namespace")
    covered = any(
        all(is_permitted_by_patterns(wanted[field], [str(item.get(field, ""))]) for field in fields)
        for item in permitted
    )
    denied = any(is_denied(value, str(item.get(field, ""))) for item in permitted for field, value in wanted.items())
    return covered and not denied


def normalize_git_url(url: str) -> str:
    """The form in which Argo CD compares repositories (util/git NormalizeGitURL); a leading `!` is kept."""
    denied, plain = url.startswith("!"), url.removeprefix("!").lower().removesuffix(".git")
    return f"!{plain}" if denied else plain


def _find_eased_limits(old: Manifest, new: Manifest) -> Iterator[PermissionChange]:
    """List the entries by which `new` permits more than `old`."""
    for field in _ALLOW_LISTS:
        yield from _find_gained_entries(field, _list_field(old, field), _list_field(new, field))
    limited = set(_limiting_fields(old)) & set(_limiting_fields(new))
    if "namespaceResourceWhitelist" in limited:
        field = "namespaceResourceWhitelist"
        yield from _find_gained_entries(field, _list_field(old, field), _list_field(new, field))
    for field in _DENY_LISTS:
        yield from _list_changes(field, "-", _list_field(old, field), _list_field(new, field))
    yield from _list_changes("syncWindows", "-", _sync_windows(old, "deny"), _sync_windows(new, "deny"))
    if "syncWindows" in _limiting_fields(old):
        yield from _list_changes("syncWindows", "+", _sync_windows(new, "allow"), _sync_windows(old, "allow"))
    if "signatureKeys" in limited:
        keys = _list_field(new, "signatureKeys"), _list_field(old, "signatureKeys")
        yield from _list_changes("signatureKeys", "+", *keys)
    yield from _list_changes("sourceIntegrity", "-", _integrity_policies(old), _integrity_policies(new))


def _limiting_fields(spec: Manifest) -> list[str]:
    """The fields of `_LIMIT_NOTES` that limit something."""
    limits = {
        "namespaceResourceWhitelist": spec.get("namespaceResourceWhitelist") is not None,
        "syncWindows": bool(_sync_windows(spec, "allow")),
        "permitOnlyProjectScopedClusters": bool(spec.get("permitOnlyProjectScopedClusters")),
        "signatureKeys": bool(_list_field(spec, "signatureKeys")),
    }
    return [field for field, is_limiting in limits.items() if is_limiting]


def _sync_windows(spec: Manifest, kind: str) -> list[Manifest]:
    windows = map(_mapping_or_empty, _list_field(spec, "syncWindows"))
    return [window for window in windows if window.get("kind") == kind]


def _integrity_policies(spec: Manifest) -> list[Any]:
    git = _mapping_or_empty(_mapping_or_empty(spec.get("sourceIntegrity")).get("git"))
    return _list_field(git, "policies")


def _find_gained_entries(field: str, old: Sequence[Any], new: Sequence[Any]) -> Iterator[PermissionChange]:
    permitting = [item for item in old if not _is_denial(item)]
    for item in _items_not_in(new, old):
        if not _is_denial(item) and not any(_covers_pattern(other, item) for other in permitting):
            yield PermissionChange(field, "+", item)
    yield from (PermissionChange(field, "-", item) for item in _items_not_in(old, new) if _is_denial(item))


def _is_denial(item: Any) -> bool:
    values = item.values() if isinstance(item, Mapping) else (item,)
    return any(str(value).startswith("!") for value in values)


def _covers_pattern(pattern: Any, covered: Any) -> bool:
    """Whether `pattern` certainly permits everything that `covered` permits."""
    if isinstance(pattern, Mapping) and isinstance(covered, Mapping):
        return all(_covers_pattern(value, covered.get(name, "")) for name, value in pattern.items())
    if isinstance(pattern, Mapping) or isinstance(covered, Mapping):
        return False
    return str(pattern) == "*" or normalize_git_url(str(pattern)) == normalize_git_url(str(covered))


def _find_gained_role_permissions(old: Sequence[Any], new: Sequence[Any]) -> Iterator[PermissionChange]:
    former = {_mapping_or_empty(role).get("name"): _mapping_or_empty(role) for role in old}
    current = {_mapping_or_empty(role).get("name"): _mapping_or_empty(role) for role in new}
    for name, role in current.items():
        was = former.get(name, {})
        for field in ("policies", "groups", "jwtTokens"):
            gained = _items_not_in(_list_field(role, field), _list_field(was, field))
            granted = (item for item in gained if not _is_deny_policy(item))
            yield from (PermissionChange(f"role {name}: {field}", "+", item) for item in granted)
        lost = _items_not_in(_list_field(was, "policies"), _list_field(role, "policies"))
        yield from (PermissionChange(f"role {name}: policies", "-", item) for item in lost if _is_deny_policy(item))


def _is_deny_policy(policy: Any) -> bool:
    return str(policy).replace(" ", "").endswith(",deny")


def _list_changes(field: str, sign: str, items: Iterable[Any], others: Sequence[Any]) -> Iterator[PermissionChange]:
    yield from (PermissionChange(field, sign, item) for item in _items_not_in(items, others))


def _items_not_in(items: Iterable[Any], others: Sequence[Any]) -> list[Any]:
    return [item for item in items if item not in others]


def _list_field(table: Manifest, field: str) -> list[Any]:
    value = table.get(field)
    return value if isinstance(value, list) else []


def _mapping_or_empty(value: Any) -> Manifest:
    return value if isinstance(value, Mapping) else {}
