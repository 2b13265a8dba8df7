"""Publishing from a checkout of the workloads repository itself."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.git.remotes import git
from tests.publishing.arrangement import RECORD, Arrangement
from tests.workspace import AUDIT, REGISTRY, Run, contents, onboarded, spawn, without


def promoted(text: str, revision: str = "v1.1.0") -> str:
    return text.replace("billing@v1.0.0", f"billing@{revision}")


def another(text: str, name: str, environment: str = "dev") -> str:
    """The registry with an app and a team that nobody else has."""
    return onboarded(text, environment).replace("audit", name)


def colleague(within: Arrangement, text: str, *args: str) -> None:
    """Somebody else edits the registry in a checkout of their own, and publishes."""
    folder = within.checkout.parent / f"colleague-{len(list(within.checkout.parent.iterdir()))}"
    git(within.checkout.parent, "clone", "--quiet", within.remote.url, str(folder))
    theirs = Arrangement(folder, within.remote, within.run)
    theirs.edit(text)
    assert theirs.publish(*args).code == 0


def test_the_first_publish_creates_registry_and_charts(within: Arrangement) -> None:
    assert within.remote.subjects() == ["update billing, ledger: dev, test, prod"]
    assert within.read("apps.toml") == REGISTRY
    assert set(within.remote.files()) == {"apps.toml", *within.charts()}
    assert "Registry-Commit" not in "\n".join(within.message())


def test_an_edit_is_committed_with_its_charts(within: Arrangement) -> None:
    within.edit(promoted(within.text))
    done = within.publish("--json")
    assert json.loads(done.out)["files"] == [
        "apps.toml",
        RECORD,
        "multi-repo/argo-app-of-apps/prod/tests/billing_test.yaml",
        "multi-repo/argo-app-of-apps/prod/values.yaml",
    ]
    assert within.read("apps.toml") == promoted(REGISTRY)
    assert within.message() == [
        "update billing: prod",
        "",
        "Generated-By: workloads 0.1.0",
        "Apps-Changed: prod/billing",
    ]


def test_an_edit_that_changes_no_chart_is_committed_too(within: Arrangement) -> None:
    within.edit(within.text + "# a remark\n")
    assert within.publish().code == 0
    assert within.read("apps.toml").endswith("# a remark\n")
    assert within.message()[0] == "update generated files" or "apps.toml" in within.message()[0]


@pytest.mark.parametrize("include", ["5", '"teams/*.toml"', "{}", "[5]"])
def test_what_a_registry_includes_may_be_anything(within: Arrangement, include: str) -> None:
    text = f"include = {include}\n{within.text}"
    within.edit(text)
    assert "apps.toml:1:" in within.refused(3).err
    within.others({"apps.toml": text})
    git(within.checkout, "checkout", "--quiet", "--", "apps.toml")
    assert "apps.toml:1:" in within.refused(3).err


def test_without_an_edit_there_is_nothing_to_publish(within: Arrangement) -> None:
    assert within.publish().out == "already up to date\n"


def test_a_checkout_behind_the_branch_publishes_what_the_branch_says(within: Arrangement) -> None:
    colleague(within, promoted(within.text))
    before = within.heads()
    assert within.publish().out == "already up to date\n"
    assert within.heads() == before


def test_charts_that_lag_behind_the_branch_s_registry_are_brought_up_to_date(within: Arrangement) -> None:
    within.others({"apps.toml": promoted(REGISTRY)})
    assert within.publish().code == 0
    assert 'targetRevision: "v1.1.0"' in within.read("multi-repo/argo-app-of-apps/prod/values.yaml")
    assert within.read("apps.toml") == promoted(REGISTRY)


def test_an_edit_is_made_on_what_others_published_meanwhile(within: Arrangement) -> None:
    colleague(within, another(within.text, "fraud"))
    within.edit(onboarded(within.text))
    assert within.publish().code == 0
    text = within.read("apps.toml")
    assert "[apps.fraud]" in text
    assert "[apps.audit]" in text
    assert '  "audit",\n  "fraud",\n  "billing",\n' in text
    assert within.message()[0] == "update audit: dev"


def test_an_edit_of_comments_alone_is_published_on_what_others_did(within: Arrangement) -> None:
    colleague(within, promoted(within.text))
    edited = within.text.replace("# Who owns what.", "# Who owns what, by contract.")
    within.edit(edited)
    assert within.publish().code == 0
    assert within.read("apps.toml") == promoted(edited)


def test_the_same_edit_of_two_is_no_conflict(within: Arrangement) -> None:
    colleague(within, promoted(within.text))
    before = within.heads()
    within.edit(promoted(within.text))
    assert within.publish().out == "already up to date\n"
    assert within.heads() == before


@pytest.mark.parametrize("edit", [promoted, onboarded, lambda text: text + "# a remark\n"])
def test_publishing_an_edit_again_without_a_pull_is_nothing_to_publish(
    within: Arrangement, edit: Callable[[str], str]
) -> None:
    within.edit(edit(within.text))
    assert within.publish().code == 0
    theirs = within.read("apps.toml") + AUDIT.replace("audit", "fraud")
    colleague(within, theirs.replace("apps = [\n", 'apps = [\n  "fraud",\n', 1))
    before = within.heads()
    assert within.publish().out == "already up to date\n"
    assert within.heads() == before


def test_commits_that_are_not_pushed_are_an_edit_where_the_branch_went_on_too(within: Arrangement) -> None:
    """The two have parted: what the user changed counts from where they did."""
    colleague(within, another(within.text, "fraud"))
    within.edit(onboarded(within.text))
    within.commit("onboard audit")
    git(within.checkout, "fetch", "--quiet")
    within.edit(promoted(within.text))
    assert within.publish().code == 0
    text = within.read("apps.toml")
    assert all(words in text for words in ("[apps.fraud]", "[apps.audit]", "billing@v1.1.0"))
    assert within.message()[0] == "update audit, billing: dev, prod"


def test_an_edit_against_another_is_a_conflict_that_shows_both(within: Arrangement) -> None:
    colleague(within, promoted(within.text, "v1.1.0"))
    within.edit(promoted(within.text, "v1.2.0"))
    done = within.refused(6)
    assert "apps.toml: the branch changed the same entries that you edited [WL5007]:" in done.err
    assert 'environments.prod.apps.billing: yours "billing@v1.2.0", the branch\'s "billing@v1.1.0"' in done.err


def test_a_commit_that_is_not_pushed_yet_is_an_edit(within: Arrangement) -> None:
    within.edit(promoted(within.text))
    within.commit("promote")
    assert within.publish().code == 0
    assert within.read("apps.toml") == promoted(REGISTRY)


def test_a_commit_on_another_branch_is_not_published(within: Arrangement) -> None:
    git(within.checkout, "switch", "--quiet", "-c", "topic")
    within.edit(promoted(within.text))
    within.commit("promote")
    assert within.publish().out == "already up to date\n"


def test_an_edit_on_a_detached_head_is_published(within: Arrangement) -> None:
    git(within.checkout, "checkout", "--quiet", "--detach")
    within.edit(promoted(within.text))
    assert within.publish().code == 0
    assert within.read("apps.toml") == promoted(REGISTRY)


def test_the_state_of_the_checkout_does_not_matter_and_is_not_touched(within: Arrangement) -> None:
    (within.checkout / "multi-repo" / "argo-app-of-apps" / "dev" / "values.yaml").write_text("mine\n")
    git(within.checkout, "stash", "--quiet")
    (within.checkout / "staged").write_text("staged\n")
    git(within.checkout, "add", "staged")
    (within.checkout / ".git" / "index.lock").write_text("")
    (within.checkout / ".git" / "MERGE_HEAD").write_text(git(within.checkout, "rev-parse", "HEAD") + "\n")
    within.edit(promoted(within.text))
    assert within.publish().code == 0
    assert "staged" not in within.remote.files()


def test_hooks_and_filters_of_the_checkout_do_not_run(within: Arrangement, tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    for hook in ("pre-commit", "commit-msg", "pre-push", "reference-transaction", "post-commit"):
        path = within.checkout / ".git" / "hooks" / hook
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\necho {hook} >> {trap}\n")
        path.chmod(0o755)
    git(within.checkout, "config", "filter.trap.clean", f"sh -c 'echo filter >> {trap}; cat'")
    (within.checkout / ".gitattributes").write_text("* filter=trap\n")
    within.edit(promoted(within.text))
    assert within.publish().code == 0
    assert not trap.exists()


def test_a_checkout_with_windows_line_ends_publishes_the_edit_alone(within: Arrangement) -> None:
    within.registry.write_bytes(REGISTRY.replace("\n", "\r\n").encode())
    assert within.publish().out == "already up to date\n"
    within.registry.write_bytes(promoted(REGISTRY).replace("\n", "\r\n").encode())
    assert within.publish().code == 0
    assert within.read("apps.toml") == promoted(REGISTRY)


def test_a_registry_with_windows_line_ends_keeps_them(within: Arrangement) -> None:
    within.others({"apps.toml": REGISTRY.replace("\n", "\r\n")})
    within.edit(promoted(within.text))
    assert within.publish().code == 0
    raw = within.remote.git("cat-file", "-s", "main:apps.toml")
    assert int(raw) == len(promoted(REGISTRY).replace("\n", "\r\n").encode())


def test_a_removal_counts_from_what_the_branch_has(within: Arrangement) -> None:
    within.edit(without(within.text, "ledger", "test"))
    assert "test/ledger" in within.refused(5).err
    assert within.publish("--allow-removal", "test/ledger").code == 0
    assert "ledger" not in "".join(path for path in within.charts() if "/test/" in path)


def test_a_bad_edit_publishes_nothing(within: Arrangement) -> None:
    within.edit(within.text.replace('path = "chart"', 'path = "/chart"', 1))
    before = within.heads()
    done = within.publish()
    assert (done.code, done.last) == (3, "nothing was pushed")
    assert within.heads() == before


def test_a_branch_whose_registry_is_broken_says_so(within: Arrangement) -> None:
    within.others({"apps.toml": REGISTRY + "oops\n"})
    before = within.heads()
    done = within.publish()
    assert (done.code, done.last) == (3, "nothing was pushed")
    assert within.heads() == before


def test_an_edit_that_mends_a_broken_branch_is_published(within: Arrangement) -> None:
    within.others({"apps.toml": REGISTRY + "oops\n"})
    git(within.checkout, "pull", "--quiet")
    within.edit(REGISTRY)
    assert within.publish().code == 0
    assert within.read("apps.toml") == REGISTRY


def test_both_edits_that_fit_alone_and_not_together_are_refused(within: Arrangement) -> None:
    """Each gives one namespace to a team of theirs."""
    colleague(within, within.text + AUDIT.replace('"audit"]', '"audit", "vault"]'))
    within.edit(within.text + AUDIT.replace("audit", "other").replace('["other"]', '["vault", "other"]'))
    before = within.heads()
    done = within.publish()
    assert (done.code, done.last) == (4, "nothing was pushed"), done
    assert '"vault"' in done.err
    assert within.heads() == before


def test_a_registry_in_a_folder_of_the_repository_has_its_charts_there(within: Arrangement) -> None:
    folder = within.checkout / "platform"
    folder.mkdir()
    (folder / "apps.toml").write_text(REGISTRY)
    done = within.run("publish", cwd=folder)
    assert done.code == 0
    files = set(within.remote.files())
    assert {"platform/apps.toml", "platform/multi-repo/.generated.json", RECORD} <= files
    git(within.checkout, "clean", "--quiet", "-fd")
    git(within.checkout, "pull", "--quiet")
    (folder / "apps.toml").write_text(promoted(REGISTRY))
    assert within.run("publish", "-f", "platform/apps.toml", cwd=within.checkout).code == 0
    assert within.read("platform/apps.toml") == promoted(REGISTRY)
    assert within.read("apps.toml") == REGISTRY


def including(text: str) -> str:
    return text.replace("version = 1\n", 'version = 1\ninclude = ["teams/{team}.toml"]\n')


TEAM_FILE = AUDIT.partition("[apps.audit]")[1] + AUDIT.partition("[apps.audit]")[2]
TEAM = AUDIT.partition("[apps.audit]")[0]


def test_included_files_are_published_with_the_root(within: Arrangement) -> None:
    teams = within.checkout / "teams"
    teams.mkdir()
    (teams / "audit.toml").write_text(TEAM_FILE + '[environments.dev]\napps = ["audit"]\n')
    (teams / "notes.txt").write_text("mine\n")
    within.edit(including(within.text) + TEAM)
    assert within.publish().code == 0
    assert "teams/audit.toml" in within.remote.files()
    assert "teams/notes.txt" not in within.remote.files()
    assert within.message()[0] == "update audit: dev"


def test_an_included_file_of_the_branch_alone_is_read(within: Arrangement) -> None:
    within.others(
        {"apps.toml": including(REGISTRY) + TEAM, "teams/audit.toml": TEAM_FILE, "teams/x.json": "{}"},
    )
    within.edit(promoted(within.text))
    assert within.publish().code == 0
    assert "[teams.audit]" in within.read("apps.toml")
    assert "billing@v1.1.0" in within.read("apps.toml")


def test_an_included_file_that_is_deleted_in_the_checkout_is_deleted_on_the_branch(within: Arrangement) -> None:
    within.others({"apps.toml": including(REGISTRY) + TEAM, "teams/audit.toml": TEAM_FILE})
    git(within.checkout, "pull", "--quiet")
    (within.checkout / "teams" / "audit.toml").unlink()
    assert within.publish().code == 0
    assert "teams/audit.toml" not in within.remote.files()


def test_a_deleted_included_file_that_others_changed_is_a_conflict(within: Arrangement) -> None:
    within.others({"apps.toml": including(REGISTRY) + TEAM, "teams/audit.toml": TEAM_FILE})
    git(within.checkout, "pull", "--quiet")
    (within.checkout / "teams" / "audit.toml").unlink()
    within.others({"teams/audit.toml": TEAM_FILE + "# changed\n"})
    assert "teams/audit.toml was changed on the branch" in within.refused(6).err


def test_an_edit_of_a_file_that_others_deleted_is_a_conflict(within: Arrangement) -> None:
    within.others({"apps.toml": including(REGISTRY) + TEAM, "teams/audit.toml": TEAM_FILE})
    git(within.checkout, "pull", "--quiet")
    within.others({}, gone=("teams/audit.toml",))
    (within.checkout / "teams" / "audit.toml").write_text(TEAM_FILE + 'targetRevision = "v2"\n')
    assert "teams/audit.toml was deleted on the branch" in within.refused(6).err


def test_a_url_in_another_spelling_is_the_same_repository(within: Arrangement) -> None:
    git(within.checkout, "config", "remote.origin.url", str(within.remote.path))
    within.edit(promoted(within.text))
    assert within.publish("--repository", within.remote.url).code == 0
    assert within.read("apps.toml") == promoted(REGISTRY)


def test_two_who_publish_at_once_both_land(within: Arrangement, workloads: Run) -> None:
    folders = []
    for name in ("fraud", "audit"):
        folder = within.checkout.parent / name
        git(within.checkout.parent, "clone", "--quiet", within.remote.url, str(folder))
        (folder / "apps.toml").write_text(another(within.text, name))
        folders.append(folder)
    before = [contents(folder) for folder in folders]
    done = []
    caches = [str(within.checkout.parent / f"cache-{folder.name}") for folder in folders]
    threads = [
        threading.Thread(
            target=lambda f=folder, c=cache: done.append(spawn("publish", "--keep-checkout", cwd=f, XDG_CACHE_HOME=c))
        )
        for folder, cache in zip(folders, caches, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.code for each in done] == [0, 0], done
    assert [contents(folder) for folder in folders] == before
    assert sorted(within.remote.subjects()[1:]) == ["update audit: dev", "update fraud: dev"]
    assert {"dev/audit", "dev/fraud"} <= set(within.record().applications)
    assert within.publish().out == "already up to date\n"


@pytest.mark.parametrize("what", ["environments", "pushed"])
def test_a_dry_run_within_shows_the_change_and_makes_none(within: Arrangement, what: str) -> None:
    within.edit(promoted(within.text))
    before = within.heads()
    data = json.loads(within.publish("--dry-run", "--json").out)
    assert data[what] == {"environments": {"prod": ["billing"]}, "pushed": False}[what]
    assert within.heads() == before
