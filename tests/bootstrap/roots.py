"""Root objects to write in every form, with values that no form may read as its own syntax."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from generator.bootstrap.root_objects import RootObjects, RootOptions, build_root_objects
from generator.charts.layout import OutputLocation
from generator.registry.reader import read_registry

REPOSITORY = "https://github.com/acme/workloads.git"
#: What YAML, HCL, TypeScript, Helm or a shell would read as something else than text.
HOSTILE = "\"'`$(id)${x}%{y}$${z}{{ .Values }}\\\n---\nYAML\nEOT\n#\t\x07é\u2028😀"


def build(folder: Path, registry: str, environment: str = "dev", **options: Any) -> RootObjects:
    """The root objects of an environment of a registry."""
    (folder / "apps.toml").write_text(registry)
    chosen = RootOptions(**{"prune": False, "self_heal": False, "cascade": False, "values": {}, **options})
    location = OutputLocation(REPOSITORY, "multi-repo")
    return build_root_objects(read_registry(folder / "apps.toml"), environment, location, chosen)
