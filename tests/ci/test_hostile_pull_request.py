"""A pull request adds files that tools run where they find them: no job of the shipped workflows runs one."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.ci.steps import Runner, load
from tests.git.remotes import git
from tests.test_packaging import build_wheel, link_libraries
from tests.workspace import REGISTRY, ROOT, isolate, spawn

pytest.importorskip("hatchling.build", reason="hatchling, which builds the wheel, is not installed")

GITLAB = ROOT / "ci" / "gitlab" / "workloads.yml"
GITHUB = sorted((ROOT / "ci" / "github").glob("*.yml"))
PYTHON_MODULES = [
    *("venv.py", "pip.py", "ensurepip.py", "sitecustomize.py", "usercustomize.py", "runpy.py", "json.py"),
    *("subprocess.py", "click.py", "rich.py", "pydantic.py", "jinja2.py", "git.py", "generator/__init__.py"),
    *("setup.py", "conftest.py", "build_backend.py", ".pythonrc.py"),
]
PROGRAMS = [
    *("git", "python", "python3", "pip", "helm", "curl", "jq", "workloads/bin/workloads", "workloads/bin/python"),
    *(".bashrc", ".bash_profile", ".profile", ".envrc", ".githooks/post-checkout", "hooks/pre-commit"),
    *("teams/hooks/post-index-change", "teams/hooks/reference-transaction"),
]


def hostile_files(marks: Path) -> dict[str, str]:
    """Files by path; each leaves a file in `marks` if a tool runs or obeys it."""

    def mark(name: str) -> str:
        return str(marks / name.replace("/", "-"))

    bare_config = (
        "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = .\n"
        f'\tfsmonitor = "touch {mark("fsmonitor")}; false"\n\tsshCommand = "touch {mark("ssh")}; false"\n'
        f'\tpager = "touch {mark("pager")}"\n\thooksPath = hooks\n[diff]\n\texternal = "touch {mark("diff")}"\n'
        f'[credential]\n\thelper = "!touch {mark("helper")}"\n'
    )
    bare = {"HEAD": "ref: refs/heads/main\n", "config": bare_config, "objects/x": "", "refs/x": ""}
    shell = "#!/bin/sh\ntouch {}\nexit 1\n"
    return {
        **{name: f"open({mark(name)!r}, 'w').close()\n" for name in PYTHON_MODULES},
        **{name: shell.format(mark(name)) for name in PROGRAMS},
        # Folders that Git takes for bare repositories.
        **bare,
        **{f"teams/{name}": text for name, text in bare.items()},
        **{f"multi-repo/{name}": text for name, text in bare.items()},
        "pip.conf": f"[global]\nlog = {mark('pip.conf')}\n",
        ".curlrc": f"trace = {mark('curlrc')}\n",
        ".python-version": "hostile\n",
        ".tool-versions": "python path:.\n",
        "Makefile": f"$(shell touch {mark('Makefile')})\n",
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "build_backend"\nbackend-path = ["."]\n',
        ".pre-commit-config.yaml": (
            "repos: [{repo: local, hooks: [{id: x, name: x, language: system, entry: touch "
            + mark("pre-commit")
            + "}]}]\n"
        ),
        "action.yml": f"runs: {{using: composite, steps: [{{run: touch {mark('action')}, shell: bash}}]}}\n",
        ".gitattributes": "* filter=hostile diff=hostile merge=hostile\n",
        ".gitconfig": f'[filter "hostile"]\n\tsmudge = touch {mark("smudge")}\n\tclean = touch {mark("clean")}\n',
        ".gitmodules": f'[submodule "x"]\n\tpath = x\n\turl = ./x\n\tupdate = !touch {mark("submodule")}\n',
    }


@dataclass
class Checkout:
    """A checkout of the merge of a hostile pull request, and the folder that shows what ran."""

    folder: Path
    marks: Path
    runner: Runner


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of the package, with its wheel in `dist`."""
    folder = tmp_path_factory.mktemp("package")
    build_wheel(folder)
    return folder


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the registry, its charts, and the merge of the hostile pull request; and `marks` beside it."""
    folder = tmp_path_factory.mktemp("published")
    with pytest.MonkeyPatch.context() as patch:
        isolate(folder / "home", patch)
        remote, checkout, marks = folder / "workloads.git", folder / "checkout", folder / "marks"
        git(folder, "init", "--quiet", "--bare", str(remote))
        git(folder, "clone", "--quiet", f"file://{remote}", str(checkout))
        registry = REGISTRY.replace("[teams.payments]\n", '[teams.payments]\nfiles = ["teams/payments.toml"]\n')
        (checkout / "apps.toml").write_text('include = ["teams/*.toml"]\n' + registry)
        assert spawn("publish", cwd=checkout).code == 0
        git(checkout, "fetch", "--quiet")
        git(checkout, "reset", "--quiet", "--hard", "origin/main")
        for name, text in {**hostile_files(marks), "teams/payments.toml": ""}.items():
            path = checkout / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755)
        (checkout / "diff.html").symlink_to(marks / "diff.html")
        git(checkout, "add", "--all", "--force")
        git(checkout, "commit", "--quiet", "--message", "add a few files")
        git(checkout, "push", "--quiet", "origin", "HEAD:main")
    return folder


@pytest.fixture
def checkout(tmp_path: Path, package: Path, published: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    isolate(tmp_path / "home", monkeypatch)
    folder, temp, programs, libraries = (tmp_path / name for name in ("checkout", "temp", "programs", "libraries"))
    marks = published / "marks"
    shutil.rmtree(marks, ignore_errors=True)
    for path in (marks, temp, programs, libraries):
        path.mkdir()
    shutil.copytree(published / "workloads.git", tmp_path / "acme" / "workloads.git")
    git(tmp_path, "clone", "--quiet", f"file://{tmp_path}/acme/workloads.git", str(folder))
    add_programs(programs, link_libraries(libraries))
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    pip_options = {"NO_INDEX": "1", "NO_DEPS": "1", "NO_COMPILE": "1", "FIND_LINKS": str(package / "dist")}
    # pip reads this one the other way round: "false" means that a build uses the libraries that are installed.
    for name, value in {**pip_options, "NO_BUILD_ISOLATION": "false"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    expressions = {
        "github.token": "t0ken",
        "github.event.pull_request.number": "7",
        "inputs.apps": "billing",
        "inputs.to": "prod",
        "inputs.run": "check --base HEAD^1",
        "inputs.registry": "apps.toml",
        "inputs.token": "",
    }
    variables = {
        "GITHUB_SERVER_URL": f"file://{tmp_path}",
        "GITHUB_REPOSITORY": "acme/workloads",
        "GITHUB_API_URL": "http://127.0.0.1:9",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "GITHUB_ACTION_PATH": str(package),
        "CI_SERVER_URL": f"file://{tmp_path}",
        "CI_PROJECT_PATH": "acme/workloads",
        "CI_SERVER_HOST": "gitlab.example.com",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": git(folder, "rev-parse", "HEAD^1"),
        "PROMOTE_TO": "test prod",
        "APPS": "billing",
        "TO": "prod",
    }
    return Checkout(folder, marks, Runner(folder, temp, expressions, variables))


def add_programs(folder: Path, libraries: Path) -> None:
    """Put programs in `folder` that stand for a runner's Python, whose environments have `libraries`, and apt-get."""
    (folder / "python3").write_text(
        f'#!/bin/sh\n{sys.executable} "$@" --without-pip || exit\nfor folder; do :; done\n'
        f'for packages in "$folder"/lib/python*/site-packages; do echo {libraries} > "$packages/libraries.pth"; done\n'
    )
    (folder / "apt-get").write_text("#!/bin/sh\n")
    for path in folder.iterdir():
        path.chmod(0o755)


def workflow(name: str, *, install: bool = False) -> Callable[[Runner], CompletedProcess[str]]:
    return lambda runner: runner.run_workflow(ROOT / "ci" / "github" / f"{name}.yml", install=install)


def gitlab_job(name: str, *, install: bool = False) -> Callable[[Runner], CompletedProcess[str]]:
    return lambda runner: runner.run_gitlab_job(GITLAB, f"workloads-{name}", install=install)


#: One job of each installation step runs it; `test_every_workflow_installs_in_the_same_way` covers the others.
JOBS = {
    "github-check": workflow("check", install=True),
    "github-publish": workflow("publish"),
    "github-promote": workflow("promote"),
    "github-promote-ready": workflow("promote-ready"),
    "github-action": lambda runner: runner.run_action(ROOT / "action.yml", install=True),
    "gitlab-check": gitlab_job("check", install=True),
    "gitlab-diff": gitlab_job("diff"),
    "gitlab-publish": gitlab_job("publish"),
    "gitlab-promote": gitlab_job("promote"),
    "gitlab-promote-ready": gitlab_job("promote-ready"),
}


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_no_file_of_the_pull_request_runs(checkout: Checkout, job: Callable[[Runner], CompletedProcess[str]]) -> None:
    done = job(checkout.runner)
    assert done.returncode == 0, done
    assert list(checkout.marks.iterdir()) == []


def test_no_file_of_the_pull_request_runs_for_the_comment(checkout: Checkout) -> None:
    done = workflow("diff")(checkout.runner)
    assert "curl" in done.stderr  # the last step was reached, and there is no GitHub
    assert "nothing changes" in (checkout.folder.parent / "summary.md").read_text()
    assert list(checkout.marks.iterdir()) == []


def test_the_files_of_the_pull_request_would_run_in_the_checkout(checkout: Checkout) -> None:
    for command in ("python3 -m venv x", "./git", "git -C teams status", "make", "echo > diff.html"):
        subprocess.run(["bash", "-c", command], cwd=checkout.folder, capture_output=True, check=False)
    ran = {path.name for path in checkout.marks.iterdir()}
    assert {"venv.py", "git", "fsmonitor", "Makefile", "diff.html"} <= ran


def test_every_workflow_installs_in_the_same_way() -> None:
    steps = [step for path in GITHUB for job in load(path)["jobs"].values() for step in job["steps"]]
    # Only a job that asks the forge or reads the live state needs their libraries.
    installs = [
        {**step, "run": re.sub(r"\[helm(,github)?(,live)?\]", "[helm]", step["run"])}
        for step in steps
        if step.get("name") == "Install workloads"
    ]
    assert len(installs) == len(GITHUB)
    assert all(step == installs[0] for step in installs)
    scripts = [job for job in load(GITLAB).values() if "before_script" in job]
    assert len(scripts) == 1


def test_no_step_starts_in_the_checkout() -> None:
    jobs = [job for path in GITHUB for job in load(path)["jobs"].values()] + [load(ROOT / "action.yml")["runs"]]
    folders = {step["working-directory"] for job in jobs for step in job["steps"] if "run" in step}
    assert folders == {"${{ runner.temp }}"}
