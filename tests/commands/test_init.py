"""`workloads init` as a new user runs it: from an empty folder to a first published chart."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.forges.server import TOKEN, serving
from tests.git.remotes import git
from tests.workspace import Run, in_terminal, untouched

_FLAGS = ("--team", "payments", "--owner", "@acme/payments", "--repository", "https://git.example.org/acme/")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of an empty repository."""
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "remote.git"], check=True)
    subprocess.run(["git", "clone", "-q", tmp_path / "remote.git", tmp_path / "clone"], check=True, capture_output=True)
    return tmp_path / "clone"


def test_six_commands_lead_from_an_empty_repository_to_a_published_chart(workloads: Run, clone: Path) -> None:
    add = ("--team", "payments", "--repository", "https://git.example.org/acme/billing.git", "--path", "chart")
    assert workloads("init", *_FLAGS, "--namespace", "billing", cwd=clone).code == 0
    done = workloads("add", "billing", *add, "--revision", "main", "--no-verify-remote", cwd=clone)
    assert done.code == 0, done.err
    subprocess.run(["git", "add", "-A"], cwd=clone, check=True)
    subprocess.run(["git", "commit", "-qm", "First app"], cwd=clone, check=True)
    done = workloads("publish", cwd=clone)
    assert (done.code, "git push --set-upstream origin HEAD:main" in done.err) == (2, True), done.err
    subprocess.run(["git", "push", "-q", "--set-upstream", "origin", "HEAD:main"], cwd=clone, check=True)
    assert workloads("publish", cwd=clone).out == "already up to date\n"
    files = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", "main"],
        cwd=clone.parent / "remote.git",
        check=True,
        capture_output=True,
    ).stdout.decode()
    assert "multi-repo/argo-app-of-apps/dev/templates/billing.yaml" in files


def test_the_registry_is_valid_and_its_files_have_owners(workloads: Run, clone: Path) -> None:
    done = workloads("init", *_FLAGS, "--env", "dev", "--env", "prod=https://prod.example.org", cwd=clone)
    assert (done.code, workloads("check", "--without-helm", cwd=clone).code) == (0, 1), "only the charts are missing"
    assert "/apps.toml @acme/payments" in (clone / ".github/CODEOWNERS").read_text()
    assert 'server = "https://prod.example.org"' in (clone / "apps.toml").read_text()
    assert (clone / ".github/workflows/workloads-check.yml").is_file()
    assert "workloads add APP --team payments --repository https://git.example.org/acme/APP.git" in done.last


def test_gitlab_gets_its_own_files(workloads: Run, clone: Path) -> None:
    done = workloads("init", *_FLAGS, "--forge", "gitlab", "--json", cwd=clone)
    assert json.loads(done.out)["files"] == ["apps.toml", "apps.schema.json", "CODEOWNERS", ".gitlab-ci.yml"]


def test_files_that_exist_are_not_replaced(workloads: Run, clone: Path) -> None:
    (clone / "apps.schema.json").write_text("mine")
    with untouched(clone):
        done = workloads("init", *_FLAGS, cwd=clone)
    assert (done.code, done.last) == (4, "nothing was written")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--team", "Payments Team"), 'error: --team: "Payments Team" is not a name: '),
        (("--team", "x" * 300), " (300 characters) is longer than 63 characters: shorten it"),
        (("--env", "dev", "--env", "dev"), "error: --env dev is given 2 times"),
        (
            ("--env", "dev=https://ada:secret@x.example"),
            'error: --env: "https://***@x.example" is not the URL of a cluster',
        ),
        (("--namespace", "kube-system"), 'error: --namespace: namespace "kube-system" is reserved'),
        (("--owner", "acme"), 'error: --owner: "acme" is not an owner'),
        (("--argocd-version", "latest"), 'error: --argocd-version: "latest" is not a version'),
        (("--repository", "https://ada:secret@github.com/acme/"), "error: --repository: "),
        (
            ("--repository", "https://github.com/acme"),
            "write https://github.com/acme/NAME.git for one, or https://github.com/acme/",
        ),
        (
            ("--repository", "git@gitlab.com:acme"),
            "write git@gitlab.com:acme/NAME.git for one, or git@gitlab.com:acme/",
        ),
        (("--target", "eks-capability"), "write --env dev=arn:aws:eks:REGION:ACCOUNT:cluster/NAME or the name"),
        (
            ("--target", "eks-capability", "--env", "dev=in-cluster"),
            'error: --env: "in-cluster" is not a cluster of',
        ),
    ],
)
def test_an_option_that_is_not_valid_is_refused_by_its_name(
    workloads: Run, clone: Path, options: tuple[str, ...], message: str
) -> None:
    with untouched(clone):
        team = () if "--team" in options else ("--team", "payments")
        done = workloads("init", *team, *options, cwd=clone)
    assert (done.code, done.last) == (2, "nothing was written"), done
    assert message in done.err
    assert "apps.toml:" not in done.err
    assert "secret" not in done.err


def test_the_capability_of_eks_gets_clusters_by_arn_or_name(workloads: Run, clone: Path) -> None:
    arn = "arn:aws:eks:eu-west-1:111122223333:cluster/dev"
    options = ("--target", "eks-capability", "--env", f"dev={arn}", "--env", "prod=prod-eu", "--namespace", "billing")
    assert workloads("init", *_FLAGS, *options, cwd=clone).code == 0
    data = tomllib.loads((clone / "apps.toml").read_text())
    assert data["argocd"]["kind"] == "eks-capability"
    assert [data["environments"]["dev"]["server"], data["environments"]["prod"]["cluster"]] == [arn, "prod-eu"]
    add = ("--team", "payments", "--repository", "https://git.example.org/acme/billing.git", "--path", "chart")
    assert workloads("add", "billing", *add, "--no-verify-remote", cwd=clone).code == 0
    assert workloads("check", cwd=clone).code == 0


def test_the_forge_and_the_branch_are_those_of_a_new_clone(workloads: Run, clone: Path) -> None:
    for args in (("remote", "set-url", "origin", "git@gitlab.com:acme/workloads.git"), ("checkout", "-qb", "trunk")):
        subprocess.run(["git", *args], cwd=clone, check=True)
    assert workloads("init", *_FLAGS, cwd=clone).code == 0
    assert (clone / ".gitlab-ci.yml").is_file()
    assert tomllib.loads((clone / "apps.toml").read_text())["workloads"]["branch"] == "trunk"


def test_files_of_ci_that_exist_are_kept(workloads: Run, clone: Path) -> None:
    (clone / ".gitlab-ci.yml").write_text("build: {}\n")
    (clone / "CODEOWNERS").write_text("* @acme/all\n")
    done = workloads("init", *_FLAGS, "--forge", "gitlab", cwd=clone)
    assert (done.code, done.out) == (0, "wrote apps.toml\nwrote apps.schema.json\n")
    assert "kept CODEOWNERS, which exists: run 'workloads codeowners --write' to add the teams" in done.err
    assert (clone / ".gitlab-ci.yml").read_text() == "build: {}\n"


def test_below_the_top_of_a_repository_no_file_is_written_that_only_the_top_may_have(
    workloads: Run, clone: Path
) -> None:
    done = workloads("init", *_FLAGS, "--output", "registry", cwd=clone)
    assert (done.code, done.out) == (0, "wrote registry/apps.toml\nwrote registry/apps.schema.json\n")
    assert "CI and CODEOWNERS were not written" in done.err
    assert done.last.startswith("next: cd registry, workloads add APP ")


def test_without_a_repository_the_next_step_is_to_create_one(workloads: Run, tmp_path: Path) -> None:
    done = workloads("init", "--team", "payments", cwd=tmp_path)
    assert "next: git init --initial-branch=main, git remote add origin URL, workloads add APP" in done.last


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "to write a first one, run workloads init, or workloads import"),
        ("", "apps.toml:1:1: is empty: remove it, and run 'workloads init', or 'workloads import'"),
        ("version = 2\n", "there are no environments: remove this registry and run 'workloads init'"),
        ("version = 2\n[environments.dev]\n", "there are no apps: run 'workloads add APP'"),
    ],
)
@pytest.mark.parametrize("command", ["check", "render", "status"])
def test_a_registry_without_apps_names_the_next_step(
    workloads: Run, tmp_path: Path, text: str | None, message: str, command: str
) -> None:
    if text is not None:
        (tmp_path / "apps.toml").write_text(text)
    assert message in workloads(command, cwd=tmp_path).err


def test_an_existing_registry_is_kept(workloads: Run, clone: Path) -> None:
    (clone / "apps.toml").write_text("version = 2\n")
    with untouched(clone):
        done = workloads("init", *_FLAGS, cwd=clone)
    assert (done.code, "run 'workloads add APP' to add an app to it" in done.err) == (4, True)


def test_without_a_terminal_the_team_must_be_given(workloads: Run, clone: Path) -> None:
    done = workloads("init", cwd=clone)
    assert (done.code, "add --team TEAM" in done.err) == (2, True)


def test_a_terminal_asks(clone: Path) -> None:
    typed = "dev live\npayments\n@acme/payments\n\nbilling\n"
    in_terminal("init", cwd=clone, columns=100, typed=typed)
    text = (clone / "apps.toml").read_text()
    assert "[environments.live]" in text
    assert 'namespaces = ["billing"]' in text


@pytest.mark.parametrize(
    ("forge", "api", "ci"),
    [
        ("github", "GITHUB_API_URL", ".github/workflows/workloads-check.yml"),
        ("gitlab", "CI_SERVER_URL", ".gitlab-ci.yml"),
    ],
)
@pytest.mark.parametrize("target", ["self-managed", "eks-capability"])
def test_the_second_app_is_a_pull_request(
    workloads: Run, clone: Path, monkeypatch: pytest.MonkeyPatch, forge: str, api: str, ci: str, target: str
) -> None:
    url = f"https://{forge}.example.com/acme/workloads.git"
    git(clone, "config", f"url.{clone.parent}/remote.git.insteadOf", url)
    git(clone, "remote", "set-url", "origin", url)
    new = ("--team", "payments", "--path", "chart", "--no-verify-remote", "--repository")
    with serving(forge) as server:
        monkeypatch.setenv(api, server.url)
        monkeypatch.setenv(f"{forge.upper()}_TOKEN", TOKEN)
        options = ("--target", target, "--env", "dev=dev-eu", "--env", "prod=prod-eu", "--namespace", "billing")
        assert workloads("init", *_FLAGS, *options, cwd=clone).code == 0
        assert (clone / ci).is_file()
        assert workloads("add", "billing", *new, "https://git.example.org/acme/billing.git", cwd=clone).code == 0
        git(clone, "add", "--all")
        git(clone, "commit", "--quiet", "-m", "First registry")
        git(clone, "push", "--quiet", "--set-upstream", "origin", "HEAD:main")
        done = workloads(
            "add", "web", *new, "https://git.example.org/acme/web.git", "--grant", "--pull-request", cwd=clone
        )
        assert done.code == 0, done.err
        assert [request["title"] for request in server.requests] == ["add web: dev"]
        assert server.wrong == []
    assert workloads("bootstrap", "dev", "--for", "manifest", "--no-prune", cwd=clone).code == 0
