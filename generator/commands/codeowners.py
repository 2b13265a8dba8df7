"""`workloads codeowners`: generate CODEOWNERS entries for the teams."""

from __future__ import annotations

from pathlib import Path

import click

from generator.commands.options import dry_run_option, json_option, registry_option

#: The paths of CODEOWNERS that GitHub reads, in order of precedence.
_CODEOWNERS_PATHS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")


@click.command("codeowners")
@registry_option
@json_option
@dry_run_option
@click.option("--write", is_flag=True, help="Keep the lines up to date in the repository's CODEOWNERS.")
def codeowners_command(registry_path: str | None, as_json: bool, dry_run: bool, write: bool) -> None:
    """Generate CODEOWNERS entries for the teams.

    The team's owners own each included file with the team's apps and the generated files of these apps. The owners
    in [workloads] own the root file and all other generated files. Without owners, no entry is generated.
    """
    from generator import console
    from generator.git.checkout import Checkout
    from generator.registry.codeowners import generate_codeowners_lines, replace_codeowners_block
    from generator.registry.editable import read_editable_registry
    from generator.registry.files import FolderFiles, find_registry

    path = find_registry(registry_path)
    book = read_editable_registry(FolderFiles(path.parent), path.name, str(path.parent))
    checkout = Checkout.discover(path.parent)
    top = checkout.top if checkout else path.parent
    folder = path.parent.resolve().relative_to(top.resolve()).as_posix()
    charts = _charts_in_registry_repository(
        book.registry.workloads.repository, checkout.origin_url() if checkout else None
    )
    lines = generate_codeowners_lines(book, "" if folder == "." else folder, include_charts=charts)
    if not write:
        console.print_json({"lines": lines}) if as_json else console.print_result("\n".join(lines))
        return
    place = next((top / name for name in _CODEOWNERS_PATHS if (top / name).exists()), top / _CODEOWNERS_PATHS[1])
    before = _read_codeowners(place)
    after = replace_codeowners_block(before, lines)
    if after != before and not dry_run:
        _write_codeowners(place, after)
    if as_json:
        console.print_json({"file": str(place), "changed": after != before, "written": after != before and not dry_run})
        return
    told = (
        "up to date" if after == before else f"{len(lines)} lines{' (dry run: nothing was written)' if dry_run else ''}"
    )
    console.print_result(f"{place}: {told}")


def _charts_in_registry_repository(repository: str | None, origin: str | None) -> bool:
    """Whether the charts are committed to the repository that contains the registry."""
    from generator.argocd.urls import repository_key

    return repository is None or (origin is not None and repository_key(repository) == repository_key(origin))


def _read_codeowners(path: Path) -> str:
    from generator.errors import LocalError, RefusedError

    if path.is_symlink():
        raise RefusedError(f"{path} is a link", remedy="write to the file itself", not_done="nothing was written")
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise LocalError(f"{path} cannot be read: {error.strerror}") from error


def _write_codeowners(path: Path, text: str) -> None:
    from generator.errors import LocalError

    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_bytes(text.encode("utf-8", "surrogateescape"))
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise LocalError(f"{path} cannot be written: {error.strerror}", not_done="nothing was written") from error
