"""The text of registry files of any age → what they say runs. Pure.

A registry changes a few lines at a time, so a file is taken apart at its table headers and each piece of text
is read once, however many versions have it. A piece that is no TOML by itself (a header inside of a string) has
the whole file read instead.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import tomli

from generator.registry.effective import BUILT_IN, base_layer, effective
from generator.registry.memo import FILE, FORGETFUL, Memo

#: The revision by (environment, app).
Running = Mapping[tuple[str, str], str]
_HEADER = re.compile(r"^(?=\[)", re.MULTILINE)
_PINNED = re.compile(
    r"""["']([a-z][-a-z0-9]*)@([0-9a-f]{40}|[0-9a-f]{64})["'],?[ \t]*#[ \t]*([^\s;]+)[ \t]*(?:;|$)""", re.M
)
#: What of an app decides which revision it runs.
_WITH_SOURCES = ("sources", "sourceHydrator")
_DECISIVE = ("targetRevision", *_WITH_SOURCES)
_Layer = Mapping[str, Any]
_KIND = "history"


@dataclass(frozen=True)
class _Piece:
    """What one piece of text says: lists, and of apps and of the defaults what decides the revision."""

    includes: tuple[str, ...] = ()
    defaults: _Layer = field(default_factory=dict)
    apps: Mapping[str, _Layer] = field(default_factory=dict)
    lists: Mapping[str, tuple[tuple[str, str | None], ...]] = field(default_factory=dict)


class Versions:
    """All files of all versions, each piece of text read once; `known` are blobs by id, None for one that is broken.

    What a `memo` knows of a file is not read again.
    """

    def __init__(self, memo: Memo = FORGETFUL) -> None:
        self._memo = memo
        self.known: dict[str, tuple[_Piece, ...] | None] = {}
        self.tags: dict[tuple[str, str], str] = {}
        self._pieces: dict[str, _Piece | None] = {}
        self._revisions: dict[Any, str] = {}

    def learn(self, contents: Mapping[str, bytes]) -> None:
        """Read blobs."""
        for oid, data in contents.items():
            if oid not in self.known:
                self.known[oid] = self._recalled(data)

    def includes(self, root: str) -> tuple[str, ...] | None:
        """The patterns that a root file includes, None where it cannot be read."""
        pieces = self.known.get(root)
        return None if pieces is None else tuple(pattern for piece in pieces for pattern in piece.includes)

    @property
    def patterns(self) -> set[str]:
        """Every pattern, below the root's folder, that a root file read so far includes."""
        found = {pattern for pieces in self.known.values() for piece in pieces or () for pattern in piece.includes}
        return {pattern for pattern in found if not {"", ".."} & set(pattern.split("/"))}

    def _recalled(self, data: bytes) -> tuple[_Piece, ...] | None:
        key = hashlib.sha256(data).hexdigest()
        kept = self._memo.get(_KIND, key)
        if kept is None:
            text = data.decode("utf-8", "replace").replace("\r\n", "\n")
            pieces, tags = self._read(text, key), _PINNED.findall(text)
            if pieces is not None:
                plain = [[piece.includes, piece.defaults, piece.apps, piece.lists] for piece in pieces]
                self._memo.put(_KIND, key, {"pieces": plain, "tags": tags})
        else:
            pieces, tags = tuple(_Piece(*piece) for piece in kept["pieces"]), kept["tags"]
        self.tags.update({(app, commit): tag for app, commit, tag in tags if pieces is not None})
        return pieces

    def _read(self, text: str, key: str) -> tuple[_Piece, ...] | None:
        tables = self._memo.get(FILE, key)
        if tables is not None:
            return (_facts(tables),)
        pieces = [self._piece(part) for part in _HEADER.split(text)]
        if None in pieces:
            pieces = [self._piece(text)]
        read = tuple(piece for piece in pieces if piece is not None)
        # Most pieces are about values or policies and say nothing of what runs.
        return tuple(piece for piece in read if piece != _Piece()) if None not in pieces else None

    def _piece(self, text: str) -> _Piece | None:
        if text not in self._pieces:
            try:
                self._pieces[text] = _facts(tomli.loads(text))
            except (ValueError, RecursionError):
                self._pieces[text] = None
        return self._pieces[text]

    def running(self, blobs: Iterable[str]) -> Running | None:
        """What runs by the registry whose files these blobs are; None where one of them cannot be read."""
        pieces: list[_Piece] = []
        for oid in blobs:
            known = self.known[oid]
            if known is None:
                return None
            pieces += known
        layers: dict[str, tuple[_Layer, ...]] = {}
        for piece in pieces:
            for app, layer in piece.apps.items():
                layers[app] = (*layers.get(app, ()), layer)
        defaults = tuple(piece.defaults for piece in pieces if piece.defaults)
        base, marks = _joined(defaults), tuple(map(id, defaults))
        return {
            (env, app): self._revision(app, env, pin, layers.get(app, ()), base, marks)
            for piece in pieces
            for env, entries in piece.lists.items()
            for app, pin in entries
        }

    def _revision(
        self, app: str, env: str, pin: str | None, layers: tuple[_Layer, ...], defaults: _Layer, marks: tuple[int, ...]
    ) -> str:
        # Layers are kept for good by their pieces, so their identity stands for them.
        key = (env, pin, marks, *map(id, layers))
        if key not in self._revisions:
            self._revisions[key] = _revision(app, env, pin, _joined(layers), defaults)
        return self._revisions[key]


def _revision(app: str, env: str, pin: str | None, layer: _Layer, defaults: _Layer) -> str:
    narrower = layer.get("environments", {}).get(env, {})
    try:
        if any(key in part for part in (narrower, layer, defaults) for key in _WITH_SOURCES):
            return effective(base_layer(defaults), app, layer, env, pin).revision
        # As most apps are: no more than one text to be found.
        told = ({"targetRevision": pin} if pin is not None else {}, narrower, layer, defaults, BUILT_IN)
        return str(next(part["targetRevision"] for part in told if "targetRevision" in part))
    # An old version need not be a valid registry.
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return pin or "HEAD"


def _joined(layers: Sequence[_Layer]) -> _Layer:
    """What pieces of one table say together: `[apps.x]` and `[apps.x.environments.prod]`."""
    if len(layers) == 1:
        return layers[0]
    whole: dict[str, Any] = {}
    for layer in layers:
        environments = {**whole.get("environments", {}), **layer.get("environments", {})}
        whole |= layer
        if environments:
            whole["environments"] = environments
    return whole


def _facts(data: dict[str, Any]) -> _Piece:
    apps = {name: _decisive(_dict(app)) for name, app in _dict(data.get("apps")).items()}
    lists = {env: _entries(_dict(table).get("apps")) for env, table in _dict(data.get("environments")).items()}
    return _Piece(
        includes=tuple(pattern for pattern in _list(data.get("include")) if isinstance(pattern, str)),
        defaults=_decisive(_dict(data.get("defaults"))),
        apps={name: layer for name, layer in apps.items() if layer},
        lists={env: entries for env, entries in lists.items() if entries},
    )


def _decisive(layer: dict[str, Any]) -> dict[str, Any]:
    kept = {key: layer[key] for key in _DECISIVE if key in layer}
    narrower = {env: _decisive(_dict(table)) for env, table in _dict(layer.get("environments")).items()}
    narrower = {env: table for env, table in narrower.items() if table}
    return {**kept, "environments": narrower} if narrower else kept


def _entries(value: Any) -> tuple[tuple[str, str | None], ...]:
    parts = [entry.partition("@") for entry in _list(value) if isinstance(entry, str)]
    return tuple((app, pin if at else None) for app, at, pin in parts)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
