"""The matrix of apps by environments."""

from __future__ import annotations

from generator.promotion.status import ABSENT, MatrixRow, build_matrix
from generator.registry.files import MemoryFiles
from generator.registry.reader import read_registry_from
from tests.workspace import AUDIT, REGISTRY

COMMIT = "3f2a9c1d0b7e4e5f8a6b9c0d1e2f3a4b5c6d7e8f"


def rows(text: str = REGISTRY) -> dict[str, MatrixRow]:
    return {
        row.app: row for row in build_matrix(read_registry_from(MemoryFiles({"apps.toml": text.encode()}), "apps.toml"))
    }


def test_every_app_has_a_row_in_the_order_of_names_also_one_that_runs_nowhere() -> None:
    found = rows(REGISTRY + AUDIT)
    assert list(found) == ["audit", "billing", "ledger"]
    assert found["audit"].apps_by_environment == {}
    assert found["audit"].team == "audit"


def test_a_pinned_revision_stands_behind_an_at_sign() -> None:
    billing = rows()["billing"]
    assert [billing.format_cell(env) for env in ("dev", "test", "prod")] == ["main", "@v1.1.0", "@v1.0.0"]


def test_where_an_app_does_not_run_there_is_a_dash() -> None:
    assert rows()["ledger"].format_cell("prod") == ABSENT


def test_a_commit_is_shortened_for_people_and_whole_for_programs() -> None:
    billing = rows(REGISTRY.replace("billing@v1.0.0", f"billing@{COMMIT}"))["billing"]
    assert billing.format_cell("prod") == "@3f2a9c1d0b7e"
    assert billing.to_json_cells(["prod"]) == {"prod": {"revision": COMMIT, "pinned": True}}


def test_programs_are_told_only_of_where_an_app_runs() -> None:
    assert list(rows()["ledger"].to_json_cells(["prod", "test", "dev"])) == ["test", "dev"]


def test_an_environment_of_its_own_revision_is_shown() -> None:
    text = REGISTRY + '\n[apps.ledger.environments.test]\ntargetRevision = "release"\n'
    assert rows(text)["ledger"].format_cell("test") == "release"
    assert rows(text)["ledger"].format_cell("dev") == "main"
