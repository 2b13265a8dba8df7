"""The push token of a workflow reaches the workloads repository and no other, whatever a team's server asks for."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.ci.steps import Runner
from tests.git.remotes import Remote, Web, git, web_handler
from tests.workspace import ROOT, isolate

PUSH_TOKEN, READ_TOKEN = "cAn4ry-push", "cAn4ry-read"


@dataclass
class GitServer:
    """A Git server that asks every request for one of `accepted`, and records by repository what it is given."""

    accepted: set[str]
    url: str = ""
    received: dict[str, set[str]] = field(default_factory=dict)

    def check_password(self, path: str, header: str) -> bool:
        """Record the password of a request; return whether it is accepted."""
        password = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")[2] if header else ""
        repository = re.split("/info/|/git-", path)[0].removesuffix(".git")
        self.received.setdefault(repository, set()).update({password} - {""})
        return password in self.accepted


@contextmanager
def serve(root: Path, accepted: set[str]) -> Iterator[GitServer]:
    """Serve the repositories below `root` to those who know a password."""
    server = GitServer(accepted)

    class Handler(web_handler(Web(password="any"), root)):  # type: ignore[misc]
        def _let_in(self) -> bool:
            return server.check_password(self.path, self.headers.get("Authorization", ""))

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    thread = threading.Thread(target=listener.serve_forever, args=(0.05,))
    thread.start()
    server.url = f"http://127.0.0.1:{listener.server_port}"
    try:
        yield server
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


@dataclass
class World:
    """The workloads server, which also holds a repository of an application, and a server of another team's."""

    own: GitServer
    foreign: GitServer
    runner: Callable[..., Runner]
    workloads: Remote


REGISTRY = """\
version = 1
allowSchemes = ["http"]

[environments.dev]
createProjects = true
apps = [
  "billing@v1.1.0",
  "cart@v1.1.0",
]

[environments.test]
promotesFrom = ["dev"]
policy.pin = "commit"
apps = [
  "billing@{commit}", # v1.0.0
  "cart@{commit}", # v1.0.0
]

[environments.prod]
promotesFrom = ["test"]
apps = []

[teams.payments]
repositories = ["{own}/acme/"]
namespaces = ["billing"]

[teams.shop]
repositories = ["{foreign}/shop/"]
namespaces = ["cart"]

[apps.billing]
team = "payments"
repoURL = "{own}/acme/billing.git"
path = "chart"
targetRevision = "main"

[apps.cart]
team = "shop"
repoURL = "{foreign}/shop/cart.git"
path = "chart"
targetRevision = "main"
"""


def create_repository(path: Path) -> Remote:
    path.mkdir(parents=True)
    git(path, "init", "--quiet", "--bare")
    git(path, "config", "http.receivepack", "true")
    return Remote(path)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    isolate(tmp_path / "home", monkeypatch)
    monkeypatch.setenv("GIT_TERMINAL_PROMPT", "0")
    workloads = create_repository(tmp_path / "own" / "acme" / "workloads.git")
    for name in ("own/acme/billing", "foreign/shop/cart"):
        app = create_repository(tmp_path / f"{name}.git")
        commit = app.write({"chart/Chart.yaml": "name: app\n"})
        app.git("tag", "v1.0.0")
        app.git("tag", "v1.1.0", app.write({"chart/Chart.yaml": "name: next\n"}))
    with serve(tmp_path / "own", {PUSH_TOKEN, READ_TOKEN}) as own, serve(tmp_path / "foreign", {"another"}) as foreign:
        workloads.write({"apps.toml": REGISTRY.format(own=own.url, foreign=foreign.url, commit=commit)})
        checkout, temp = tmp_path / "checkout", tmp_path / "temp"
        temp.mkdir()
        git(tmp_path, "clone", "--quiet", workloads.url, str(checkout))

        def runner(**secrets: str) -> Runner:
            git(checkout, "remote", "set-url", "origin", f"{own.url}/acme/workloads")
            values = {"github.token": PUSH_TOKEN, "inputs.apps": "billing", "inputs.to": "test"}
            values |= {"inputs.token": PUSH_TOKEN, "inputs.registry": "apps.toml"}
            values |= {"inputs.run": "promote billing cart --to test --publish"}
            values |= {f"secrets.{name}": value for name, value in secrets.items()}
            variables = {
                "GITHUB_SERVER_URL": own.url,
                "GITHUB_REPOSITORY": "acme/workloads",
                "GITHUB_REPOSITORY_OWNER": "acme",
                "CI_SERVER_URL": own.url,
                "CI_SERVER_HOST": "127.0.0.1",
                "CI_PROJECT_PATH": "acme/workloads",
                "WORKLOADS_TOKEN": PUSH_TOKEN,
                "PROMOTE_TO": "test prod",
                "APPS": "billing",
                "TO": "test",
                **secrets,
            }
            return Runner(checkout, temp, values, variables)

        (workloads.path.parent / "workloads").symlink_to(workloads.path)  # GitHub serves both URLs
        yield World(own, foreign, runner, workloads)


def workflow(name: str) -> Callable[[Runner], CompletedProcess[str]]:
    return lambda runner: runner.run_workflow(ROOT / "ci" / "github" / f"{name}.yml")


def gitlab_job(name: str) -> Callable[[Runner], CompletedProcess[str]]:
    return lambda runner: runner.run_gitlab_job(ROOT / "ci" / "gitlab" / "workloads.yml", name)


#: Jobs that have the push token, with the repositories that each reads. `promote-ready` reads those of every app.
JOBS = {
    "github-publish": (workflow("publish"), set()),
    "github-promote": (workflow("promote"), {"/acme/billing"}),
    "github-promote-ready": (workflow("promote-ready"), {"/acme/billing", "/shop/cart"}),
    "github-action": (lambda runner: runner.run_action(ROOT / "action.yml"), {"/acme/billing", "/shop/cart"}),
    "gitlab-publish": (gitlab_job("workloads-publish"), set()),
    "gitlab-promote": (gitlab_job("workloads-promote"), {"/acme/billing"}),
    "gitlab-promote-ready": (gitlab_job("workloads-promote-ready"), {"/acme/billing", "/shop/cart"}),
}


@pytest.mark.parametrize(("job", "reads"), JOBS.values(), ids=JOBS)
def test_the_push_token_reaches_only_the_workloads_repository(
    world: World, job: Callable[[Runner], CompletedProcess[str]], reads: set[str]
) -> None:
    done = job(world.runner())
    asked = {**world.own.received, **world.foreign.received}
    assert asked == {"/acme/workloads": {PUSH_TOKEN}, **{repository: set() for repository in reads}}, done
    assert PUSH_TOKEN not in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["github-promote", "gitlab-promote-ready"])
def test_the_read_token_reaches_only_repositories_of_its_owner(world: World, name: str) -> None:
    job, reads = JOBS[name]
    done = job(world.runner(WORKLOADS_READ_TOKEN=READ_TOKEN))
    assert done.returncode == 0, done
    assert world.own.received == {"/acme/workloads": {PUSH_TOKEN}, "/acme/billing": {READ_TOKEN}}
    assert world.foreign.received == ({"/shop/cart": set()} if "/shop/cart" in reads else {})
    assert PUSH_TOKEN not in done.stdout + done.stderr
    assert READ_TOKEN not in done.stdout + done.stderr


class _NoPullRequests(BaseHTTPRequestHandler):
    """The API of a forge without pull requests."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *args: object) -> None:
        pass


def test_a_secret_is_used_instead_of_the_token_of_the_job(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.own.accepted = {"cAn4ry-app"}
    with ThreadingHTTPServer(("127.0.0.1", 0), _NoPullRequests) as forge:
        threading.Thread(target=forge.serve_forever, daemon=True).start()
        api = f"http://127.0.0.1:{forge.server_address[1]}"
        done = workflow("publish")(world.runner(WORKLOADS_TOKEN="cAn4ry-app", GITHUB_API_URL=api))
        forge.shutdown()
    assert done.returncode == 0, done
    assert world.own.received == {"/acme/workloads": {"cAn4ry-app"}}
