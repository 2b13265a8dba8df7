"""`workloads merge-driver`: merge apps.toml by key and list entry in Git merges."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from generator import console
from generator.commands.options import registry_option
from generator.errors import UsageError
from generator.git.checkout import missing_checkout_remedy
from generator.git.merge_driver import install_merge_driver, merge_text_files
from generator.registry.files import TEAM_PLACEHOLDER, find_registry, read_regular_file
from generator.registry.three_way_merge import merge_texts
from generator.toml.document import TomlError, parse_document
from generator.working_registry import WorkingRegistry


@click.command("merge-driver")
@click.argument("base", required=False, type=click.Path(path_type=Path))
@click.argument("ours", required=False, type=click.Path(path_type=Path))
@click.argument("theirs", required=False, type=click.Path(path_type=Path))
@click.argument("name", required=False, default="apps.toml")
@click.option("--install", is_flag=True, help="Set up Git in this checkout to merge the registry with this command.")
@registry_option
def merge_driver_command(
    base: Path | None, ours: Path | None, theirs: Path | None, name: str, install: bool, registry_path: str | None
) -> int:
    """Merge two edits of a registry file by key and list entry, as Git's merge driver: %O %A %B %P.

    The result is written to OURS and keeps the comments of both sides. If both sides changed the same entry or
    comment, Git's line-based merge writes conflict markers, and the exit status is 1.
    """
    if install:
        return _install_merge_driver(find_registry(registry_path).absolute())
    if base is None or ours is None or theirs is None:
        raise UsageError(
            "WL1003", "the three files are missing", remedy="run 'workloads merge-driver --install', then merge"
        )
    return _merge_files(base, ours, theirs, name)


def _merge_files(base: Path, ours: Path, theirs: Path, name: str) -> int:
    # Apply the changes of THEIRS to the text of OURS, to keep its formatting.
    texts = [path.read_bytes().decode("utf-8", "surrogateescape") for path in (base, theirs, ours)]
    merged = merge_texts(*texts)
    if merged.conflicts:
        for conflict in merged.conflicts:
            console.print_message(f"{name}: {conflict.key}: theirs {conflict.user_value}, ours {conflict.branch_value}")
        merge_text_files(base, ours, theirs)
        return 1
    ours.write_bytes(merged.text.encode("utf-8", "surrogateescape"))
    console.print_message(f"{name} is merged; update the charts: workloads render")
    return 0


def _install_merge_driver(path: Path) -> int:
    working = WorkingRegistry(path)
    if working.checkout is None:
        raise UsageError("WL5011", f"{path.parent} is not in a Git repository", remedy=missing_checkout_remedy())
    patterns = [path.name]
    with suppress(TomlError):  # if the file is invalid, its includes are added by the next installation
        include = parse_document(path.name, read_regular_file(path) or b"").data.get("include")
        included = [pattern for pattern in include if isinstance(pattern, str)] if isinstance(include, list) else []
        patterns += [pattern.replace(TEAM_PLACEHOLDER, "*") for pattern in included]
    written = install_merge_driver(working.checkout.top, [working.prefix + pattern for pattern in patterns])
    for line in written:
        console.print_result(f".gitattributes: {line}")
    console.print_result("Git merges the registry by key and list entry in this checkout")
    return 0
