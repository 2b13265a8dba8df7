"""`workloads completion`: print the completion script of a shell, and complete names from the registry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ShellComplete, ZshComplete

from generator import console
from generator.errors import GeneratorError
from generator.registry.files import FolderFiles, find_registry
from generator.registry.reader import list_registry_files
from generator.toml.document import TomlError, parse_document

_SHELLS: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
#: What each placeholder in a command's usage names.
_KINDS = {"APP": "apps", "OLD": "apps", "ENV": "environments", "TEAM": "teams", "RULE": "rules", "ENV/APP": "entries"}


@click.command("completion")
@click.argument("shell", type=click.Choice(list(_SHELLS)))
def completion_command(shell: str) -> None:
    """Print the script that completes commands, options, and the registry's apps, environments, teams and rules.

    \b
    bash: eval "$(workloads completion bash)"      in ~/.bashrc
    zsh:  eval "$(workloads completion zsh)"       in ~/.zshrc, after compinit
    fish: workloads completion fish | source       in ~/.config/fish/config.fish
    """
    script = _SHELLS[shell](click.get_current_context().find_root().command, {}, "workloads", "_WORKLOADS_COMPLETE")
    console.print_result(script.source_template % script.source_vars())


def complete_names(command: click.Command) -> None:
    """Let the shell complete the options and arguments of `command` that name something in the registry."""
    for parameter in command.params:
        placeholder = (parameter.metavar or parameter.human_readable_name.upper()).strip("[].")
        if placeholder == "REV" and command.name in ("promote", "rollback"):
            parameter.type = _RegistryName("revisions")
        if placeholder in _KINDS:
            parameter.type = _RegistryName(_KINDS[placeholder])
        elif placeholder == "FILE":
            parameter.type = click.Path()


class _RegistryName(click.ParamType[str]):
    """A name in the registry, as a parameter's type: it completes the names, and accepts any text."""

    name = "name"

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        names = _list_names(self._kind, ctx.params.get("registry_path"))
        if self._kind == "revisions":
            given = {*(ctx.params.get("apps") or ()), ctx.params.get("app"), *ctx.args}
            pins = [(app, revision) for app, _, revision in (name.partition("@") for name in names)]
            names = sorted({pin for app, pin in pins if app in given} or {pin for _, pin in pins})
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _list_names(kind: str, registry_path: str | None) -> list[str]:
    """List the registry's names of a kind, sorted: those that can be read, none if there is no registry."""
    tables: list[Mapping[str, Any]] = []
    with suppress(GeneratorError, TomlError, OSError, ValueError):
        path = find_registry(registry_path)
        files = FolderFiles(path.parent)
        for name in list_registry_files(files, path.name):
            tables.append(parse_document(name, files.read_bytes(name) or b"").data)
    return sorted({name for table in tables for name in _names_in_file(kind, table)})


def _names_in_file(kind: str, data: Mapping[str, Any]) -> Iterator[str]:
    environments = _table(data, "environments")
    if kind == "rules":
        for name in environments:
            yield from _strings(_table(_table(environments, name), "policy").get("overrides"))
    elif kind == "revisions":
        for name in environments:
            yield from (entry for entry in _strings(_table(environments, name).get("apps")) if "@" in entry)
    elif kind == "entries":
        for name in environments:
            apps = _strings(_table(environments, name).get("apps"))
            yield from (f"{name}/{entry.partition('@')[0]}" for entry in apps)
    else:
        yield from _table(data, kind)


def _table(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    return value if isinstance(value, Mapping) else {}


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
