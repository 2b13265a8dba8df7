"""`workloads merge-driver`: the merge of `workloads publish`, for git's own merges of apps.toml."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from generator.commands.options import registry_option


@click.command("merge-driver")
@click.argument("base", required=False, type=click.Path(path_type=Path))
@click.argument("ours", required=False, type=click.Path(path_type=Path))
@click.argument("theirs", required=False, type=click.Path(path_type=Path))
@click.argument("name", required=False, default="apps.toml")
@click.option("--install", is_flag=True, help="Have git use it in this checkout: .gitattributes and its configuration.")
@registry_option
def command(
    base: Path | None, ours: Path | None, theirs: Path | None, name: str, install: bool, registry_path: str | None
) -> int:
    """Merge two edits of a registry file by key and list entry, as git's merge driver: %O %A %B %P.

    The result is left in OURS. What both changed differently is left to git's line by line merge, with its
    conflict markers, and ends with exit status 1.
    """
    from generator.errors import UsageError

    if install:
        return _install(registry_path)
    if base is None or ours is None or theirs is None:
        raise UsageError("the three files are missing", remedy="run 'workloads merge-driver --install', then merge")
    return _merge(base, ours, theirs, name)


def _merge(base: Path, ours: Path, theirs: Path, name: str) -> int:
    from generator import console
    from generator.git.driver import merge_lines
    from generator.registry.merge import merge

    texts = [path.read_bytes().decode("utf-8", "surrogateescape") for path in (base, ours, theirs)]
    before, mine, there = (text.replace("\r\n", "\n") for text in texts)
    # The text that stays is ours; what theirs changed is made on it.
    merged = merge(before, there, mine)
    if merged.conflicts:
        for conflict in merged.conflicts:
            console.note(f"{name}: {conflict.key}: theirs {conflict.ours}, ours {conflict.theirs}")
        merge_lines(base, ours, theirs)
        return 1
    text = merged.text.replace("\n", "\r\n") if "\r\n" in texts[1] else merged.text
    ours.write_bytes(text.encode("utf-8", "surrogateescape"))
    console.note(f"{name} is merged; render the charts anew ('workloads render')")
    return 0


def _install(registry_path: str | None) -> int:
    from generator import console
    from generator.errors import UsageError
    from generator.git import driver
    from generator.git.checkout import Checkout
    from generator.registry.files import find_registry, read_file
    from generator.registry.toml import TomlError, parse

    path = find_registry(registry_path).absolute()
    checkout = Checkout.at(path.parent)
    if checkout is None:
        raise UsageError(f"{path.parent} is in no git repository")
    folder = path.parent.resolve().relative_to(checkout.top.resolve())
    patterns = [path.name]
    with suppress(TomlError):  # perhaps it is being mended; what it includes is added the next time
        patterns += parse(path.name, read_file(path) or b"").data.get("include", [])
    written = driver.install(checkout.top, [(folder / pattern).as_posix() for pattern in patterns])
    for line in written:
        console.result(f".gitattributes: {line}")
    console.result("git merges the registry by key and list entry in this checkout")
    return 0
