"""What is said of a revision that a repository does not have."""

from __future__ import annotations

import pytest

from generator.git.remote_refs import RemoteRefs
from generator.promotion.pins import suggest_revisions

_COMMIT = "0123abcd" * 5


@pytest.mark.parametrize(
    ("revision", "hint"),
    [
        ("v1.0", " (did you mean v1.0.0?)"),
        ("nothing-like-it", ""),
        ("0123abc", f" (a remote repository cannot be asked for a shortened commit ID: give all 40 digits: {_COMMIT})"),
        ("fedcba9", " (a remote repository cannot be asked for a shortened commit ID: give all 40 digits)"),
    ],
)
def test_an_unknown_revision_is_answered_with_what_is_needed(revision: str, hint: str) -> None:
    refs = RemoteRefs("main", {"main": _COMMIT}, {"v1.0.0": "f" * 40})
    assert suggest_revisions(revision, refs) == hint


def test_an_empty_repository_is_named_as_one() -> None:
    assert suggest_revisions("main", RemoteRefs("main", {}, {})) == (
        " (the repository is empty: it has no branch and no tag yet)"
    )
