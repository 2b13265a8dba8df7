"""Every command in every kind of checkout: what is not on disk is read from Git, or the command says why it cannot be.

`python -m tests.publishing.test_git_environments` prints the table of exit codes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.git.remotes import Remote, git
from tests.workspace import REGISTRY, Run

_COMMANDS = {
    "check": ("check",),
    "render": ("render", "--dry-run"),
    "diff": ("diff",),
    "status": ("status",),
    "history": ("history",),
    "metrics": ("metrics",),
    "codeowners": ("codeowners",),
    "site": ("site", "../site"),
    "publish": ("publish", "--dry-run"),
    "promote": ("promote", "audit", "--to", "test", "--publish", "--dry-run"),
}
_FULL = dict.fromkeys(_COMMANDS, 0)
_NO_CHARTS = {**_FULL, "check": 4, "render": 4, "diff": 4}
_NO_HISTORY = {**_FULL, "status": 9, "history": 9, "metrics": 9, "site": 9}
_HIDDEN_FILE = "teams/audit/apps.toml"


def _clone(*options: str) -> Callable[[str, Path], None]:
    return lambda url, folder: _run_clone(url, folder, *options)


def _run_clone(url: str, folder: Path, *options: str) -> None:
    git(folder.parent, "clone", "--quiet", *options, url, str(folder))


def _sparse(*folders: str, clone: tuple[str, ...] = (), mode: str = "--cone") -> Callable[[str, Path], None]:
    def prepare(url: str, folder: Path) -> None:
        _run_clone(url, folder, "--sparse", *clone)
        git(folder, "sparse-checkout", "set", mode, *folders)

    return prepare


def _marked(flag: str) -> Callable[[str, Path], None]:
    def prepare(url: str, folder: Path) -> None:
        _run_clone(url, folder)
        git(folder, "update-index", flag, _HIDDEN_FILE)
        (folder / _HIDDEN_FILE).unlink()

    return prepare


def _without_index(url: str, folder: Path) -> None:
    _run_clone(url, folder, "--no-checkout")
    for name in ("apps.toml", "teams/payments/apps.toml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(git(folder, "show", f"HEAD:{name}") + "\n")


_ENVIRONMENTS: dict[str, tuple[Callable[[str, Path], None], dict[str, int]]] = {
    "full": (_clone(), _FULL),
    "sparse, cone": (_sparse("teams/payments", "multi-repo"), _FULL),
    "sparse, cone, no charts": (_sparse("teams/payments"), _NO_CHARTS),
    "sparse, patterns": (_sparse("/apps.toml", "/teams/payments/", "/multi-repo/", mode="--no-cone"), _FULL),
    "sparse, some charts": (
        _sparse("/*", "!/teams/audit/", "!/multi-repo/argo-app-of-apps/test/", mode="--no-cone"),
        _NO_CHARTS,
    ),
    "skip-worktree": (_marked("--skip-worktree"), _FULL),
    "assume-unchanged": (_marked("--assume-unchanged"), _FULL),
    "no checkout": (_without_index, _NO_CHARTS),
    "blob:none": (_clone("--filter=blob:none"), _NO_HISTORY),
    "blob:none, sparse": (
        _sparse("teams/payments", "multi-repo", clone=("--filter=blob:none",)),
        {**dict.fromkeys(_COMMANDS, 3), "history": 9, "publish": 0, "promote": 0},
    ),
    "tree:0": (_clone("--filter=tree:0"), _NO_HISTORY),
    "depth 1": (_clone("--depth=1"), _FULL),
}


@pytest.fixture
def server(tmp_path: Path, workloads: Run) -> Remote:
    """A registry whose apps are in files of their teams, with some history."""
    path, author = tmp_path / "server.git", tmp_path / "author"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(path))
    git(path, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "--quiet", f"file://{path}", str(author))
    head, tables = REGISTRY.split("[apps.billing]")
    head = head.replace("version = 1\n", 'version = 1\ninclude = ["teams/{team}/apps.toml"]\n')
    head = head.replace("# Who owns what.", '[teams.audit]\nowners = ["@acme/audit"]\n' + _AUDIT_GRANTS)
    for text in (head, head.replace('  "billing",\n', '  "audit@v1",\n  "billing",\n', 1)):
        _write(author, "apps.toml", text)
        _write(author, "teams/payments/apps.toml", "[apps.billing]" + tables)
        _write(author, _HIDDEN_FILE, _AUDIT_APP)
        done = workloads("render", cwd=author)
        assert done.code == 0, done.err
        git(author, "add", "--all")
        git(author, "commit", "--quiet", "-m", "change")
    git(author, "push", "--quiet", "origin", "main")
    return Remote(path)


_AUDIT_GRANTS = 'repositories = ["https://github.com/audit/"]\nnamespaces = ["audit"]\n'
_AUDIT_APP = '[apps.audit]\nteam = "audit"\nrepoURL = "https://github.com/audit/audit.git"\npath = "chart"\n'


def _write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


@pytest.mark.parametrize("environment", _ENVIRONMENTS)
def test_every_command_answers_in_full_or_says_why_not(
    server: Remote, workloads: Run, tmp_path: Path, environment: str
) -> None:
    prepare, codes = _ENVIRONMENTS[environment]
    prepare(server.url, tmp_path / "clone")
    done = {name: workloads(*args, cwd=tmp_path / "clone") for name, args in _COMMANDS.items()}
    assert {name: each.code for name, each in done.items()} == codes, [each.err for each in done.values()]
    answers = {name: done[name].out for name in ("status", "codeowners") if codes[name] == 0}
    assert all("audit" in answer for answer in answers.values())
    assert codes["diff"] or "nothing changes" in done["diff"].out


@pytest.mark.parametrize("environment", [name for name in _ENVIRONMENTS if name != "full"])
def test_an_edit_is_published_and_takes_nothing_away(
    server: Remote, workloads: Run, tmp_path: Path, environment: str
) -> None:
    prepare, _ = _ENVIRONMENTS[environment]
    prepare(server.url, tmp_path / "clone")
    edited = tmp_path / "clone" / "teams/payments/apps.toml"
    edited.write_text(edited.read_text().replace('path = "chart"', 'path = "chart"\nlabels = { tier = "1" }', 1))
    before = server.files()
    done = workloads("publish", cwd=tmp_path / "clone")
    assert done.code == 0, done.err
    after = server.files()
    assert before.keys() == after.keys()
    assert before[_HIDDEN_FILE] == after[_HIDDEN_FILE]
    assert 'labels = { tier = "1" }' in after["teams/payments/apps.toml"]


def test_a_file_that_was_deleted_from_the_checkout_is_deleted(server: Remote, workloads: Run, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    _run_clone(server.url, clone)
    registry = clone / "apps.toml"
    registry.write_text(registry.read_text().replace('  "audit@v1",\n', ""))
    (clone / _HIDDEN_FILE).unlink()
    done = workloads("publish", "--allow-removal", "dev/audit", cwd=clone)
    assert done.code == 0, done.err
    assert _HIDDEN_FILE not in server.files()


@pytest.mark.parametrize("flag", ["--skip-worktree", "--assume-unchanged"])
def test_an_edit_that_git_does_not_show_is_not_published(
    server: Remote, workloads: Run, tmp_path: Path, flag: str
) -> None:
    clone = tmp_path / "clone"
    _run_clone(server.url, clone)
    git(clone, "update-index", flag, "apps.toml")
    registry = clone / "apps.toml"
    registry.write_text(registry.read_text().replace("billing@v1.1.0", "billing@v1.2.0"))
    before = server.head()
    done = workloads("publish", cwd=clone)
    assert (done.code, server.head()) == (4, before)
    assert "apps.toml differs from the commit, but Git is told to ignore its changes" in done.err


def test_an_edit_of_a_file_that_is_not_checked_out_is_refused(server: Remote, workloads: Run, tmp_path: Path) -> None:
    _sparse("teams/payments", "multi-repo")(server.url, tmp_path / "clone")
    done = workloads("migrate", "audit", "ledger-audit", cwd=tmp_path / "clone")
    assert done.code in (2, 4), done.err
    assert not (tmp_path / "clone" / _HIDDEN_FILE).exists()


@pytest.mark.parametrize("staged", [True, False])
def test_a_registry_that_moved_only_in_the_checkout_is_not_published_beside_the_old_one(
    server: Remote, workloads: Run, tmp_path: Path, staged: bool
) -> None:
    clone = tmp_path / "clone"
    _run_clone(server.url, clone)
    (clone / "gitops").mkdir()
    git(clone, "mv", "apps.toml", "teams", "multi-repo", "gitops")
    if not staged:
        git(clone, "commit", "--quiet", "-m", "move")
    before = server.head()
    done = workloads("publish", cwd=clone / "gitops")
    assert (done.code, server.head()) == (6, before)
    assert "the branch still has the registry at apps.toml, which this checkout moved to gitops/apps.toml" in done.err
    done = workloads("promote", "audit", "--to", "test", "--publish", cwd=clone / "gitops")
    assert (done.code, server.head()) == (2, before)
    assert "the branch main has no gitops/apps.toml" in done.err


def test_a_second_registry_is_published_beside_the_first(server: Remote, workloads: Run, tmp_path: Path) -> None:
    _sparse("other", clone=())(server.url, tmp_path / "clone")
    place = tmp_path / "clone" / "other"
    _write(place, "apps.toml", REGISTRY.replace("[apps.", "\n[apps.", 1))
    done = workloads("publish", cwd=place)
    assert done.code == 0, done.err
    assert {"apps.toml", "other/apps.toml"} <= server.files().keys()


@pytest.mark.parametrize("link", ["teams", "teams/audit"])
def test_registry_files_below_a_link_are_refused_by_name(
    server: Remote, workloads: Run, tmp_path: Path, link: str
) -> None:
    clone = tmp_path / "clone"
    _run_clone(server.url, clone)
    git(clone, "mv", link, "moved")
    (clone / link).symlink_to(clone / "moved")
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "-m", "link")
    git(clone, "push", "--quiet")
    before = server.head()
    edited = clone / "teams/audit/apps.toml"
    edited.write_text(edited.read_text() + "labels = { tier = '1' }\n")
    for args in (("publish",), ("promote", "audit", "--to", "test", "--publish")):
        done = workloads(*args, cwd=clone)
        assert (done.code, server.head()) == (4, before)
        assert f"leads through the link {link}, and Git has no files below a link" in done.err


def test_a_registry_that_is_a_link_is_published_by_its_own_name(server: Remote, workloads: Run, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    _run_clone(server.url, clone)
    git(clone, "mv", "apps.toml", "registry.toml")
    (clone / "apps.toml").symlink_to("registry.toml")
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "-m", "link")
    git(clone, "push", "--quiet")
    done = workloads("publish", cwd=clone)
    assert done.code == 4
    assert "--registry FILE" in done.err
    assert workloads("publish", "--registry", "registry.toml", cwd=clone).code == 0
