"""`python -m tests.bootstrap.page`: write the output of every command in docs/bootstrap.md."""

from __future__ import annotations

import re
import shlex
import tempfile
from pathlib import Path

from tests.workspace import ROOT, spawn

PAGE = ROOT / "docs" / "bootstrap.md"
_REGISTRY = re.compile(r"```toml\n(.*?)```", re.DOTALL)
_COMMAND = re.compile(r"(```console\n\$ workloads (.*)\n)([^`]*)(```)")


def fill_in(page: str, folder: Path) -> str:
    """The page with what its commands print for its registry."""
    found = _REGISTRY.search(page)
    assert found
    (folder / "apps.toml").write_text(found[1])

    def run(command: re.Match[str]) -> str:
        done = spawn(*shlex.split(command[2]), cwd=folder)
        assert done.code == 0, done
        return command[1] + done.out + done.err + command[4]

    return _COMMAND.sub(run, page)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        PAGE.write_text(fill_in(PAGE.read_text(), Path(place)))
