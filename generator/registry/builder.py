"""Collects what the registry files declare, and where, until the registry is complete."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from pydantic import BaseModel

from generator.argocd.strings import NAME_PATTERN, line_problem, quoted_excerpt
from generator.argocd.versions import major_minor
from generator.registry import registry
from generator.registry.effective import EffectiveApp
from generator.registry.findings import Finding
from generator.registry.model import AppFields, Environment, RootFile, Team
from generator.registry.normalize import find_rewrites
from generator.registry.problems import ProblemCollector, ValidatedTable, format_position, validate_table
from generator.registry.source_tables import Layer, set_values
from generator.registry.target_rules import hidden_children_note
from generator.toml.document import Document, KeyPath, TomlError, parse_document


class DeclaredEntry(NamedTuple):
    """One entry of a promotion list, and its place in the files."""

    document: Document
    path: KeyPath
    text: str
    listing: registry.Listing


class DeclaredApp(NamedTuple):
    """An app as declared in its file; `layer` leaves out the invalid values at `invalid_paths`."""

    document: Document
    layer: Layer
    invalid_paths: tuple[KeyPath, ...] = ()


class RegistryBuilder:
    """Collects declarations from the files. `declared_names` includes invalid declarations, which may have no table.

    `is_complete` is False if a file could not be read: an unknown name may then be declared in that file.
    Files whose text is that of a document in `parsed` are not parsed again. `effective_by_listing` holds the validated
    apps with all layers merged. `digest` is that of all files.
    """

    def __init__(self, parsed: Iterable[Document] = ()) -> None:
        self._parsed = {document.name: document for document in parsed}
        self.report = ProblemCollector()
        self.root: Document | None = None
        self.documents: list[Document] = []
        self.is_complete = True
        self.digest = ""
        self.settings = RootFile(version=2)
        self.defaults: Layer = {}
        sections = "environments", "teams", "projects", "apps"
        self.declared_names: dict[str, dict[str, Document]] = {section: {} for section in sections}
        self.environments: dict[str, Environment] = {}
        self.teams: dict[str, Team] = {}
        self.projects: dict[str, dict[str, Any]] = {}
        self.apps: dict[str, DeclaredApp] = {}
        self.entries_by_environment: dict[str, list[DeclaredEntry]] = defaultdict(list)
        self.entries_by_app: dict[str, dict[str, DeclaredEntry]] = defaultdict(dict)
        #: The team of each included file that belongs to one, by the name of its document.
        self.team_by_file: dict[str, str] = {}
        self.effective_by_listing: dict[tuple[str, registry.Listing], EffectiveApp] = {}
        self._built_environments: dict[str, registry.Environment] = {}

    def add_root_problem(self, path: KeyPath, code: str, text: str) -> None:
        """Report a problem with the root file's value at `path`."""
        if self.root is not None:
            self.report.add_value_problem(self.root, path, code, text)

    @property
    def newest_version(self) -> str:
        """The newest Argo CD: a field that only some have is validated again for each environment."""
        return max((one.version for one in self.settings.argocd.list_instances()), key=major_minor)

    def parse(self, name: str, raw: bytes) -> Document | None:
        """Parse a file; report its syntax errors, and return None if there are any."""
        self.report.file_order(name)
        known = self._parsed.get(name)
        if known is not None and known.text.encode() == raw:
            return known
        try:
            return parse_document(name, raw)
        except TomlError as error:
            self.report.add_syntax_errors(name, error)
            return None

    def validate_table(self, document: Document, path: KeyPath, model: type[BaseModel], raw: Any) -> ValidatedTable:
        """Validate a table as a model, for the registry's version of Argo CD; report and leave out invalid parts."""
        interpolate = self.settings.interpolate and issubclass(model, AppFields)
        version = self.newest_version
        return validate_table(self.report, document, path, model, raw, version, interpolate=interpolate)

    def declare(self, document: Document, section: str, name: str, shaped: ValidatedTable, raw: Any) -> None:
        """Add a named table of the root file."""
        if section == "apps":
            self.declare_app(document, name, shaped)
            return
        self.declared_names[section][name] = document
        if section == "environments":
            # Also for an invalid environment, so that its apps are not reported as missing elsewhere.
            self.add_list_entries(document, name, raw)
        if shaped.table is None:
            return
        if section == "environments":
            self.environments[name] = shaped.table
        elif section == "teams":
            self.teams[name] = shaped.table
        else:
            self.projects[name] = dict(shaped.data)
            note = hidden_children_note(shaped.data, self.newest_version)
            if note:
                self.report.add_note(document, ("projects", name, "namespaceResourceWhitelist"), note)

    def declare_app(self, document: Document, name: str, shaped: ValidatedTable) -> None:
        """Add an app; report a problem if its name is already declared."""
        first = self.declared_names["apps"].setdefault(name, document)
        if first is not document:
            where = format_position(first, first.key_position(("apps", name)))
            text = f"defined twice: first in {where}; keep one of them"
            self.report.add_key_problem(document, ("apps", name), "WL2108", text)
        elif shaped.table is not None:
            # The name of an app is also its default namespace and project.
            also: tuple[KeyPath, ...] = () if NAME_PATTERN.fullmatch(name) else (("namespace",), ("project",))
            layer = self.normalize(document, ("apps", name), shaped.data)
            self.apps[name] = DeclaredApp(document, layer, shaped.invalid_paths + also)

    def normalize(self, document: Document, at: KeyPath, layer: Layer) -> Layer:
        """A layer as it reaches Argo CD; notes what is written differently there."""
        rewrites = list(find_rewrites(layer))
        for path, _, note in rewrites:
            if note:
                self.report.add_note(document, (*at, *path), note)
        return set_values(layer, ((path, value) for path, value, _ in rewrites))

    def add_list_entries(self, document: Document, environment: str, table: Any) -> None:
        """Add the valid entries of an environment's promotion list in one file."""
        entries = table.get("apps") if isinstance(table, dict) else None
        for index, text in enumerate(entries if isinstance(entries, list) else ()):
            if isinstance(text, str) and not line_problem(text):
                listing = registry.Listing.parse_entry(text)
                entry = DeclaredEntry(document, ("environments", environment, "apps", index), text, listing)
                self.entries_by_environment[environment].append(entry)
                self.entries_by_app[listing.app].setdefault(environment, entry)

    def build_environment(self, name: str) -> registry.Environment:
        """Build an environment of the registry. Call this only after every file has been read."""
        if name not in self._built_environments:
            table, entries = self.environments[name], self.entries_by_environment[name]
            self._built_environments[name] = registry.Environment(
                name=name,
                server=table.server,
                cluster=table.cluster,
                argocd=table.argocd or name,
                argocd_settings=self.settings.argocd.find_instance(table.argocd or name),
                name_suffix=table.name_suffix,
                labels=table.labels,
                create_projects=table.create_projects,
                promotes_from=tuple(table.promotes_from),
                policy=table.policy,
                holds=table.holds,
                retired=table.retired,
                listings=tuple(entry.listing for entry in entries),
                shards=table.shards,
                facts=table.facts,
                hand_over=tuple(table.hand_over) if isinstance(table.hand_over, list) else table.hand_over,
            )
        return self._built_environments[name]

    def check_app_owner(self, document: Document, name: str) -> None:
        """Report an app of another team than the one that the included file belongs to."""
        team, app = self.team_by_file.get(document.name), self.apps.get(name)
        if team and app and app.document is document and app.layer["team"] != team:
            text = f'{quoted_excerpt(app.layer["team"])} in a file of team "{team}": move the app to a file of its team'
            self.report.add_value_problem(document, ("apps", name, "team"), "WL3207", text)

    def add_entry_problem(self, app: str, environment: str, code: str, text: str) -> None:
        """Report a problem with an app's entry in an environment's promotion list."""
        entry = self.entries_by_app[app][environment]
        self.report.add_problem_at_path(entry.document, entry.path, code, text)

    def add_finding(self, app: str, environment: str, finding: Finding) -> None:
        """Report a problem of an effective app where the best matching layer sets the value."""
        document, layer, _ = self.apps[app]
        own: KeyPath = ("apps", app)
        overrides = layer.get("environments", {}).get(environment, {})
        layers = [(document, (*own, "environments", environment), overrides), (document, own, layer)]
        if self.root is not None:
            layers.append((self.root, ("defaults",), self.defaults))
        depths = [_matching_depth(values, finding.path) for _, _, values in layers]
        best, at, _ = layers[depths.index(max(depths))] if any(depths) else (document, own, layer)
        self.report.add_value_problem(best, at + finding.path, finding.code, finding.text)


def _matching_depth(value: Any, path: KeyPath) -> int:
    """The number of leading parts of `path` that exist in `value`."""
    for count, part in enumerate(path):
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return count
    return len(path)
