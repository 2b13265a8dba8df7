"""Three-way merge of one registry file: applies the user's changes to the branch's text. Pure.

Two people who onboard two apps do not conflict, wherever they add them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from generator.toml.document import KeyPath, TomlError, parse_document
from generator.toml.merge import MergeConflictsError, merge_documents
from generator.toml.merge_data import Conflict, canonical_text

#: Sections of named tables: if both sides add one name with different content, that is a conflict.
_NAMED_SECTIONS = frozenset({"apps", "environments", "projects", "teams"})
#: Lists of independent entries: additions on both sides do not conflict.
_UNORDERED_LISTS = frozenset(
    {"allow", "allowSchemes", "freeze", "include", "namespaces", "overrides", "owners", "promotesFrom", "repositories"}
)


@dataclass(frozen=True)
class MergeResult:
    """The merged text, or the conflicts that prevent a merge."""

    text: str
    conflicts: tuple[Conflict, ...] = ()


def merge_texts(base_text: str, user_text: str, branch_text: str) -> MergeResult:
    """Apply the user's changes since `base_text` to `branch_text`."""
    if user_text in (base_text, branch_text) or branch_text == base_text:
        return MergeResult(user_text if branch_text == base_text else branch_text)
    try:
        # Surrogates stand for bytes that are not UTF-8; the parser rejects them.
        texts = (text.encode("utf-8", "surrogatepass") for text in (base_text, user_text, branch_text))
        base, user, branch = (parse_document("", text) for text in texts)
    except TomlError:
        return MergeResult("", (Conflict("the file", "is edited", "cannot be read, or could not be before"),))
    try:
        return MergeResult(merge_documents(base, user, branch, _RegistryRules()))
    except MergeConflictsError as error:
        return MergeResult("", error.conflicts)


class _RegistryRules:
    """What the registry means by its tables and lists, for merges."""

    def is_named_table(self, path: KeyPath) -> bool:
        return len(path) == 2 and path[0] in _NAMED_SECTIONS

    def entry_name(self, path: KeyPath) -> Callable[[Any], str] | None:
        if self.is_sorted(path):
            return lambda entry: str(entry).partition("@")[0]
        return canonical_text if path and path[-1] in _UNORDERED_LISTS else None

    def is_sorted(self, path: KeyPath) -> bool:
        """Whether this is a promotion list: its entries are named by their apps and sorted."""
        return len(path) == 3 and path[0] == "environments" and path[2] == "apps"
