"""Whose a change of the registry is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from generator.cli import workloads
from generator.errors import RefusedError, UsageError
from generator.registry.changes import changes_outside_team, list_registry_changes
from generator.registry.editable import EditableRegistry, read_editable_registry
from generator.registry.files import MemoryFiles
from tests.registry.test_codeowners import LISTS, ROOT, TEAM_A, book


def touched(old: EditableRegistry | None, new: EditableRegistry) -> list[tuple[str, ...]]:
    return [tuple(touch) for touch in list_registry_changes(old, new)]


def test_nothing() -> None:
    assert touched(book(), book(**{"apps.toml": ROOT + "# a comment\n"})) == []


def test_an_app_of_one_team() -> None:
    new = book(
        **{"teams/a.toml": TEAM_A + 'project = "store"\n', "lists/dev.toml": LISTS.replace('"shop"', '"shop@v1"')}
    )
    assert touched(book(), new) == [
        ("a", "app", "shop", "changed"),
        ("a", "environment", "dev: shop", "its own → v1"),
        ("a", "project", "shop", "removed"),
        ("a", "project", "store", "added"),
    ]


def test_an_app_moves_to_another_file_and_nothing_is_touched() -> None:
    assert touched(book(), book(**{"apps.toml": ROOT + "\n" + TEAM_A, "teams/a.toml": ""})) == []


def test_an_app_that_is_given_away_is_of_both() -> None:
    given = TEAM_A.replace('"a"', '"b"').replace("/a/", "/b/") + 'namespace = "cart"\n'
    new = book(**{"teams/a.toml": "", "teams/b.toml": given + LISTS, "lists/dev.toml": ""})
    teams = {team for team, kind, _, _ in touched(book(), new) if kind == "app"}
    assert teams == {"a", "b"}


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ('owners = ["@acme/a", "@ada"]', "", "teams.a"),
        ("[environments.dev]", "[environments.dev]\ncreateProjects = true", "environments.dev"),
        ("[environments.dev]", '[environments.dev]\npolicy.pin = "any"', "environments.dev"),
        ("[environments.dev]", "[environments.new]\n\n[environments.dev]", "environments.new"),
        ("[environments.dev]", "[projects.shop]\n\n[environments.dev]", "projects.shop"),
        ("[environments.dev]", '[argocd]\nversion = "3.3"\n\n[environments.dev]', "argocd"),
        (
            "[environments.dev]",
            '[credentials.all]\nurl = "https://github.com/"\nkind = "public"\n\n[environments.dev]',
            "credentials.all",
        ),
        ("[environments.dev]", "[defaults]\nrevisionHistoryLimit = 1\n\n[environments.dev]", "defaults"),
        ("[workloads]", '[workloads]\nbranch = "other"', "workloads"),
        ('"lists/*.toml"]', '"lists/*.toml", "more/*.toml"]', "include"),
        ("version = 1", 'version = 1\nallowSchemes = ["http"]', "allowSchemes"),
    ],
)
def test_what_the_root_decides(old: str, new: str, name: str) -> None:
    changed = list_registry_changes(book(), book(**{"apps.toml": ROOT.replace(old, new)}))
    assert [(touch.team, touch.kind, touch.name) for touch in changed] == [("", "decision", name)]
    assert changes_outside_team(changed, "a") == changed


def test_everything_is_new() -> None:
    kinds = {(touch.team, touch.kind, touch.change) for touch in list_registry_changes(None, book())}
    assert {("a", "app", "added"), ("b", "project", "added"), ("", "decision", "added")} <= kinds


# The command.


def git(*arguments: str) -> None:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "registry"
    (folder / "teams").mkdir(parents=True)
    monkeypatch.chdir(folder)
    Path("apps.toml").write_text(ROOT)
    Path("teams/a.toml").write_text(TEAM_A)
    Path("lists").mkdir()
    Path("lists/dev.toml").write_text(LISTS)
    git("init", "--quiet", str(tmp_path))
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    return folder


def check(*arguments: str) -> Result:
    return CliRunner().invoke(workloads, ["check", "--without-helm", *arguments])


def test_the_command_lists_by_team(repository: Path) -> None:
    Path("teams/a.toml").write_text(TEAM_A + "revisionHistoryLimit = 1\n")
    assert "team a: app shop: changed\n" in check("--base", "HEAD").output
    assert '"touched": [' in check("--base", "HEAD", "--json").stdout


def test_a_team_s_own_change(repository: Path) -> None:
    Path("teams/a.toml").write_text(TEAM_A + "revisionHistoryLimit = 1\n")
    assert not isinstance(check("--base", "HEAD", "--team", "a").exception, RefusedError)


def test_a_change_of_others(repository: Path) -> None:
    Path("apps.toml").write_text(
        ROOT.replace("cart.git", "cart2.git").replace("[environments.dev]", "[argocd]\n\n[environments.dev]")
    )
    error = check("--base", "HEAD", "--team", "a").exception
    assert isinstance(error, RefusedError)
    assert error.message == (
        'the change is not team "a"\'s alone:\n  the root file: decision argocd: added\n  team b: app cart: changed'
    )


def test_the_base_may_violate_a_rule_that_is_newer_than_it(repository: Path) -> None:
    Path("apps.toml").write_text(ROOT.replace('files = ["lists/dev.toml"]\n', ""))
    git("commit", "--quiet", "-am", "a registry of an earlier version")
    Path("apps.toml").write_text(ROOT)
    assert "the root file: decision teams.a: changed" in check("--base", "HEAD").output


def test_before_there_was_a_registry(repository: Path) -> None:
    git("rm", "--quiet", "--cached", "-r", ".")
    git("commit", "--quiet", "-m", "none")
    assert "the root file: decision version: added" in check("--base", "HEAD").output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--team", "a"], "--base REF"),
        (["--base", "nowhere"], "unknown revision"),
        (["--base", "--output=x"], "unknown revision"),
        (["--base", "HEAD", "--team", "aa"], 'did you mean "a"'),
    ],
)
def test_usage(repository: Path, arguments: list[str], message: str) -> None:
    error = check(*arguments).exception
    assert isinstance(error, UsageError)
    assert message in error.message + error.remedy


def test_an_edit_in_a_file_that_the_base_had_by_pattern(repository: Path) -> None:
    Path("teams/b.toml").write_text("")
    Path("teams/a.toml").unlink()
    Path("lists/dev.toml").write_text("")
    assert "team a: app shop: removed" in check("--base", "HEAD").output


def test_read_book_of_a_tree_is_what_the_folder_has() -> None:
    assert read_editable_registry(MemoryFiles({"apps.toml": b"version = 1\n"}), "apps.toml").registry.apps == {}
