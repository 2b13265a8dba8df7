"""The parts of an app's table that describe its sources, and the files that they name. Pure."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

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


class FileReference(NamedTuple):
    """A file or folder that a source names: its path in the source's table, as written, and where it is.

    `path` is relative to `folder` of the repository; of the source with this `ref`, if it is not empty.
    """

    key: KeyPath
    text: str
    folder: str
    path: str
    ref: str = ""


def list_file_references(source: Layer) -> Iterator[FileReference]:
    """Yield the files and folders that a source names."""
    folder, helm, kustomize = str(source.get("path", "")), source.get("helm", {}), source.get("kustomize", {})
    for index, file in enumerate(helm.get("valueFiles", ())):
        yield _helm_file(("helm", "valueFiles", index), file, folder)
    for index, parameter in enumerate(helm.get("fileParameters", ())):
        yield _helm_file(("helm", "fileParameters", index, "path"), parameter["path"], folder)
    for index, file in enumerate(kustomize.get("components", ())):
        yield FileReference(("kustomize", "components", index), file, folder, file)
    for index, patch in enumerate(kustomize.get("patches", ())):
        if "path" in patch:
            yield FileReference(("kustomize", "patches", index, "path"), patch["path"], folder, patch["path"])
    for index, file in enumerate(source.get("directory", {}).get("jsonnet", {}).get("libs", ())):
        yield FileReference(("directory", "jsonnet", "libs", index), file, "", file)


def _helm_file(key: KeyPath, text: str, folder: str) -> FileReference:
    if not text.startswith("$"):
        return FileReference(key, text, folder, text)
    ref, _, path = text[1:].partition("/")
    return FileReference(key, text, "", path, ref)


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
