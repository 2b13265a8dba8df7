"""The parts of an app's table that describe its sources, and the files that they name. Pure."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from generator.toml.document import KeyPath

Layer = Mapping[str, Any]


def list_source_tables(layer: Layer) -> Iterator[tuple[KeyPath, Layer]]:
    """Yield every table of an app's layer that describes a source, with its path."""
    yield (), layer
    for index, source in enumerate(layer.get("sources", ())):
        yield ("sources", index), source
    for name, source in layer.get("sourceHydrator", {}).items():
        yield ("sourceHydrator", name), source


def list_file_references(source: Layer) -> Iterator[tuple[KeyPath, str, str]]:
    """Yield the files and folders that a source names: the path in its table, the folder it is relative to, the file.

    A file that begins with `$` is in another source.
    """
    folder, helm, kustomize = str(source.get("path", "")), source.get("helm", {}), source.get("kustomize", {})
    for index, file in enumerate(helm.get("valueFiles", ())):
        yield ("helm", "valueFiles", index), folder, file
    for index, parameter in enumerate(helm.get("fileParameters", ())):
        yield ("helm", "fileParameters", index, "path"), folder, parameter["path"]
    for index, file in enumerate(kustomize.get("components", ())):
        yield ("kustomize", "components", index), folder, file
    for index, patch in enumerate(kustomize.get("patches", ())):
        if "path" in patch:
            yield ("kustomize", "patches", index, "path"), folder, patch["path"]
    for index, file in enumerate(source.get("directory", {}).get("jsonnet", {}).get("libs", ())):
        yield ("directory", "jsonnet", "libs", index), "", file


def set_values(layer: Layer, values: Iterable[tuple[KeyPath, Any]]) -> dict[str, Any]:
    """A layer with other values at some of its paths; the layer itself is not changed."""
    changed: dict[str, Any] = {}
    for path, value in values:
        changed = changed or copy.deepcopy(dict(layer))
        table: Any = changed
        for part in path[:-1]:
            table = table[part]
        table[path[-1]] = value
    return changed or dict(layer)
