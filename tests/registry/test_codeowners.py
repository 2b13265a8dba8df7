"""CODEOWNERS, as the registry's teams make it necessary."""

from __future__ import annotations

import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest
from click.testing import CliRunner

from generator.charts.plan import plan_charts
from generator.charts.render import render_plan
from generator.cli import workloads
from generator.errors import GeneratorError, RefusedError
from generator.registry.codeowners import (
    BLOCK_BEGIN,
    BLOCK_END,
    find_codeowners_file,
    generate_codeowners_lines,
    update_codeowners_block,
)
from generator.registry.editable import EditableRegistry, read_editable_registry
from generator.registry.files import MemoryFiles

ROOT = """version = 1
include = ["teams/{team}.toml", "lists/*.toml"]

[workloads]
owners = ["@acme/platform", "ops@example.com"]

[environments.dev]
apps = ["cart"]

[teams.a]
files = ["lists/dev.toml"]
owners = ["@acme/a", "@ada"]
repositories = ["https://git.example.com/a/"]
namespaces = ["shop"]
projects = ["store"]

[teams.b]
repositories = ["https://git.example.com/b/"]
namespaces = ["cart"]

[apps.cart]
team = "b"
repoURL = "https://git.example.com/b/cart.git"
path = "chart"
"""
TEAM_A = """[apps.shop]
team = "a"
repoURL = "https://git.example.com/a/shop.git"
path = "chart"
"""
LISTS = '[environments.dev]\napps = ["shop"]\n'


def files(**changed: str) -> dict[str, bytes]:
    texts = {"apps.toml": ROOT, "teams/a.toml": TEAM_A, "lists/dev.toml": LISTS, **changed}
    return {name: text.encode() for name, text in texts.items()}


def book(**changed: str) -> EditableRegistry:
    return read_editable_registry(MemoryFiles(files(**changed)), "apps.toml")


def test_lines() -> None:
    assert generate_codeowners_lines(book(), "", include_charts=True) == [
        "/apps.toml @acme/platform ops@example.com",
        "/teams/*.toml @acme/platform ops@example.com",
        "/lists/*.toml @acme/platform ops@example.com",
        "/teams/a.toml @acme/a @ada",
        "/lists/dev.toml @acme/a @ada",
        "/multi-repo/ @acme/platform ops@example.com",
        "/multi-repo/argo-app-of-apps/*/templates/shop.yaml @acme/a @ada",
        "/multi-repo/argo-app-of-apps/*/tests/shop_test.yaml @acme/a @ada",
        "/multi-repo/argo-app-projects/shop.yaml @acme/a @ada",
    ]


def test_a_folder_and_charts_elsewhere() -> None:
    assert (
        generate_codeowners_lines(book(), "registry", include_charts=False)[0]
        == "/registry/apps.toml @acme/platform ops@example.com"
    )
    assert not [
        line for line in generate_codeowners_lines(book(), "registry", include_charts=False) if "multi-repo" in line
    ]


def test_nobody_new_is_named() -> None:
    nobody = ROOT.replace('owners = ["@acme/platform", "ops@example.com"]', "").replace(
        'owners = ["@acme/a", "@ada"]', ""
    )
    assert generate_codeowners_lines(book(**{"apps.toml": nobody}), "", include_charts=True) == []


def test_charts_at_the_top() -> None:
    top = ROOT.replace("[workloads]", '[workloads]\npath = "."')
    assert "/argo-app-projects/shop.yaml @acme/a @ada" in generate_codeowners_lines(
        book(**{"apps.toml": top}), "", include_charts=True
    )


SHARDED = ROOT.replace("[workloads]", '[workloads]\nrepository = "https://git.example.com/acme/w.git"').replace(
    "[environments.dev]", '[environments.dev]\nshards = "team"'
)


def test_where_an_environment_is_in_shards_their_files_are_the_teams_too() -> None:
    lines = generate_codeowners_lines(book(**{"apps.toml": SHARDED}), "", include_charts=True)
    assert lines[6:] == [
        "/multi-repo/argo-app-of-apps/*/templates/shop.yaml @acme/a @ada",
        "/multi-repo/argo-app-of-apps/*/tests/shop_test.yaml @acme/a @ada",
        "/multi-repo/argo-app-shards/*/*/templates/shop.yaml @acme/a @ada",
        "/multi-repo/argo-app-shards/*/*/tests/shop_test.yaml @acme/a @ada",
        "/multi-repo/argo-app-projects/shop.yaml @acme/a @ada",
    ]
    assert lines[:6] == generate_codeowners_lines(book(), "", include_charts=True)[:6]


def test_every_file_of_a_shard_is_somebodys() -> None:
    lines = [
        line.partition(" ")
        for line in generate_codeowners_lines(book(**{"apps.toml": SHARDED}), "", include_charts=True)
    ]
    owners = {pattern: who for pattern, _, who in lines}
    tree = render_plan(plan_charts(book(**{"apps.toml": SHARDED}).registry))
    for path in (f"/multi-repo/{path}" for path in tree.files):
        # In CODEOWNERS the last pattern that matches wins; a folder's matches all below it.
        found = [who for pattern, who in owners.items() if fnmatch(path, f"{pattern}*")]
        of_shop = path.rpartition("/")[2] in ("shop.yaml", "shop_test.yaml")
        assert found[-1] == ("@acme/a @ada" if of_shop else "@acme/platform ops@example.com"), path


def test_spaces_and_hashes_are_escaped() -> None:
    text = ROOT.replace('files = ["lists/dev.toml"]', 'files = ["lists/dev.toml", "lists/b #1.toml"]')
    lines = generate_codeowners_lines(book(**{"apps.toml": text}), "", include_charts=False)
    assert r"/lists/b\ \#1.toml @acme/a @ada" in lines


def test_a_folder_that_codeowners_cannot_name_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"/\[x\]/apps\.toml cannot be written"):
        generate_codeowners_lines(book(), "[x]", include_charts=True)


def test_a_file_that_does_not_exist_yet_has_its_owners() -> None:
    text = ROOT.replace('files = ["lists/dev.toml"]', 'files = ["lists/dev.toml", "lists/later.toml"]')
    text = text.replace("[teams.b]", '[teams.b]\nowners = ["@acme/b"]')
    lines = generate_codeowners_lines(book(**{"apps.toml": text}), "", include_charts=False)
    assert {"/lists/later.toml @acme/a @ada", "/teams/b.toml @acme/b"} <= set(lines)


def test_gitea_reads_regular_expressions_of_whole_paths() -> None:
    text = ROOT.replace('"lists/*.toml"]', '"lists/**/*.toml", "a b/?.toml"]')
    lines = generate_codeowners_lines(book(**{"apps.toml": text}), "", include_charts=True, forge="gitea")
    assert r"lists/(.*/)?[^/]*\\.toml @acme/platform ops@example.com" in lines
    assert r"a\ b/[^/]\\.toml @acme/platform ops@example.com" in lines
    assert r"multi-repo/.* @acme/platform ops@example.com" in lines


OWN = f"{BLOCK_BEGIN}\n/x @a\n{BLOCK_END}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", OWN),
        ("* @all\n", f"* @all\n\n{OWN}"),
        ("* @all", f"* @all\n\n{OWN}"),
        (f"* @all\n{BLOCK_BEGIN}\n/old @b\n{BLOCK_END}\n/last @c\n", f"* @all\n{OWN}/last @c\n"),
        (f"* @all\r\n{BLOCK_BEGIN}\r\n{BLOCK_END}\r\n", ("* @all\n" + OWN).replace("\n", "\r\n")),
        ("# caf\udce9\n", f"# caf\udce9\n\n{OWN}"),
    ],
)
def test_written(before: str, after: str) -> None:
    assert update_codeowners_block(before, ["/x @a"]) == after
    assert update_codeowners_block(after, ["/x @a"]) == after


@pytest.mark.parametrize("text", [BLOCK_BEGIN, BLOCK_END, f"{BLOCK_END}\n{BLOCK_BEGIN}\n", f"{OWN}{OWN}"])
def test_without_exactly_one_pair_of_markers_nothing_is_written(text: str) -> None:
    with pytest.raises(RefusedError, match="exactly one pair"):
        update_codeowners_block(text, [])


def test_sections_of_gitlab_keep_their_entries() -> None:
    before = f"{OWN}[Docs] @writers\n/docs/\n^[Optional]\n*.md @all\n"
    after = "[Docs] @writers\n/docs/\n^[Optional]\n*.md @all\n\n" + OWN.replace("/x", "[Workloads]\n/x")
    assert update_codeowners_block(before, ["/x @a"]) == after
    assert update_codeowners_block(after, ["/x @a"]) == after


@pytest.mark.parametrize(
    ("forge", "files", "found"),
    [
        ("github", ["CODEOWNERS", ".github/CODEOWNERS"], ("github", ".github/CODEOWNERS")),
        ("github", ["docs/CODEOWNERS", ".gitlab/CODEOWNERS"], ("github", "docs/CODEOWNERS")),
        ("gitlab", ["CODEOWNERS", ".gitlab/CODEOWNERS"], ("gitlab", "CODEOWNERS")),
        ("gitlab", [".gitlab/CODEOWNERS"], ("gitlab", ".gitlab/CODEOWNERS")),
        ("gitea", [".gitea/CODEOWNERS", "docs/CODEOWNERS"], ("gitea", "docs/CODEOWNERS")),
        ("gitea", [".github/CODEOWNERS"], ("gitea", "CODEOWNERS")),
        ("", [".gitlab/CODEOWNERS"], ("gitlab", ".gitlab/CODEOWNERS")),
        ("", [".gitea/CODEOWNERS"], ("gitea", ".gitea/CODEOWNERS")),
        ("", [".gitlab/CODEOWNERS", "CODEOWNERS"], ("gitlab", "CODEOWNERS")),
        ("", ["docs/CODEOWNERS"], ("github", "docs/CODEOWNERS")),
        ("", [], ("github", "CODEOWNERS")),
    ],
)
def test_the_file_in_force_is_the_one_that_the_forge_reads(
    forge: str, files: list[str], found: tuple[str, str]
) -> None:
    assert find_codeowners_file(forge, files.__contains__) == found


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, data in files().items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> str:
    result = CliRunner().invoke(workloads, ["codeowners", *arguments])
    if isinstance(result.exception, GeneratorError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_prints_and_writes_nothing(repository: Path) -> None:
    assert run().splitlines() == generate_codeowners_lines(book(), "", include_charts=True)
    assert not (repository / "CODEOWNERS").exists()


@pytest.mark.parametrize("place", [".github/CODEOWNERS", "CODEOWNERS", ".gitlab/CODEOWNERS"])
def test_the_command_keeps_the_file_up_to_date(repository: Path, place: str) -> None:
    file = repository / place
    file.parent.mkdir(exist_ok=True)
    file.write_text("* @all\n")
    assert "would write 9 lines" in run("--write", "--dry-run")
    assert file.read_text() == "* @all\n"
    assert "wrote 9 lines" in run("--write")
    assert file.read_text().startswith(f"* @all\n\n{BLOCK_BEGIN}\n/apps.toml ")
    assert "up to date" in run("--write")
    assert '"changed": false' in run("--write", "--json")


def test_the_command_creates_the_file(repository: Path) -> None:
    run("--write")
    assert (repository / "CODEOWNERS").read_text().endswith(f"{BLOCK_END}\n")


def test_a_link_is_not_written_through(repository: Path) -> None:
    (repository / "other").write_text("")
    (repository / "CODEOWNERS").symlink_to("other")
    with pytest.raises(RefusedError, match="is a link"):
        run("--write")


def test_charts_of_another_repository(repository: Path) -> None:
    subprocess.run(["git", "remote", "add", "origin", "git@git.example.com:acme/registry.git"], check=True)
    text = ROOT.replace("[workloads]", '[workloads]\nrepository = "https://git.example.com/acme/workloads.git"')
    (repository / "apps.toml").write_text(text)
    assert "multi-repo" not in run()
    (repository / "apps.toml").write_text(text.replace("acme/workloads.git", "acme/registry"))
    assert "multi-repo" in run()


def test_a_team_owns_the_folders_of_this_repository_that_it_is_granted() -> None:
    mono = ROOT.replace('"https://git.example.com/b/"', '"https://git.example.com/mono.git//b", "https://x.io/y//b"')
    mono = mono.replace("[teams.b]\n", '[teams.b]\nowners = ["@acme/b"]\n')
    mono = mono.replace("https://git.example.com/b/cart.git", "https://git.example.com/mono.git").replace(
        'path = "chart"', 'path = "b/cart"'
    )
    origin = "git@git.example.com:mono.git"
    lines = generate_codeowners_lines(book(**{"apps.toml": mono}), "", include_charts=False, repository=origin)
    assert lines[0] == "/b/ @acme/b"
    assert lines[1].startswith("/apps.toml "), "what the root file needs is more important, and so comes later"
    assert "/b/ @acme/b" not in generate_codeowners_lines(book(**{"apps.toml": mono}), "", include_charts=False)
