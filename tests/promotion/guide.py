"""Pages of docs/ are run, each command at its time; `python -m tests.promotion.guide` regenerates them.

In a `console` block `$ workloads …`, `$ cat …`, `$ sed -i …`, and `$ git add`, `commit`, `push` and `checkout` are run,
and what follows is the output. `<!-- file: PATH -->` writes the next block to a file, and
`<!-- empty repository on HOST -->` starts anew with a clone of an empty repository.
`<!-- 2026-11-16 09:14 -->` sets the clock, `<!-- run promote billing --to test -->` runs a command that is not shown,
`<!-- commit -->` commits with the message that the last command proposes, or with that of the comment, and pushes, and
`<!-- registry: two regions -->` starts anew with another registry. `<!-- live -->` writes live.json, in which Argo CD
synced every app 20 minutes before the clock; `<!-- live test/billing FIELD=VALUE … -->` changes fields of an
Application, or removes it.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from generator.registry.reader import read_registry
from tests.git.remotes import git
from tests.live.sample import healthy, set_field, time, write_state
from tests.promotion.world import HUB, OWNED, REGIONS, REGISTRY, World
from tests.workspace import ROOT, Done, isolate, runner

#: Each page, with the registry that its commands are run in; "" for a clone of an empty repository.
PAGES = {
    "first-hour.md": "",
    "from-what-you-have.md": "",
    "from-eks-blueprints.md": "",
    "lifecycle.md": REGISTRY,
    "releases.md": REGIONS,
    "incidents.md": REGIONS,
    "permissions.md": OWNED,
    "live.md": HUB,
}
FOLDER = ROOT / "docs"
_PUBLIC = "https://github.com/acme"


def begin(world: World, registry: str) -> World:
    """The world in which a page begins."""
    return world.build(registry) if registry else world.begin_empty()


def replayed(world: World, text: str) -> str:
    """The guide with the output that its commands have now."""
    return "\n".join(_lines(world, text.splitlines())) + "\n"


def _lines(world: World, lines: list[str]) -> Iterator[str]:
    last, inside, file = Done(0, "", ""), False, None
    for line in lines:
        if file is not None:
            yield line
            file = _read_file_block(world, line, file)
        elif line.startswith("<!-- file: "):
            yield line
            file = [line[11:-4]]
        elif line.startswith("```"):
            inside = line == "```console"
            yield line
        elif inside and line.startswith("$ workloads "):
            last = world.run(*shlex.split(line.removeprefix("$ workloads ")))
            yield line
            yield from _shown(world, last)
        elif line.startswith(("<!-- registry: ", "<!-- empty repository on ")):
            yield line
            empty = line.startswith("<!-- empty")
            world = world.start_anew("", line[25:-4]) if empty else world.start_anew(REGIONS)
        elif inside and line.startswith("$ "):
            yield line
            yield from _run_program(world, line.removeprefix("$ ")).splitlines()
        elif not inside:
            last = _order(world, line, last)
            yield line


def _run_program(world: World, command: str) -> str:
    """Run what is not `workloads`; what the page shows of its output."""
    if command == "git diff apps.toml":
        return world.diff().replace(world.git_url, _PUBLIC)
    assert command.startswith(("cat ", "sed -i ", "git checkout ", "git add ", "git commit ", "git push ")), command
    return subprocess.run(
        shlex.split(command), cwd=world.checkout, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def _read_file_block(world: World, line: str, file: list[str]) -> list[str] | None:
    """Add a line to a file, whose name is the first element; None at the end of its block, when it is written."""
    if not line.startswith("```"):
        return [*file, line]
    if len(file) == 1:
        return [*file, ""]
    place = world.checkout / file[0]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("\n".join([*file[2:], ""]))
    return None


def _order(world: World, line: str, last: Done) -> Done:
    """Follow a directive; what the last command said."""
    if re.fullmatch(r"<!-- \d{4}-\d\d-\d\d \d\d:\d\d -->", line):
        world.at = datetime.fromisoformat(line[5:-4]).replace(tzinfo=UTC)
    elif line == "<!-- commit -->":
        world.commit_as_told(last.err)
    elif line.startswith("<!-- commit "):
        world.commit(line[12:-4])
        world.push()
    elif line.startswith("<!-- live "):
        _write_live_state(world, shlex.split(line[9:-4]))
    elif line.startswith("<!-- run "):
        last = world.run(*shlex.split(line[9:-4]))
        assert last.code == 0, last
    return last


def _write_live_state(world: World, changes: list[str]) -> None:
    """Write what an Argo CD has that synced everything; `changes` are for one Application, `ENV/APP FIELD=VALUE …`."""
    registry = read_registry(world.checkout / "apps.toml")
    items = {}
    for environment in registry.environments.values():
        for app in registry.list_effective_apps(environment.name):
            repository = world.folder / "git" / f"{app.app}.git"
            commit = git(repository, "rev-parse", f"{app.revision}^{{commit}}")
            item = healthy(environment, app, commit, synced_at=world.at - timedelta(minutes=20))
            items[f"{environment.name}/{app.app}"] = set_field(item, "status/reconciledAt", time(world.at))
    name, *fields = changes or [""]
    if name and not fields:
        del items[name]
    for path, _, value in (field.partition("=") for field in fields):
        items[name] = set_field(items[name], path, value)
    write_state(world.checkout / "live.json", items.values())
    git(world.checkout, "config", "core.excludesFile", str(world.folder / "excluded"))
    (world.folder / "excluded").write_text("live.json\n")


def _shown(world: World, done: Done) -> list[str]:
    text = (done.out + done.err).replace(world.git_url, _PUBLIC)
    # Commits of the registry hold the folder's name, and so differ from run to run.
    text = re.sub(r"(?<=committed at )[0-9a-f]{12}", "0c1d2e3f4a5b", text)
    commit = r"(?<=Ada  )[0-9a-f]{9}|(?<=by Ada in )[0-9a-f]{9}|(?<=UTC in )[0-9a-f]{9}"
    text = re.sub(r"(?<= files as )[0-9a-f]{12}", "0c1d2e3f4a5b", text)
    text = text.replace(str(world.folder / "workloads.git"), "git@github.com:acme/workloads.git")
    return re.sub(commit, "0c1d2e3f4", text).splitlines()


def main() -> None:
    """Regenerate the pages."""
    captured = cast("pytest.CaptureFixture[str]", _Captured())
    for name, registry in PAGES.items():
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            isolate(Path(folder) / "home", patch)
            world = World(Path(folder), runner(patch, captured), patch)
            (FOLDER / name).write_text(replayed(begin(world, registry), (FOLDER / name).read_text()))


class _Captured:
    """What pytest's capsys does, outside of a test."""

    def __init__(self) -> None:
        import io
        import sys

        self._out, self._err = io.StringIO(), io.StringIO()
        sys.stdout, sys.stderr = self._out, self._err

    def readouterr(self) -> Done:
        out, err = self._out.getvalue(), self._err.getvalue()
        for stream in (self._out, self._err):
            stream.seek(0)
            stream.truncate()
        return Done(0, out, err)


if __name__ == "__main__":
    main()
