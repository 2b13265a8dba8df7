"""The command line: which commands there are, the one catcher of errors, exit codes."""

from __future__ import annotations

import importlib
import os
import sys
from typing import NoReturn

import click

from generator import __version__

#: Each command's module below `generator.commands`, and its line in the overview; a module is imported only to run.
COMMANDS = {
    "check": "Judge the registry, every chart by Helm, and whether the charts are up to date.",
    "publish": "Render and commit to the workloads repository's branch.",
    "render": "Write the charts of all environments, or of those named.",
    "schema": "Print the JSON Schema of apps.toml for editors.",
    "status": "Show which revision of every app runs in which environment.",
}


class _Commands(click.Group):
    """A group whose commands are imported when one is run, and not to list them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"generator.commands.{cmd_name}")
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
    try:
        code = _run()
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output has left; what is still buffered must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    sys.exit(code)


def _run() -> int:
    """Errors become exit codes here and nowhere else."""
    from generator.errors import GeneratorError

    try:
        code = workloads(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except GeneratorError as error:
        from generator import console

        console.failure(error, as_json="--json" in sys.argv)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as stop:
        click.echo("interrupted", err=True)
        return int(getattr(stop, "exit_code", 130)) if isinstance(stop, KeyboardInterrupt) else 130
    except BrokenPipeError:
        raise
    except OSError as error:
        from generator import console
        from generator.errors import LocalError

        console.failure(LocalError(f"{error.filename or 'the system'}: {error.strerror}"))
        return LocalError.exit_code
    except Exception:  # noqa: BLE001 - whatever is left is a bug, and must not end in a bare traceback
        return _bug()
    return code if isinstance(code, int) else 0


def _bug() -> int:
    import traceback

    from generator.git.words import redact

    click.echo(redact(traceback.format_exc()), err=True)
    click.echo("This is a bug in workloads; please report it with the lines above and the command.", err=True)
    return 70


if __name__ == "__main__":
    main()
