"""Branches, registries and clones whose history is rewritten, cut off, or not what it was."""

from __future__ import annotations

import shutil

import pytest

from tests.git.remotes import git
from tests.publishing.arrangement import Arrangement
from tests.publishing.test_service_within import another, colleague, promoted
from tests.workspace import REGISTRY, Run


@pytest.mark.parametrize("more", [1, 20])
def test_commits_by_hand_do_not_hide_which_registry_is_published(apart: Arrangement, more: int) -> None:
    apart.publish()
    apart.edit(apart.text.replace("billing@v1.0.0", "billing@v1.1.0"))
    apart.commit("promote")
    apart.publish()
    for number in range(more):
        apart.remote.write({"notes": f"{number}\n"}, f"by hand {number}")
    git(apart.checkout, "reset", "--quiet", "--hard", "HEAD^")
    shutil.rmtree(apart.checkout.parent / "home" / ".cache")  # a job on a machine of its own
    assert "a newer registry is published already" in apart.refused(6).err
    git(apart.checkout, "reset", "--quiet", "--hard", "HEAD@{1}")
    assert apart.publish().out == "already up to date\n"


def test_a_merge_does_not_hide_which_registry_is_published(apart: Arrangement) -> None:
    apart.publish()
    first = apart.remote.head()
    apart.edit(apart.text.replace("billing@v1.0.0", "billing@v1.1.0"))
    apart.commit("promote")
    apart.publish()
    tree = apart.remote.git("rev-parse", "main^{tree}")
    merge = apart.remote.git("commit-tree", tree, "-p", first, "-p", "main", "-m", "Merge a request")
    apart.remote.git("update-ref", "refs/heads/main", merge)
    git(apart.checkout, "reset", "--quiet", "--hard", "HEAD^")
    apart.refused(6)


def test_a_history_that_has_nothing_to_do_with_our_registry_takes_a_flag(apart: Arrangement) -> None:
    """Somebody forced another history onto the branch, published from a registry that is not ours."""
    apart.publish()
    other = f"charts of another\n\nGenerated-By: workloads 0.1.0\nRegistry-Commit: {'1' * 40}"
    orphan = apart.remote.git("commit-tree", "main^{tree}", "-m", other)
    apart.remote.git("update-ref", "refs/heads/main", orphan)
    apart.edit(apart.text.replace("billing@v1.0.0", "billing@v1.1.0"))
    apart.commit("promote")
    done = apart.refused(6)
    assert f"registry commit {'1' * 12}, which" in done.err
    assert apart.publish("--allow-rewound").code == 0
    assert apart.remote.git("rev-parse", "main^") == orphan


def test_a_registry_whose_history_was_rewritten_takes_a_flag(apart: Arrangement) -> None:
    apart.publish()
    apart.edit(apart.text.replace("billing@v1.0.0", "billing@v1.1.0"))
    git(apart.checkout, "commit", "--quiet", "--amend", "-am", "another history")
    apart.refused(6)
    assert apart.publish("--allow-rewound").code == 0
    assert apart.publish().out == "already up to date\n"


def test_a_branch_that_was_rewound_before_our_last_publication_gets_it_again(apart: Arrangement) -> None:
    apart.publish()
    first = apart.remote.head()
    apart.edit(apart.text.replace("billing@v1.0.0", "billing@v1.1.0"))
    apart.commit("promote")
    apart.publish()
    lost = apart.remote.git("rev-parse", "main^{tree}")
    apart.remote.git("update-ref", "refs/heads/main", first)
    assert apart.publish().code == 0
    assert apart.remote.git("rev-parse", "main^") == first
    assert apart.remote.git("rev-parse", "main^{tree}") == lost


@pytest.mark.parametrize("options", [["--depth=1"], ["--filter=blob:none"]])
def test_a_shallow_or_partial_clone_publishes_as_any_other(
    within: Arrangement, workloads: Run, options: list[str]
) -> None:
    """What of it is missing is not fetched: it is left as it is."""
    colleague(within, another(within.text, "fraud"))
    within.remote.git("config", "uploadpack.allowFilter", "true")
    folder = within.checkout.parent / "clone"
    git(folder.parent, "clone", "--quiet", *options, within.remote.url, str(folder))
    mine = Arrangement(folder, within.remote, workloads)
    mine.edit(promoted(mine.text))
    assert mine.publish().code == 0
    assert "[apps.fraud]" in within.read("apps.toml")
    assert "billing@v1.1.0" in within.read("apps.toml")


def test_a_branch_that_was_rewound_gets_the_edit_and_nothing_else(within: Arrangement) -> None:
    first = within.remote.head()
    colleague(within, another(within.text, "fraud"))
    git(within.checkout, "pull", "--quiet")
    within.remote.git("update-ref", "refs/heads/main", first)
    assert within.publish().out == "already up to date\n"
    within.edit(promoted(within.text))
    assert within.publish().code == 0
    assert within.remote.git("rev-parse", "main^") == first
    assert within.read("apps.toml") == promoted(REGISTRY)
