"""`workloads codeowners`: who is asked about which file."""

from __future__ import annotations

from pathlib import Path

import click

from generator.commands.options import dry_run_option, json_option, registry_option

#: Where GitHub looks, in its order.
_PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")


@click.command("codeowners")
@registry_option
@json_option
@dry_run_option
@click.option("--write", is_flag=True, help="Keep the lines up to date in the repository's CODEOWNERS.")
def command(registry_path: str | None, as_json: bool, dry_run: bool, write: bool) -> None:
    """Print the CODEOWNERS lines that the registry makes necessary.

    An included file with a team's apps, and the generated files of these apps, go to the team's owners; the root
    file and the rest of the generated files to the owners in [workloads]. Where nobody is named, no line is made.
    """
    from generator import console
    from generator.cache import user_cache
    from generator.git.checkout import Checkout
    from generator.registry.book import read_book
    from generator.registry.files import Folder, find_registry
    from generator.registry.owners import block, written

    path = find_registry(registry_path)
    book = read_book(Folder(path.parent), path.name, str(path.parent), user_cache())
    checkout = Checkout.at(path.parent)
    top = checkout.top if checkout else path.parent
    folder = path.parent.resolve().relative_to(top.resolve()).as_posix()
    charts = _is_here(book.registry.workloads.repository, checkout.origin() if checkout else None)
    lines = block(book, "" if folder == "." else folder, charts=charts)
    if not write:
        console.result_json({"lines": lines}) if as_json else console.result("\n".join(lines))
        return
    place = next((top / name for name in _PLACES if (top / name).exists()), top / _PLACES[1])
    before = _text(place)
    after = written(before, lines)
    if after != before and not dry_run:
        _replace(place, after)
    if as_json:
        console.result_json(
            {"file": str(place), "changed": after != before, "written": after != before and not dry_run}
        )
        return
    told = (
        "up to date" if after == before else f"{len(lines)} lines{' (dry run: nothing was written)' if dry_run else ''}"
    )
    console.result(f"{place}: {told}")


def _is_here(repository: str | None, origin: str | None) -> bool:
    """Whether the charts are committed to the repository that holds the registry."""
    from generator.registry.urls import repository_key

    return repository is None or (origin is not None and repository_key(repository) == repository_key(origin))


def _text(place: Path) -> str:
    from generator.errors import LocalError, RefusedError

    if place.is_symlink():
        raise RefusedError(f"{place} is a link", remedy="write to the file itself", undone="nothing was written")
    try:
        return place.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise LocalError(f"{place} cannot be read: {error.strerror}") from error


def _replace(place: Path, text: str) -> None:
    from generator.errors import LocalError

    temporary = place.with_name(f".{place.name}.tmp")
    try:
        temporary.write_bytes(text.encode("utf-8", "surrogateescape"))
        temporary.replace(place)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise LocalError(f"{place} cannot be written: {error.strerror}", undone="nothing was written") from error
