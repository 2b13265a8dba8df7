"""Links to the pages on which a forge compares two revisions."""

from __future__ import annotations

from typing import Any

import pytest

from generator.diff.compare import compare_objects, index_objects
from generator.diff.compare_links import list_compare_links


def links(before: dict[str, Any], after: dict[str, Any], **job_variables: str) -> list[str]:
    """The links for an Application whose `spec` changes."""
    item = {"kind": "Application", "metadata": {"name": "cart"}}
    old, new = (index_objects([{**item, "spec": spec}]) for spec in (before, after))
    (difference,) = compare_objects(old, new, {}, {})
    return list(list_compare_links(difference, job_variables))


def source(url: str, revision: str, **more: str) -> dict[str, Any]:
    return {"source": {"repoURL": url, "targetRevision": revision, **more}}


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://github.com/acme/cart.git", "https://github.com/acme/cart/compare/v1...v2"),
        ("git@gitlab.com:acme/shop/cart.git", "https://gitlab.com/acme/shop/cart/-/compare/v1...v2"),
        ("https://codeberg.org/acme/cart", "https://codeberg.org/acme/cart/compare/v1...v2"),
        ("https://git.example.com/acme/cart.git", None),
        ("file:///srv/cart.git", None),
    ],
)
def test_each_forge_has_its_own_page(url: str, link: str | None) -> None:
    assert links(source(url, "v1"), source(url, "v2")) == ([link] if link else [])


def test_a_self_hosted_forge_is_known_by_the_job() -> None:
    url = "https://git.example.com/acme/cart.git"
    found = links(source(url, "v1"), source(url, "v2"), CI_SERVER_URL="https://git.example.com")
    assert found == ["https://git.example.com/acme/cart/-/compare/v1...v2"]


def test_a_revision_is_linked_also_if_another_field_changes() -> None:
    url = "https://github.com/acme/cart.git"
    assert links(source(url, "v1", path="a"), source(url, "v2", path="b")) == [
        "https://github.com/acme/cart/compare/v1...v2"
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (source("https://github.com/acme/a", "v1"), source("https://github.com/acme/b", "v2")),
        (
            source("https://github.com/a/a", "1.0.0", chart="a"),
            source("https://github.com/a/a", "2.0.0", chart="a"),
        ),
        (source("https://github.com/acme/a", "v1"), source("https://github.com/acme/a", "1.x")),
        ({"source": {"repoURL": "https://github.com/acme/a"}}, source("https://github.com/acme/a", "v1")),
    ],
    ids=["another repository", "chart", "range", "no revision"],
)
def test_what_no_forge_can_compare_has_no_link(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert links(before, after) == []
