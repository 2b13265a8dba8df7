"""Compare and write the folder of the site; refuse a folder with foreign files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from generator.charts.change_set import ChangeSet, compute_changes
from generator.charts.inventory import INVENTORY_FILE, Inventory
from generator.charts.output_folder import OutputFolder
from generator.charts.render import RenderedTree
from generator.errors import LocalError, RefusedError

_SITE_MARKER = "index.html"
_SITE_PATH = re.compile(r"(?:[a-z]+/)?[a-z0-9](?:[-_.a-z0-9]*[a-z0-9_])?\.(?:html|css|js|json|svg)")


def open_site_folder(root: Path) -> OutputFolder:
    """Open the folder of a site; `compare_site_folder` checks the paths in its inventory."""
    return OutputFolder(root, lambda path: True)


def compare_site_folder(folder: OutputFolder, files: Mapping[str, bytes]) -> tuple[ChangeSet, Inventory]:
    """Compare a folder with the files of the site; returns the changes and the inventory of generated files.

    Raises RefusedError if the folder holds anything but a generated site (charts have an inventory too), or if a
    foreign file has the path of a page; LocalError if the folder cannot be read.
    """
    owned = folder.read_inventory()
    is_site = _SITE_MARKER in owned.files and all(map(_SITE_PATH.fullmatch, owned.files))
    if not is_site and (owned.files or _contains_files(folder.root)):
        raise RefusedError(
            "WL1008",
            f"{folder.root} is not empty and was not created by workloads site",
            remedy="name a folder that does not exist yet",
            not_done="nothing was written",
        )
    change = compute_changes(RenderedTree(files, {}), owned, folder.read_digest)
    if change.foreign_in_the_way:
        raise RefusedError(
            "WL7003",
            f"{folder.root / change.foreign_in_the_way[0]} is a foreign file where the site has a page",
            remedy="move it to another folder",
            not_done="nothing was written",
        )
    return change, owned


def write_site(folder: OutputFolder, change: ChangeSet, inventory: Inventory) -> None:
    """Write and delete the changed files. Raises LocalError if the disk refuses."""
    try:
        folder.apply_changes(change, inventory)
    except LocalError as error:
        raise LocalError("WL6001", error.message, not_done="the site is incomplete: run the command again") from error


def _contains_files(root: Path) -> bool:
    try:
        # A killed first run leaves only its inventory, or a part of it.
        return any(not path.name.lstrip(".").startswith(INVENTORY_FILE.lstrip(".")) for path in root.iterdir())
    except FileNotFoundError:
        return False
    except OSError as error:
        raise LocalError("WL6001", f"{root} cannot be read: {error.strerror}") from error
