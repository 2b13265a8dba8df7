"""Where the system's Chromium is, and how it is started."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

# root may not have a sandbox; what is opened is ours and from the disk.
LAUNCH = ["--no-sandbox", "--disable-dev-shm-usage"] if os.geteuid() == 0 else ["--disable-dev-shm-usage"]
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str | None:
    """The path of the browser, None where there is none."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


def written(files: Mapping[str, bytes], folder: Path) -> Path:
    """The files below a folder."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder
