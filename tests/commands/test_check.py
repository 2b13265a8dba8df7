"""`workloads check`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from generator.helm import engine as helm
from tests.charts.rendered import sharded
from tests.workspace import REGISTRY, Run, onboarded, untouched

VALUES = Path("multi-repo", "argo-app-of-apps", "prod", "values.yaml")


@pytest.fixture
def rendered(place: Path, workloads: Run) -> Path:
    assert workloads("render", cwd=place).code == 0
    return place


def test_what_is_valid_and_up_to_date_passes(rendered: Path, workloads: Run) -> None:
    with untouched(rendered):
        done = workloads("check", cwd=rendered)
    assert (done.code, done.out, done.err) == (0, "3 charts, 5 Applications: valid and up to date\n", "")


def test_the_json_document_of_what_passes(rendered: Path, workloads: Run) -> None:
    data = json.loads(workloads("check", "--json", cwd=rendered).out)
    drift: dict[str, list[str]] = {"added": [], "changed": [], "removed": []}
    assert data == {
        "upToDate": True,
        "chartsElsewhere": None,
        "applications": 5,
        "warnings": [],
        "foreign": [],
        "drift": drift,
    }


def test_charts_that_lag_behind_are_shown_as_a_diff(rendered: Path, workloads: Run) -> None:
    (rendered / "apps.toml").write_text(REGISTRY.replace("billing@v1.0.0", "billing@v1.1.0"))
    with untouched(rendered):
        done = workloads("check", cwd=rendered)
    assert done.code == 1
    assert f"--- {VALUES}\n+++ {VALUES}\n" in done.out
    assert '-      targetRevision: "v1.0.0"\n+      targetRevision: "v1.1.0"\n' in done.out
    assert done.err == "multi-repo is out of date: run 'workloads render' and commit the result\n"


def test_charts_edited_by_hand_are_drift(rendered: Path, workloads: Run) -> None:
    (rendered / VALUES).write_text("mine\n")
    done = workloads("check", cwd=rendered)
    assert done.code == 1
    assert "-mine\n" in done.out


def test_the_json_document_of_drift(rendered: Path, workloads: Run) -> None:
    (rendered / VALUES).unlink()
    done = workloads("check", "--json", cwd=rendered)
    assert done.code == 1
    assert json.loads(done.out)["drift"] == {
        "added": ["argo-app-of-apps/prod/values.yaml"],
        "changed": [],
        "removed": [],
    }


def test_a_long_diff_is_cut(rendered: Path, workloads: Run) -> None:
    (rendered / "multi-repo" / "argo-app-of-apps" / "dev" / "values.yaml").write_text("edited: true\n" * 60)
    done = workloads("check", cwd=rendered)
    lines = done.out.splitlines()
    assert (done.code, len(lines)) == (1, 41)
    assert lines[-1].startswith("… and ")
    assert lines[-1].endswith(" more lines")


def test_new_files_are_named_and_not_shown(place: Path, workloads: Run) -> None:
    done = workloads("check", cwd=place)
    assert done.code == 1
    assert "missing: multi-repo/argo-app-of-apps/dev/values.yaml" in done.out.splitlines()


def test_a_record_alone_that_is_missing_is_drift(rendered: Path, workloads: Run) -> None:
    (rendered / "multi-repo" / ".generated.json").unlink()
    done = workloads("check", cwd=rendered)
    assert (done.code, done.out) == (1, "the inventory of generated files is missing or out of date\n")


def test_every_problem_is_told_with_its_place(rendered: Path, workloads: Run) -> None:
    text = onboarded(REGISTRY).replace("labels =", "lables =").replace('team = "audit"', 'team = "adit"')
    (rendered / "apps.toml").write_text(text)
    done = workloads("check", cwd=rendered)
    assert (done.code, done.out) == (3, "")
    line = text[: text.index("lables")].count("\n") + 1
    assert f'apps.toml:{line}:1: environments.dev.lables: unknown key (did you mean "labels"?)' in done.err
    assert '"adit"' in done.err
    assert done.err.splitlines()[-1] == "2 problems in apps.toml"


def test_problems_as_json(rendered: Path, workloads: Run) -> None:
    (rendered / "apps.toml").write_text(REGISTRY.replace("labels =", "lables ="))
    done = workloads("check", "--json", cwd=rendered)
    error = json.loads(done.out)["error"]
    assert error["exitCode"] == done.code == 3
    assert [(p["file"], p["key"]) for p in error["problems"]] == [("apps.toml", "environments.dev.lables")]


def test_what_tenancy_refuses_ends_with_4(rendered: Path, workloads: Run) -> None:
    text = REGISTRY.replace("https://github.com/acme/ledger.git", "https://github.com/evil/ledger.git")
    (rendered / "apps.toml").write_text(text)
    done = workloads("check", cwd=rendered)
    assert done.code == 4
    assert "apps.ledger.repoURL" in done.err


def test_text_that_would_drive_the_terminal_is_spelled_out(rendered: Path, workloads: Run) -> None:
    text = REGISTRY.replace('path = "chart"', 'path = "/\\u001b[31m\\u202e"', 1)
    (rendered / "apps.toml").write_text(text)
    done = workloads("check", cwd=rendered)
    assert done.code == 3
    assert "\x1b" not in done.err
    assert "\u202e" not in done.err
    assert "\\x1b" in done.err or "U+001B" in done.err


def test_without_helm_the_charts_are_not_judged(
    rendered: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helm, "_import_helm_library", lambda: None)
    monkeypatch.setattr(helm, "identify_engine", lambda: "")
    monkeypatch.setenv("PATH", "/nonexistent")
    done = workloads("check", cwd=rendered)
    assert done.code == 9
    assert "Helm is not installed, so the charts cannot be verified" in done.err
    assert workloads("check", "--without-helm", cwd=rendered).code == 0


def test_a_chart_that_helm_took_is_not_rendered_again(
    rendered: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    real = helm.render_chart_by_file

    def counted(*given: Any) -> dict[str, list[dict[str, Any]]]:
        asked.append(1)
        return real(*given)

    monkeypatch.setattr(helm, "render_chart_by_file", counted)
    assert workloads("check", cwd=rendered).code == 0
    first = len(asked)
    assert workloads("check", cwd=rendered).code == 0
    assert len(asked) == first
    (rendered / "apps.toml").write_text(REGISTRY.replace("billing@v1.0.0", "billing@v1.1.0"))
    assert workloads("check", cwd=rendered).code == 1
    assert len(asked) == first + 1
    monkeypatch.setattr(helm, "identify_engine", lambda: "another")
    assert workloads("check", cwd=rendered).code == 1
    assert len(asked) == first + 4


def heavy(place: Path, megabytes: float) -> None:
    """Give dev that much of inline values, in two files: one may not be so large."""
    head, mark, ledger = REGISTRY.partition("[apps.ledger]\n")
    values = "\n".join(f"key{number}: {'x' * 90}" for number in range(int(megabytes * 5_000)))
    tables = [f"\n[apps.{app}.environments.dev.helm]\nvalues = '''\n{values}'''\n" for app in ("billing", "ledger")]
    (place / "ledger.toml").write_text(mark + ledger + tables[1])
    (place / "apps.toml").write_text(
        head.replace("version = 1\n", 'version = 1\ninclude = ["ledger.toml"]\n').replace(
            "[teams.payments]\n", '[teams.payments]\nfiles = ["ledger.toml"]\n'
        )
        + tables[0]
    )


WARNING = "chart dev: values.yaml has "


def test_a_chart_that_is_nearly_too_large_is_told_of_and_passes(
    place: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generator.helm.chart_size.FILE_WARNING_BYTES", 1_500_000)
    heavy(place, 2)
    assert workloads("render", cwd=place).code == 0
    done = workloads("check", cwd=place)
    assert (done.code, done.out) == (0, "3 charts, 5 Applications: valid and up to date\n")
    assert done.err.startswith(f"warning: {WARNING}2,")
    assert done.err.endswith("set environments.dev.shards = 2, step by step with: workloads shard dev --by 2\n")
    assert workloads("check", "--without-helm", cwd=place).err == done.err
    told = json.loads(workloads("check", "--json", cwd=place).out)
    assert (told["upToDate"], [f"warning: {text}\n" for text in told["warnings"]]) == (True, [done.err])


def test_much_state_is_told_of(rendered: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generator.helm.chart_size.STATUS_WARNING_BYTES", 1300)
    done = workloads("check", "--without-helm", cwd=rendered)
    assert done.code == 0
    assert done.err.count("warning: ") == 1
    assert "chart dev: Argo CD keeps about 0.0 MB of state" in done.err


@pytest.mark.parametrize("flags", [(), ("--without-helm",), ("--json",)])
def test_a_chart_that_helm_would_not_read_is_refused_with_helm_and_without(
    rendered: Path, workloads: Run, flags: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generator.helm.chart_size.MAX_FILE_BYTES", 1_900_000)
    heavy(rendered, 2)
    with untouched(rendered):
        done = workloads("check", *flags, cwd=rendered)
    assert done.code == 3
    said = json.loads(done.out)["error"]["message"] if flags == ("--json",) else done.err
    assert WARNING in said
    assert "Helm takes no file of more than 1,900,000: set environments.dev.shards = " in said


def test_after_a_promotion_helm_is_asked_about_the_shard_and_what_is_above_it(
    place: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = sharded(onboarded(REGISTRY), '"team"')
    (place / "apps.toml").write_text(text)
    assert workloads("render", cwd=place).code == 0
    asked: list[str] = []
    real = helm.render_chart_by_file

    def counted(files: dict[str, bytes], *given: Any) -> dict[str, list[dict[str, Any]]]:
        asked.append(next(line for line in files["Chart.yaml"].decode().splitlines() if line.startswith("name:")))
        return real(files, *given)

    monkeypatch.setattr(helm, "render_chart_by_file", counted)
    assert workloads("check", cwd=place).code == 0
    assert sorted(asked) == sorted({*asked})
    assert len(asked) == 3 + 4
    asked.clear()
    assert workloads("check", cwd=place).code == 0
    assert asked == []
    (place / "apps.toml").write_text(text.replace('  "audit",', '  "audit@v2",'))
    assert workloads("check", cwd=place).code == 1
    assert asked == ["name: dev-applications-audit"]


def test_what_is_written_differently_and_old_versions_are_noted(rendered: Path, workloads: Run) -> None:
    text = (rendered / "apps.toml").read_text()
    noted = text.replace("version = 1\n", 'version = 1\nargocd.version = "3.4.9"\n', 1)
    noted = re.sub(r'(repoURL = "[^"]+)"', r'\1/"', noted, count=1)
    (rendered / "apps.toml").write_text(noted)
    warnings = json.loads(workloads("check", "--json", "--advisories", cwd=rendered).out)["warnings"]
    assert len(warnings) == 2
    assert "the '/' at its end is left out" in warnings[0]
    assert warnings[1] == "Argo CD 3.4.9 is affected by CVE-2026-55797: update it to 3.4.10"
    (rendered / "apps.toml").write_text(text.replace("version = 1\n", 'version = 1\nargocd.version = "3.9"\n', 1))
    done = workloads("check", cwd=rendered)
    assert (
        "warning: apps.toml:2:18: argocd.version: Argo CD 3.9 is newer than 3.6, the newest that is known: "
        "update workloads\n" in done.err
    )


def test_why_shows_what_facts_are_filled_into(rendered: Path, workloads: Run) -> None:
    text = (rendered / "apps.toml").read_text().replace("version = 1\n", "version = 1\ninterpolate = true\n", 1)
    text = text.replace("[environments.dev]\n", '[environments.dev]\nfacts = { domain = "dev.example.com" }\n', 1)
    text = text.replace("[environments.test]\n", '[environments.test]\nfacts = { domain = "test.example.com" }\n', 1)
    text = text.replace("[environments.prod]\n", '[environments.prod]\nfacts = { domain = "example.com" }\n', 1)
    text = text.replace("[apps.billing]\n", '[apps.billing]\nhelm.parameters.host = "b.${facts.domain}"\n', 1)
    (rendered / "apps.toml").write_text(text)
    done = workloads("why", "billing", "--in", "dev", cwd=rendered)
    assert '  helm.parameters.host = "b.dev.example.com", from "b.${facts.domain}"\n' in done.out
