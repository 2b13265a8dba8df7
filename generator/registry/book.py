"""A registry together with its text: which file says what, so that an edit finds its place."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from generator.registry import edit
from generator.registry.edit import Placed
from generator.registry.files import Files, Tree
from generator.registry.lists import Item
from generator.registry.memo import FORGETFUL, Memo
from generator.registry.read import read_draft, registry_of
from generator.registry.registry import Registry
from generator.registry.text import COMMIT
from generator.registry.toml import Document, Path, parse


@dataclass(frozen=True)
class Book:
    """A valid registry and its documents by file name below the root's folder.

    `app_files` says which file declares an app, `entry_files` which one lists (environment, app).
    """

    registry: Registry
    root: str
    documents: Mapping[str, Document]
    app_files: Mapping[str, str]
    entry_files: Mapping[tuple[str, str], str]

    def item(self, environment: str, app: str) -> Item | None:
        """An app's entry in an environment's list as it stands in the text, None where it is not listed there."""
        name = self.entry_files.get((environment, app))
        return None if name is None else self._items(name, environment).get(app)

    def _items(self, name: str, environment: str) -> Mapping[str, Item]:
        """The entries of one file's list, looked for in the text when one of them is asked for."""
        if (name, environment) not in self._lists_read:
            listing = edit.entry_list(self.documents[name], environment)
            self._lists_read[name, environment] = {item.app: item for item in listing.items} if listing else {}
        return self._lists_read[name, environment]

    @cached_property
    def _lists_read(self) -> dict[tuple[str, str], Mapping[str, Item]]:
        return {}

    def tag(self, environment: str, app: str) -> str:
        """The tag that the commit pin of an entry came from, "" where none is told or the entry has no such pin."""
        listing = self.registry.listing(environment, app)
        # Only a commit has a tag beside it: where there is none, the text need not be looked into.
        item = self.item(environment, app) if listing and COMMIT.fullmatch(listing.pin or "") else None
        return item.tag if item else ""

    def place(self, environment: str, app: str) -> str:
        """The file whose list an app's entry in an environment is in, or belongs into.

        Its own file where that lists apps at all, else the root where it has the environment's list, else a file
        of lists alone.
        """
        listed = self.entry_files.get((environment, app))
        if listed:
            return listed
        own = self.app_files.get(app, self.root)
        if own != self.root and "environments" in self.documents[own].data:
            return own
        if self._lists(self.root, environment):
            return self.root
        shared = [name for name in self.documents if self._lists(name, environment) and not self._declares(name)]
        return next(iter(shared), self.root)

    def _lists(self, name: str, environment: str) -> bool:
        return "apps" in self.documents[name].data.get("environments", {}).get(environment, {})

    def _declares(self, name: str) -> bool:
        return "apps" in self.documents[name].data

    def with_entries(self, environment: str, entries: list[Placed]) -> Book:
        """The book with `entries` in the environment's list: one edit of each file that has them."""
        by_file: dict[str, list[Placed]] = {}
        for entry in entries:
            by_file.setdefault(self.place(environment, entry.app), []).append(entry)
        book = self
        for name, mine in by_file.items():
            book = book._with(name, edit.set_entries(book.documents[name], environment, mine))
        return book

    def without_entry(self, environment: str, app: str) -> Book:
        """The book without `app` in the environment's list."""
        name = self.entry_files[environment, app]
        return self._with(name, edit.remove_entry(self.documents[name], environment, app))

    def with_note(self, environment: str, table: str, app: str, text: str | None) -> Book:
        """The book with `text` for an app in a table of the environment (`holds`, `retired`); None takes it away."""
        return self._with_value(("environments", environment, table), app, text)

    def with_setting(self, environment: str, key: str, value: str | int | None) -> Book:
        """The book with a string, number or boolean at a key of the environment; None takes it away."""
        return self._with_value(("environments", environment), key, value, keep=True)

    def _with_value(self, table: Path, key: str, value: str | int | None, *, keep: bool = False) -> Book:
        root = self.documents[self.root]
        if value is None:
            return self._with(self.root, edit.remove_value(root, table, key, keep=keep))
        return self._with(self.root, edit.set_value(root, table, key, value))

    def with_app(self, app: str, values: Mapping[str, str], name: str) -> Book:
        """The book with a new app of string values in the file `name`; its entries belong into the same file."""
        after = self._with(name, edit.add_app(self.documents[name], app, values))
        return replace(after, app_files={**self.app_files, app: name})

    def with_block(self, app: str, block: str, name: str) -> Book:
        """The book with the tables of a new app, as text, in the file `name`."""
        after = self._with(name, edit.add_tables(self.documents[name].text, app, block))
        return replace(after, app_files={**self.app_files, app: name})

    def without_table(self, path: Path, name: str) -> Book:
        """The book without a table, and those below it, in the file `name`."""
        return self._with(name, edit.remove_table(self.documents[name].text, path))

    def _with(self, name: str, text: str) -> Book:
        # Where things are declared stays as it was: what an edit adds is found when the book is read again.
        document = self.documents[name]
        if text == document.text:
            return self
        return replace(self, documents={**self.documents, name: parse(document.name, text.encode())})

    def texts(self) -> dict[str, bytes]:
        """Every file as bytes, with \\n for every line end."""
        return {name: document.text.encode() for name, document in self.documents.items()}

    def changes(self, before: Book, files: Files) -> dict[str, bytes]:
        """The bytes of every file that differs from `before`, with the line ends that it has in `files`."""
        changed = [name for name, now in self.documents.items() if before.documents[name].text != now.text]
        return {name: _with_ends(self.documents[name].text, files.read(name) or b"") for name in changed}

    def reread(self, memo: Memo = FORGETFUL) -> Book:
        """The book as it reads now. Raises RegistryError where an edit made it invalid."""
        return read_book(Tree(self.texts()), self.root, self._shown_below, memo)

    @property
    def _shown_below(self) -> str:
        return self.documents[self.root].name.removesuffix(self.root).rstrip("/") or "."


def read_book(files: Files, name: str, shown_below: str = ".", memo: Memo = FORGETFUL) -> Book:
    """The book whose root is the file `name`. Raises what `read_from` does."""
    draft = read_draft(files, name, shown_below, memo)
    prefix = "" if shown_below == "." else f"{shown_below}/"
    documents = {document.name.removeprefix(prefix): document for document in draft.documents}
    return Book(
        registry=registry_of(draft),
        root=name,
        documents=documents,
        app_files={app: declared.document.name.removeprefix(prefix) for app, declared in draft.apps.items()},
        entry_files={
            (env, app): entry.document.name.removeprefix(prefix)
            for app, entries in draft.runs_in.items()
            for env, entry in entries.items()
        },
    )


def _with_ends(text: str, like: bytes) -> bytes:
    """`text` with the line ends of `like`; where that has both kinds, each line that stays keeps its own."""
    data, windows = text.encode(), like.count(b"\r\n")
    if not windows:
        return data
    if windows == like.count(b"\n"):
        return data.replace(b"\n", b"\r\n")
    old, new = like.splitlines(keepends=True), data.splitlines(keepends=True)
    bare = [line.replace(b"\r\n", b"\n") for line in old]
    for block in difflib.SequenceMatcher(None, bare, new, autojunk=False).get_matching_blocks():
        new[block.b : block.b + block.size] = old[block.a : block.a + block.size]
    return b"".join(new)
