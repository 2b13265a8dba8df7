"""`workloads render`."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from generator.charts import yaml
from tests.workspace import REGISTRY, Done, Run, contents, environment, onboarded, spawn, untouched, without

CHARTS = Path("multi-repo", "argo-app-of-apps")


@pytest.fixture
def rendered(place: Path, workloads: Run) -> Path:
    """The folder with its charts."""
    assert workloads("render", cwd=place).code == 0
    return place


def edit(place: Path, text: str) -> None:
    (place / "apps.toml").write_text(text)


def times(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_it_tells_each_file_on_stderr_and_the_sum_on_stdout(place: Path, workloads: Run) -> None:
    done = workloads("render", cwd=place)
    files = [path for path in (place / "multi-repo").rglob("*") if path.is_file() and path.name != ".generated.json"]
    assert (done.code, done.out) == (0, f"multi-repo: {len(files)} added\n")
    assert sorted(done.err.splitlines()) == sorted(f"+ {path.relative_to(place)}" for path in files)


def test_again_changes_nothing_not_even_a_time(rendered: Path, workloads: Run) -> None:
    before = times(rendered)
    done = workloads("render", cwd=rendered)
    assert (done.code, done.out, done.err) == (0, "multi-repo: up to date\n", "")
    assert times(rendered) == before


def test_only_files_whose_content_changes_are_written(rendered: Path, workloads: Run) -> None:
    before = times(rendered / "multi-repo")
    edit(rendered, REGISTRY.replace("billing@v1.0.0", "billing@v1.1.0"))
    done = workloads("render", cwd=rendered)
    changed = [rendered / line[2:] for line in done.err.splitlines()]
    assert done.out == "multi-repo: 2 changed\n"
    assert {line[:2] for line in done.err.splitlines()} == {"~ "}
    after = times(rendered / "multi-repo")
    record = rendered / "multi-repo" / ".generated.json"
    assert {p for p in after if p.is_file() and after[p] != before[p]} == {*changed, record}


def test_named_environments_alone_are_touched(rendered: Path, workloads: Run) -> None:
    edit(rendered, REGISTRY.replace("createProjects = true\n", "").replace("ledger.git", "ledgers.git"))
    before = contents(rendered / "multi-repo")
    done = workloads("render", "dev", cwd=rendered)
    after = contents(rendered / "multi-repo")
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert done.code == 0
    assert changed - {".generated.json"}
    assert all(name.startswith("argo-app-of-apps/dev/") for name in changed - {".generated.json"})
    assert workloads("render", "dev", cwd=rendered).out == "multi-repo: up to date\n"


def test_an_unknown_environment_is_a_usage_error_with_a_suggestion(rendered: Path, workloads: Run) -> None:
    with untouched(rendered):
        done = workloads("render", "prd", cwd=rendered)
    assert (done.code, done.err) == (
        2,
        'error: unknown environment "prd" (did you mean "prod"?) [WL1005]\nnothing was written\n',
    )


def test_a_dry_run_tells_the_same_and_writes_nothing(place: Path, workloads: Run) -> None:
    with untouched(place):
        dry = workloads("render", "--dry-run", cwd=place)
    wet = workloads("render", cwd=place)
    assert dry.err == wet.err
    assert dry.out == wet.out.replace("\n", " (dry run: nothing was written)\n")


def test_the_json_document(rendered: Path, workloads: Run) -> None:
    edit(rendered, onboarded(without(REGISTRY, "ledger", "test")))
    with untouched(rendered):
        dry = json.loads(workloads("render", "--json", "--dry-run", cwd=rendered).out)
    data = json.loads(workloads("render", "--json", cwd=rendered).out)
    assert (dry.pop("written"), data.pop("written")) == (False, True)
    assert dry == data
    assert data["added"] == [
        "argo-app-of-apps/dev/templates/audit.yaml",
        "argo-app-of-apps/dev/tests/audit_test.yaml",
        "argo-app-projects/audit.yaml",
    ]
    assert data["changed"] == [
        f"argo-app-of-apps/{env}/{name}" for env in ("dev", "test") for name in ("values.schema.json", "values.yaml")
    ]
    assert data["removed"] == [
        "argo-app-of-apps/test/templates/ledger.yaml",
        "argo-app-of-apps/test/tests/ledger_test.yaml",
    ]


def test_files_of_others_are_kept(rendered: Path, workloads: Run) -> None:
    foreign = [rendered / CHARTS / "test" / "templates" / "extra.yaml", rendered / "multi-repo" / "README.md"]
    for path in foreign:
        path.write_text("# mine\n")
    edit(rendered, without(REGISTRY, "ledger", "test"))
    assert workloads("render", cwd=rendered).code == 0
    assert [path.read_text() for path in foreign] == ["# mine\n", "# mine\n"]
    assert not (rendered / CHARTS / "test" / "templates" / "ledger.yaml").exists()


def test_a_file_in_the_way_is_refused_and_may_be_taken_over(rendered: Path, workloads: Run) -> None:
    foreign = rendered / CHARTS / "dev" / "templates" / "audit.yaml"
    foreign.write_text("mine\n")
    edit(rendered, onboarded(REGISTRY))
    with untouched(rendered):
        done = workloads("render", cwd=rendered)
    assert (done.code, done.last) == (4, "nothing was written")
    assert f"  {foreign.relative_to(rendered)}\n" in done.err
    assert workloads("render", "--adopt", cwd=rendered).code == 0
    assert foreign.read_text() != "mine\n"


def test_a_generated_file_that_is_gone_is_written_again(rendered: Path, workloads: Run) -> None:
    before = contents(rendered)
    (rendered / CHARTS / "prod" / "Chart.yaml").unlink()
    assert workloads("render", cwd=rendered).code == 0
    assert contents(rendered) == before


def test_a_generated_file_edited_by_hand_is_kept_unless_told_otherwise(rendered: Path, workloads: Run) -> None:
    before = contents(rendered)
    (rendered / CHARTS / "dev" / "values.yaml").write_text("mine\n")
    with untouched(rendered):
        done = workloads("render", cwd=rendered)
    assert (done.code, done.last) == (4, "nothing was written")
    assert "generated files were edited by hand [WL7004]:\n  multi-repo/argo-app-of-apps/dev/values.yaml\n" in done.err
    assert "hint: put the edits into apps.toml, or discard them with --overwrite" in done.err
    assert workloads("render", "--overwrite", cwd=rendered).code == 0
    assert contents(rendered) == before


@pytest.mark.parametrize("path", ["templates/Billing.yaml", "Values.yaml", "Templates/billing.yaml"])
def test_a_foreign_file_that_differs_only_in_case_is_refused(rendered: Path, workloads: Run, path: str) -> None:
    place = rendered / CHARTS / "dev" / path
    place.parent.mkdir(exist_ok=True)
    place.write_text("# mine\n")
    with untouched(rendered):
        done = workloads("render", "--adopt", cwd=rendered)
    assert done.code == 4
    assert f"multi-repo/argo-app-of-apps/dev/{path} differs only in case from the generated file" in done.err


def test_what_the_inventory_only_claims_is_not_deleted(rendered: Path, workloads: Run) -> None:
    place = rendered / CHARTS / "dev" / "templates" / "custom.yaml"
    place.write_text("# mine\n")
    inventory = rendered / "multi-repo" / ".generated.json"
    body = json.loads(inventory.read_text())
    body["files"]["argo-app-of-apps/dev/templates/custom.yaml"] = "0" * 64
    inventory.write_text(json.dumps(body))
    done = workloads("render", cwd=rendered)
    assert done.code == 4
    assert "argo-app-of-apps/dev/templates/custom.yaml" in done.err
    assert place.read_text() == "# mine\n"


@pytest.mark.parametrize("path", ["../apps.toml", "../.github/workflows/ci.yml", "bootstrap/root-app.yaml"])
def test_an_inventory_that_lists_other_files_deletes_none(rendered: Path, workloads: Run, path: str) -> None:
    place = rendered / "multi-repo" / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()
    inventory = rendered / "multi-repo" / ".generated.json"
    body = json.loads(inventory.read_text())
    body["files"][path] = hashlib.sha256(place.read_bytes()).hexdigest()
    inventory.write_text(json.dumps(body))
    with untouched(rendered):
        done = workloads("render", "--overwrite", "--adopt", cwd=rendered)
    assert done.code == 4
    assert f"lists {path!r}, which workloads does not generate" in done.err


def test_an_environment_that_leaves_the_registry_takes_its_chart_along(rendered: Path, workloads: Run) -> None:
    head, _, rest = REGISTRY.partition("[environments.prod]")
    edit(rendered, head + rest[rest.index("# Who owns what.") :])
    assert workloads("render", cwd=rendered).code == 0
    assert not (rendered / CHARTS / "prod").exists()
    assert (rendered / CHARTS / "test").exists()


@pytest.mark.parametrize("text", ["{", '{"version": 1, "files": {"../../x": 0}, "applications": {}}'])
def test_a_damaged_record_stops_it(rendered: Path, workloads: Run, text: str) -> None:
    (rendered / "multi-repo" / ".generated.json").write_text(text)
    edit(rendered, without(REGISTRY, "ledger", "test"))
    with untouched(rendered):
        done = workloads("render", cwd=rendered)
    assert done.code == 4
    assert "multi-repo/.generated.json " in done.err


def test_a_link_out_of_the_folder_is_not_followed(rendered: Path, workloads: Run, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (rendered / CHARTS / "dev").rename(elsewhere)
    (rendered / CHARTS / "dev").symlink_to(elsewhere)
    edit(rendered, onboarded(REGISTRY))
    with untouched(elsewhere):
        done = workloads("render", cwd=rendered)
    assert done.code == 4
    assert "is a link" in done.err


def test_a_folder_where_a_file_belongs_is_refused(rendered: Path, workloads: Run) -> None:
    target = rendered / CHARTS / "dev" / "values.yaml"
    target.unlink()
    target.mkdir()
    done = workloads("render", cwd=rendered)
    assert done.code == 4
    assert "values.yaml is not a regular file" in done.err


def test_an_invalid_registry_writes_nothing(rendered: Path, workloads: Run) -> None:
    edit(rendered, onboarded(REGISTRY).replace('team = "audit"', 'team = "nobody"'))
    with untouched(rendered):
        done = workloads("render", cwd=rendered)
    assert done.code == 3
    assert "apps.toml:" in done.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_named(place: Path, workloads: Run) -> None:
    (place / "multi-repo").mkdir(mode=0o500)
    done = workloads("render", cwd=place)
    assert (done.code, done.last) == (9, "the charts are not complete; run 'workloads render' again")
    assert "Permission denied" in done.err


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EDQUOT])
def test_what_the_disk_refuses_is_told_and_the_next_run_heals(
    place: Path, workloads: Run, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    replace, written = os.replace, []

    def refuse(path: str, target: str) -> None:
        written.append(path)
        if len(written) == 5:
            raise OSError(number, os.strerror(number), path)
        replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        done = workloads("render", cwd=place)
    assert (done.code, done.last) == (9, "the charts are not complete; run 'workloads render' again")
    assert os.strerror(number) in done.err
    assert not list(place.rglob("*.tmp"))
    assert workloads("render", cwd=place).code == 0
    assert workloads("check", cwd=place).code == 0


def test_an_output_path_that_is_a_file_is_refused(place: Path, workloads: Run) -> None:
    (place / "multi-repo").write_text("mine\n")
    done = workloads("render", cwd=place)
    assert done.code == 4
    assert "multi-repo is not a folder" in done.err


def test_a_full_disk_leaves_no_half_file_and_the_next_run_heals(place: Path) -> None:
    limited = spawn("render", cwd=place, limits="ulimit -f 1")
    assert (limited.code, limited.last) == (9, "the charts are not complete; run 'workloads render' again"), limited
    assert "cannot be written: File too large" in limited.err
    assert not list(place.rglob("*.tmp"))
    assert not [path for path in place.rglob("*.yaml") if not path.read_text().endswith("\n")]
    done = spawn("render", cwd=place)
    assert done.code == 0
    assert spawn("check", "--without-helm", cwd=place).code == 0


KILLED = """
import os, sys
from generator import cli

left, number = [int(sys.argv.pop(1))], int(sys.argv.pop(1))
replace = os.replace

def dying(path, target):
    if not left[0]:
        os.kill(os.getpid(), number)
    left[0] -= 1
    return replace(path, target)

os.replace = dying
cli.main()
"""


def killed(place: Path, after: int, number: signal.Signals) -> Done:
    """Run `workloads render`, which gets a signal when it has put `after` files in place."""
    command = [sys.executable, "-c", KILLED, str(after), str(number.value), "render"]
    done = subprocess.run(command, cwd=place, env=environment(), capture_output=True, text=True, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("after", [0, 1, 7])
def test_killed_while_it_writes_the_next_run_finishes_the_work(place: Path, workloads: Run, after: int) -> None:
    workloads("render", cwd=place)
    edit(place, onboarded(without(REGISTRY, "ledger", "test")).replace("billing@v1.0.0", "billing@v1.1.0"))
    undisturbed = place.parent / "undisturbed"
    shutil.copytree(place, undisturbed)
    assert killed(place, after, signal.SIGKILL).code == -signal.SIGKILL
    for folder in (place, undisturbed):
        assert workloads("render", cwd=folder).code == 0
    assert contents(place / "multi-repo") == contents(undisturbed / "multi-repo")


def test_interrupted_it_ends_with_130_and_the_next_run_finishes_the_work(place: Path, workloads: Run) -> None:
    done = killed(place, 5, signal.SIGINT)
    assert (done.code, done.last) == (130, "interrupted")
    assert "Traceback" not in done.err
    assert workloads("render", cwd=place).code == 0
    assert workloads("check", cwd=place).code == 0
    assert not list(place.rglob("*.tmp"))


def test_a_long_list_of_files_is_cut(place: Path, workloads: Run) -> None:
    apps = [f"app-{number:02}" for number in range(20)]
    tables = "".join(
        f'[apps.{app}]\nteam = "t"\nrepoURL = "https://g.com/t/{app}.git"\npath = "c"\nnamespace = "n"\n'
        for app in apps
    )
    listed = ", ".join(f'"{app}"' for app in apps)
    (place / "apps.toml").write_text(
        f'version = 2\n[environments.dev]\napps = [{listed}]\n[teams.t]\nrepositories = ["https://g.com/t/"]\n'
        f'namespaces = ["n"]\n{tables}'
    )
    done = workloads("render", cwd=place)
    assert (done.code, len(done.err.splitlines())) == (0, 61)
    assert done.err.splitlines()[-1] == "… and 8 more"


def test_manifests_are_what_helm_makes_of_the_charts_and_the_charts_are_left_alone(
    place: Path, workloads: Run, tmp_path: Path
) -> None:
    target = tmp_path / "objects"
    done = workloads("render", "--manifests", target, cwd=place)
    assert (done.code, done.out) == (0, f"{target}: 7 added\n")
    assert not (place / "multi-repo").exists()
    text = (target / "argo-app-of-apps/prod/application-billing.yaml").read_text()
    (found,) = yaml.load_all(text)
    assert (found["kind"], found["metadata"]["name"]) == ("Application", "billing")
    assert found["spec"]["source"]["targetRevision"] == "v1.0.0"
    assert workloads("render", "--manifests", target, cwd=place).out == f"{target}: up to date\n"


def test_manifests_of_one_environment_leave_the_others_and_those_of_nobody_go(
    place: Path, workloads: Run, tmp_path: Path
) -> None:
    target = tmp_path / "objects"
    workloads("render", "--manifests", target, cwd=place)
    edit(place, without(REGISTRY.replace("billing@v1.0.0", "billing@v1.1.0"), "ledger", "test"))
    assert workloads("render", "prod", "--manifests", target, cwd=place).out == f"{target}: 1 changed\n"
    assert workloads("render", "--manifests", target, cwd=place).out == f"{target}: 1 removed\n"
    assert not (target / "argo-app-of-apps/test/application-ledger.yaml").exists()


def test_manifests_have_a_folder_of_their_own(rendered: Path, workloads: Run) -> None:
    for target in ("multi-repo", "multi-repo/below"):
        done = workloads("render", "--manifests", target, cwd=rendered)
        assert done.code == 2
        assert "is in the folder of the charts" in done.err
    (rendered / "mine" / "argo-app-of-apps" / "dev").mkdir(parents=True)
    (rendered / "mine/argo-app-of-apps/dev/application-billing.yaml").write_text("mine\n")
    done = workloads("render", "--manifests", "mine", cwd=rendered)
    assert done.code == 4
    assert (rendered / "mine/argo-app-of-apps/dev/application-billing.yaml").read_text() == "mine\n"


def test_of_many_warnings_only_the_first_are_told(place: Path, workloads: Run) -> None:
    apps = "".join(
        f'\n[apps.app-{n}]\nteam = "payments"\nrepoURL = "https://github.com/acme/x.git"\npath = "x"\n'
        for n in range(70)
    )
    text = REGISTRY.replace("apps = [\n", "apps = [\n" + "".join(f'  "app-{n}",\n' for n in range(70)), 1) + apps
    text = text.replace('"money"]', '"money", ' + ", ".join(f'"app-{n}"' for n in range(70)) + "]")
    (place / "apps.toml").write_text(text)
    assert workloads("render", cwd=place).code == 0
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "start"]):
        subprocess.run(["git", *words], cwd=place, check=True)
    (place / "apps.toml").write_text(REGISTRY)
    warnings = [line for line in workloads("render", cwd=place).err.splitlines() if line.startswith(("warning", "…"))]
    assert [line.split(":")[0] for line in warnings[:60]] == ["warning"] * 60
    assert "… and 10 more" in warnings
