"""Find what a registry relies on that the next release refuses. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from generator.registry.problems import format_position

if TYPE_CHECKING:
    from generator.registry.builder import RegistryBuilder
    from generator.toml.document import KeyPath

#: What version 1 turns on for an app that does not set it, with the value that keeps it.
_TURNED_ON: tuple[tuple[KeyPath, str, str], ...] = (
    (("finalizer",), '"foreground"', "the cascading finalizer"),
    (("syncPolicy", "automated", "prune"), "true", "prune"),
)


def describe_unset_deletion(builder: RegistryBuilder) -> str:
    """The warning of a registry of version 1 whose apps set neither prune nor a finalizer, with the lines to add.

    Empty for any other registry.
    """
    if builder.settings.version != 1 or builder.root is None:
        return ""
    effects, lines = [], []
    for path, value, effect in _TURNED_ON:
        unset = [name for name, app in builder.apps.items() if not _sets(app.layer, path)]
        if unset and not _sets(builder.defaults, path):
            effects.append(effect)
            lines.append(_format_line(builder.defaults, path, value))
    if not lines:
        return ""
    place = format_position(builder.root, builder.root.key_position(("version",)))
    them = "them" if lines[1:] else "it"
    return (
        f"{place}: version: 1 turns on {' and '.join(effects)} for apps that do not set {them}, which the next release "
        f"refuses: to keep {them}, add {' and '.join(lines)}; to turn {them} off, write version = 2"
    )


def _sets(layer: Any, path: KeyPath) -> bool:
    """Whether a layer sets the field at `path`, or replaces a table above it."""
    for part in path:
        if not isinstance(layer, dict):
            return True
        if part not in layer:
            return False
        layer = layer[part]
    return True


def _format_line(defaults: Any, path: KeyPath, value: str) -> str:
    """The line to add, and the deepest table of `[defaults]` that is there to take it."""
    depth = 0
    while isinstance(defaults, dict) and isinstance(defaults.get(path[depth]), dict):
        defaults, depth = defaults[path[depth]], depth + 1
    table = ".".join(["defaults", *map(str, path[:depth])])
    return f"{'.'.join(map(str, path[depth:]))} = {value} to [{table}]"
