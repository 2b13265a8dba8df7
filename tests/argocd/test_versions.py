"""Which versions of Argo CD are known, and which have known vulnerabilities."""

from __future__ import annotations

import pytest

from generator.argocd.advisories import describe_advisories
from generator.argocd.versions import unknown_version_problem


@pytest.mark.parametrize("version", ["2.14", "3.0.2", "3.4", "3.6", "3.6.12"])
def test_versions_from_2_14_to_3_6_are_known(version: str) -> None:
    assert unknown_version_problem(version) is None


@pytest.mark.parametrize(("version", "hint"), [("2.13", "update Argo CD"), ("3.7", "update workloads")])
def test_other_versions_are_named_with_what_to_do(version: str, hint: str) -> None:
    assert str(unknown_version_problem(version)).endswith(hint)


@pytest.mark.parametrize(
    ("version", "count", "text"),
    [
        ("3.6.2", 4, "Argo CD 3.6.2 is affected by GHSA-mfgm-4p7x-3ccr: update it to 3.6.3"),
        ("3.6.3", 0, ""),
        ("3.6", 4, "is fixed in Argo CD 3.6.3: check that yours is not older"),
        ("3.4.9", 1, "Argo CD 3.4.9 is affected by CVE-2026-55797: update it to 3.4.10"),
        ("3.4.10", 0, ""),
    ],
)
def test_advisories_name_the_fixed_version(version: str, count: int, text: str) -> None:
    found = list(describe_advisories(version))
    assert len(found) == count
    assert not found or text in found[0]
