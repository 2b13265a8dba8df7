"""A registry together with the source text of its files, for edits."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from generator.argocd.strings import COMMIT_PATTERN
from generator.registry import text_edits as edit
from generator.registry.files import MemoryFiles, RegistryFiles
from generator.registry.promotion_lists import WrittenEntry
from generator.registry.reader import build_registry, read_declarations
from generator.registry.registry import Registry
from generator.registry.text_edits import EntryEdit
from generator.toml.document import Document, KeyPath, parse_document


@dataclass(frozen=True)
class EditableRegistry:
    """A valid registry and its TOML documents, by file name relative to the root file's folder.

    `app_files` says which file declares an app, `entry_files` which one lists (environment, app).
    """

    registry: Registry
    root: str
    documents: Mapping[str, Document]
    app_files: Mapping[str, str]
    entry_files: Mapping[tuple[str, str], str]

    def find_entry(self, environment: str, app: str) -> WrittenEntry | None:
        """The app's entry as written in the environment's promotion list; None if it is not listed there."""
        name = self.entry_files.get((environment, app))
        return None if name is None else self._entries_by_app(name, environment).get(app)

    def _entries_by_app(self, file_name: str, environment: str) -> Mapping[str, WrittenEntry]:
        """The entries of one file's promotion list by app, parsed on first use."""
        if (file_name, environment) not in self._entries_cache:
            listing = edit.find_entry_list(self.documents[file_name], environment)
            self._entries_cache[file_name, environment] = (
                {item.app_name: item for item in listing.entries} if listing else {}
            )
        return self._entries_cache[file_name, environment]

    @cached_property
    def _entries_cache(self) -> dict[tuple[str, str], Mapping[str, WrittenEntry]]:
        return {}

    def pinned_tag(self, environment: str, app: str) -> str:
        """The tag noted beside an entry's commit pin; "" if there is no tag or the pin is not a commit."""
        listing = self.registry.find_listing(environment, app)
        # Only a commit pin has a tag beside it; for any other entry, skip the text.
        item = self.find_entry(environment, app) if listing and COMMIT_PATTERN.fullmatch(listing.pin or "") else None
        return item.tag_comment if item else ""

    def find_entry_file(self, environment: str, app: str) -> str:
        """The file whose promotion list has, or should get, the app's entry for an environment.

        A new entry goes into the app's own file if that file lists apps, else into the root file if it has the
        environment's list, else into a file that only has lists.
        """
        listed = self.entry_files.get((environment, app))
        if listed:
            return listed
        own = self.app_files.get(app, self.root)
        if own != self.root and "environments" in self.documents[own].data:
            return own
        if self._has_list(self.root, environment):
            return self.root
        shared = [
            name for name in self.documents if self._has_list(name, environment) and not self._declares_apps(name)
        ]
        return next(iter(shared), self.root)

    def _has_list(self, file_name: str, environment: str) -> bool:
        return "apps" in self.documents[file_name].data.get("environments", {}).get(environment, {})

    def _declares_apps(self, file_name: str) -> bool:
        return "apps" in self.documents[file_name].data

    def with_entries(self, environment: str, entries: list[EntryEdit]) -> EditableRegistry:
        """The registry with `entries` set in the environment's promotion list; edits each file once."""
        by_file: dict[str, list[EntryEdit]] = {}
        for entry in entries:
            by_file.setdefault(self.find_entry_file(environment, entry.app), []).append(entry)
        book = self
        for name, mine in by_file.items():
            book = book._with_text(name, edit.set_entries(book.documents[name], environment, mine))
        return book

    def without_entry(self, environment: str, app: str) -> EditableRegistry:
        """The registry without `app` in the environment's promotion list."""
        name = self.entry_files[environment, app]
        return self._with_text(name, edit.remove_entry(self.documents[name], environment, app))

    def with_note(self, environment: str, table: str, app: str, note: str | None) -> EditableRegistry:
        """The registry with a note for an app in an environment's `holds` or `retired` table; None removes it."""
        return self._with_root_value(("environments", environment, table), app, note)

    def with_setting(self, environment: str, key: str, value: str | int | None) -> EditableRegistry:
        """The registry with a string, number or boolean at a key of the environment; None removes the key."""
        return self._with_root_value(("environments", environment), key, value, keep_table=True)

    def _with_root_value(
        self, table: KeyPath, key: str, value: str | int | None, *, keep_table: bool = False
    ) -> EditableRegistry:
        root = self.documents[self.root]
        if value is None:
            return self._with_text(self.root, edit.remove_value(root, table, key, keep_table=keep_table))
        return self._with_text(self.root, edit.set_value(root, table, key, value))

    def with_app(self, app: str, values: Mapping[str, str], file_name: str) -> EditableRegistry:
        """The registry with a new app, made of string values, in one file; its entries go into the same file."""
        after = self._with_text(file_name, edit.add_app_table(self.documents[file_name], app, values))
        return replace(after, app_files={**self.app_files, app: file_name})

    def with_app_tables(self, app: str, block: str, file_name: str) -> EditableRegistry:
        """The registry with the TOML tables of a new app added to one file."""
        after = self._with_text(file_name, edit.add_app_tables(self.documents[file_name].text, app, block))
        return replace(after, app_files={**self.app_files, app: file_name})

    def without_table(self, path: KeyPath, file_name: str) -> EditableRegistry:
        """The registry without a table and its subtables in one file."""
        return self._with_text(file_name, edit.remove_table(self.documents[file_name].text, path))

    def _with_text(self, file_name: str, text: str) -> EditableRegistry:
        # `app_files` and `entry_files` stay unchanged until the text is parsed again.
        document = self.documents[file_name]
        if text == document.text:
            return self
        return replace(self, documents={**self.documents, file_name: parse_document(document.name, text.encode())})

    def file_contents(self) -> dict[str, bytes]:
        """The content of every file by name, with LF line endings."""
        return {name: document.text.encode() for name, document in self.documents.items()}

    def changed_files(self, original: EditableRegistry, files: RegistryFiles) -> dict[str, bytes]:
        """The content of every file that differs from `original`, with the line endings that it has in `files`."""
        changed = [name for name, now in self.documents.items() if original.documents[name].text != now.text]
        return {
            name: _restore_line_endings(self.documents[name].text, files.read_bytes(name) or b"") for name in changed
        }

    def revalidate(self) -> EditableRegistry:
        """Parse and validate the edited text. Raises RegistryError if an edit made it invalid."""
        return read_editable_registry(MemoryFiles(self.file_contents()), self.root, self._display_folder)

    @property
    def _display_folder(self) -> str:
        return self.documents[self.root].name.removesuffix(self.root).rstrip("/") or "."


def read_editable_registry(files: RegistryFiles, root_name: str, display_folder: str = ".") -> EditableRegistry:
    """Read the registry with root file `root_name` for edits. Raises what `read_registry_from` raises."""
    draft = read_declarations(files, root_name, display_folder)
    prefix = "" if display_folder == "." else f"{display_folder}/"
    documents = {document.name.removeprefix(prefix): document for document in draft.documents}
    return EditableRegistry(
        registry=build_registry(draft),
        root=root_name,
        documents=documents,
        app_files={app: declared.document.name.removeprefix(prefix) for app, declared in draft.apps.items()},
        entry_files={
            (env, app): entry.document.name.removeprefix(prefix)
            for app, entries in draft.entries_by_app.items()
            for env, entry in entries.items()
        },
    )


def _restore_line_endings(text: str, original: bytes) -> bytes:
    """`text` with the line endings of `original`; if those are mixed, unchanged lines keep their own."""
    data, windows = text.encode(), original.count(b"\r\n")
    if not windows:
        return data
    if windows == original.count(b"\n"):
        return data.replace(b"\n", b"\r\n")
    old, new = original.splitlines(keepends=True), data.splitlines(keepends=True)
    bare = [line.replace(b"\r\n", b"\n") for line in old]
    for block in difflib.SequenceMatcher(None, bare, new, autojunk=False).get_matching_blocks():
        new[block.b : block.b + block.size] = old[block.a : block.a + block.size]
    return b"".join(new)
