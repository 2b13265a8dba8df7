"""The command line: the command group, the top-level error handler and exit codes."""

from __future__ import annotations

import gc
import importlib
import io
import keyword
import logging
import os
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import click
from click.shell_completion import CompletionItem

from generator import __version__, console
from generator.errors import GeneratorError, LocalError, UsageError

# Pydantic would read the metadata of every installed package, in search of plugins.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

#: Each command and its line in `--help`. A command's module is imported only when the command runs.
COMMANDS = {
    "add": "Onboard an app: its table, and an entry for each environment.",
    "bootstrap": "Print what starts Argo CD on an environment's chart, for kubectl, Terraform, CDK and others.",
    "check": "Validate the registry and the charts, and check that the charts are up to date.",
    "codeowners": "Generate CODEOWNERS entries for the teams.",
    "completion": "Print the completion script of a shell: commands, options, apps, environments.",
    "diff": "Show what Argo CD would change, dangers first, rendered by Helm.",
    "doctor": "Check Git, Helm, credentials and the checkout, and say how to fix what is wrong.",
    "drift": "Show where the live Applications of Argo CD differ from the registry.",
    "explain": "Explain the errors that have a code, such as WL2101.",
    "graph": "Print the promotion graph, or the app-of-apps tree, as Mermaid or DOT.",
    "guard": "Print an admission policy that protects the Applications in use.",
    "history": "List who changed which revision, when, why and in which commit.",
    "hold": "Stop promotions of apps into an environment.",
    "import": "Write apps.toml from existing Applications, and verify that nothing changes.",
    "init": "Write a first apps.toml, with CODEOWNERS and CI workflows.",
    "merge-driver": "Merge two edits of apps.toml by key and list entry, for git's own merges.",
    "metrics": "Show the four DORA metrics of each team and app.",
    "migrate": "Rename or move an app without deleting its workload.",
    "promote": "Promote apps from their source environment into the next one.",
    "publish": "Render and commit to the workloads branch.",
    "remove": "Remove a retired app from an environment: the second step of a removal.",
    "render": "Write the charts of all environments, or of those named.",
    "retire": "Prepare to remove an app without deleting its workload: the first step of a removal.",
    "rollback": "Roll back an app to an earlier revision, and hold it there.",
    "schema": "Print the JSON Schema of apps.toml for editors.",
    "shard": "Split an environment's chart into shards without deleting workloads.",
    "site": "Write a static site with deployed revisions, pending promotions, history and metrics.",
    "status": "Show the revision of every app in each environment, and pending promotions.",
    "teardown": "Delete an environment from its Argo CD, in an order that leaves nothing behind.",
    "unhold": "Allow promotions of held apps again.",
    "update": "Update tracked apps to their newest revision.",
    "why": "Explain what one app runs, what waits for which rule, and what to do next.",
}
#: Earlier names of commands, which still work and are not listed.
_ALIASES = {"release": "unhold"}


def _output_options() -> list[click.Parameter]:
    """The options of every command, and of `workloads` itself, for what is printed."""
    return [
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            expose_value=False,
            callback=lambda context, option, value: _print_started_programs() if value else None,
            help="Print each git and helm command that is started.",
        ),
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            expose_value=False,
            callback=lambda context, option, value: console.configure(quiet=value or None),
            help="Print results and errors only.",
        ),
        click.Option(
            ["--color"],
            type=click.Choice(["auto", "always", "never"]),
            expose_value=False,
            callback=lambda context, option, value: console.configure(color=value),
            help="Whether to print in color; default: auto, in a terminal without NO_COLOR.",
        ),
    ]


class _MessageHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        console.print_problem(record.getMessage())


def _print_started_programs() -> None:
    logger = logging.getLogger("generator")
    logger.setLevel(logging.DEBUG)
    logger.handlers = [_MessageHandler()]


class _LazyCommandGroup(click.Group):
    """A click group that imports a command's module only when the command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        cmd_name = _ALIASES.get(cmd_name, cmd_name)
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        module = f"{name}_" if keyword.iskeyword(name) else name
        command: click.Command = getattr(importlib.import_module(f"generator.commands.{module}"), f"{name}_command")
        if not any("--quiet" in parameter.opts for parameter in command.params):
            command.params += _output_options()
        if ctx.resilient_parsing:
            from generator.commands.completion import complete_names

            complete_names(command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name, or an option of `workloads` itself, without importing any command."""
        names = [CompletionItem(name, help=line) for name, line in COMMANDS.items() if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and name not in _ALIASES and not name.startswith("-"):
            from generator.registry.problems import suggest_nearest

            ctx.fail(f"no such command {name!r}{suggest_nearest(name, COMMANDS)}")
        found = super().resolve_command(ctx, args)
        if found[1] is not None and not ctx.resilient_parsing:
            _refuse_repeated_options(found[1], ctx, found[2])
        return found


def _refuse_repeated_options(command: click.Command, parent: click.Context, args: list[str]) -> None:
    """End with a usage error if an option that takes one value is given twice; click would keep the last value."""
    context = click.Context(command, info_name=command.name, parent=parent)
    _, _, given = command.make_parser(context).parse_args(args=list(args))
    for parameter in given:
        single = isinstance(parameter, click.Option) and not (parameter.multiple or parameter.is_flag)
        if single and given.count(parameter) > 1:
            context.fail(f"{parameter.opts[-1]} takes one value and is given {given.count(parameter)} times")


@click.group(cls=_LazyCommandGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="workloads")
def workloads() -> None:
    """One typed registry, apps.toml, becomes an Argo CD app-of-apps Helm chart for every environment."""


workloads.params += _output_options()


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
    console.configure(quiet=False, color="auto")
    logging.getLogger("generator").setLevel(logging.WARNING)
    try:
        code = workloads(prog_name="workloads", standalone_mode=False)
    except click.ClickException as error:
        return _report_usage_error(error)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except GeneratorError as error:
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
    """Print click's error, after the usage of the command, and return its exit code."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        console.print_problem(error.format_message())
        return error.exit_code
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context:
        console.print_problem(context.get_usage())
    remedy = f"run {context.command_path} --help" if context else ""
    console.print_error(UsageError("WL1001", error.format_message(), remedy=remedy), as_json="--json" in sys.argv)
    return error.exit_code


def _report_system_error(error: OSError) -> int:
    console.print_error(LocalError("WL6001", f"{error.filename or 'the system'}: {error.strerror or error}"))
    return LocalError.exit_code


def _report_bug() -> int:
    from generator.git.messages import redact

    console.print_problem(redact(traceback.format_exc()))
    console.print_problem("This is a bug in workloads; please report it with the lines above and the command.")
    return 70


if __name__ == "__main__":
    main()
