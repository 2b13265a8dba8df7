"""Read the registry of the working copy, and remember which of its states are valid."""

from __future__ import annotations

from pathlib import Path

from generator.cache import open_result_cache
from generator.publishing.checkout_files import open_registry_files
from generator.registry.editable import EditableRegistry, read_editable_registry
from generator.registry.reader import read_registry_from
from generator.registry.registry import Registry


def read_working_registry(path: Path) -> Registry:
    """Read and validate the registry at `path` in the working copy. Raises what `read_registry_from` raises."""
    return read_registry_from(open_registry_files(path), path.name, str(path.parent), open_result_cache())


def read_working_editable_registry(path: Path) -> EditableRegistry:
    """Read the registry at `path` in the working copy for edits. Raises what `read_registry_from` raises."""
    return read_editable_registry(open_registry_files(path), path.name, str(path.parent), cache=open_result_cache())
