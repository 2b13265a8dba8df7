"""Reads from registry files of any age which revision each environment lists for each app. Pure.

A registry changes a few lines at a time, so a file is split at its table headers and each fragment of text is
parsed once, however many versions have it. If a fragment is not valid TOML (a header inside a string), the
whole file is parsed instead.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import tomli

from generator.promotion.fixed_sources import FixedSource, list_fixed_sources
from generator.registry.effective import (
    BUILT_IN_DEFAULTS,
    AppContext,
    build_base_layer,
    build_effective_app,
    merge_layers,
)
from generator.registry.files import TEAM_PLACEHOLDER

#: The revision of each listed app, by (environment, app).
ListedRevisions = Mapping[tuple[str, str], str]
#: The fixed sources of each listed app that has some, by (environment, app).
ListedFixedSources = Mapping[tuple[str, str], tuple[FixedSource, ...]]
#: The note of each hold, by (environment, app).
ListedHolds = Mapping[tuple[str, str], str]
_PIN_WITH_TAG = re.compile(
    r"""["']([a-z][-a-z0-9]*)@([0-9a-f]{40}|(?:sha256:)?[0-9a-f]{64})["'],?[ \t]*#[ \t]*([^\s;]+)[ \t]*(?:;|$)""", re.M
)
#: The fields of an app that decide which revision it runs without a pin; the last two only with `pins`.
_SOURCE_KEYS = ("sources", "sourceHydrator", "pins")
_REVISION_KEYS = ("targetRevision", *_SOURCE_KEYS, "helm", "kustomize")
#: Elements of `[[apps.x.sources]]`: the tables of one list, and so no fragments.
_SOURCE_ELEMENT = re.compile(r"^[ \t]*\[\[[^]\n]*\bsources\b", re.M)
_Layer = Mapping[str, Any]


@dataclass(frozen=True)
class _Fragment:
    """The lists and holds of one fragment of text, and its fields of apps and defaults that set the revision."""

    include_patterns: tuple[str, ...] = ()
    defaults: _Layer = field(default_factory=dict)
    apps: Mapping[str, _Layer] = field(default_factory=dict)
    entries_by_environment: Mapping[str, tuple[tuple[str, str | None], ...]] = field(default_factory=dict)
    holds: ListedHolds = field(default_factory=dict)


_NO_REVISIONS = _Fragment()


class RevisionReader:
    """Reads registry files of many versions; `fragments_by_blob` has None for a blob that is not valid TOML."""

    def __init__(self) -> None:
        self.fragments_by_blob: dict[str, tuple[_Fragment, ...] | None] = {}
        self.tag_by_commit: dict[tuple[str, str], str] = {}
        self._fragment_cache: dict[str, _Fragment | None] = {}
        self._revision_cache: dict[Any, str] = {}
        self._fixed_sources_cache: dict[Any, tuple[FixedSource, ...]] = {}

    def read_blobs(self, content_by_blob: Mapping[str, bytes], *, whole: bool = False) -> None:
        """Parse registry files, given as content by blob id; a file that was read before is skipped.

        `whole` parses each file at once, which is faster if few other versions of it are read.
        """
        for oid, data in content_by_blob.items():
            if oid not in self.fragments_by_blob:
                self.fragments_by_blob[oid] = self._read_blob(data, whole)

    def find_include_patterns(self, root_blob: str) -> tuple[str, ...] | None:
        """Return the include patterns of a root file that `read_blobs` has read; None if it is not valid TOML."""
        pieces = self.fragments_by_blob.get(root_blob)
        return None if pieces is None else tuple(pattern for piece in pieces for pattern in piece.include_patterns)

    @property
    def all_include_patterns(self) -> set[str]:
        """All include patterns of the root files read so far, except those that leave the root file's folder."""
        found = {
            pattern
            for pieces in self.fragments_by_blob.values()
            for piece in pieces or ()
            for pattern in piece.include_patterns
        }
        return {pattern for pattern in found if not {"", ".."} & set(pattern.split("/"))}

    def _read_blob(self, data: bytes, whole: bool) -> tuple[_Fragment, ...] | None:
        text = data.decode("utf-8", "replace").replace("\r\n", "\n")
        first, *tables = [text] if whole or _SOURCE_ELEMENT.search(text) else text.split("\n[")
        pieces = [self._parse_fragment(first), *(self._parse_fragment(f"[{table}") for table in tables)]
        if tables and any(piece is None for piece in pieces):
            pieces = [self._parse_fragment(text)]
        if pieces == [None]:
            return None
        # Most fragments set values or policies and no revision.
        return tuple(piece for piece in pieces if piece is not None and piece is not _NO_REVISIONS)

    def _parse_fragment(self, text: str) -> _Fragment | None:
        if text not in self._fragment_cache:
            try:
                self._fragment_cache[text] = _extract_fragment(tomli.loads(text))
                self.tag_by_commit.update({(app, commit): tag for app, commit, tag in _PIN_WITH_TAG.findall(text)})
            except (ValueError, RecursionError):
                self._fragment_cache[text] = None
        return self._fragment_cache[text]

    def find_holds(self, blob_ids: Iterable[str]) -> ListedHolds:
        """Find the holds in the files of one version of the registry, which `read_blobs` has read before."""
        pieces = (piece for oid in blob_ids for piece in self.fragments_by_blob[oid] or ())
        return {key: note for piece in pieces for key, note in piece.holds.items()}

    def find_listed_revisions(self, blob_ids: Iterable[str]) -> ListedRevisions | None:
        """Find the revision of every listed app, by (environment, app); None if one of the files is not valid TOML.

        `blob_ids` are the files of one version of the registry; `read_blobs` has read them before.
        """
        pieces: list[_Fragment] = []
        for oid in blob_ids:
            known = self.fragments_by_blob[oid]
            if known is None:
                return None
            pieces += known
        layers = _collect_layers(pieces)
        defaults = tuple(piece.defaults for piece in pieces if piece.defaults)
        base, marks = _merge_layers(defaults), tuple(map(id, defaults))
        return {
            (env, app): self._cached_revision(app, env, layers.get(app, ()), base, marks) if pin is None else pin
            for piece in pieces
            for env, entries in piece.entries_by_environment.items()
            for app, pin in entries
        }

    def find_fixed_sources(self, blob_ids: Iterable[str]) -> ListedFixedSources:
        """Find the fixed sources of every listed app, without facts, in the files of one version of the registry.

        An app with a single source has no repository here. `read_blobs` has read the files before.
        """
        pieces = [piece for oid in blob_ids for piece in self.fragments_by_blob[oid] or ()]
        defaults = [piece.defaults for piece in pieces if piece.defaults]
        base, marks, layers = _merge_layers(defaults), tuple(map(id, defaults)), _collect_layers(pieces)
        found: dict[tuple[str, str], tuple[FixedSource, ...]] = {}
        for piece in pieces:
            for env, entries in piece.entries_by_environment.items():
                for app, _ in entries:
                    own = layers.get(app, ())
                    key = (env, marks, *map(id, own))
                    if key not in self._fixed_sources_cache:
                        self._fixed_sources_cache[key] = _decide_fixed_sources(app, env, _merge_layers(own), base)
                    if sources := self._fixed_sources_cache[key]:
                        found[env, app] = sources
        return found

    def _cached_revision(
        self,
        app: str,
        env: str,
        layers: tuple[_Layer, ...],
        defaults: _Layer,
        defaults_identity: tuple[int, ...],
    ) -> str:
        # Fragments keep their layers alive, so an object's id identifies a layer.
        key = (env, defaults_identity, *map(id, layers))
        if key not in self._revision_cache:
            self._revision_cache[key] = _decide_unpinned_revision(app, env, _merge_layers(layers), defaults)
        return self._revision_cache[key]


def _decide_unpinned_revision(app: str, env: str, layer: _Layer, defaults: _Layer) -> str:
    narrower = layer.get("environments", {}).get(env, {})
    try:
        if _has_source_keys(env, layer, defaults):
            return build_effective_app(build_base_layer(defaults, 2), app, layer, AppContext(env), None).revision
        # The usual case, an app with one source: the first layer that sets targetRevision decides.
        told = (narrower, layer, defaults, BUILT_IN_DEFAULTS[2])
        return str(next(part["targetRevision"] for part in told if "targetRevision" in part))
    # An old version need not be a valid registry.
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError):
        return "HEAD"


def _has_source_keys(env: str, layer: _Layer, defaults: _Layer) -> bool:
    narrower = layer.get("environments", {}).get(env, {})
    return any(key in part for part in (narrower, layer, defaults) for key in _SOURCE_KEYS)


def _decide_fixed_sources(app: str, env: str, layer: _Layer, defaults: _Layer) -> tuple[FixedSource, ...]:
    if not _has_source_keys(env, layer, defaults):
        return ()
    try:
        return list_fixed_sources(build_effective_app(build_base_layer(defaults, 2), app, layer, AppContext(env), None))
    # An old version need not be a valid registry.
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError):
        return ()


def _collect_layers(pieces: Iterable[_Fragment]) -> dict[str, tuple[_Layer, ...]]:
    """The layers of each app, from all fragments of a version."""
    layers: dict[str, tuple[_Layer, ...]] = {}
    for piece in pieces:
        for app, layer in piece.apps.items():
            layers[app] = (*layers.get(app, ()), layer)
    return layers


def _merge_layers(layers: Sequence[_Layer]) -> _Layer:
    """Merge the layers of one table from several fragments: `[apps.x]` and `[apps.x.environments.prod]`."""
    return layers[0] if len(layers) == 1 else functools.reduce(merge_layers, layers, {})


def _extract_fragment(data: dict[str, Any]) -> _Fragment:
    apps = {name: _keep_revision_fields(_dict_or_empty(app)) for name, app in _dict_or_empty(data.get("apps")).items()}
    lists = {
        env: _split_entries(_dict_or_empty(table).get("apps"))
        for env, table in _dict_or_empty(data.get("environments")).items()
    }
    found = _Fragment(
        include_patterns=tuple(
            pattern.replace(TEAM_PLACEHOLDER, "*")
            for pattern in _list_or_empty(data.get("include"))
            if isinstance(pattern, str)
        ),
        defaults=_keep_revision_fields(_dict_or_empty(data.get("defaults"))),
        apps={name: layer for name, layer in apps.items() if layer},
        entries_by_environment={env: entries for env, entries in lists.items() if entries},
        holds={
            (env, app): note
            for env, table in _dict_or_empty(data.get("environments")).items()
            for app, note in _dict_or_empty(_dict_or_empty(table).get("holds")).items()
            if isinstance(note, str)
        },
    )
    return _NO_REVISIONS if found == _NO_REVISIONS else found


def _keep_revision_fields(layer: dict[str, Any]) -> dict[str, Any]:
    kept = {key: layer[key] for key in _REVISION_KEYS if key in layer}
    narrower = {
        env: _keep_revision_fields(_dict_or_empty(table))
        for env, table in _dict_or_empty(layer.get("environments")).items()
    }
    narrower = {env: table for env, table in narrower.items() if table}
    return {**kept, "environments": narrower} if narrower else kept


def _split_entries(value: Any) -> tuple[tuple[str, str | None], ...]:
    parts = [entry.partition("@") for entry in _list_or_empty(value) if isinstance(entry, str)]
    return tuple((app, pin if at else None) for app, at, pin in parts)


def _dict_or_empty(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list_or_empty(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
