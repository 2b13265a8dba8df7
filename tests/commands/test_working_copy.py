"""The working copy is as safe as the branch: edits made at the same time are kept, or refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from generator import pipeline
from generator.charts.output_folder import OutputFolder
from generator.publishing import working_copy
from tests.workspace import REGISTRY, Run, contents, environment, onboarded, untouched, without

CHARTS = Path("multi-repo", "argo-app-of-apps")
EXTRA = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{ name: {name}, namespace: argocd }}
spec:
  project: default
  source: {{ repoURL: "https://github.com/acme/{name}.git", path: x, targetRevision: "{revision}" }}
  destination: {{ namespace: {name}, server: "https://kubernetes.default.svc" }}
"""


@pytest.fixture
def rendered(place: Path, workloads: Run) -> Path:
    assert workloads("render", cwd=place).code == 0
    return place


def start(place: Path, *args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "generator", *args]
    return subprocess.Popen(
        command, cwd=place, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_eight_edits_at_once_are_all_kept(rendered: Path, workloads: Run) -> None:
    apps = [f"app-{number}" for number in range(8)]
    tables = "".join(
        f'\n[apps.{app}]\nteam = "payments"\nrepoURL = "https://github.com/acme/x.git"\n'
        'path = "x"\nnamespace = "money"\n'
        for app in apps
    )
    text = REGISTRY.replace("apps = [\n", "apps = [\n" + "".join(f'  "{app}",\n' for app in apps), 1) + tables
    (rendered / "apps.toml").write_text(text)
    assert workloads("render", cwd=rendered).code == 0
    running = [
        start(rendered, "hold", app, "--in", "dev", "--reason", f"reason of {app}", "--without-helm") for app in apps
    ]
    results = [(process.communicate()[1], process.returncode) for process in running]
    assert [code for _, code in results] == [0] * 8, results
    after = (rendered / "apps.toml").read_text()
    assert [app for app in apps if f"reason of {app}" not in after] == []
    assert workloads("check", cwd=rendered).code == 0


def test_several_renders_at_once_leave_what_one_leaves(place: Path, workloads: Run) -> None:
    running = [start(place, "render") for _ in range(4)]
    assert [process.communicate()[1] and process.returncode for process in running].count(0) >= 1
    assert {process.returncode for process in running} == {0}
    before = contents(place)
    assert workloads("render", cwd=place).out == "multi-repo: up to date\n"
    assert contents(place) == before
    assert not list(place.rglob("*.tmp"))


def test_what_an_editor_saves_meanwhile_is_kept(
    rendered: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, known = rendered / "apps.toml", pipeline.prepare_charts

    def save_first(*args: object, **named: object) -> object:
        registry.write_text(REGISTRY + "# saved meanwhile\n")
        return known(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(working_copy, "prepare_charts", save_first)
    with untouched(rendered / "multi-repo"):
        done = workloads("hold", "billing", "--in", "prod", "--reason", "x", cwd=rendered)
    assert (done.code, done.last) == (6, "nothing was changed")
    assert "apps.toml changed while this command ran" in done.err
    assert registry.read_text().endswith("# saved meanwhile\n")


@pytest.mark.parametrize("name", ["prod/values.yaml", "dev/templates/audit.yaml"])
def test_a_chart_file_that_somebody_saves_meanwhile_is_kept(
    rendered: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (rendered / "apps.toml").write_text(onboarded(REGISTRY).replace("billing@v1.0.0", "billing@v1.1.0"))
    known = OutputFolder.apply_changes

    def save_first(self: OutputFolder, *args: object) -> None:
        (rendered / CHARTS / name).write_text("saved meanwhile\n")
        known(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(OutputFolder, "apply_changes", save_first)
    done = workloads("render", cwd=rendered)
    assert (done.code, done.last) == (6, "the charts are not complete; run 'workloads render' again")
    assert (rendered / CHARTS / name).read_text() == "saved meanwhile\n"


def test_a_file_to_delete_that_was_edited_by_hand_is_kept(rendered: Path, workloads: Run) -> None:
    edited = rendered / CHARTS / "test/tests/ledger_test.yaml"
    edited.write_text("# mine\n")
    (rendered / "apps.toml").write_text(without(REGISTRY, "ledger", "test"))
    with untouched(rendered):
        done = workloads("render", cwd=rendered)
    assert done.code == 4
    assert f"  {edited.relative_to(rendered)}\n" in done.err
    assert workloads("render", "--overwrite", cwd=rendered).code == 0
    assert not edited.exists()


HAND_MADE = {
    "Chart.yaml": "apiVersion: v2\nname: dev-apps\nversion: 0.1.0\n",
    "values.yaml": "revisions:\n  billing: main\n  oldshop: v3\n",
    "templates/billing.yaml": EXTRA.format(name="billing", revision="{{ .Values.revisions.billing }}"),
}


def hand_made(place: Path, **templates: str) -> None:
    files = {**HAND_MADE, **{f"templates/{name}.yaml": text for name, text in templates.items()}}
    for name, text in files.items():
        path = place / CHARTS / "dev" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    ("revision", "message"),
    [
        ("{{ .Values.revisions.oldshop }}", "Helm refuses chart dev with it"),
        ("{{ (.Values.revisions | default dict).oldshop }}", "would render something else"),
    ],
)
def test_adopting_charts_never_orphans_a_template(place: Path, workloads: Run, revision: str, message: str) -> None:
    hand_made(place, oldshop=EXTRA.format(name="oldshop", revision=revision))
    for command in (["render", "--adopt"], ["check"]):
        with untouched(place):
            done = workloads(*command, cwd=place)
        assert done.code == 4
        assert "multi-repo/argo-app-of-apps/dev/templates/oldshop.yaml" in done.err
        assert message in done.err


def test_charts_written_by_hand_are_adopted_with_a_template_that_stays(place: Path, workloads: Run) -> None:
    hand_made(place, oldshop=EXTRA.format(name="oldshop", revision="v3"))
    refused = workloads("render", cwd=place)
    assert refused.code == 4
    assert "take them over with --adopt" in refused.err
    assert workloads("render", "--adopt", cwd=place).code == 0
    done = workloads("check", cwd=place)
    assert done.code == 0
    assert "foreign: multi-repo/argo-app-of-apps/dev/templates/oldshop.yaml renders Application oldshop" in done.err
