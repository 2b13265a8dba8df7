"""The phrases that every form of the diff report uses. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from generator.argocd.permissions import format_permission
from generator.console import count_noun
from generator.diff import applications as argocd
from generator.diff.compare import SHARD_FIELD, Manifest, ObjectDifference, find_nested_value
from generator.diff.namespace_dangers import NAMESPACE_KINDS
from generator.diff.report import ACTIONS, AssessedDifference, ChangeCounts, DiffReport, Entry
from generator.diff.sides import Side
from generator.diff.values import FieldChange, describe_field

#: The fields of an object that are shown; JSON has all of them.
MAX_FIELDS = 12


class ChangeDetails(NamedTuple):
    """What is shown of a difference: its dangers, its fields, and other facts in whole sentences."""

    dangers: tuple[str, ...]
    fields: tuple[FieldChange, ...]
    facts: tuple[str, ...]


def headline(report: DiffReport) -> str:
    """Summarize the report in one line, as a plan: `3 to create, 1 to update, 1 to delete, 1 orphaned`."""
    if not report.has_differences:
        files = sum(chapter.file_count for chapter in report.chapters)
        if report.notes and not files:
            return "no object changes; see the notes"
        return f"no object changes: {count_differing_files(files)} in text alone" if files else "nothing changes"
    first = report.chapters[0]
    lead = f" · {first.environment} first" if first.has_policy and len(report.chapters) > 1 else ""
    return summarize_counts(report.counts) + lead


def summarize_counts(counts: ChangeCounts) -> str:
    """Summarize counts: `1 to update, 1 to delete, 1 orphaned, 2 dangerous`."""
    parts = [f"{counts.actions[action]} to {action}" for action in ACTIONS if counts.actions[action]]
    parts += [f"{counts.orphaned} orphaned"] if counts.orphaned else []
    return ", ".join(parts) + (f" · {counts.dangerous} dangerous" if counts.dangerous else "")


def describe_comparison(report: DiffReport) -> str:
    """Describe both sides of the comparison."""
    return f"{describe_side(report.base)} → {describe_side(report.head)}"


def describe_side(compared_side: Side) -> str:
    """Describe where one side of the comparison comes from."""
    if compared_side.origin == "nothing":
        return "nothing" if compared_side.revision is None else f"nothing at {compared_side.revision[:12]}"
    where = f"at {compared_side.revision[:12]}" if compared_side.revision else "of the working copy"
    return f"the charts committed {where}" if compared_side.origin == "charts" else f"the registry {where}"


def summarize_plain_projects(report: DiffReport) -> str:
    """Summarize what differs in the plain AppProject manifests; empty if nothing does."""
    plain = report.plain_projects
    if not plain.differences:
        return ""
    text = count_differing_files(len(plain.differences), "plain AppProject manifest")
    return f"{text}: no Argo CD reads them; apply them with kubectl where your charts create no projects"


def count_differing_files(number: int, noun: str = "file") -> str:
    """Format a number of files that differ: `1 file differs`, `2 files differ`."""
    return f"{count_noun(number, noun)} differ{'s' if number == 1 else ''}"


def object_title(assessed: AssessedDifference) -> str:
    """The kind and name of the object, its app if that has another name, and whether it is foreign."""
    key, former = assessed.difference.key, assessed.difference.former_key
    name = key.name if former == key else f"{former.name} → {key.name}"
    if key.kind in NAMESPACE_KINDS:
        name = f"{key.namespace}/{name}"
    app = f" (app {assessed.difference.app})" if assessed.difference.app not in ("", key.name) else ""
    return f"{key.kind} {name}{app}{' (foreign: not in the registry)' if assessed.is_unregistered else ''}"


def entry_names(entry: Entry) -> list[str]:
    """Return the name of each object of an entry."""
    return [each.difference.key.name for each in entry]


def entry_title(entry: Entry) -> str:
    """The title of an entry, without the names if it folds several differences."""
    if len(entry) == 1:
        return object_title(entry[0])
    alike = " change alike" if entry[0].difference.change_type == "changed" else ""
    return f"{len(entry)} {entry[0].difference.key.kind}s{alike}"


def describe_details(assessed: AssessedDifference) -> ChangeDetails:
    """What is shown of a difference."""
    difference = assessed.difference
    shown = [field for field in difference.fields if field.path != (SHARD_FIELD,) or not assessed.dangers]
    facts = [assessed.remark] if assessed.remark else []
    if difference.change_type != "changed":
        facts += _describe_manifest(difference, is_place_known=bool(assessed.dangers))
    if len(shown) > MAX_FIELDS:
        facts.append(f"and {count_noun(len(shown) - MAX_FIELDS, 'more field')}")
    dangers = tuple(danger.text for danger in assessed.dangers)
    fields = (field for field in map(describe_field, shown[:MAX_FIELDS]) if not _is_in_dangers(field, dangers))
    return ChangeDetails(dangers, tuple(fields), tuple(facts))


def _is_in_dangers(field: FieldChange, dangers: Sequence[str]) -> bool:
    """Whether there is a danger for each line of a list of a project, which names its entry."""
    name = field.path.rpartition(".")[2]
    return bool(field.lines) and len(field.lines) == sum(text.startswith(f"{name} ") for text in dangers)


def _describe_manifest(difference: ObjectDifference, *, is_place_known: bool) -> Iterator[str]:
    """Describe an added or removed Application, or what an added AppProject permits.

    With `is_place_known`, a danger has the namespace and cluster.
    """
    item: Manifest = difference.after or difference.before or {}
    if item.get("kind") == "AppProject" and difference.after:
        yield from _describe_permissions(item)
    if item.get("kind") == "Application":
        *others, last = map(_format_source, argocd.list_sources(item) or [{}])
        place, project = _format_destination(argocd.read_destination(item)), f"project {argocd.read_project_name(item)}"
        yield from others
        yield from [f"{last}, {project}"] if is_place_known else [last, f"in {place}, {project}"]


def _format_source(source: Manifest) -> str:
    """A source as `https://github.com/acme/shop.git chart @ v1.0.0`."""
    what = (str(source[name]) for name in ("repoURL", "chart", "path") if source.get(name))
    return f"{' '.join(what) or 'no source'} @ {argocd.source_revision(source)}"


def _describe_permissions(project: Manifest) -> Iterator[str]:
    """The sources, destinations and cluster-scoped kinds that an AppProject permits, one line each."""
    for field, label in (
        ("sourceRepos", "sources"),
        ("destinations", "destinations"),
        ("clusterResourceWhitelist", "cluster-scoped kinds"),
    ):
        listed = find_nested_value(project, "spec", field)
        if isinstance(listed, list) and listed:
            write = _format_destination if field == "destinations" else format_permission
            yield f"{label}: {'; '.join(map(write, listed))}"


def _format_destination(place: Any) -> str:
    """A destination as `namespace shop on https://kubernetes.default.svc`."""
    if not isinstance(place, Mapping):
        return str(place)
    return f"namespace {place.get('namespace')} on {place.get('server') or place.get('name')}"
