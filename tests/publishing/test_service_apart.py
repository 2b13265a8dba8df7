"""Publishing charts to another repository than the registry's."""

from __future__ import annotations

import json

import pytest

from tests.git.remotes import git
from tests.publishing.arrangement import RECORD, Arrangement
from tests.workspace import onboarded, without


def test_the_first_publish_commits_every_chart_and_names_the_registry_commit(apart: Arrangement) -> None:
    done = apart.publish()
    commit = git(apart.checkout, "rev-parse", "HEAD")
    assert (done.code, done.err.splitlines()) == (
        0,
        [
            "fetching main",
            f"publishing to {apart.remote.url}, branch main",
            "  dev: billing, ledger",
            "  test: billing, ledger",
            "  prod: billing",
            "pushing to main",
        ],
    )
    assert done.out.splitlines() == [
        "dev: billing, ledger",
        "test: billing, ledger",
        "prod: billing",
        f"published {len(apart.charts())} files as {apart.remote.head()[:12]}",
    ]
    assert apart.message() == [
        "update billing, ledger: dev, test, prod",
        "",
        "Generated-By: workloads 0.1.0",
        f"Registry-Commit: {commit}",
        "Apps-Changed: dev/billing, dev/ledger, test/billing, test/ledger, prod/billing",
    ]
    assert set(apart.remote.files()) == set(apart.charts())
    assert set(apart.record().files) | {".generated.json"} == {
        path.removeprefix("multi-repo/") for path in apart.charts()
    }


def test_the_author_is_the_user_and_the_committer_may_be_another(
    apart: Arrangement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Robot")
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "robot@example.org")
    assert apart.publish().code == 0
    who = apart.remote.git("log", "-1", "--format=%an <%ae> / %cn <%ce>", "main")
    assert who == "Ada <ada@example.org> / Robot <robot@example.org>"


def test_publishing_again_makes_no_commit(apart: Arrangement) -> None:
    apart.publish()
    before = apart.heads()
    done = apart.publish()
    assert (done.code, done.out) == (0, "already up to date\n")
    assert apart.heads() == before


def test_a_registry_commit_that_changes_no_chart_makes_no_commit(apart: Arrangement) -> None:
    apart.publish()
    before = apart.heads()
    apart.edit(apart.text + "# a remark\n")
    apart.commit("remark")
    assert apart.publish().code == 0
    assert apart.heads() == before


def test_a_new_revision_is_a_change_of_its_app_in_its_environment(apart: Arrangement) -> None:
    apart.publish()
    apart.edit(apart.text.replace("billing@v1.0.0", "billing@v1.1.0"))
    apart.commit("promote")
    assert apart.publish().out.splitlines()[0] == "prod: billing"
    assert apart.message()[0] == "update billing: prod"
    assert apart.message()[-1] == "Apps-Changed: prod/billing"
    assert 'targetRevision: "v1.1.0"' in apart.read("multi-repo/argo-app-of-apps/prod/values.yaml")


def test_an_app_whose_values_alone_change_is_named(apart: Arrangement) -> None:
    apart.publish()
    apart.edit(apart.text.replace("[apps.ledger]\n", "[apps.ledger]\nrevisionHistoryLimit = 3\n"))
    apart.publish()
    apart.edit(apart.text.replace("revisionHistoryLimit = 3", "revisionHistoryLimit = 4"))
    apart.publish()
    assert apart.message()[0] == "update ledger: dev, test"


def test_environments_are_told_in_the_order_of_the_registry(apart: Arrangement) -> None:
    done = apart.publish("--dry-run", "--json")
    assert list(json.loads(done.out)["environments"]) == ["dev", "test", "prod"]


def test_more_than_three_apps_are_counted_in_the_subject(apart: Arrangement) -> None:
    more = "".join(
        f'\n[apps.app-{letter}]\nteam = "payments"\nrepoURL = "https://github.com/acme/{letter}.git"\n'
        f'path = "chart"\nnamespace = "money"\n'
        for letter in "abc"
    )
    text = apart.text.replace('apps = [\n  "billing",', 'apps = [\n  "app-a", "app-b", "app-c",\n  "billing",', 1)
    apart.edit(text + more)
    apart.publish()
    assert apart.message()[0] == "update 5 apps: dev, test, prod"


def test_a_registry_that_is_not_committed_is_published_as_dirty(apart: Arrangement) -> None:
    commit = git(apart.checkout, "rev-parse", "HEAD")
    apart.edit(onboarded(apart.text))
    apart.publish()
    assert f"Registry-Commit: {commit}-dirty" in apart.message()


def test_a_registry_in_no_repository_is_published_without_its_commit(apart: Arrangement, tmp_path: object) -> None:
    git(apart.checkout, "config", "core.bare", "false")
    for name in (apart.checkout / ".git").iterdir():
        name.rename(name.with_name(f"{name.name}-away"))
    assert apart.publish().code == 0
    assert not [line for line in apart.message() if line.startswith("Registry-Commit")]


def test_a_late_job_does_not_undo_what_a_newer_registry_published(apart: Arrangement) -> None:
    apart.publish()
    old = git(apart.checkout, "rev-parse", "HEAD")
    apart.edit(apart.text.replace("billing@v1.0.0", "billing@v1.1.0"))
    new = apart.commit("promote")
    apart.publish()
    git(apart.checkout, "checkout", "--quiet", old)
    done = apart.refused(6)
    assert (
        f"the branch carries charts of registry commit {new[:12]}, which is not an ancestor of {old[:12]}" in done.err
    )
    assert "a newer registry is published already" in done.err


def test_going_back_behind_a_published_registry_takes_a_flag(apart: Arrangement) -> None:
    apart.publish()
    apart.edit(apart.text.replace("billing@v1.0.0", "billing@v1.1.0"))
    apart.commit("promote")
    apart.publish()
    git(apart.checkout, "reset", "--quiet", "--hard", "HEAD^")
    assert apart.publish("--allow-rewound").code == 0
    assert 'targetRevision: "v1.0.0"' in apart.read("multi-repo/argo-app-of-apps/prod/values.yaml")


def test_a_checkout_whose_history_is_cut_off_is_told_to_fetch_it(apart: Arrangement) -> None:
    apart.publish()
    apart.edit(apart.text.replace("billing@v1.0.0", "billing@v1.1.0"))
    apart.commit("promote")
    shallow = apart.checkout.parent / "shallow"
    git(apart.checkout.parent, "clone", "--quiet", "--depth=1", f"file://{apart.checkout}", str(shallow))
    done = Arrangement(shallow, apart.remote, apart.run).refused(6)
    assert "history is cut off: fetch all of it (git fetch --unshallow)" in done.err


def test_the_json_document_of_a_publish(apart: Arrangement) -> None:
    apart.publish()
    base = apart.remote.head()
    apart.edit(apart.text.replace("billing@v1.0.0", "billing@v1.1.0"))
    data = json.loads(apart.publish("--json").out)
    assert data == {
        "pushed": True,
        "dryRun": False,
        "attempts": 1,
        "base": base,
        "head": apart.remote.head(),
        "environments": {"prod": ["billing"]},
        "removed": [],
        "files": [
            RECORD,
            "multi-repo/argo-app-of-apps/prod/tests/billing_test.yaml",
            "multi-repo/argo-app-of-apps/prod/values.yaml",
        ],
    }


def test_the_json_document_when_nothing_changes(apart: Arrangement) -> None:
    apart.publish()
    data = json.loads(apart.publish("--json").out)
    assert (data["pushed"], data["environments"], data["removed"], data["files"]) == (False, {}, [], [])
    assert data["base"] == data["head"] == apart.remote.head()


def test_a_dry_run_tells_and_pushes_nothing(apart: Arrangement) -> None:
    done = apart.publish("--dry-run")
    assert (done.code, done.err.splitlines()[:2]) == (
        0,
        ["fetching main", f"would publish to {apart.remote.url}, branch main"],
    )
    assert done.out.splitlines()[-1].endswith("files (dry run)")
    assert done.out.splitlines()[-1].startswith("would publish ")
    assert apart.heads() == ""


def test_one_bad_app_and_nothing_is_published(apart: Arrangement) -> None:
    apart.publish()
    apart.edit(onboarded(apart.text).replace('path = "chart"\n', 'path = "../out"\n', 1))
    done = apart.publish()
    assert done.code == 3
    assert "apps.billing.path" in done.err
    assert "audit" not in "".join(apart.charts())


def test_what_helm_refuses_is_not_published(apart: Arrangement) -> None:
    apart.edit(apart.text + 'labels = { a = "b" }\n')
    apart.edit(apart.text.replace('\nlabels = { a = "b" }\n', "\n"))
    apart.publish()
    bad = "x" * 70
    apart.edit(apart.text.replace('labels = { env = "dev" }', f'labels = {{ env = "{bad}" }}'))
    done = apart.publish()
    assert done.code in (3, 4)
    assert bad not in apart.read("multi-repo/argo-app-of-apps/dev/values.yaml")


def test_without_an_author_nothing_is_published(apart: Arrangement, monkeypatch: pytest.MonkeyPatch) -> None:
    (apart.checkout.parent / "home" / ".gitconfig").write_text("")
    monkeypatch.delenv("GIT_AUTHOR_NAME", raising=False)
    done = apart.refused(2)
    assert "no name for the commit" in done.err
    assert "set git's user.name" in done.err


def test_a_job_without_a_git_identity_publishes_as_its_actor(
    apart: Arrangement, monkeypatch: pytest.MonkeyPatch
) -> None:
    (apart.checkout.parent / "home" / ".gitconfig").write_text("[safe]\n\tdirectory = *\n")
    monkeypatch.setenv("GITHUB_ACTOR", "octocat")
    assert apart.publish().code == 0
    assert apart.remote.git("log", "-1", "--format=%an <%ae>") == "octocat <octocat@users.noreply.github.com>"


@pytest.mark.parametrize("ceiling", ["prod", "prod=", "prod=x", "prod=-1", "prod=٣"])
def test_a_ceiling_that_is_no_number_is_a_usage_error(apart: Arrangement, ceiling: str) -> None:
    done = apart.publish("--confirm-removals", ceiling)
    assert done.code == 2
    assert "is not ENV=N" in done.err


def test_no_repository_to_publish_to_is_a_usage_error(apart: Arrangement) -> None:
    apart.edit(apart.text.partition("\n[workloads]")[0])
    done = apart.refused(2)
    assert "set workloads.repository in the registry" in done.err


def test_another_repository_and_branch_may_be_named(apart: Arrangement) -> None:
    other = apart.checkout.parent / "other.git"
    git(apart.checkout.parent, "init", "--quiet", "--bare", str(other))
    assert apart.publish("--repository", other, "--branch", "trunk").code == 0
    assert git(other, "log", "--format=%s", "trunk") == "update billing, ledger: dev, test, prod"
    assert apart.heads() == ""


def test_a_branch_that_is_not_there_is_created_only_on_request(apart: Arrangement) -> None:
    apart.publish()
    assert "--create-branch" in apart.refused(2, "--branch", "trunk").err
    assert apart.publish("--branch", "trunk", "--create-branch").code == 0


def test_a_secret_in_the_url_is_never_shown(apart: Arrangement) -> None:
    canary = "cAn4ry-t0ken"
    for url, flags in ((f"https://ada:{canary}@127.0.0.1:9/x.git", ()), (f"http://{canary}@elsewhere", ("--json",))):
        done = apart.publish("--repository", url, *flags)
        assert done.code in (2, 8)
        assert canary not in done.out + done.err


def test_the_charts_may_go_to_the_root_of_the_repository(apart: Arrangement) -> None:
    apart.others({"README.md": "ours\n"})
    apart.edit(apart.text + 'path = "."\n')
    assert apart.publish().code == 0
    assert {"README.md", ".generated.json", "argo-app-projects/billing.yaml"} <= set(apart.remote.files())
    assert apart.publish().out == "already up to date\n"


def test_an_environment_that_leaves_the_registry_is_told_last(apart: Arrangement) -> None:
    apart.publish()
    apart.edit(apart.text.replace("[environments.dev]", "[environments.alpha]").replace('["dev"]', '["alpha"]'))
    flags = [f"--allow-removal=dev/{app}" for app in ("billing", "ledger")]
    assert apart.publish(*flags, "--confirm-removals", "dev=2").code == 0
    assert apart.message()[0] == "update billing, ledger: alpha, dev"


def test_an_app_that_leaves_one_environment_is_named_by_its_removal(apart: Arrangement) -> None:
    apart.publish()
    apart.edit(without(apart.text, "ledger", "test"))
    apart.publish("--allow-removal", "test/ledger")
    assert apart.message()[0] == "update ledger: test"
    assert apart.message()[-2:] == ["Apps-Changed: test/ledger", "Apps-Removed: test/ledger"]


def test_an_edit_of_a_registry_without_a_remote_is_not_published(apart: Arrangement) -> None:
    assert apart.publish().code == 0
    before = apart.heads()
    done = apart.run("hold", "billing", "--in", "prod", "--reason", "audit", "--publish", cwd=apart.checkout)
    assert done.code == 2
    assert "the registry's repository has no remote origin to push the edit to" in done.err
    assert "hint: run it without --publish, commit the edit, then run 'workloads publish'" in done.err
    assert apart.heads() == before
