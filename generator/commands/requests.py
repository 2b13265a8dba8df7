"""What a request is asked for on the command line, and how it is told of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from generator.publishing.account import Made
    from generator.publishing.request import Asked

#: How a command is run, as against what it does; and people's words, which may change while the request is open.
_NOT_WHAT = {
    *("registry_path", "dry_run", "as_json", "without_helm", "and_publish", "as_request", "forge", "removals"),
    *("ceilings", "repository", "branch", "create_branch", "adopt", "overwrite", "allow_rewound", "reason"),
}


def asked(as_request: bool, forge: str | None) -> Asked | None:
    """What the running command's request is for, None where none is wanted.

    The same command line means the same request, which is then updated.
    """
    from generator.publishing.request import Asked

    context = click.get_current_context()
    if not as_request:
        return None
    said = [context.info_name or "publish"]
    operation = list(said)
    for name, value in sorted(context.params.items()):
        if name in _NOT_WHAT or value in (None, False, "", ()):
            continue
        values = [str(each) for each in value] if isinstance(value, tuple) else [str(value)]
        said += [name] if value is True else values
        operation += [name, *values]
    return Asked(" ".join(said), "\0".join(operation), forge or "")


def data(made: Made | None) -> dict[str, Any]:
    """The request in a JSON document."""
    if made is None:
        return {}
    return {"request": {"branch": made.branch, "url": made.url or None, "command": made.command or None}}


def tell(made: Made | None) -> None:
    """Where the request is, or the command that makes it."""
    from generator import console

    if made is None:
        return
    if made.url:
        console.result(f"{'opened' if made.created else 'the request is'} {made.url}")
    else:
        console.result(f"the change is on {made.branch}; to go on:\n  {made.command}")
