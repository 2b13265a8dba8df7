"""`workloads codeowners`: generate CODEOWNERS entries for the teams."""

from __future__ import annotations

import os
from pathlib import Path

import click

from generator import console
from generator.argocd.urls import parse_repository_url
from generator.commands.options import dry_run_option, json_option, registry_option
from generator.errors import LocalError, RefusedError
from generator.forges.detect import detect_forge
from generator.registry.codeowners import (
    find_codeowners_file,
    generate_codeowners_lines,
    update_codeowners_block,
)
from generator.registry.files import replace_file
from generator.working_registry import WorkingRegistry


@click.command("codeowners")
@registry_option
@json_option
@dry_run_option
@click.option("--write", is_flag=True, help="Update the lines in the CODEOWNERS file that the forge reads.")
def codeowners_command(registry_path: str | None, as_json: bool, dry_run: bool, write: bool) -> None:
    """Generate CODEOWNERS entries for the teams.

    The team's owners own the team's registry files, the generated files of its apps, and the folders of this repository
    that the registry grants to the team. The owners in [workloads]
    own the root file, included files of no team and all other generated files. Without owners, no entry is generated.
    """

    working = WorkingRegistry.find(registry_path)
    book = working.read_editable()
    top = working.checkout.top if working.checkout else working.path.parent
    repository = parse_repository_url(working.origin or "")
    forge = detect_forge(repository, os.environ) if repository else ""
    forge, name = find_codeowners_file(forge, lambda name: os.path.lexists(top / name))
    charts = working.has_charts_beside(book.registry.workloads)
    lines = generate_codeowners_lines(
        book, working.folder, include_charts=charts, forge=forge, repository=working.origin
    )
    if not write:
        console.print_json({"lines": lines}) if as_json else console.print_result("\n".join(lines))
        return
    place = top / name
    before = _read_codeowners(place)
    after = update_codeowners_block(before, lines)
    if after != before and not dry_run:
        _write_codeowners(place, after)
    if as_json:
        console.print_json({"file": str(place), "changed": after != before, "written": after != before and not dry_run})
        return
    written = "would write" if dry_run else "wrote"
    console.print_result(f"{place}: {'up to date' if after == before else f'{written} {len(lines)} lines'}")


def _read_codeowners(path: Path) -> str:
    if path.is_symlink():
        raise RefusedError(
            "WL7006", f"{path} is a link", remedy="write to the file itself", not_done="nothing was written"
        )
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise LocalError("WL6001", f"{path} cannot be read: {error.strerror}") from error


def _write_codeowners(path: Path, text: str) -> None:
    try:
        replace_file(path, text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise LocalError(
            "WL6001", f"{path} cannot be written: {error.strerror}", not_done="nothing was written"
        ) from error
