"""Rewrite equivalent forms in an app's table to the one form that Argo CD gets. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from generator.argocd.strings import DEFAULT_SYNC_OPTIONS, quoted_excerpt
from generator.registry.source_tables import Layer, list_source_tables
from generator.toml.document import KeyPath

#: What stands for YAML's null, which TOML does not have.
_NULL = {"null": True}


class Rewrite(NamedTuple):
    """A value that replaces the one at `path`, and a note for the user; without a note, nobody needs to know."""

    path: KeyPath
    value: Any
    note: str = ""


def find_rewrites(layer: Layer) -> Iterator[Rewrite]:
    """Yield what is written differently in an app, its environments and its sources."""
    for name, part in [("", layer), *layer.get("environments", {}).items()]:
        at: KeyPath = ("environments", name) if name else ()
        for place, source in list_source_tables(part):
            url = source.get("repoURL", "")
            # A chart is found at both, and an Application that exists keeps its URL.
            if url.endswith("/") and "chart" not in source:
                text = "the '/' at its end is left out: Argo CD would treat the URL with it as another repository"
                yield Rewrite((*at, *place, "repoURL"), url.rstrip("/"), text)
            values = source.get("helm", {}).get("valuesObject")
            if "null" in str(values):
                yield Rewrite((*at, *place, "helm", "valuesObject"), _with_nulls(values))
        options = part.get("syncPolicy", {}).get("syncOptions", [])
        if not DEFAULT_SYNC_OPTIONS.isdisjoint(options):
            usual = " and ".join(quoted_excerpt(option) for option in options if option in DEFAULT_SYNC_OPTIONS)
            kept = [option for option in options if option not in DEFAULT_SYNC_OPTIONS]
            yield Rewrite((*at, "syncPolicy", "syncOptions"), kept, f"{usual} is what Argo CD does anyway: left out")


def _with_nulls(value: Any) -> Any:
    if value == _NULL:
        return None
    if isinstance(value, dict):
        return {key: _with_nulls(inner) for key, inner in value.items()}
    return [_with_nulls(inner) for inner in value] if isinstance(value, list) else value
