"""Credentials match repositories as Argo CD's own code matches them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.argocd.credential_match import find_ssh_host, normalize_like_argocd, select_credential
from tests.workspace import ROOT

#: What Argo CD 3.6.1 does with each; tests/data/credential-match says how it was made.
CASES = json.loads((ROOT / "tests" / "data" / "credential-match" / "cases.json").read_text())


def test_there_are_enough_cases_of_each_kind() -> None:
    assert len(CASES) >= 500
    used = [case["credentials"][case["used"]] for case in CASES if case["used"] >= 0]
    assert len([url for url in used if url.endswith("/")]) >= 100
    assert len([url for url in used if not url.endswith("/")]) >= 50
    assert len(CASES) - len(used) >= 100


def test_the_credential_is_the_one_that_argocd_takes() -> None:
    wrong = []
    for case in CASES:
        expected = case["credentials"][case["used"]] if case["used"] >= 0 else None
        found = select_credential(case["repository"], case["credentials"])
        if found != expected:
            wrong.append((case, found))
    assert wrong == []


@given(st.text("abAB:/.@-%2 0", max_size=30))
def test_normalizing_is_stable_and_folds_case(url: str) -> None:
    assert normalize_like_argocd(url) == normalize_like_argocd(url.upper())
    assert normalize_like_argocd(url) == normalize_like_argocd(f" {url} ")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("git@git.acme.io:acme/x.git", "git.acme.io"),
        ("git@git.acme.io/acme/x.git", "git.acme.io"),
        ("ssh://git@git.acme.io/acme/x", "git.acme.io"),
        ("ssh://git@git.acme.io:22/acme/x", "git.acme.io"),
        ("ssh://git@git.acme.io:7999/acme/x", "git.acme.io:7999"),
        ("https://git.acme.io/acme/x", None),
        ("ghcr.io/acme/x", None),
        ("oci://ghcr.io/acme/x", None),
    ],
)
def test_the_host_of_a_repository_that_is_read_over_ssh(url: str, host: str | None) -> None:
    assert find_ssh_host(url) == host
