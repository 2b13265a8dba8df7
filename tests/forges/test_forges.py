"""Every forge's client against a server that refuses what the forge's API does not describe."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from generator.argocd import urls
from generator.errors import LocalError, NetworkError, RemoteRefusedError, UsageError
from generator.forges import detect as access
from generator.forges.gitea import Gitea
from generator.forges.github import GitHub
from generator.forges.gitlab import GitLab
from generator.forges.pull_request import Forge, PullRequest, PullRequestResult, RepositoryAccess
from tests.forges.server import TOKEN, Server, serving

CLIENTS: dict[str, Callable[[RepositoryAccess], Forge]] = {"github": GitHub, "gitlab": GitLab, "gitea": Gitea}
WANTED = PullRequest("workloads/publish-0a1b", "main", "update billing: dev", "**Deletes** `x`\n")


@pytest.fixture(params=CLIENTS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(request.param) as state:
        yield state


def client(server: Server, token: str = TOKEN) -> Forge:
    api = f"{server.url}/api/v1" if server.forge == "gitea" else server.url
    return CLIENTS[server.forge](RepositoryAccess(api, "acme/workloads", token))


def test_a_request_is_opened_once_and_then_updated_in_place(server: Server) -> None:
    first = client(server).open_or_update(WANTED)
    assert (first.created, first.updated) == (True, False)
    assert first.url == server.requests[0]["web_url" if server.forge == "gitlab" else "html_url"]
    assert client(server).open_or_update(WANTED) == PullRequestResult(first.url, False, False)
    changed = PullRequest(WANTED.head, WANTED.base, "update ledger: dev", "other\n")
    assert client(server).open_or_update(changed) == PullRequestResult(first.url, False, True)
    assert server.requests[0]["title"] == "update ledger: dev"
    assert (len(server.requests), server.wrong) == (1, [])


def test_a_request_of_other_branches_is_left_alone(server: Server) -> None:
    client(server).open_or_update(WANTED)
    client(server).open_or_update(PullRequest("workloads/other", "main", "other", "other"))
    assert [each["title"] for each in server.requests] == ["update billing: dev", "other"]
    assert server.wrong == []


def test_the_branches_of_open_requests_are_listed_without_those_of_forks(server: Server) -> None:
    for head in ("workloads/one", "workloads/two", "workloads/fork"):
        client(server).open_or_update(PullRequest(head, "main", "title", "body"))
    client(server).open_or_update(PullRequest("workloads/other-base", "develop", "title", "body"))
    fork = server.requests[2]
    if server.forge == "gitlab":
        fork["source_project_id"] += 1
    elif server.forge == "github":
        fork["head"]["repo"]["id"] += 1
    else:
        fork["head"]["repo_id"] += 1
    assert client(server).list_open_heads("main") == {"workloads/one", "workloads/two"}
    assert server.wrong == []
    if server.forge == "github":
        fork["head"]["repo"] = None  # GitHub answers this for a fork that was deleted, whatever its document says
        assert client(server).list_open_heads("main") == {"workloads/one", "workloads/two"}


@pytest.mark.parametrize(
    ("method", "changed", "query", "kind", "complaint"),
    [
        ("POST", {"reviewer": "ada"}, "", "application/json", "'reviewer' was unexpected"),
        ("POST", {"title": 7}, "", "application/json", "7 is not of type 'string'"),
        ("POST", {}, "", "text/plain", "takes no 'text/plain'"),
        ("POST", {}, "?draft=1", "application/json", "('query', 'draft') is not described"),
        ("GET", None, "?page=first", "application/json", "'first' is not of type 'integer'"),
        ("DELETE", None, "", "application/json", "is no operation"),
    ],
)
def test_the_server_notes_what_the_api_does_not_describe(
    server: Server, method: str, changed: dict[str, Any] | None, query: str, kind: str, complaint: str
) -> None:
    """Else it would prove nothing that it notes nothing of what the clients do."""
    path, names = "/repos/acme/workloads/pulls", ("head", "base")
    if server.forge == "gitlab":
        path, names = "/api/v4/projects/acme%2Fworkloads/merge_requests", ("source_branch", "target_branch")
    sent = None if changed is None else {"title": "t", names[0]: "h", names[1]: "main", **changed}
    headers = {"Authorization": f"token {TOKEN}", "PRIVATE-TOKEN": TOKEN, "Content-Type": kind}
    path = f"/api/v1{path}" if server.forge == "gitea" else path
    server.serve(method, path + query, headers, json.dumps(sent).encode() if sent else b"")
    assert complaint in " ".join(server.wrong)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, RemoteRefusedError),
        (401, NetworkError),
        (403, NetworkError),
        (404, NetworkError),
        (409, RemoteRefusedError),
        (422, RemoteRefusedError),
        (429, NetworkError),
        (500, NetworkError),
        (503, NetworkError),
    ],
)
def test_what_the_forge_says_is_shown_and_no_secret(server: Server, status: int, error: type[Exception]) -> None:
    server.status, server.answer = status, {"message": f"no \x1b[31m{TOKEN}"}
    with pytest.raises(error) as refusal:
        client(server).open_or_update(WANTED)
    assert TOKEN not in str(refusal.value)
    assert "\x1b" not in str(refusal.value)
    assert len(server.calls) == 1


def test_a_token_that_is_not_taken_is_an_access_error(server: Server) -> None:
    with pytest.raises(NetworkError, match="401"):
        client(server, "another-token").open_or_update(WANTED)


def test_an_answer_that_is_no_api_is_a_network_error(server: Server) -> None:
    server.status, server.answer = 200, b"<html>sign in</html>"
    with pytest.raises(NetworkError):
        client(server).open_or_update(WANTED)


def test_a_redirect_is_not_followed_with_the_token(server: Server) -> None:
    server.status, server.answer = 302, {}
    with pytest.raises((NetworkError, RemoteRefusedError)):
        client(server).open_or_update(WANTED)


def test_a_forge_that_is_not_there_is_a_network_error(server: Server) -> None:
    server.url = "http://127.0.0.1:9"
    with pytest.raises(NetworkError, match="could not be reached"):
        client(server).open_or_update(WANTED)


@pytest.mark.parametrize(("forge", "library"), [("github", "github"), ("gitlab", "gitlab")])
def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, forge: str, library: str) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(LocalError) as refusal:
        CLIENTS[forge](RepositoryAccess("https://forge.example.com", "acme/workloads", TOKEN))
    assert f"gitops-workloads[{forge}]" in refusal.value.remedy


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("https://github.com/acme/workloads.git", "github.com", "acme/workloads"),
        ("https://ada:secret@GitHub.com/acme/workloads/", "github.com", "acme/workloads"),
        ("git@gitlab.com:acme/platform/workloads.git", "gitlab.com", "acme/platform/workloads"),
        ("ssh://git@git.example.com:2222/acme/workloads", "git.example.com", "acme/workloads"),
        ("https://git.example.com:8443/acme/workloads", "git.example.com:8443", "acme/workloads"),
    ],
)
def test_where_a_url_leads(url: str, host: str, path: str) -> None:
    assert urls.parse_repository_url(url) == urls.HostedRepository(host, path)


@pytest.mark.parametrize(
    "url", ["/srv/workloads.git", "file:///srv/workloads.git", "https://host/x", "C:", "http://[x/y"]
)
def test_what_is_on_no_forge(url: str) -> None:
    assert urls.parse_repository_url(url) is None


@pytest.mark.parametrize(
    ("host", "environment", "forge"),
    [
        ("github.com", {}, "github"),
        ("gitlab.com", {}, "gitlab"),
        ("codeberg.org", {}, "gitea"),
        ("gitlab.acme.example", {}, "gitlab"),
        ("forgejo.acme.example", {}, "gitea"),
        ("git.acme.example", {}, ""),
        ("notgithub.example", {}, ""),
        ("git.acme.example", {"GITHUB_SERVER_URL": "https://git.acme.example"}, "github"),
        ("git.acme.example", {"GITHUB_SERVER_URL": "https://git.acme.example", "GITEA_ACTIONS": "true"}, "gitea"),
        ("git.acme.example", {"CI_SERVER_URL": "https://git.acme.example"}, "gitlab"),
    ],
)
def test_which_forge_a_host_is(host: str, environment: dict[str, str], forge: str) -> None:
    assert access.detect_forge(urls.HostedRepository(host, "acme/workloads"), environment) == forge


def test_without_a_token_there_is_a_command_and_no_forge() -> None:
    url = "https://github.com/acme/workloads.git"
    assert access.open_forge(url, "", {}) is None
    assert access.pull_request_command(url, "", WANTED, {}).startswith(
        "gh pr create --head workloads/publish-0a1b --base main"
    )
    assert access.pull_request_command(url, "gitlab", WANTED, {}).startswith("glab mr create ")
    assert access.pull_request_command(url, "gitea", WANTED, {}).startswith("tea pulls create ")
    plain = access.pull_request_command("/srv/workloads.git", "", WANTED, {})
    assert plain == "git fetch origin workloads/publish-0a1b && git push origin FETCH_HEAD:refs/heads/main"


def test_a_token_is_not_sent_in_the_clear() -> None:
    environment = {"GITEA_TOKEN": TOKEN, "GITEA_SERVER_URL": "http://git.acme.example"}
    with pytest.raises(UsageError):
        access.open_forge("https://git.acme.example/acme/workloads", "gitea", environment)


def test_a_token_for_a_folder_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        access.open_forge("/srv/workloads.git", "gitea", {"GITEA_TOKEN": TOKEN})
