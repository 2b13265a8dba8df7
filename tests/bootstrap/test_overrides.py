"""Values of the command line arrive as they are written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from generator.bootstrap.overrides import parse_assignment, read_overrides
from generator.errors import LocalError, UsageError


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("destinationServer=https://a=b", {"destinationServer": "https://a=b"}),
        ("spec.apps.billing.targetRevision=1.10", {"spec": {"apps": {"billing": {"targetRevision": "1.10"}}}}),
        ("a=1e5", {"a": "1e5"}),
        ("a=0123", {"a": "0123"}),
        ("a=NaN", {"a": "NaN"}),
        ("a=7", {"a": 7}),
        ("a=1.5", {"a": 1.5}),
        ("a=true", {"a": True}),
        ("a=null", {"a": None}),
        ("a=", {"a": ""}),
        ('a="true"', {"a": "true"}),
        ('sourceNamespaces=["x", "y"]', {"sourceNamespaces": ["x", "y"]}),
        (r"labels.example\.org/owner=me", {"labels": {"example.org/owner": "me"}}),
    ],
)
def test_assignments(text: str, values: dict[str, Any]) -> None:
    assert parse_assignment(text) == values


@pytest.mark.parametrize("text", ["", "a", "=1", "a..b=1", ".a=1", "sources[0].path=x"])
def test_what_is_no_assignment_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--set"):
        parse_assignment(text)


def test_later_values_win(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("labels: {owner: a, kept: x}\nlist: [1, 2]\n")
    (tmp_path / "b.yaml").write_text("labels: {owner: b}\nlist: [3]\n")
    found = read_overrides([tmp_path / "a.yaml", tmp_path / "b.yaml"], ["labels.owner=c", "labels.owner=d"])
    assert found == {"labels": {"owner": "d", "kept": "x"}, "list": [3]}


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"missing\.yaml"):
        read_overrides([tmp_path / "missing.yaml"], [])
    (tmp_path / "list.yaml").write_text("- a\n")
    with pytest.raises(UsageError, match=r"list\.yaml is not a file of Helm values"):
        read_overrides([tmp_path / "list.yaml"], [])
    (tmp_path / "bytes.yaml").write_bytes(b"\xff")
    with pytest.raises(UsageError, match=r"bytes\.yaml is not a file of Helm values"):
        read_overrides([tmp_path / "bytes.yaml"], [])
