"""The merge driver in git's own hands: where it is set up, and git's own merge for what it cannot settle."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from generator.errors import LocalError
from generator.git.command import Runner

NAME = "workloads"
_ATTRIBUTES = ".gitattributes"
_SETTINGS = (
    (f"merge.{NAME}.name", "merge apps.toml by key and list entry"),
    (f"merge.{NAME}.driver", "workloads merge-driver %O %A %B %P"),
    # A merge of two bases is nobody's edit, and is not to stop for a conflict.
    (f"merge.{NAME}.recursive", "text"),
)


def install(top: Path, patterns: Iterable[str]) -> list[str]:
    """Have git merge the files that match `patterns` by our driver; what was written. `LocalError`."""
    git = Runner(top)
    for key, value in _SETTINGS:
        git.check("config", "--local", key, value)
    target = top / _ATTRIBUTES
    wanted = [f"{_quoted(pattern)} merge={NAME}" for pattern in patterns]
    try:
        text = target.read_text(encoding="utf-8") if target.exists() else ""
        missing = [line for line in wanted if line not in text.splitlines()]
        if missing:
            gap = "" if not text or text.endswith("\n") else "\n"
            target.write_text(text + gap + "".join(f"{line}\n" for line in missing), encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LocalError(f"{target} cannot be changed: {error}") from error
    return missing


def _quoted(pattern: str) -> str:
    plain = f"/{pattern}"
    if not any(character in plain for character in ' "\\\t'):
        return plain
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    return f'"{escaped}"'


def merge_lines(base: Path, ours: Path, theirs: Path) -> None:
    """Merge line by line into `ours`, conflict markers and all, as git does without a driver. `LocalError`."""
    labels = ("-L", "ours", "-L", "base", "-L", "theirs")
    files = [str(path.absolute()) for path in (ours, base, theirs)]
    output = Runner(Path("/")).run("merge-file", "--quiet", *labels, "--", *files)
    if output.code < 0 or output.code > 127:
        raise LocalError(f"git cannot merge the file: {output.err.strip()}")
