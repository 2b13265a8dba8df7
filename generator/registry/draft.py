"""A registry that is still being read: what each file declares, and where."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

from generator.registry import registry
from generator.registry.effective import EffectiveApp, Layer
from generator.registry.model import Environment, RootFile, Team
from generator.registry.report import Report
from generator.registry.shape import Shaped
from generator.registry.text import NAME, line_problem
from generator.registry.toml import Document, Path


class Entry(NamedTuple):
    """One entry of a promotion list, and where it stands."""

    document: Document
    path: Path
    text: str
    listing: registry.Listing


class DeclaredApp(NamedTuple):
    """An app as its file has it; `refused` are the paths in its table that are left out of `layer`."""

    document: Document
    layer: Layer
    refused: tuple[Path, ...] = ()


class Draft:
    """Everything read so far. What failed its own checks is named in `names`, but may have no table.

    `complete` is False where a file could not be read: what is not known may then be in there. `merged` are the apps
    that were judged, as they run.
    """

    def __init__(self, report: Report) -> None:
        self.report = report
        self.root: Document | None = None
        self.documents: list[Document] = []
        self.complete = True
        self.settings = RootFile(version=1)
        self.defaults: Layer = {}
        self.names: dict[str, dict[str, Document]] = {"environments": {}, "teams": {}, "projects": {}, "apps": {}}
        self.environments: dict[str, Environment] = {}
        self.teams: dict[str, Team] = {}
        self.projects: dict[str, dict[str, Any]] = {}
        self.apps: dict[str, DeclaredApp] = {}
        self.entries: dict[str, list[Entry]] = defaultdict(list)
        self.runs_in: dict[str, dict[str, Entry]] = defaultdict(dict)
        self.teams_of: dict[str, str] = {}
        self.merged: dict[tuple[str, registry.Listing], EffectiveApp] = {}
        self._finished: dict[str, registry.Environment] = {}

    def complain(self, path: Path, text: str, *, refused: bool = False) -> None:
        """A problem of the root file's value at `path`."""
        if self.root is not None:
            self.report.value(self.root, path, text, refused=refused)

    def declare_app(self, document: Document, name: str, shaped: Shaped) -> None:
        """Note an app; a second one of the same name is a problem."""
        first = self.names["apps"].setdefault(name, document)
        if first is not document:
            place = first.key_position(("apps", name))
            self.report.key(
                document,
                ("apps", name),
                f"defined twice: first in {first.name}:{place.line}:{place.column}; keep one of them",
            )
        elif shaped.table is not None:
            # What an app calls itself is also its namespace and its project.
            also: tuple[Path, ...] = () if NAME.fullmatch(name) else (("namespace",), ("project",))
            self.apps[name] = DeclaredApp(document, shaped.data, shaped.refused + also)

    def list_apps(self, document: Document, environment: str, table: Any) -> None:
        """Add a file's part of an environment's promotion list, as far as it is one."""
        entries = table.get("apps") if isinstance(table, dict) else None
        for index, text in enumerate(entries if isinstance(entries, list) else ()):
            if isinstance(text, str) and not line_problem(text):
                listing = registry.Listing.parse(text)
                entry = Entry(document, ("environments", environment, "apps", index), text, listing)
                self.entries[environment].append(entry)
                self.runs_in[listing.app].setdefault(environment, entry)

    def finished(self, name: str) -> registry.Environment:
        """An environment as the registry will have it; asked for only when every file has been read."""
        if name not in self._finished:
            self._finished[name] = _finish(name, self.environments[name], self.entries[name])
        return self._finished[name]

    def one_team(self, document: Document) -> None:
        """An included file holds, and lists, the apps of one team, so that one owner can be given to the file."""
        first = ""
        for name in _names(document):
            app = self.apps.get(name)
            if app is None or app.document is not document:
                continue
            team = app.layer["team"]
            first = first or team
            if team != first:
                text = f'"{team}" in a file of team "{first}": a file has one team\'s apps'
                self.report.value(document, ("apps", name, "team"), text)
        self.teams_of[document.name] = first

    def locate(self, app: str, environment: str, path: Path) -> tuple[Document, Path]:
        """Where a merged app's value at `path` was written: the narrowest layer that says the most of it."""
        document, layer, _ = self.apps[app]
        own: list[tuple[Document, Path, Any]] = [
            (document, ("apps", app, "environments", environment), layer.get("environments", {}).get(environment, {})),
            (document, ("apps", app), layer),
        ]
        if self.root is not None:
            own.append((self.root, ("defaults",), self.defaults))
        best = max(own, key=lambda place: _depth(place[2], path))
        return (best[0], best[1] + path) if _depth(best[2], path) else (document, ("apps", app, *path))


def _finish(name: str, table: Environment, entries: list[Entry]) -> registry.Environment:
    return registry.Environment(
        name=name,
        server=table.server,
        cluster=table.cluster,
        argocd=table.argocd or name,
        name_suffix=table.name_suffix,
        labels=table.labels,
        create_projects=table.create_projects,
        promotes_from=tuple(table.promotes_from),
        policy=table.policy,
        holds=table.holds,
        retired=table.retired,
        listings=tuple(entry.listing for entry in entries),
        shards=table.shards,
        hand_over=tuple(table.hand_over) if isinstance(table.hand_over, list) else table.hand_over,
    )


def _names(document: Document) -> list[str]:
    apps = document.data.get("apps", {})
    return list(apps) if isinstance(apps, dict) else []


def _depth(value: Any, path: Path) -> int:
    """How many parts of `path` there are below `value`."""
    for count, part in enumerate(path):
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return count
    return len(path)
