"""Which file an edit goes into, and what is written of it."""

from __future__ import annotations

import pytest

from generator.errors import RegistryError
from generator.registry.editable import EditableRegistry, read_editable_registry
from generator.registry.files import MemoryFiles
from generator.registry.promotion_lists import ListEntry

ROOT = """\
version = 1
include = ["teams/*.toml", "lists/*.toml"]

[environments.dev]
apps = ["a"]

[environments.test]
promotesFrom = ["dev"]

[teams.one]
files = ["teams/*.toml", "lists/*.toml"]
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


def tree(files: dict[str, str] = FILES) -> MemoryFiles:
    return MemoryFiles({name: text.encode() for name, text in files.items()})


def book(files: dict[str, str] = FILES) -> EditableRegistry:
    return read_editable_registry(tree(files), "apps.toml")


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
    assert book().find_entry_file(environment, app) == file


def test_a_batch_is_one_edit_of_each_file() -> None:
    before = book()
    after = before.with_entries("test", [ListEntry(app, "v1") for app in ("a", "b")])
    assert after.changed_files(before) == {
        "lists/test.toml": b'[environments.test]\napps = [\n  "a@v1",\n]\n',
        "teams/b.toml": (FILES["teams/b.toml"] + '\n[environments.test]\napps = [\n  "b@v1",\n]\n').encode(),
    }
    item = after.revalidate().find_entry("test", "b")
    assert item is not None
    assert item.pin == "v1"


def test_an_edit_that_makes_the_registry_invalid_is_refused_when_it_is_read_again() -> None:
    with pytest.raises(RegistryError):
        book().with_entries("test", [ListEntry("c", None)]).revalidate()


@pytest.mark.parametrize("kept", [b"\r\n", b"\n"])
def test_line_ends_stay_as_they_are(kept: bytes) -> None:
    files = MemoryFiles({name: text.encode().replace(b"\n", kept) for name, text in FILES.items()})
    before = read_editable_registry(files, "apps.toml")
    (after,) = before.with_note("test", "holds", "a", "why").changed_files(before).values()
    assert after.replace(b"[environments.test.holds]" + kept + b'a = "why"' + kept + kept, b"") == files.read_bytes(
        "apps.toml"
    )


def test_mixed_line_ends_stay_each_on_its_line() -> None:
    mixed = {**{n: t.encode() for n, t in FILES.items()}, "apps.toml": ROOT.encode().replace(b"\n", b"\r\n", 5)}
    before = read_editable_registry(MemoryFiles(mixed), "apps.toml")
    (after,) = before.with_note("test", "holds", "a", "why").changed_files(before).values()
    assert [line for line in mixed["apps.toml"].splitlines(True) if line not in after.splitlines(True)] == []
    assert after.count(b"\r\n") == 5


def test_a_note_and_an_entry_go_one_after_the_other() -> None:
    before = book()
    after = before.with_note("test", "retired", "a", "gone").revalidate().without_entry("test", "a")
    after = after.with_note("test", "retired", "a", None)
    assert after.changed_files(before) == {"lists/test.toml": b"[environments.test]\napps = []\n"}
