"""`Registry` → the matrix of apps by environments. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from generator.registry.effective import EffectiveApp
from generator.registry.registry import Registry
from generator.registry.text import COMMIT

#: What the matrix shows where an app does not run.
ABSENT = "-"


@dataclass(frozen=True)
class Row:
    """One app: by environment, what runs there."""

    app: str
    team: str
    runs: Mapping[str, EffectiveApp]

    def shown(self, environment: str) -> str:
        """A cell: the revision, commits shortened, behind @ where the promotion list pins it."""
        app = self.runs.get(environment)
        if app is None:
            return ABSENT
        revision = app.revision[:12] if COMMIT.fullmatch(app.revision) else app.revision
        return f"@{revision}" if app.pin is not None else revision

    def as_data(self, environments: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The cells of `environments` where the app runs, for programs."""
        return {
            env: {"revision": app.revision, "pinned": app.pin is not None}
            for env in environments
            if (app := self.runs.get(env))
        }


def matrix(registry: Registry) -> list[Row]:
    """Every app by name, also one that runs nowhere."""
    runs: dict[str, dict[str, EffectiveApp]] = {name: {} for name in sorted(registry.apps)}
    for env in registry.environments:
        for app in registry.effective_apps(env):
            runs[app.app][env] = app
    return [Row(name, str(registry.apps[name]["team"]), cells) for name, cells in runs.items()]
