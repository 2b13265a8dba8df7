"""`--pull-request`: the branch, the request on each forge, and what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from generator.argocd.workload_effects import removal_effect
from generator.publishing.pull_request import PullRequestOptions, build_pull_request, pull_request_branch
from generator.publishing.removal_guard import Removal
from generator.publishing.summary import PublishSummary
from tests.forges.server import TOKEN, Server, serving
from tests.git.remotes import git
from tests.publishing.arrangement import Arrangement
from tests.workspace import without

_API = {"github": "GITHUB_API_URL", "gitlab": "CI_SERVER_URL", "gitea": "GITEA_SERVER_URL"}


def promoted(text: str, revision: str = "v1.1.0") -> str:
    return text.replace("billing@v1.0.0", f"billing@{revision}")


#: What goes on before, or apart from, any call is the same for each of them.
one_forge = pytest.mark.parametrize("server", ["gitea"], indirect=True)


@pytest.fixture(params=_API)
def server(request: pytest.FixtureRequest, within: Arrangement, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A forge whose git server is the folder: git is told where the forge's own URL leads."""
    forge = request.param
    with serving(forge) as state:
        url = f"https://{forge}.example.com/acme/workloads.git"
        home = within.checkout.parent / "home" / ".gitconfig"
        home.write_text(home.read_text() + f'[url "{within.remote.url}"]\n\tinsteadOf = {url}\n')
        git(within.checkout, "config", "remote.origin.url", url)
        monkeypatch.setenv(_API[forge], state.url)
        monkeypatch.setenv(f"{forge.upper()}_TOKEN", TOKEN)
        yield state


def branches(within: Arrangement) -> list[str]:
    listed = within.remote.git("for-each-ref", "--format=%(refname:short)", "refs/heads/workloads").splitlines()
    return [name for name in listed if name]


def test_a_plain_server_gets_the_branch_and_the_user_the_command(within: Arrangement) -> None:
    base = within.remote.head()
    within.edit(promoted(within.text))
    done = within.publish("--pull-request")
    (branch,) = branches(within)
    assert done.code == 0
    assert done.out.splitlines()[-2:] == [
        f"the change is on {branch}; to go on:",
        f"  git fetch origin {branch} && git push origin FETCH_HEAD:refs/heads/main",
    ]
    assert within.remote.head() == base
    assert "billing@v1.1.0" in within.remote.git("cat-file", "blob", f"{branch}:apps.toml")


def test_the_command_that_is_printed_merges_the_change(within: Arrangement) -> None:
    within.edit(promoted(within.text))
    command = json.loads(within.publish("--pull-request", "--json").out)["request"]["command"]
    for part in command.split(" && "):
        git(within.checkout, *part.split()[1:])
    git(within.checkout, "checkout", "--quiet", "--", "apps.toml")
    assert within.publish().out == "already up to date\n"
    assert "billing@v1.1.0" in within.read("apps.toml")


def test_a_request_is_opened_and_then_updated_in_place(within: Arrangement, server: Server) -> None:
    text = within.text
    within.edit(promoted(text))
    first = json.loads(within.publish("--pull-request", "--json").out)["request"]
    within.edit(promoted(text).replace("[apps.billing]\n", "[apps.billing]\nrevisionHistoryLimit = 3\n"))
    second = within.publish("--pull-request")
    assert second.code == 0, second.err
    assert branches(within) == [first["branch"]]
    assert second.out.splitlines()[-1] == f"the request is {first['url']}"
    assert "revisionHistoryLimit = 3" in within.remote.git("cat-file", "blob", f"{first['branch']}:apps.toml")
    assert (len(server.requests), server.wrong) == (1, [])
    assert server.requests[0]["title"] == "update billing: dev, test, prod"


def test_a_request_that_says_it_all_is_left_alone(within: Arrangement, server: Server) -> None:
    within.edit(promoted(within.text))
    within.publish("--pull-request")
    before = within.heads()
    done = within.publish("--pull-request")
    assert f"{branches(within)[0]} is up to date" in done.out
    assert within.heads() == before
    assert server.calls.count("POST") == 1
    assert not {"PATCH", "PUT"} & set(server.calls)


@one_forge
def test_nothing_to_change_makes_no_request(within: Arrangement, server: Server) -> None:
    assert within.publish("--pull-request").out == "already up to date\n"
    assert (server.calls, branches(within)) == ([], [])


@one_forge
def test_a_dry_run_makes_no_request(within: Arrangement, server: Server) -> None:
    within.edit(promoted(within.text))
    assert within.publish("--pull-request", "--dry-run").code == 0
    assert (server.calls, branches(within)) == ([], [])


def test_what_a_request_takes_away_comes_first(within: Arrangement, server: Server) -> None:
    within.edit(promoted(without(within.text, "ledger", "test")))
    assert within.publish("--pull-request", "--allow-removal", "test/ledger").code == 0
    (made,) = server.requests
    body = made["description"] if server.forge == "gitlab" else made["body"]
    assert made["title"] == "update billing, ledger: test, prod (deletes 1 Application)"
    assert body.startswith("**Deletes 1 Application**\n\n- test/ledger: Application ledger: deletes")
    assert body.index("Deletes") < body.index("| test | ledger |") < body.index("| prod | billing |")


@one_forge
def test_the_guard_holds_for_requests_too(within: Arrangement, server: Server) -> None:
    within.edit(without(within.text, "ledger", "test"))
    assert within.publish("--pull-request").code == 5
    assert (server.calls, branches(within)) == ([], [])


@one_forge
def test_a_commit_of_somebody_else_on_the_branch_stops_it(within: Arrangement, server: Server) -> None:
    within.edit(promoted(within.text))
    within.publish("--pull-request")
    (branch,) = branches(within)
    within.remote.write({"mine": "m\n"}, "by hand", branch)
    within.edit(promoted(within.text).replace("billing@v1.1.0", "billing@v1.2.0"))
    done = within.publish("--pull-request")
    assert (done.code, done.last) == (7, "nothing was pushed")
    assert "was not made by workloads" in done.err


@pytest.mark.parametrize(("status", "code"), [(401, 8), (422, 7)])
def test_when_the_forge_says_no_the_branch_is_there_and_the_next_run_goes_on(
    within: Arrangement, server: Server, status: int, code: int
) -> None:
    within.edit(promoted(within.text))
    server.status, server.answer = status, {"message": f"no {TOKEN}"}
    done = within.publish("--pull-request")
    (branch,) = branches(within)
    assert (done.code, done.last) == (
        code,
        f"{branch} was pushed; the request for it was neither opened nor updated",
    )
    assert TOKEN not in done.out + done.err
    server.status = 0
    assert within.publish("--pull-request").code == 0
    assert (len(server.requests), server.wrong) == (1, [])


@one_forge
def test_an_editing_command_makes_a_request_of_its_own(within: Arrangement, server: Server) -> None:
    args = ("hold", "billing", "--in", "prod", "--pull-request")
    assert within.run(*args, "--reason", "freeze", cwd=within.checkout).code == 0
    assert (
        within.run("hold", "ledger", "--in", "test", "--pull-request", "--reason", "x", cwd=within.checkout).code == 0
    )
    again = within.run(*args, "--reason", "a better word", cwd=within.checkout)
    assert again.code == 0, again
    names = branches(within)
    assert [name.rpartition("-")[0] for name in names] == ["workloads/hold-billing-prod", "workloads/hold-ledger-test"]
    assert (len(server.requests), server.wrong) == (2, [])


@one_forge
def test_no_secret_is_left_anywhere(within: Arrangement, server: Server) -> None:
    within.edit(promoted(within.text))
    done = within.publish("--pull-request", "--json")
    assert TOKEN not in done.out + done.err + json.dumps(server.requests)
    assert TOKEN not in within.remote.git("log", "--all", "--format=%B%an%ae%cn%ce", "-p")
    assert TOKEN not in (within.checkout / ".git" / "config").read_text()


def test_names_of_branches_are_stable_short_and_plain() -> None:
    asked = PullRequestOptions("promote Ecs_demo..nodejs --to prod ☃" + "x" * 90, "promote\0…")
    name = pull_request_branch("main", asked)
    assert name == pull_request_branch("main", asked)
    assert name != pull_request_branch("other", asked)
    assert name.startswith("workloads/promote-ecs-demo-nodejs-to-prod-")
    assert len(name) < 75
    assert name.isascii()
    assert pull_request_branch("main", PullRequestOptions("☃", "x")).startswith("workloads/publish-")


def test_the_text_of_a_request_mentions_nobody_and_stays_short() -> None:
    gone = tuple(
        Removal(
            f"prod/app-{n}",
            {"name": "@acme", "namespace": "[x](http://evil)"},
            removal_effect({"namespace": "[x](http://evil)"}),
        )
        for n in range(80)
    )
    made = build_pull_request(
        "head", "main", PublishSummary(removals=gone, apps_by_environment={"prod": [f"app-{n}" for n in range(80)]})
    )
    assert made.title.endswith("(deletes 80 Applications)")
    assert r"\@acme" in made.body
    assert r"\[x\](http://evil)" in made.body
    assert made.body.count("and 30 more") == 2
