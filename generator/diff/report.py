"""The result of a comparison: what Argo CD will do, by environment, dangers first. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from generator.diff.compare import ABSENT, ObjectDifference
from generator.diff.context import DANGERS, Danger

if TYPE_CHECKING:
    from generator.diff.sides import Side

#: More changes with equal values than this are shown as one entry.
FOLD_THRESHOLD = 3
#: What Argo CD does with an object, by the type of its difference; see `AssessedDifference.action`.
ACTIONS = ("create", "update", "retire", "recreate", "delete")
_ACTION_BY_CHANGE = {"added": "create", "changed": "update", "removed": "delete"}


@dataclass(frozen=True)
class AssessedDifference:
    """A difference with its dangers, a remark, and links to the commits between its revisions.

    `is_unregistered` is whether the registry does not name the object, because a foreign file renders it, and
    `is_retired` whether the change retires its app.
    """

    difference: ObjectDifference
    dangers: tuple[Danger, ...] = ()
    remark: str = ""
    links: tuple[str, ...] = ()
    is_unregistered: bool = False
    is_retired: bool = False

    @property
    def action(self) -> str:
        """What happens to the object, one of ACTIONS."""
        if self.is_retired or (self.difference.key.kind == "Namespace" and self.difference.after is None):
            return "retire"
        if self.difference.key != self.difference.former_key:
            return "recreate"
        recreated = any(danger.name == "recreates-workload" for danger in self.dangers)
        return "recreate" if recreated else _ACTION_BY_CHANGE[self.difference.change_type]

    @property
    def orphans(self) -> bool:
        """Whether a workload is left that nothing manages."""
        return any(danger.name == "orphans-workload" for danger in self.dangers)

    @property
    def section_name(self) -> str:
        """The name of its gravest danger; without danger, its action."""
        return self.dangers[0].name if self.dangers else self.action

    @cached_property
    def folding_key(self) -> Any:
        """A key that changes with equal values share; None if the difference is never folded."""
        kind, change = self.difference.key.kind, self.difference.change_type
        if change != "changed" and (kind, change) != ("AppProject", "removed"):
            return None
        values = [(field.path, _value_key(field.before), _value_key(field.after)) for field in self.difference.fields]
        return self.section_name, kind, self.dangers, self.remark, tuple(values)


Entry = tuple[AssessedDifference, ...]


@dataclass(frozen=True)
class DiffSection:
    """The differences under one heading; an entry is one difference, or several with equal values."""

    name: str
    entries: tuple[Entry, ...]

    @property
    def is_dangerous(self) -> bool:
        """Whether the section is named for a danger."""
        return self.name in DANGERS

    @property
    def section_label(self) -> str:
        """The heading of the section: the text of its danger, or `to ACTION`."""
        return DANGERS.get(self.name, f"to {self.name}")

    @property
    def difference_count(self) -> int:
        """The number of differences in all entries of the section."""
        return sum(map(len, self.entries))


@dataclass(frozen=True)
class ChangeCounts:
    """The number of objects by action, of orphaned workloads and of dangerous differences."""

    actions: Mapping[str, int]
    orphaned: int
    dangerous: int

    def number_of(self, name: str) -> int:
        """The number of an action, or of `orphaned` or `dangerous` ones."""
        return {**self.actions, "orphaned": self.orphaned, "dangerous": self.dangerous}[name]


@dataclass(frozen=True)
class DiffChapter:
    """The differences of one environment, `file_count` of whose files differ in bytes.

    `is_emptied` is whether its chart had objects before the change, and has none after it.
    """

    environment: str
    differences: tuple[AssessedDifference, ...]
    file_count: int
    has_policy: bool = False
    is_emptied: bool = False

    @cached_property
    def diff_sections(self) -> tuple[DiffSection, ...]:
        """The sections in order: dangers, gravest first, then the actions."""
        by_name: dict[str, list[AssessedDifference]] = {name: [] for name in (*DANGERS, *reversed(ACTIONS))}
        for each in self.differences:
            by_name[each.section_name].append(each)
        return tuple(DiffSection(name, tuple(_fold_equal(found))) for name, found in by_name.items() if found)

    @property
    def counts(self) -> ChangeCounts:
        """How many objects change, and how."""
        return count_changes(self.differences)


@dataclass(frozen=True)
class PlainProjects:
    """What differs in the plain AppProject manifests, which no Argo CD reads: `kubectl apply` installs them."""

    differences: tuple[AssessedDifference, ...] = ()
    file_count: int = 0


@dataclass(frozen=True)
class DiffReport:
    """The result of a comparison: both sides, and a chapter for each environment in which a file differs.

    `notes` are what a reader has to know of the comparison itself.
    """

    base: Side
    head: Side
    chapters: tuple[DiffChapter, ...]
    plain_projects: PlainProjects = PlainProjects()
    notes: tuple[str, ...] = ()

    @property
    def has_differences(self) -> bool:
        """Whether Argo CD would change any object."""
        return any(chapter.differences for chapter in self.chapters)

    @property
    def counts(self) -> ChangeCounts:
        """How many objects change in all environments, and how."""
        return count_changes([each for chapter in self.chapters for each in chapter.differences])


def list_counted(report: DiffReport) -> list[str]:
    """What a table of the environments counts: `dangerous`, `orphaned` and the actions, as far as there are any."""
    return [name for name in ("dangerous", "orphaned", *ACTIONS) if report.counts.number_of(name)]


def count_changes(differences: Sequence[AssessedDifference]) -> ChangeCounts:
    """Count differences by action."""
    actions = Counter(each.action for each in differences)
    orphaned, dangerous = sum(each.orphans for each in differences), sum(bool(each.dangers) for each in differences)
    return ChangeCounts({action: actions[action] for action in ACTIONS}, orphaned, dangerous)


def _fold_equal(assessed: list[AssessedDifference]) -> Iterator[Entry]:
    """Group more than FOLD_THRESHOLD changes with equal values into one entry, at the position of the first."""
    groups: dict[Any, list[AssessedDifference]] = {}
    for each in assessed:
        groups.setdefault(each.folding_key, []).append(each)
    for each in assessed:
        group = groups[each.folding_key]
        if each.folding_key is None or len(group) <= FOLD_THRESHOLD:
            yield (each,)
        elif group[0] is each:
            yield tuple(group)


def _value_key(value: Any) -> str:
    return "" if value is ABSENT else json.dumps(value, sort_keys=True)
