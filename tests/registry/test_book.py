"""Which file an edit goes into, and what is written of it."""

from __future__ import annotations

import pytest

from generator.errors import RegistryError
from generator.registry.book import Book, read_book
from generator.registry.edit import Placed
from generator.registry.files import Tree

ROOT = """\
version = 1
include = ["teams/*.toml", "lists/*.toml"]

[environments.dev]
apps = ["a"]

[environments.test]
promotesFrom = ["dev"]

[teams.one]
repositories = ["https://example.com/acme/"]
namespaces = ["a", "b", "c"]

[apps.a]
team = "one"
repoURL = "https://example.com/acme/a.git"
path = "x"
"""
APP = '[apps.NAME]\nteam = "one"\nrepoURL = "https://example.com/acme/a.git"\npath = "x"\nnamespace = "c"\n'
FILES = {
    "apps.toml": ROOT,
    "teams/b.toml": APP.replace("NAME", "b") + '\n[environments.dev]\napps = ["b"]\n',
    "teams/c.toml": APP.replace("NAME", "c"),
    "lists/test.toml": '[environments.test]\napps = ["a"]\n',
}


def tree(files: dict[str, str] = FILES) -> Tree:
    return Tree({name: text.encode() for name, text in files.items()})


def book(files: dict[str, str] = FILES) -> Book:
    return read_book(tree(files), "apps.toml")


@pytest.mark.parametrize(
    ("environment", "app", "file"),
    [
        ("dev", "a", "apps.toml"),  # It is listed there.
        ("dev", "b", "teams/b.toml"),
        ("test", "a", "lists/test.toml"),
        ("test", "b", "teams/b.toml"),  # Its own file lists apps.
        ("dev", "c", "apps.toml"),  # Its own file does not; the root has the environment's list.
        ("test", "c", "lists/test.toml"),  # The root does not, and a file of lists alone does.
    ],
)
def test_an_entry_belongs_into(environment: str, app: str, file: str) -> None:
    assert book().place(environment, app) == file


def test_a_batch_is_one_edit_of_each_file() -> None:
    before = book()
    after = before.with_entries("test", [Placed(app, "v1") for app in ("a", "b")])
    assert after.changes(before, tree()) == {
        "lists/test.toml": b'[environments.test]\napps = [\n  "a@v1",\n]\n',
        "teams/b.toml": (FILES["teams/b.toml"] + '\n[environments.test]\napps = [\n  "b@v1",\n]\n').encode(),
    }
    item = after.reread().item("test", "b")
    assert item is not None
    assert item.pin == "v1"


def test_an_edit_that_makes_the_registry_invalid_is_refused_when_it_is_read_again() -> None:
    with pytest.raises(RegistryError):
        book().with_entries("test", [Placed("c", None)]).reread()


@pytest.mark.parametrize("kept", [b"\r\n", b"\n"])
def test_line_ends_stay_as_they_are(kept: bytes) -> None:
    files = Tree({name: text.encode().replace(b"\n", kept) for name, text in FILES.items()})
    before = read_book(files, "apps.toml")
    (after,) = before.with_note("test", "holds", "a", "why").changes(before, files).values()
    assert after.replace(b"[environments.test.holds]" + kept + b'a = "why"' + kept + kept, b"") == files.read(
        "apps.toml"
    )


def test_mixed_line_ends_stay_each_on_its_line() -> None:
    mixed = {**{n: t.encode() for n, t in FILES.items()}, "apps.toml": ROOT.encode().replace(b"\n", b"\r\n", 5)}
    before = read_book(Tree(mixed), "apps.toml")
    (after,) = before.with_note("test", "holds", "a", "why").changes(before, Tree(mixed)).values()
    assert [line for line in mixed["apps.toml"].splitlines(True) if line not in after.splitlines(True)] == []
    assert after.count(b"\r\n") == 5


def test_a_note_and_an_entry_go_one_after_the_other() -> None:
    before = book()
    after = before.with_note("test", "retired", "a", "gone").reread().without_entry("test", "a")
    after = after.with_note("test", "retired", "a", None)
    assert after.changes(before, tree()) == {"lists/test.toml": b"[environments.test]\napps = []\n"}
