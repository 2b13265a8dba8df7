"""The tree of a commit with changes made is the one that git's own index comes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.git.commit_plan import FileChange
from generator.git.object_store import ObjectStore
from generator.git.runner import GitRunner
from tests.git.remotes import ADA, git

_FILES = {"a": "a", "b/c": "c", "b/d/e": "e", "run": "x", 'ü/ "quoted" \\back': "q"}
_CHANGES: tuple[dict[str, str | None], ...] = (
    {"b/c": "new"},
    {"b/d/e": None},  # the last file of its folder
    {"b/c": None, "b/d/e": None, "f/g/h": "h"},
    {"a": None, "a/now/a folder": "f"},
    {"b/c": None, "b/d/e": None, "b": "now a file"},
    {" leading and trailing ": "s", '"': "quote", "back\\slash": "b", "tab\there": "t", "ü/é": "u", "e\u0301": "n"},
    {'ü/ "quoted" \\back': None},
    {"nul": "\0\n\nblob\ndata 3\n", "empty": ""},
    {"run": "y"},
    dict.fromkeys(_FILES),
)


@pytest.mark.parametrize("kind", ["sha1", "sha256"])
@pytest.mark.parametrize("changes", _CHANGES, ids=[" ".join(changes) for changes in _CHANGES])
def test_a_tree_with_changes_is_what_the_index_makes_of_them(
    tmp_path: Path, kind: str, changes: dict[str, str | None]
) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "--template=", f"--object-format={kind}")
    first = _by_index(tmp_path, None, _FILES)
    base = git(tmp_path, "commit-tree", first, "-m", "first")
    found = _tree(tmp_path, base, changes)
    assert found == _by_index(tmp_path, first, changes)
    assert git(tmp_path, "for-each-ref") == ""
    assert [path.name for path in tmp_path.glob("fast_import*")] == []


def test_a_branch_that_is_not_there_yet_gets_a_tree_of_its_own(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "--template=")
    assert _tree(tmp_path, None, dict(_FILES)) == _by_index(tmp_path, None, _FILES)


def _tree(folder: Path, base: str | None, changes: dict[str, str | None]) -> str:
    store = ObjectStore(GitRunner(folder, variables={"GIT_DIR": "."}), folder)
    wanted = {
        path: FileChange("100755" if path == "run" else "100644", None if text is None else text.encode())
        for path, text in changes.items()
    }
    length = len(base) if base else 40
    commit = store.write_commit(base, wanted, "change", ADA, ADA, None, length)
    return git(folder, "rev-parse", f"{commit}^{{tree}}")


def _by_index(folder: Path, base: str | None, files: dict[str, str] | dict[str, str | None]) -> str:
    index = {"GIT_INDEX_FILE": str(folder / "other-index")}
    git(folder, "read-tree", base or "--empty", variables=index)
    null = "0" * len(base or "")
    lines = [f"0 {null}\t{path}\0" for path, text in files.items() if text is None]
    for path, text in files.items():
        if text is not None:
            blob = git(folder, "hash-object", "-w", "--stdin", stdin=text)
            lines.append(f"{'100755' if path == 'run' else '100644'} {blob}\t{path}\0")
    git(folder, "update-index", "-z", "--index-info", stdin="".join(lines), variables=index)
    return git(folder, "write-tree", variables=index)
