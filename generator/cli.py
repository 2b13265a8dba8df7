"""The command line: which commands there are, the one catcher of errors, exit codes."""

from __future__ import annotations

import gc
import importlib
import io
import os
import sys
from pathlib import Path
from typing import NoReturn

import click

from generator import __version__

#: Each command's module below `generator.commands`, and its line in the overview; a module is imported only to run.
COMMANDS = {
    "add": "Onboard an app: its table, and an entry for each environment.",
    "check": "Judge the registry, every chart by Helm, and whether the charts are up to date.",
    "codeowners": "Print, or keep up to date, the CODEOWNERS lines that the teams make necessary.",
    "diff": "Show what Argo CD would change, dangers first, rendered by Helm.",
    "graph": "Print the promotion graph, or the app-of-apps tree, as Mermaid, DOT or SVG.",
    "history": "Show who moved what, from where, when and in which commit.",
    "hold": "Refuse promotions of an app into an environment for a while.",
    "merge-driver": "Merge two edits of apps.toml by key and list entry, for git's own merges.",
    "metrics": "Show how often, how fast and how safely each team and app is deployed.",
    "migrate": "Rename or move an app without deleting what it runs.",
    "promote": "Bring the revision that runs below into an environment.",
    "publish": "Render and commit to the workloads repository's branch.",
    "release": "End a hold.",
    "remove": "Take a retired app out of an environment: the second phase of a removal.",
    "render": "Write the charts of all environments, or of those named.",
    "retire": "Let an app go without deleting what it runs: the first phase of a removal.",
    "rollback": "Bring back the revision that ran in an environment before.",
    "schema": "Print the JSON Schema of apps.toml for editors.",
    "shard": "Divide an environment's chart without deleting what runs.",
    "site": "Write a static site: what runs where, what waits, history and measures.",
    "status": "Show which revision of every app runs where, since when, and what waits.",
    "update": "Bring apps that track tags or a branch to their newest revision.",
}


class _Commands(click.Group):
    """A group whose commands are imported when one is run, and not to list them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"generator.commands.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from generator.registry.report import suggestion

            ctx.fail(f"no such command {name!r}{suggestion(name, COMMANDS)}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="workloads")
def workloads() -> None:
    """One typed registry, apps.toml, becomes an Argo CD app-of-apps Helm chart for every environment."""


def main() -> NoReturn:
    """Run the command and exit with the code that says what became of it."""
    _mend_streams()
    # What a command makes stays until it ends: to look through millions of live objects frees nothing, unless one
    # attempt to publish after the other leaves them.
    gc.set_threshold(10_000_000, 10, 10)
    sys.exit(_flushed(_run()))


def _flushed(code: int) -> int:
    """The code, or another one where the last of the result cannot be written; a reader who has left is no fault."""
    try:
        sys.stdout.flush()
    except OSError as error:
        # What is still buffered must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return code if isinstance(error, BrokenPipeError) else _system(error)
    return code


def _mend_streams() -> None:
    """A stream that is closed, or whose encoding lacks a character, is no reason to fail."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - for as long as we live
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _run() -> int:
    """Errors become exit codes here and nowhere else."""
    from generator.errors import GeneratorError

    try:
        code = workloads(prog_name="workloads", standalone_mode=False)
    except click.ClickException as error:
        return _usage(error)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except GeneratorError as error:
        from generator import console

        console.failure(error, as_json="--json" in sys.argv)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as stop:
        click.echo("interrupted", err=True)
        # click makes an Abort of every KeyboardInterrupt; one that stands for SIGTERM has a code of its own.
        return int(getattr(stop.__cause__ or stop, "exit_code", 130))
    except OSError as error:
        return _system(error)
    except Exception:  # noqa: BLE001 - whatever is left is a bug, and must not end in a bare traceback
        return _bug()
    return code if isinstance(code, int) else 0


def _usage(error: click.ClickException) -> int:
    """What click says, without what the command line may have brought along for the terminal."""
    from generator import console

    said = io.StringIO()
    error.show(said)
    console.note(said.getvalue().rstrip("\n"))
    return error.exit_code


def _system(error: OSError) -> int:
    from generator import console
    from generator.errors import LocalError

    console.failure(LocalError(f"{error.filename or 'the system'}: {error.strerror or error}"))
    return LocalError.exit_code


def _bug() -> int:
    import traceback

    from generator import console
    from generator.git.words import redact

    console.note(redact(traceback.format_exc()))
    console.note("This is a bug in workloads; please report it with the lines above and the command.")
    return 70


if __name__ == "__main__":
    main()
