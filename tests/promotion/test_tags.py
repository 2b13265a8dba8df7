"""`pin = "tag"` means a tag that the repository has as a tag, for every Git source of an app."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from generator.git.remote_refs import RemoteRefs
from generator.promotion.history import History
from generator.promotion.policy import PolicyInputs, RegistryChange
from generator.registry.editable import EditableRegistry, read_editable_registry
from generator.registry.files import MemoryFiles
from generator.registry.version_sources import VersionSource

REGISTRY = """\
version = 1

[environments.prod]
policy.pin = "tag"
apps = [{entry}]

[teams.books]
repositories = ["https://git.example.com/books/", "oci://registry.example.com/books/"]
namespaces = ["ledger"]

[apps.ledger]
team = "books"
{source}
"""
COMMIT = "0123456789abcdef0123456789abcdef01234567"
ONE = 'repoURL = "https://git.example.com/books/ledger.git"\npath = "chart"'
TWO = """\
sources = [
  {{ repoURL = "https://git.example.com/books/ledger.git", path = "chart"{first} }},
  {{ repoURL = "{url}", {what}, targetRevision = "{second}" }},
]"""
HYDRATED = """\
[apps.ledger.sourceHydrator]
drySource = {{ repoURL = "https://git.example.com/books/ledger.git", path = "chart", targetRevision = "{revision}" }}
syncSource = {{ targetBranch = "live", path = "ledger" }}"""


class Repositories:
    """Every repository has the tags v1.0.0 and v1.1.0, and the branches main, v1.1.0 and v2.0.0."""

    def read_refs(self, url: str) -> RemoteRefs:
        branches = dict.fromkeys(("main", "v1.1.0", "v2.0.0"), COMMIT)
        return RemoteRefs("main", branches, dict.fromkeys(("v1.0.0", "v1.1.0"), COMMIT))

    def prefetch_refs(self, urls: Iterable[str]) -> None:
        """Nothing to do."""

    def has_commit(self, url: str, commit: str) -> bool:
        return True

    def prefetch_versions(self, sources: Iterable[VersionSource]) -> None:
        """Nothing to do."""

    def read_versions(self, source: VersionSource) -> list[str]:
        raise AssertionError(source)

    def resolve_digest(self, source: VersionSource, tag: str) -> str | None:
        raise AssertionError(source)


def read(entry: str, source: str) -> EditableRegistry:
    text = REGISTRY.format(entry=entry, source=source)
    return read_editable_registry(MemoryFiles({"apps.toml": text.encode()}), "apps.toml", ".")


def refusals(revision: str, source: str) -> list[str]:
    entry = '"ledger"' if "sourceHydrator" in source else f'"ledger@{revision}"'
    change = RegistryChange(read("", source), read(entry, source), History)
    report = change.check(PolicyInputs(datetime(2026, 11, 12, tzinfo=UTC), Repositories()))
    return [violation.refusal.text for violation in report.violations]


def two(second: str, *, what: str = 'ref = "values"', url: str = "https://git.example.com/books/values.git") -> str:
    return TWO.format(first="", second=second, what=what, url=url)


@pytest.mark.parametrize(
    ("revision", "source"),
    [
        ("v1.0.0", ONE),
        ("refs/tags/v1.1.0", ONE),
        (COMMIT, ONE),
        ("v1.0.0", two("v1.0.0")),
        ("v1.0.0", two(COMMIT, what='path = "more"')),
        ("v1.0.0", two("v9.0.0", what='chart = "values"')),
        ("v1.0.0", two("v9.0.0", what='path = "."', url="oci://registry.example.com/books/values")),
        ("v1.0.0", HYDRATED.format(revision="v1.0.0")),
    ],
)
def test_a_tag_or_commit_in_every_git_source_is_allowed(revision: str, source: str) -> None:
    assert refusals(revision, source) == []


@pytest.mark.parametrize(
    ("revision", "source", "text"),
    [
        ("v2.0.0", ONE, "ledger.git has no tag v2.0.0"),
        ("v1.1.0", ONE, "ledger.git has no tag v1.1.0"),
        ("v9.0.0", ONE, "ledger.git has no tag v9.0.0"),
        ("v1.0.0", two("v2.0.0"), "values.git has no tag v2.0.0"),
        ("v1.0.0", two("v1.1.0", what='path = "more"'), "values.git has no tag v1.1.0"),
        ("v1.0.0", HYDRATED.format(revision="v2.0.0"), "ledger.git has no tag v2.0.0"),
    ],
)
def test_a_branch_that_is_named_like_a_tag_is_refused(revision: str, source: str, text: str) -> None:
    assert refusals(revision, source) == [f"prod runs tags only, and https://git.example.com/books/{text}"]


def test_sources_with_revisions_of_their_own_are_looked_up_too() -> None:
    first = ', targetRevision = "v2.0.0"'
    source = TWO.format(first=first, second="v1.0.0", what='path = "x"', url="https://git.example.com/books/values.git")
    change = RegistryChange(read("", source), read('"ledger"', source), History)
    (found,) = change.check(PolicyInputs(datetime(2026, 11, 12, tzinfo=UTC), Repositories())).violations
    assert str(found).endswith("ledger.git has no tag v2.0.0")
