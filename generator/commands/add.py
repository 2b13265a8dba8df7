"""`workloads add`: onboard an app."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from generator.commands.editing import carry_out, editing_options, registry_file, remotes

if TYPE_CHECKING:
    from generator.git.refs import Remotes
    from generator.promotion.onboard import NewApp
    from generator.registry.registry import Registry

_WORDS = {"team": "TEAM", "repository": "URL", "path": "PATH"}
_NEEDED = {
    "team": "The team that owns it",
    "repository": "The repository of its chart",
    "path": "The chart's path there",
}


@click.command("add")
@click.argument("app")
@click.option("--team", metavar="TEAM", help="The team that owns it.")
@click.option("--repository", metavar="URL", help="The repository of its chart.")
@click.option("--path", "path", metavar="PATH", help="Where the chart is in the repository.")
@click.option("--revision", metavar="REV", help="A branch, tag or commit; default: the repository's default branch.")
@click.option("--namespace", metavar="NAME", help="Default: the app's name.")
@click.option(
    "--env", "environments", multiple=True, metavar="ENV", help="Default: those that are promoted from no other."
)
@click.option("--no-verify-remote", is_flag=True, help="Do not ask the repository, and take the revision as it is.")
@editing_options
def command(app: str, **flags: Any) -> None:
    """Onboard an app: its table, and an entry in the list of each environment.

    What is missing is asked for in a terminal. The revision must exist in the repository.
    """
    from dataclasses import replace

    from generator.promotion.onboard import add

    ask = None if flags["no_verify_remote"] else remotes(registry_file(flags))
    new = _completed(app, flags, ask)
    if new.revision is None and ask is not None:
        new = replace(new, revision=ask.refs(new.repository).default)
    carry_out(lambda ground: add(ground.book, new, flags["environments"], ask), flags)


def _completed(app: str, flags: dict[str, Any], ask: Remotes | None) -> NewApp:
    """The new app by its flags and, in a terminal, by questions. Raises UsageError naming the flags missing."""
    from generator.cache import user_cache
    from generator.errors import UsageError
    from generator.promotion.onboard import NewApp
    from generator.registry.read import read_registry

    given = {key: flags[key] for key in _NEEDED}
    missing = [key for key, value in given.items() if value is None]
    registry = read_registry(registry_file(flags), user_cache()) if missing else None
    if registry is not None and not (sys.stdin.isatty() and sys.stderr.isatty()):
        hints = _proposed(registry, app, given["team"])
        wanted = (f"--{key} {hints.get(key, _WORDS[key])}" for key in missing)
        raise UsageError(f"{app} needs {', '.join(f'--{key}' for key in missing)}", remedy=f"add {' '.join(wanted)}")
    for key in missing if registry else ():
        hints = _proposed(registry, app, given["team"])
        given[key] = click.prompt(_NEEDED[key], default=hints.get(key), err=True)
    revision = flags["revision"]
    if missing and revision is None and ask is not None:
        revision = _asked_revision(ask, given["repository"])
    return NewApp(app, given["team"], given["repository"], given["path"], revision, flags["namespace"])


def _asked_revision(ask: Remotes, repository: str) -> str:
    from generator import console

    refs = ask.refs(repository)
    console.note(f"branches: {', '.join(list(refs.branches)[:10])}")
    console.note(f"tags: {', '.join(list(refs.tags)[-10:]) or 'none'}")
    answer: str = click.prompt("The revision", default=refs.default, err=True)
    return answer


def _proposed(registry: Registry | None, app: str, team: str | None) -> dict[str, str]:
    from generator.promotion.onboard import proposals

    if registry is None:
        return {}
    if team is None:
        return {"team": next(iter(registry.teams))} if len(registry.teams) == 1 else {}
    return dict(proposals(registry, app, team))
