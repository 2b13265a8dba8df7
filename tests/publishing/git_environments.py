"""Every kind of checkout, and the exit code of every command in it: the table in docs/git-environments.md.

python -m tests.publishing.git_environments [NAME …]   run every command there, and write the table if all is as stated
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.git.remotes import Remote, git
from tests.workspace import REGISTRY, ROOT, Done, spawn

TABLE = ROOT / "docs" / "git-environments.md"
HIDDEN_FILE = "teams/audit/apps.toml"
#: The URL that settings of Git lead to the server.
ALIAS = "acme:workloads"
COMMANDS = {
    "check": ("check",),
    "check --base": ("check", "--base", "HEAD~1"),
    "render": ("render", "--dry-run"),
    "diff": ("diff",),
    "diff --base": ("diff", "--base", "HEAD~1"),
    "status": ("status",),
    "history": ("history",),
    "metrics": ("metrics",),
    "codeowners": ("codeowners",),
    "site": ("site", "../site"),
    "publish": ("publish", "--dry-run"),
    "promote --publish": ("promote", "audit", "--to", "test", "--publish", "--dry-run"),
    "rollback": ("rollback", "billing", "--in", "test", "--dry-run"),
}
#: Prepares a checkout in a folder from the server at a URL.
Prepare = Callable[[str, Path], None]


@dataclass(frozen=True)
class Environment:
    """A kind of checkout; `codes` are the exit codes that are not 0.

    `variables` may name `{clone}`, `{url}` and `{folder}`, which has the clone. `place` is where commands run.
    """

    prepare: Prepare
    codes: Mapping[str, int] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    place: str = "."

    def expected(self, command: str) -> int:
        return self.codes.get(command, 0)

    def variables_for(self, url: str, clone: Path) -> dict[str, str]:
        return {name: text.format(clone=clone, url=url, folder=clone.parent) for name, text in self.variables.items()}


def clone(*options: str) -> Prepare:
    return lambda url, folder: run_clone(url, folder, *options)


def run_clone(url: str, folder: Path, *options: str) -> None:
    git(folder.parent, "clone", "--quiet", *options, url, str(folder))


def cloned(*commands: str, options: tuple[str, ...] = ()) -> Prepare:
    """A clone in which Git commands ran; `{url}` stands for the server."""

    def prepare(url: str, folder: Path) -> None:
        run_clone(url, folder, *options)
        for command in commands:
            git(folder, *(word.format(url=url, path=url.removeprefix("file://")) for word in command.split()))

    return prepare


def sparse(*folders: str, options: tuple[str, ...] = (), mode: str = "--cone") -> Prepare:
    return cloned(f"sparse-checkout set {mode} {' '.join(folders)}", options=("--sparse", *options))


def marked(flag: str) -> Prepare:
    def prepare(url: str, folder: Path) -> None:
        run_clone(url, folder)
        git(folder, "update-index", flag, HIDDEN_FILE)
        (folder / HIDDEN_FILE).unlink()

    return prepare


def without_index(url: str, folder: Path) -> None:
    run_clone(url, folder, "--no-checkout")
    for name in ("apps.toml", "teams/payments/apps.toml"):
        write(folder, name, git(folder, "show", f"HEAD:{name}") + "\n")


def merge_ref(*depth: str) -> Prepare:
    """What a forge's job checks out for a pull request."""

    def prepare(url: str, folder: Path) -> None:
        git(folder.parent, "init", "--quiet", str(folder))
        git(folder, "remote", "add", "origin", url)
        branches = () if depth else ("+refs/heads/*:refs/remotes/origin/*",)
        refs = ("+refs/pull/1/merge:refs/remotes/pull/1/merge", *branches)
        git(folder, "fetch", "--quiet", "--no-tags", *depth, "origin", *refs)
        git(folder, "checkout", "--quiet", "--force", "refs/remotes/pull/1/merge")

    return prepare


def worktree(url: str, folder: Path) -> None:
    run_clone(url, folder.parent / "main")
    git(folder.parent / "main", "worktree", "add", "--quiet", str(folder), "-b", "work", "origin/main")


def worktree_of_bare(url: str, folder: Path) -> None:
    bare = folder.parent / "bare"
    run_clone(url, bare, "--bare")
    git(bare, "config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
    git(bare, "fetch", "--quiet")
    git(bare, "worktree", "add", "--quiet", str(folder), "main")


def submodule(url: str, folder: Path) -> None:
    git(folder.parent, "init", "--quiet", str(folder))
    git(folder, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", url, "workloads")


def alternates(url: str, folder: Path) -> None:
    run_clone(url, folder.parent / "main")
    run_clone(str(folder.parent / "main"), folder, "--shared")
    git(folder, "remote", "set-url", "origin", url)
    git(folder, "fetch", "--quiet")


def include_if(url: str, folder: Path) -> None:
    cloned(f"config remote.origin.url {ALIAS}")(url, folder)
    (folder.parent / "extra").write_text(f'[url "{url}"]\n\tinsteadOf = {ALIAS}\n')
    (folder.parent / "gitconfig").write_text(
        f'[includeIf "gitdir:{folder}/"]\n\tpath = extra\n[user]\n\tname = Ada\n\temail = ada@example.org\n'
    )


def relative_helper(url: str, folder: Path) -> None:
    """`origin` and the program that connects to it are named relative to the checkout."""
    run_clone(url, folder)
    helper = folder / ".git" / "connect"
    helper.write_text('#!/bin/sh\nexec git-upload-pack "$@"\n')
    helper.chmod(0o755)
    git(folder, "config", "remote.origin.url", os.path.relpath(url.removeprefix("file://"), folder))
    git(folder, "config", "remote.origin.uploadpack", "./.git/connect")


def linked(url: str, folder: Path) -> None:
    run_clone(url, folder)
    git(folder, "mv", "apps.toml", "registry.toml")
    (folder / "apps.toml").symlink_to("registry.toml")
    _commit_all(folder, "link")


def moved(url: str, folder: Path) -> None:
    run_clone(url, folder)
    (folder / "gitops").mkdir()
    git(folder, "mv", "apps.toml", "teams", "multi-repo", "gitops")
    _commit_all(folder, "move")


def _commit_all(folder: Path, message: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", message)
    git(folder, "push", "--quiet")


def merging(url: str, folder: Path) -> None:
    cloned("switch --quiet -c other HEAD~1")(url, folder)
    write(folder, "notes.md", "notes\n")
    git(folder, "add", "notes.md")
    git(folder, "commit", "--quiet", "-m", "other")
    git(folder, "switch", "--quiet", "main")
    git(folder, "merge", "--quiet", "--no-commit", "--no-ff", "other")


def in_conflict(url: str, folder: Path) -> None:
    cloned("switch --quiet -c other HEAD~1")(url, folder)
    write(folder, "apps.toml", (folder / "apps.toml").read_text().replace("billing@v1.0.0", "billing@v9"))
    git(folder, "commit", "--quiet", "--all", "-m", "other")
    git(folder, "switch", "--quiet", "main")
    subprocess.run(["git", "merge", "--quiet", "other"], cwd=folder, capture_output=True, check=False)


def rebasing(url: str, folder: Path) -> None:
    run_clone(url, folder)
    git(folder, "-c", "sequence.editor=sed -i s/pick/edit/", "rebase", "--quiet", "-i", "HEAD~1")


def of_another_user(url: str, folder: Path) -> None:
    run_clone(url, folder)
    for path in (folder, *folder.rglob("*")):
        os.lchown(path, 12345, 12345)


_NO_CHARTS = dict.fromkeys(("check", "check --base", "render", "diff", "diff --base", "rollback"), 4)
_HISTORY = ("status", "history", "metrics", "site", "rollback")
_NO_OLD_FILES = dict.fromkeys(("check --base", "diff --base", *_HISTORY), 9)
_NO_PARENT = {"check --base": 2, "diff --base": 2}
_CUT_OFF = {**_NO_PARENT, "check": 6, "diff": 6, "rollback": 6}
_NO_REMOTE = {"publish": 2, "promote --publish": 2}
_ALIAS_SETTING = {
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "url.{url}.insteadOf",
    "GIT_CONFIG_VALUE_0": ALIAS,
}
_ANY_OWNER = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
ENVIRONMENTS: dict[str, Environment] = {
    "full clone": Environment(clone()),
    "sparse, cone": Environment(sparse("teams/payments", "multi-repo")),
    "sparse, cone, sparse index": Environment(sparse("--sparse-index", "teams/payments", "multi-repo")),
    "sparse, cone, no charts": Environment(sparse("teams/payments"), _NO_CHARTS),
    "sparse, patterns": Environment(sparse("/apps.toml", "/teams/payments/", "/multi-repo/", mode="--no-cone")),
    "sparse, some charts": Environment(
        sparse("/*", "!/teams/audit/", "!/multi-repo/argo-app-of-apps/test/", mode="--no-cone"), _NO_CHARTS
    ),
    "`skip-worktree`": Environment(marked("--skip-worktree")),
    "`assume-unchanged`": Environment(marked("--assume-unchanged")),
    "`--no-checkout`": Environment(without_index, _NO_CHARTS),
    "`--filter=blob:none`": Environment(clone("--filter=blob:none"), _NO_OLD_FILES),
    "`--filter=blob:none`, sparse": Environment(
        sparse("teams/payments", "multi-repo", options=("--filter=blob:none",)),
        {**dict.fromkeys(COMMANDS, 3), "history": 9, "publish": 0, "promote --publish": 0},
    ),
    "`--filter=tree:0`": Environment(clone("--filter=tree:0"), _NO_OLD_FILES),
    "`--depth=1`": Environment(clone("--depth=1"), {**_NO_PARENT, "rollback": 6}),
    "`--depth=1` of another branch": Environment(clone("--depth=1", "--branch=feature"), _CUT_OFF),
    "`--single-branch` of another branch": Environment(clone("--single-branch", "--branch=feature"), {"diff": 2}),
    "merge ref, all history": Environment(merge_ref()),
    "merge ref, `--depth=2`": Environment(merge_ref("--depth=2"), {"rollback": 6}),
    "merge ref, `--depth=1`": Environment(merge_ref("--depth=1"), _CUT_OFF),
    "detached": Environment(cloned("checkout --quiet --detach")),
    "detached at the first commit": Environment(cloned("checkout --quiet HEAD~1"), {**_NO_PARENT, "rollback": 2}),
    "branch without commits": Environment(
        cloned("checkout --quiet --orphan new"), {**_NO_PARENT, "publish": 2, "rollback": 2}
    ),
    "no `refs/remotes/origin`": Environment(cloned("update-ref -d refs/remotes/origin/main"), {"diff": 2}),
    "linked worktree": Environment(worktree),
    "worktree of a bare repository": Environment(worktree_of_bare),
    "submodule": Environment(submodule, place="workloads"),
    "objects of another clone (alternates)": Environment(alternates),
    "merge in progress": Environment(merging),
    "merge with conflicts": Environment(in_conflict, dict.fromkeys(COMMANDS, 3)),
    "rebase in progress": Environment(rebasing),
    "`insteadOf`": Environment(
        cloned("config url.{url}.insteadOf " + ALIAS, f"config remote.origin.url {ALIAS}"),
    ),
    "`insteadOf` in `GIT_CONFIG_COUNT`": Environment(cloned(f"config remote.origin.url {ALIAS}"), {}, _ALIAS_SETTING),
    "`insteadOf` by `includeIf`": Environment(include_if, {}, {"GIT_CONFIG_GLOBAL": "{folder}/gitconfig"}),
    "relative remote and helper": Environment(relative_helper),
    "no remote": Environment(cloned("remote remove origin"), _NO_REMOTE),
    "remote with another name": Environment(clone("--origin", "upstream"), _NO_REMOTE),
    "files of another user": Environment(of_another_user, dict.fromkeys(COMMANDS, 9)),
    "the same with `safe.directory`": Environment(of_another_user, {}, _ANY_OWNER),
    "`core.autocrlf`": Environment(clone("--config", "core.autocrlf=true")),
    "`core.ignoreCase`": Environment(cloned("config core.ignoreCase true")),
    "`apps.toml` is a link": Environment(linked, {"publish": 4, "promote --publish": 4}),
    "registry moved into a folder": Environment(moved, place="gitops"),
    "index version 4": Environment(cloned("update-index --index-version 4")),
    "split index": Environment(cloned("update-index --split-index")),
    "`core.fsmonitor`": Environment(cloned("config core.fsmonitor /bin/false")),
    "packed refs and objects": Environment(cloned("pack-refs --all", "gc --quiet")),
    "replaced commits": Environment(cloned("replace --graft HEAD")),
    "a required filter": Environment(cloned("config filter.x.smudge false", "config filter.x.required true")),
    "`GIT_DIR`, `GIT_INDEX_FILE` elsewhere": Environment(
        clone(), {}, {"GIT_DIR": "/nowhere", "GIT_INDEX_FILE": "/nowhere"}
    ),
    "`core.worktree` elsewhere": Environment(cloned("config core.worktree /tmp")),
}


def make_server(folder: Path, run: Callable[..., Done]) -> Remote:
    """A registry whose apps are in files of their teams, with some history and a pull request's merge ref."""
    path, author = folder / "server.git", folder / "author"
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(path))
    git(path, "config", "uploadpack.allowFilter", "true")
    git(folder, "clone", "--quiet", f"file://{path}", str(author))
    head, tables = REGISTRY.split("[apps.billing]")
    head = head.replace("version = 1\n", 'version = 1\ninclude = ["teams/{team}/apps.toml"]\n')
    head = head.replace("# Who owns what.", '[teams.audit]\nowners = ["@acme/audit"]\n' + _AUDIT_GRANTS)
    write(author, "teams/payments/apps.toml", "[apps.billing]" + tables)
    write(author, HIDDEN_FILE, _AUDIT_APP)
    second = head.replace('  "billing",\n', '  "audit@v1",\n  "billing",\n', 1)
    for text in (head.replace("billing@v1.1.0", "billing@v1.0.0"), second):
        _commit_registry(author, text, run)
    git(author, "switch", "--quiet", "-c", "feature")
    _commit_registry(author, second.replace("billing@v1.0.0", "billing@v1.1.0"), run)
    git(author, "checkout", "--quiet", "--detach", "main")
    git(author, "merge", "--quiet", "--no-ff", "-m", "Merge pull request", "feature")
    git(author, "push", "--quiet", "origin", "main", "feature", "HEAD:refs/pull/1/merge")
    return Remote(path)


def _commit_registry(author: Path, text: str, run: Callable[..., Done]) -> None:
    write(author, "apps.toml", text)
    done = run("render", cwd=author)
    assert done.code == 0, done.err
    git(author, "add", "--all")
    git(author, "commit", "--quiet", "-m", "change")


_AUDIT_GRANTS = 'repositories = ["https://github.com/audit/"]\nnamespaces = ["audit"]\n'
_AUDIT_APP = '[apps.audit]\nteam = "audit"\nrepoURL = "https://github.com/audit/audit.git"\npath = "chart"\n'


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def run_row(server: Remote, name: str) -> dict[str, Done]:
    """Every command in one environment, each in a process of its own, with a copy of the server."""
    environment = ENVIRONMENTS[name]
    with tempfile.TemporaryDirectory() as place:
        copy, checkout = Path(place) / "server.git", Path(place) / "clone"
        shutil.copytree(server.path, copy)
        url = Remote(copy).url
        environment.prepare(url, checkout)
        variables = environment.variables_for(url, checkout)
        return {
            command: spawn(*args, cwd=checkout / environment.place, **variables) for command, args in COMMANDS.items()
        }


def format_table() -> str:
    """The table in Markdown, by the codes that `ENVIRONMENTS` states."""
    lines = [f"| checkout | {' | '.join(f'`{command}`' for command in COMMANDS)} |", f"|---{'|---' * len(COMMANDS)}|"]
    for name, environment in ENVIRONMENTS.items():
        lines.append(f"| {name} | {' | '.join(str(environment.expected(command)) for command in COMMANDS)} |")
    return "\n".join([_HEADING, *lines, ""])


_HEADING = """\
# Git environments

The exit code of every command in every kind of checkout. `python -m tests.publishing.git_environments` runs them all
and writes this page; the test suite runs some of them. The registry has two teams. Where a checkout leaves out or
ignores a file, it is the file of one team. `publish`, `promote` and `rollback` run with `--dry-run`.

Exit code 0 means that the result is complete. Otherwise the message names what is missing:

| code | what is missing |
|---|---|
| 2 | a commit, branch or remote |
| 3 | a registry file that can be read |
| 4 | files that are not checked out or cannot be published |
| 6 | history: the clone is shallow |
| 9 | old files, in a partial clone; or Git's trust in the repository (`safe.directory`) |

For what to do, see [publishing.md](publishing.md#in-every-kind-of-checkout).
"""


def main(names: list[str]) -> int:
    with tempfile.TemporaryDirectory() as place:
        home = Path(place) / "home"
        home.mkdir()
        (home / ".gitconfig").write_text(
            "[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"
        )
        for variable in [each for each in os.environ if each.startswith(("GIT_", "XDG_"))]:
            del os.environ[variable]
        os.environ |= {"HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"}
        server = make_server(Path(place), spawn)
        wrong = 0
        with ThreadPoolExecutor(2) as pool:
            for name, row in zip(names, pool.map(lambda name: run_row(server, name), names), strict=True):
                for line in _differences(name, row):
                    wrong += 1
                    sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"{len(names) * len(COMMANDS)} commands in {len(names)} checkouts, {wrong} not as stated\n")
    if not wrong and len(names) == len(ENVIRONMENTS):
        TABLE.write_text(format_table())
    return 1 if wrong else 0


def _differences(name: str, row: Mapping[str, Done]) -> Iterator[str]:
    for command, done in row.items():
        expected = ENVIRONMENTS[name].expected(command)
        if done.code != expected or "Traceback" in done.err:
            yield f"{name}: {command}: {done.code}, not {expected}: {done.err.strip()}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or [*ENVIRONMENTS]))
