"""Versions and ranges: which tag is the newest that a range allows."""

from __future__ import annotations

import pytest

from generator.argocd.revisions import parse_tag, parse_version
from generator.argocd.version_ranges import parse_version_range
from generator.errors import RegistryError
from generator.registry.files import MemoryFiles
from generator.registry.reader import read_registry_from

# The order of semver.org, clause 11, and what numbers are.
ORDER = [
    "0.0.1", "0.9", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
    "1.0.0-rc.1", "1.0.0", "v1.0.1", "v1.2", "1.10.0", "2",
]  # fmt: skip


def test_the_order_of_versions() -> None:
    known = [parse_version(text) for text in ORDER]
    assert None not in known
    assert sorted(filter(None, map(parse_version, sorted(ORDER)))) == known


@pytest.mark.parametrize("text", ["", "v", "1.2.3.4", "01.2.3", "1.2.x", "main", "1.2.3-", "version-1", "1..2"])
def test_other_words_are_no_versions(text: str) -> None:
    assert parse_version(text) is None


@pytest.mark.parametrize(
    ("text", "yes", "no"),
    [
        (">=1,<2", ["1.0.0", "1.99"], ["0.9.9", "2.0.0", "2.0.0-rc.1", "1.5.0-rc.1"]),
        (">=1.2 <1.4", ["1.2.0", "1.3.9"], ["1.4.0", "1.1.9"]),
        ("^1.2.3", ["1.2.3", "1.9.0"], ["1.2.2", "2.0.0"]),
        ("^0.2.3", ["0.2.9"], ["0.3.0"]),
        ("^0.0.3", ["0.0.3"], ["0.0.4"]),
        ("^0", ["0.9.0"], ["1.0.0"]),
        ("~1.2.3", ["1.2.9"], ["1.3.0"]),
        ("~1", ["1.9.0"], ["2.0.0"]),
        ("1.x", ["1.0.0", "1.9.9"], ["2.0.0"]),
        ("1.2.*", ["1.2.7"], ["1.3.0"]),
        ("1.2", ["1.2.7"], ["1.3.0"]),
        ("1.2.3", ["1.2.3", "v1.2.3+build"], ["1.2.4"]),
        ("*", ["0.0.1", "9.9.9"], ["1.0.0-rc.1"]),
        (">1", ["2.0.0"], ["1.5.0"]),
        ("<=1", ["1.5.0"], ["2.0.0"]),
        (">=1.2.0-0", ["1.2.0-alpha", "1.2.0", "1.3.0-rc.1", "2.0.0-rc.1"], ["1.1.9", "1.1.0-rc.1"]),
        (">=1.2.0-0, <2.0.0-0", ["1.2.0-alpha", "1.9.0-rc.1"], ["2.0.0-rc.1", "2.0.0"]),
        (">= v1.2.0-0 <2", ["1.2.0-alpha", "1.9.0-rc.1", "1.9.0"], ["2.0.0-rc.1", "2.0.0"]),
        ("^1.2.0-0", ["1.2.0-rc.1", "1.9.0-rc.1"], ["2.0.0-rc.1", "1.1.0"]),
        ("~1.2-0", ["1.2.0-rc.1", "1.2.5-rc.1", "1.2.5"], ["1.3.0-rc.1"]),
        ("1.x-0", ["1.0.0-rc.1", "1.9.0-rc.1"], ["2.0.0-rc.1"]),
        ("*-0", ["0.0.1-a", "3.0.0-rc.1", "1.0.0"], []),
        ("1.2 - 1.4.5", ["1.2.0", "1.4.5"], ["1.4.6", "1.3.0-rc.1"]),
        ("^1 || ^3", ["1.2.0", "3.4.0"], ["2.0.0"]),
        (">=1.x", ["1.0.0", "2.0.0"], ["0.9.0"]),
        (">=1.5.0-rc.1,<2", ["1.5.0-rc.1", "1.5.0-rc.2", "1.5.0", "1.6.0"], ["1.5.0-beta", "1.6.0-rc.1", "2.0.0-rc.1"]),
    ],
)
def test_a_range_allows(text: str, yes: list[str], no: list[str]) -> None:
    wanted = parse_version_range(text)
    assert wanted is not None
    for candidate in (*yes, *no):
        known = parse_version(candidate)
        assert known is not None
        assert wanted.allows(known) is (candidate in yes), candidate


@pytest.mark.parametrize("text", ["", ",", ">=", "latest", ">=1,", ">=1;<2", "1.2.3.4", ">*", ">=1,,<2", "!1", ">=1<2"])
def test_other_words_are_no_ranges(text: str) -> None:
    assert parse_version_range(text) is None


def test_a_tag_has_the_version_behind_its_pattern() -> None:
    assert parse_tag("billing-v1.2.0", "billing-v*", "semver") == parse_version("1.2.0")
    assert parse_tag("billing-v1.2.0", "*", "semver") is None


@pytest.mark.parametrize(
    ("track", "words"),
    [
        ("{}", 'apps.a.track: has nothing to follow: add tags = "v*" or branch = "main"'),
        ('{ tags = "v*", branch = "main" }', "apps.a.track: follows both a branch and tags: keep one"),
        ('{ image = "ghcr.io/acme/web" }', "apps.a.track: has nothing to follow"),
        ('{ image = "https://ghcr.io/acme/web:1", tags = "*" }', "is not the name of an image: write HOST/PATH"),
        ('{ tags = "v*", semver = "latest" }', 'apps.a.track.semver: "latest" is not a range of versions such as'),
        ('{ tags = "v*", order = "calver", semver = ">=1" }', 'orders tags by "calver", which has no ranges'),
        ('{ branch = "main", order = "date" }', "follows both a branch and tags"),
        ('{ tags = "v*", order = "dates" }', 'apps.a.track.order: "dates" is not one of semver, calver, date'),
        ('{ tag = "v*" }', 'apps.a.track.tag: unknown key (did you mean "tags"?)'),
    ],
)
def test_what_an_app_may_not_track(track: str, words: str) -> None:
    text = f"""
version = 1
[teams.t]
repositories = ["https://example.com/t/"]
namespaces = ["a"]
[apps.a]
team = "t"
repoURL = "https://example.com/t/a.git"
path = "x"
track = {track}
"""
    with pytest.raises(RegistryError) as refused:
        read_registry_from(MemoryFiles({"apps.toml": text.encode()}), "apps.toml")
    assert words in "\n".join(map(str, refused.value.problems))
