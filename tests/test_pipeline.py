"""Charts are taken from the folder only where it holds exactly what the registry renders to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from generator.cache import ResultCache
from generator.charts.plan import ChartPlan
from generator.charts.render import RenderedTree, render_plan
from tests.workspace import REGISTRY, Run, without

_CHART = Path("multi-repo", "argo-app-of-apps", "dev")
_INVENTORY = Path("multi-repo", ".generated.json")


@pytest.fixture
def rendered(place: Path, workloads: Run) -> Path:
    assert workloads("render", cwd=place).code == 0
    return place


@pytest.fixture
def renders(rendered: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Gets an item for each time that a registry is rendered."""
    found: list[int] = []

    def record(plan: ChartPlan) -> RenderedTree:
        found.append(1)
        return render_plan(plan)

    monkeypatch.setattr("generator.pipeline.render_plan", record)
    return found


@pytest.mark.parametrize("command", ["render", "check"])
def test_an_unchanged_registry_is_not_rendered_again(
    command: str, rendered: Path, renders: list[int], workloads: Run
) -> None:
    assert workloads(command, cwd=rendered).code == 0
    assert not renders
    (rendered / "apps.toml").write_text(without(REGISTRY, "ledger", "test"))
    workloads(command, cwd=rendered)
    assert renders


def _edit_template(place: Path) -> None:
    _append_line(place / _CHART / "templates" / "billing.yaml")


def _edit_values(place: Path) -> None:
    _append_line(place / _CHART / "values.yaml")


def _edit_attributes(place: Path) -> None:
    _append_line(place / "multi-repo" / ".gitattributes")


def _append_line(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"# edited\n")


def _delete_file(place: Path) -> None:
    (place / _CHART / "Chart.yaml").unlink()


def _delete_inventory(place: Path) -> None:
    (place / _INVENTORY).unlink()


def _reorder_values(place: Path) -> None:
    head, mark, apps = (place / _CHART / "values.yaml").read_text().partition("  apps:\n")
    first, name, second = apps.partition("    ledger:\n")
    (place / _CHART / "values.yaml").write_text(head + mark + name + second + first)


def _rename_application(place: Path) -> None:
    inventory = json.loads((place / _INVENTORY).read_text())
    inventory["applications"]["dev/billing"]["name"] = "other"
    (place / _INVENTORY).write_text(json.dumps(inventory))


@pytest.mark.parametrize(
    "change",
    [
        _edit_template,
        _edit_values,
        _edit_attributes,
        _delete_file,
        _delete_inventory,
        _reorder_values,
        _rename_application,
    ],
)
def test_a_folder_that_differs_is_compared_with_what_is_rendered(
    change: Callable[[Path], object],
    rendered: Path,
    renders: list[int],
    workloads: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change(rendered)
    found = workloads("check", cwd=rendered)
    assert renders
    monkeypatch.setattr(ResultCache, "get", lambda self, key: None)
    assert workloads("check", cwd=rendered) == found


@pytest.mark.parametrize("kept", [True, 1, "", "0" * 64, {"a": 1}])
def test_a_kept_value_that_is_another_digest_is_not_used(
    kept: object, rendered: Path, renders: list[int], workloads: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ResultCache, "get", lambda self, key: kept if key.startswith("charts") else None)
    assert workloads("render", cwd=rendered).code == 0
    assert renders
