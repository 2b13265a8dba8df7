"""The pages' texts → files: which of them change, and the refusal of a folder that is somebody else's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from generator.charts.diff import ChangeSet, changes
from generator.charts.files import Files
from generator.charts.record import RECORD, Record
from generator.charts.render import RenderedTree
from generator.charts.tree import OutputFolder
from generator.errors import LocalError, RefusedError

_MARK = "index.html"


def compared(folder: OutputFolder, files: Mapping[str, bytes]) -> tuple[ChangeSet, Record]:
    """What has to change in a folder, and what of it is ours.

    Raises RefusedError for a folder that holds anything but a site of ours (charts have a record too), and for files
    of somebody else in our way, LocalError where it cannot be read.
    """
    owned = folder.record()
    if _MARK not in owned.files and _holds(folder.root):
        raise RefusedError(
            f"{folder.root} is not empty, and no site that workloads wrote",
            remedy="name a folder that does not exist yet",
            undone="nothing was written",
        )
    change = changes(RenderedTree(Files.of(files), {}), owned, folder.digest)
    if change.foreign:
        raise RefusedError(
            f"{folder.root / change.foreign[0]} is in the way, and workloads did not write it",
            remedy="move it away",
            undone="nothing was written",
        )
    return change, owned


def write(folder: OutputFolder, change: ChangeSet, owned: Record) -> None:
    """Write and delete what changes. Raises LocalError where the disk refuses."""
    try:
        folder.apply(change, owned)
    except LocalError as error:
        raise LocalError(error.message, undone="the site is not complete; run this again") from error


def _holds(root: Path) -> bool:
    try:
        # A first run that was killed has left its record, or a part of it, and nothing else.
        return any(path.name not in (RECORD, f".{RECORD}.tmp") for path in root.iterdir())
    except FileNotFoundError:
        return False
    except OSError as error:
        raise LocalError(f"{root} cannot be read: {error.strerror}") from error
