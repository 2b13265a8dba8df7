"""Charts that are checked, rendered or edited in a checkout: no Application is deleted without confirmation."""

from __future__ import annotations

import pytest

from tests.git.remotes import git
from tests.promotion.world import World


@pytest.fixture
def grown(world: World) -> World:
    """Everything runs in test too."""
    world.ok("promote", "--all", "--to", "test", "--without-helm")
    world.commit("test")
    return world


def edit(world: World, *replacements: tuple[str, str]) -> None:
    text = world.text
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    (world.checkout / "apps.toml").write_text(text)


def test_a_removed_app_is_named_with_its_environment_and_namespace(grown: World) -> None:
    edit(grown, ('  "billing@v1.0.0",\n', ""))
    done = grown.run("check", "--without-helm")
    assert done.code == 5
    assert "test/billing: Application billing: deletes everything that it deployed in namespace billing" in done.err
    assert "--allow-removal test/billing" in done.err
    assert grown.run("check", "--without-helm", "--allow-removal", "test/billing").code == 1
    assert grown.run("check", "--without-helm", "--allow-removal", "test/ledger").code == 5


def test_an_environment_that_empties_needs_the_number_too(grown: World) -> None:
    edit(grown, ('apps = [\n  "billing@v1.0.0",\n  "ledger@v1.1.0",\n]', "apps = []"))
    shop = grown.checkout / "teams" / "shop.toml"
    shop.write_text(shop.read_text().replace('[environments.test]\napps = [\n  "web",\n]\n', ""))
    named = [word for app in ("billing", "ledger", "web") for word in ("--allow-removal", f"test/{app}")]
    done = grown.run("check", "--without-helm", *named)
    assert (done.code, "test: 3 removals in one change, the last one of the environment" in done.err) == (5, True)
    assert "--confirm-removals test=3" in done.err
    assert "Argo CD does not prune a whole chart automatically" in done.err
    assert grown.run("check", "--without-helm", *named, "--confirm-removals", "test=3").code == 1


def test_a_renamed_app_is_a_removal(grown: World) -> None:
    edit(
        grown,
        ("[apps.billing]", "[apps.invoices]\nnamespace = 'billing'"),
        ('  "billing"', '  "invoices"'),
        ('  "billing@', '  "invoices@'),
    )
    done = grown.run("check", "--without-helm")
    assert done.code == 5
    assert "to rename it to invoices without that, run workloads migrate billing invoices" in done.err
    assert "test/billing: Application billing: deletes" in done.err


def test_a_moved_namespace_is_a_removal(grown: World) -> None:
    edit(grown, ("[apps.billing]", '[apps.billing]\nnamespace = "money"'))
    done = grown.run("check", "--without-helm")
    assert done.code == 5
    assert "test/billing: Application billing: namespace billing → money: creates it" in done.err


def test_rendering_warns_and_writes(grown: World) -> None:
    edit(grown, ('  "billing@v1.0.0",\n', ""))
    done = grown.run("render")
    assert done.code == 0
    assert "warning: test/billing: Application billing: deletes" in done.err
    assert "1 removed" in done.out or "removed" in done.out
    done = grown.run("render", "dev")
    assert "warning" not in done.err


def test_an_edit_beside_a_removal_is_refused_until_that_is_named(grown: World) -> None:
    edit(grown, ('  "billing@v1.0.0",\n', ""))
    text = grown.refused(5, "hold", "ledger", "--in", "prod", "--reason", "x", "--without-helm")
    assert text.endswith("nothing was changed\n")
    hold = ("hold", "ledger", "--in", "prod", "--reason", "x", "--without-helm")
    assert grown.ok(*hold, "--allow-removal", "test/billing")


def test_the_base_may_be_another_revision_than_the_last_commit(grown: World) -> None:
    edit(grown, ('  "billing@v1.0.0",\n', ""))
    grown.ok("render")
    grown.commit("billing is gone")
    assert grown.run("check", "--without-helm").code == 0
    assert grown.run("check", "--without-helm", "--base", "HEAD~1").code == 5


def test_what_was_retired_goes_without_being_named(grown: World) -> None:
    grown.ok("retire", "billing", "--in", "test", "--without-helm")
    grown.commit("retire")
    edit(grown, ('  "billing@v1.0.0",\n', ""))
    text = grown.text
    (grown.checkout / "apps.toml").write_text(
        text.partition("[environments.test.retired]")[0] + text[text.index("# Customers") :]
    )
    assert grown.run("check", "--without-helm").code == 1


def test_outside_of_any_repository_there_is_nothing_to_compare_with(grown: World) -> None:
    git(grown.checkout, "rev-parse", "HEAD")
    (grown.checkout / ".git").rename(grown.folder / "elsewhere")
    edit(grown, ('  "billing@v1.0.0",\n', ""))
    assert grown.run("check", "--without-helm").code == 1
