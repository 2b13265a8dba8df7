"""Set up Git to merge apps.toml with this tool, and merge by line where it cannot."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from generator.errors import LocalError
from generator.git.runner import GitRunner

DRIVER_NAME = "workloads"
_ATTRIBUTES_FILE = ".gitattributes"
_DRIVER_SETTINGS = (
    (f"merge.{DRIVER_NAME}.name", "merge apps.toml by key and list entry"),
    (f"merge.{DRIVER_NAME}.driver", "workloads merge-driver %O %A %B %P"),
    # Git merges multiple merge bases as text, because a conflict between them must not stop the merge.
    (f"merge.{DRIVER_NAME}.recursive", "text"),
)


def install_merge_driver(top: Path, patterns: Iterable[str]) -> list[str]:
    """Set up Git to merge files that match `patterns` with this tool.

    Returns the lines added to .gitattributes. Raises `LocalError` if a file cannot be changed.
    """
    target = top / _ATTRIBUTES_FILE
    if target.is_symlink():
        raise LocalError(
            "WL7006", f"{target} is a symbolic link, which Git does not read", remedy="replace it with a regular file"
        )
    git = GitRunner(top)
    for key, value in _DRIVER_SETTINGS:
        git.check_output("config", "--local", key, value)
    wanted = [f"{_quote_attribute_pattern(pattern)} merge={DRIVER_NAME}" for pattern in patterns]
    try:
        text = target.read_text(encoding="utf-8") if target.exists() else ""
        missing = [line for line in wanted if line not in text.splitlines()]
        if missing:
            gap = "" if not text or text.endswith("\n") else "\n"
            target.write_text(text + gap + "".join(f"{line}\n" for line in missing), encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LocalError("WL6001", f"{target} cannot be changed: {error}") from error
    return missing


def _quote_attribute_pattern(pattern: str) -> str:
    plain = f"/{pattern}"
    if not any(character in plain for character in ' "\\\t'):
        return plain
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
    return f'"{escaped}"'


def merge_text_files(base: Path, ours: Path, theirs: Path) -> None:
    """Merge line by line into `ours`, with conflict markers, as Git does without a driver. Raises `LocalError`."""
    labels = ("-L", "ours", "-L", "base", "-L", "theirs")
    files = [str(path.absolute()) for path in (ours, base, theirs)]
    output = GitRunner(Path("/")).run_git("merge-file", "--quiet", *labels, "--", *files)
    if output.exit_code < 0 or output.exit_code > 127:
        raise LocalError("WL6003", f"Git cannot merge the file: {output.stderr.strip()}")
