"""What `workloads diff` says of each prepared change, and that it is on the page."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from generator.diff.context import DANGERS
from tests.diff.prepared_changes import CASES, PAGE, Case, committed_base, page, report, sections
from tests.workspace import Run

_REFRESH = "refresh with: python -m tests.diff.prepared_changes"


@pytest.fixture(scope="module")
def repositories() -> dict[object, Path]:
    """The repositories that cases start from, each committed by the first of its cases."""
    return {}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_a_change_has_the_plan_and_the_dangers_that_argo_cd_makes_of_it(
    case: Case, repositories: dict[object, Path], tmp_path_factory: pytest.TempPathFactory, workloads: Run
) -> None:
    if case.base not in repositories:
        repositories[case.base] = tmp_path_factory.mktemp("acme") / "registry"
        committed_base(repositories[case.base], case)
    text = report(workloads, repositories[case.base], case)
    assert text.splitlines()[0] == case.plan
    counts: Counter[str] = Counter()
    for label, number in re.findall(r"(?m)^  ! (.*) \((\d+)\)$", text):
        counts[label] += int(number)
    assert counts == Counter(DANGERS[name] for name in case.dangers)
    assert sections()[case.title] == text, _REFRESH


def test_the_page_has_every_change_once() -> None:
    assert page(sections()) == PAGE.read_text(), _REFRESH
