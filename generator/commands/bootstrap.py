"""`workloads bootstrap`: print what starts Argo CD on an environment's chart."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from generator import console
from generator.bootstrap.forms import FORM_NAMES, FORMS_WITH_CREDENTIALS, NOTICE, name_file, write_form
from generator.bootstrap.overrides import read_overrides
from generator.bootstrap.root_objects import RootOptions, build_root_objects
from generator.commands.options import registry_option
from generator.errors import LocalError, RefusedError, UsageError
from generator.publishing.context import find_published_location
from generator.registry.files import read_regular_file, replace_file
from generator.registry.problems import require_known_name
from generator.working_registry import WorkingRegistry


@click.command("bootstrap")
@click.argument("environment", metavar="ENV")
@registry_option
@click.option("--for", "form", type=click.Choice(FORM_NAMES), required=True, help="The tool that starts Argo CD.")
@click.option(
    "--prune/--no-prune", default=None, help="Whether Argo CD deletes Applications that are no longer in the chart."
)
@click.option("--self-heal", is_flag=True, help="Argo CD reverts changes that somebody makes to the Applications.")
@click.option("--cascade", is_flag=True, help="Deleting the root Application deletes all Applications and workloads.")
@click.option("--values", "files", multiple=True, type=click.Path(path_type=Path), metavar="FILE", help="Helm values.")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="A Helm value (repeatable).")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write to a file, or into a folder."
)
def bootstrap_command(
    environment: str,
    registry_path: str | None,
    form: str,
    prune: bool | None,
    self_heal: bool,
    cascade: bool,
    files: tuple[Path, ...],
    assignments: tuple[str, ...],
    output: Path | None,
) -> None:
    """Print what starts Argo CD on the chart of an environment: the root AppProject and the root Application.

    The project permits the workloads repository, Applications and AppProjects, and nothing else. The values that the
    Application passes (--values, --set) are checked against the chart by Helm.
    """
    working = WorkingRegistry.find(registry_path)
    registry = working.read()
    require_known_name(environment, registry.environments, "environment")
    location = find_published_location(working, registry)
    prune = False if form == "credentials" else _choose_prune(environment, prune)
    options = RootOptions(prune, self_heal, cascade, read_overrides(files, assignments))
    roots = build_root_objects(registry, environment, location, options)
    text = write_form(form, roots)
    if form not in FORMS_WITH_CREDENTIALS and (roots.credentials or roots.existing):
        first = f"workloads bootstrap {environment} --for credentials | kubectl apply -f -"
        console.print_message(f"note: Argo CD needs the credentials of the registry first: {first}")
    if output is None:
        console.print_result(text.removesuffix("\n"))
    else:
        _write_output(output / name_file(form, environment) if output.is_dir() else output, text)


def _choose_prune(environment: str, prune: bool | None) -> bool:
    """The choice on the command line, or that of the user. Raises UsageError without a terminal."""
    if prune is not None:
        return prune
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "WL1003",
            "--prune or --no-prune is missing",
            remedy="with --prune, Argo CD deletes the Applications and workloads that `workloads remove` takes out of "
            "the chart; with --no-prune, you delete them",
        )
    return click.confirm(f"Should Argo CD delete Applications that the chart of {environment} no longer has", err=True)


def _write_output(path: Path, text: str) -> None:
    """Write a form to a file. Raises RefusedError if the file has something else, and LocalError."""
    before = read_regular_file(path)
    if before and NOTICE not in before.decode("utf-8", "replace").partition("\n")[0]:
        raise RefusedError(
            "WL7003",
            f"{path} exists, and `workloads bootstrap` did not write it",
            remedy="name another file with --output",
            not_done="nothing was written",
        )
    try:
        replace_file(path, text.encode())
    except OSError as error:
        raise LocalError("WL6001", f"{path} cannot be written: {error.strerror or error}") from error
    console.print_result(f"wrote {path}")
