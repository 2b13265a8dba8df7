"""The command line: the command group, the top-level error handler and exit codes."""

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

#: Each command and its line in `--help`. A command's module is imported only when the command runs.
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


class _LazyCommandGroup(click.Group):
    """A click group that imports a command's module only when the command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(importlib.import_module(f"generator.commands.{name}"), f"{name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from generator.registry.problems import suggest_nearest

            ctx.fail(f"no such command {name!r}{suggest_nearest(name, COMMANDS)}")
        return super().resolve_command(ctx, args)


@click.group(cls=_LazyCommandGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="workloads")
def workloads() -> None:
    """One typed registry, apps.toml, becomes an Argo CD app-of-apps Helm chart for every environment."""


def main() -> NoReturn:
    """Run the command and exit with its exit code."""
    _repair_output_streams()
    # Most objects live until the command ends, so frequent garbage collections cost time and free nothing. Only
    # repeated attempts to publish leave garbage.
    gc.set_threshold(10_000_000, 10, 10)
    sys.exit(_flush_output(_run_command_line()))


def _flush_output(code: int) -> int:
    """Flush stdout and return `code`, or another exit code if that fails; a closed pipe is not an error."""
    try:
        sys.stdout.flush()
    except OSError as error:
        # Discard the buffered output, so that it does not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return code if isinstance(error, BrokenPipeError) else _report_system_error(error)
    return code


def _repair_output_streams() -> None:
    """Replace closed output streams, and escape characters that a stream's encoding lacks."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - stays open until the process ends
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _run_command_line() -> int:
    """Run the command and convert every error to an exit code."""
    from generator.errors import GeneratorError

    try:
        code = workloads(prog_name="workloads", standalone_mode=False)
    except click.ClickException as error:
        return _report_usage_error(error)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except GeneratorError as error:
        from generator import console

        console.print_error(error, as_json="--json" in sys.argv)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as stop:
        click.echo("interrupted", err=True)
        # click raises Abort for every KeyboardInterrupt; an interrupt caused by SIGTERM has its own exit code.
        return int(getattr(stop.__cause__ or stop, "exit_code", 130))
    except OSError as error:
        return _report_system_error(error)
    except Exception:  # noqa: BLE001 - any other exception is a bug; report it as one
        return _report_bug()
    return code if isinstance(code, int) else 0


def _report_usage_error(error: click.ClickException) -> int:
    """Print click's error with control characters escaped, and return its exit code."""
    from generator import console

    said = io.StringIO()
    error.show(said)
    console.print_message(said.getvalue().rstrip("\n"))
    return error.exit_code


def _report_system_error(error: OSError) -> int:
    from generator import console
    from generator.errors import LocalError

    console.print_error(LocalError(f"{error.filename or 'the system'}: {error.strerror or error}"))
    return LocalError.exit_code


def _report_bug() -> int:
    import traceback

    from generator import console
    from generator.git.messages import redact

    console.print_message(redact(traceback.format_exc()))
    console.print_message("This is a bug in workloads; please report it with the lines above and the command.")
    return 70


if __name__ == "__main__":
    main()
