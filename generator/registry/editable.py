"""A registry together with the source text of its files, for edits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Concatenate, ParamSpec

from generator.argocd.revisions import CONTENT_ID_PATTERN
from generator.cache import ResultCache
from generator.errors import Problem, RegistryError
from generator.registry.files import MemoryFiles, RegistryFiles
from generator.registry.promotion_lists import ListEntry, read_entries, remove_entry, set_entries
from generator.registry.reader import build_registry, read_declarations
from generator.registry.registry import Registry
from generator.toml import edit
from generator.toml.array import edit_list
from generator.toml.data import list_leaves, value_at
from generator.toml.document import Document, KeyPath, format_key_path, parse_document
from generator.toml.write import format_value, quote_toml_string

_Arguments = ParamSpec("_Arguments")


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

    def find_entry(self, environment: str, app: str) -> ListEntry | None:
        """The app's entry as written in the environment's promotion list; None if it is not listed there."""
        name = self.entry_files.get((environment, app))
        if name is None:
            return None
        if (name, environment) not in self._entries_by_list:
            self._entries_by_list[name, environment] = read_entries(self.documents[name], environment)
        return self._entries_by_list[name, environment].get(app)

    @cached_property
    def _entries_by_list(self) -> dict[tuple[str, str], Mapping[str, ListEntry]]:
        return {}

    def pinned_tag(self, environment: str, app: str) -> str:
        """The tag noted beside an entry's commit pin; "" if there is no tag or the pin is not a commit."""
        listing = self.registry.find_listing(environment, app)
        # Only a commit pin has a tag beside it; for any other entry, skip the text.
        item = (
            self.find_entry(environment, app) if listing and CONTENT_ID_PATTERN.fullmatch(listing.pin or "") else None
        )
        return item.tag_comment if item else ""

    def find_entry_file(self, environment: str, app: str) -> str:
        """The file whose promotion list has, or should get, the app's entry for an environment.

        A new entry goes into the app's own file if that file lists apps, else into the root file if it has the
        environment's list, else into a file that only has lists of the app's team.
        """
        listed = self.entry_files.get((environment, app))
        if listed:
            return listed
        own = self.app_files.get(app, self.root)
        if own != self.root and "environments" in self.documents[own].data:
            return own
        if self._has_list(self.root, environment):
            return self.root
        team = self.documents[own].data["apps"][app]["team"]
        for name, document in self.documents.items():
            if self._has_list(name, environment) and "apps" not in document.data:
                listed_apps = {other for (_, other), file in self.entry_files.items() if file == name}
                if {self.registry.apps[other]["team"] for other in listed_apps} == {team}:
                    return name
        return self.root

    def _has_list(self, file_name: str, environment: str) -> bool:
        return "apps" in self.documents[file_name].data.get("environments", {}).get(environment, {})

    def with_entries(self, environment: str, entries: list[ListEntry]) -> EditableRegistry:
        """The registry with `entries` set in the environment's promotion list; edits each file once."""
        by_file: dict[str, list[ListEntry]] = {}
        for entry in entries:
            by_file.setdefault(self.find_entry_file(environment, entry.app), []).append(entry)
        edited = self
        for name, entries_of_file in by_file.items():
            edited = edited._edited(name, set_entries, environment, entries_of_file)
        return edited

    def without_entry(self, environment: str, app: str) -> EditableRegistry:
        """Return the registry without an app's entry for an environment. Raises KeyError if it is not listed there."""
        return self._edited(self.entry_files[environment, app], remove_entry, environment, app)

    def with_note(self, environment: str, table: str, app: str, note: str | None) -> EditableRegistry:
        """The registry with a note for an app in an environment's `holds` or `retired` table; None removes it."""
        path = ("environments", environment, table, app)
        if note is None:
            return self._edited(self.root, edit.remove_value, path)
        return self._edited(self.root, edit.set_value, path, quote_toml_string(note))

    def with_setting(self, environment: str, key: str, value: str | int | None) -> EditableRegistry:
        """The registry with a string, number or boolean at a key of the environment; None removes the key."""
        path = ("environments", environment, key)
        if value is None:
            return self._edited(self.root, edit.remove_value, path, keep_table=True)
        literal = quote_toml_string(value) if isinstance(value, str) else str(value).lower()
        return self._edited(self.root, edit.set_value, path, literal)

    def with_app(self, app: str, values: Mapping[str, Any], file_name: str) -> EditableRegistry:
        """The registry with a new app in one file; its entries go into the same file."""
        after = self._edited(file_name, edit.add_table, ("apps", app), values)
        return replace(after, app_files={**self.app_files, app: file_name})

    def with_team(self, team: str) -> EditableRegistry:
        """The registry with a new team in the root file, which is granted nothing."""
        return self._edited(self.root, edit.add_table, ("teams", team), {"repositories": [], "namespaces": []})

    def with_environment(self, environment: str, values: Mapping[str, Any]) -> EditableRegistry:
        """The registry with a new environment in the root file, which lists no apps."""
        return self._edited(self.root, edit.add_table, ("environments", environment), {**values, "apps": []})

    def with_grant(self, team: str, key: str, value: str) -> EditableRegistry:
        """The registry with one more value in a list of a team's table in the root file."""
        return self.with_list(("teams", team, key), add=[value])

    def with_list(self, path: KeyPath, *, add: Sequence[str] = (), remove: Collection[str] = ()) -> EditableRegistry:
        """The registry with values added to and removed from a list in the root file; an emptied list is removed."""
        edited = self._edited(self.root, edit_list, path, add=add, remove=remove)
        is_empty = remove and not value_at(edited.documents[self.root].data, path)
        return edited._edited(self.root, edit.remove_value, path, keep_table=True) if is_empty else edited

    def with_table(self, path: KeyPath, values: Mapping[str, Any]) -> EditableRegistry:
        """The registry with a new table in the root file."""
        return self._edited(self.root, edit.add_table, path, values)

    def with_override(self, app: str, environment: str, values: Mapping[str, Any]) -> EditableRegistry:
        """The registry with fields that an app has of its own in an environment."""
        path = ("apps", app, "environments", environment)
        if environment not in self.documents[self.app_files[app]].data["apps"][app].get("environments", {}):
            return self._edited(self.app_files[app], edit.add_table, path, values)
        edited = self
        for inner, value in list_leaves(values):
            edited = edited._edited(self.app_files[app], edit.set_value, (*path, *inner), format_value(value))
        return edited

    def choose_app_file(self, team: str) -> str:
        """The file that holds most of a team's apps; the root file if the team has none."""
        known = self.registry.apps
        counts = Counter(file for app, file in self.app_files.items() if app in known and known[app]["team"] == team)
        return counts.most_common(1)[0][0] if counts else self.root

    def with_new_file(self, name: str, text: str) -> EditableRegistry:
        """The registry with one more file, which the root file includes."""
        document = parse_document(self._folder_prefix + name, text.encode())
        return replace(self, documents={**self.documents, name: document})

    @property
    def _folder_prefix(self) -> str:
        """What precedes the files' names in messages: their folder, or nothing."""
        return self.documents[self.root].name.removesuffix(self.root)

    def with_copied_app(self, app: str, new_name: str, namespace: str) -> EditableRegistry:
        """The registry with a copy of an app beside it, under a new name and with its own namespace."""
        file_name = self.app_files[app]
        after = self._edited(file_name, edit.copy_table, ("apps", app), new_name)
        after = after._edited(file_name, edit.set_value, ("apps", new_name, "namespace"), quote_toml_string(namespace))
        return replace(after, app_files={**self.app_files, new_name: file_name})

    def without_app(self, app: str) -> EditableRegistry:
        """The registry without an app's table and its subtables."""
        return self._edited(self.app_files[app], edit.remove_value, ("apps", app))

    def _edited(
        self,
        file_name: str,
        change: Callable[Concatenate[Document, _Arguments], Document],
        *arguments: _Arguments.args,
        **options: _Arguments.kwargs,
    ) -> EditableRegistry:
        """The registry with one file changed. Raises RegistryError if the file's layout cannot be edited."""
        # `app_files` and `entry_files` stay unchanged until the text is parsed again.
        document = self.documents[file_name]
        try:
            after = change(document, *arguments, **options)
        except edit.EditError as error:
            text = "cannot be edited in this layout: edit it by hand, or write the table with a [header]"
            key = format_key_path(error.path)
            problem = Problem(0, error.position.line, error.position.column, document.name, key, text, "WL2005")
            raise RegistryError([problem], document.name) from error
        if after.text == document.text:
            return self
        return replace(self, documents={**self.documents, file_name: after})

    def file_contents(self) -> dict[str, bytes]:
        """The content of every file by name."""
        return {name: document.text.encode() for name, document in self.documents.items()}

    def changed_files(self, original: EditableRegistry) -> dict[str, bytes]:
        """The content of every file that differs from `original`."""
        before = original.file_contents()
        return {name: data for name, data in self.file_contents().items() if before.get(name) != data}

    def revalidate(self, cache: ResultCache | None = None) -> EditableRegistry:
        """Validate the edited text. Raises RegistryError if an edit made it invalid."""
        folder = self._folder_prefix.rstrip("/") or "."
        files = MemoryFiles(self.file_contents())
        return read_editable_registry(files, self.root, folder, cache=cache, parsed=self.documents.values())


def read_editable_registry(
    files: RegistryFiles,
    root_name: str,
    display_folder: str = ".",
    *,
    allow_violations: bool = False,
    cache: ResultCache | None = None,
    parsed: Iterable[Document] = (),
) -> EditableRegistry:
    """Read the registry with root file `root_name` for edits. Raises what `read_registry_from` raises.

    `allow_violations` accepts violations of policy and tenancy, in a registry that is only compared with.
    """
    draft = read_declarations(files, root_name, display_folder, [] if allow_violations else None, cache, parsed)
    prefix = "" if display_folder == "." else f"{display_folder}/"
    entries = ((env, app, entry) for app, listed in draft.entries_by_app.items() for env, entry in listed.items())
    return EditableRegistry(
        registry=build_registry(draft),
        root=root_name,
        documents={document.name.removeprefix(prefix): document for document in draft.documents},
        app_files={app: declared.document.name.removeprefix(prefix) for app, declared in draft.apps.items()},
        entry_files={(env, app): entry.document.name.removeprefix(prefix) for env, app, entry in entries},
    )
