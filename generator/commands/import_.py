"""`workloads import`: write the registry of Applications that exist."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from generator import console
from generator.argocd.versions import NEWEST_KNOWN_ARGOCD
from generator.commands.options import dry_run_option, json_option
from generator.errors import LocalError, RefusedError, UsageError
from generator.importing.build import ImportOptions
from generator.importing.import_registry import ImportResult, import_registry, merge_into_registry, plan_environments
from generator.importing.manifests import ReadOptions
from generator.importing.new_files import write_new_files
from generator.importing.report import detail_lines, report_as_json, report_as_markdown, summary_rows
from generator.importing.takeover import format_steps
from generator.publishing.working_copy import replace_registry_files
from generator.registry.editable import EditableRegistry
from generator.registry.files import REGISTRY_NAME
from generator.toml.document import TomlError, parse_document
from generator.working_registry import WorkingRegistry

_NAMED_SOURCE = re.compile(r"([a-z](?:[-a-z0-9]*[a-z0-9])?)=(.+)", re.DOTALL)


@click.command("import")
@click.argument("sources", nargs=-1, required=True, metavar="[ENV=]SOURCE...")
@click.option(
    "--values",
    "values",
    multiple=True,
    metavar="ENV=FILE",
    help="The values file of an environment, for a Helm chart (repeatable).",
)
@click.option(
    "--replace",
    "replacements",
    multiple=True,
    metavar="OLD=NEW",
    help="Fill in a placeholder in every file (repeatable).",
)
@click.option(
    "--teams",
    "teams_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help='A TOML file with lines such as payments = ["billing-*"]; default: a team for each project.',
)
@click.option(
    "--merge",
    is_flag=True,
    help="Add what is new to the apps.toml that exists, and compare the other Applications with it.",
)
@click.option(
    "--plan",
    is_flag=True,
    help="Print how the live Applications change their parent without a deletion; write nothing.",
)
@click.option("--own-projects", is_flag=True, help='Give each app in project "default" a project of its own.')
@click.option("--split", type=click.Choice(["team"]), help="Write the apps of each team to teams/TEAM.toml.")
@click.option("--strict", is_flag=True, help="Write nothing unless every Application is imported and renders the same.")
@click.option(
    "--argocd-version",
    default=NEWEST_KNOWN_ARGOCD,
    show_default=True,
    metavar="VERSION",
    help="The version of Argo CD.",
)
@click.option(
    "--report", "report", type=click.Path(path_type=Path), metavar="FILE", help="Write the report to a Markdown file."
)
@click.option(
    "-o",
    "--output",
    "output",
    type=click.Path(path_type=Path),
    default=Path(),
    metavar="DIR",
    help="The folder for apps.toml; default: here.",
)
@dry_run_option
@json_option
def import_command(
    sources: tuple[str, ...],
    values: tuple[str, ...],
    replacements: tuple[str, ...],
    teams_file: Path | None,
    merge: bool,
    plan: bool,
    own_projects: bool,
    split: str | None,
    strict: bool,
    argocd_version: str,
    report: Path | None,
    output: Path,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Write apps.toml from existing Applications, and verify that it renders the same ones.

    A SOURCE is a file or folder with YAML or JSON, a Helm chart, a kustomization, or - for standard input: for example
    the output of 'kubectl get applications,appprojects -A -o yaml'. ENV= names its environment; otherwise folders or
    values files do.
    """
    reading = ReadOptions(_parse_values_files(values), dict(_split_pair(each, "--replace") for each in replacements))
    paths = [_parse_source(source) for source in sources]
    options = ImportOptions(argocd_version, _read_team_globs(teams_file) if teams_file else [], own_projects)
    if plan and (merge or as_json or strict):
        raise UsageError("WL1002", "--plan goes with neither --merge, --strict nor --json: it prints steps alone")
    existing = _read_existing(output, split) if merge or (plan and (output / REGISTRY_NAME).exists()) else None
    if existing is None:
        result = import_registry(paths, reading, options, split_by_team=split is not None)
    else:
        result = merge_into_registry(existing, paths, reading, options)
    if plan:
        _print_plan(result)
        return
    if report is not None:
        _write_report(report, report_as_markdown(result))
    if strict and (result.changed or result.not_taken):
        _print_details(result)
        raise RefusedError(
            "WL8004",
            f"{console.count_noun(len(result.changed), 'object')} not exact, {len(result.not_taken)} not imported",
            remedy="resolve the lines above, or import without --strict",
            not_done="nothing was written",
        )
    if not dry_run:
        _write_files(output, result.files, existing)
    if as_json:
        console.print_json({**report_as_json(result), "written": not dry_run})
    else:
        _print_report(result, output, dry_run=dry_run)


def _split_pair(text: str, option: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise UsageError("WL1004", f'{option} "{text}" has no "="', remedy=f"write {option} KEY=VALUE")
    return key, value


def _parse_source(text: str) -> tuple[str, Path]:
    """The environment's name, or "", and the path of a source."""
    named = _NAMED_SOURCE.fullmatch(text)
    return (named[1], Path(named[2])) if named and not Path(text).exists() else ("", Path(text))


def _parse_values_files(values: Iterable[str]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for each in values:
        environment, path = _split_pair(each, "--values")
        found.setdefault(environment, []).append(Path(path))
    return found


def _read_team_globs(path: Path) -> list[tuple[str, str]]:
    """Read the globs of app names, each with its team, in the file's order. Raises UsageError or LocalError."""
    try:
        table = parse_document(str(path), path.read_bytes()).data
    except TomlError as error:
        position, _, text = error.problems[0]
        raise UsageError(
            "WL1007",
            f"{path}:{position.line}:{position.column}: {text}",
            remedy='write lines such as payments = ["billing-*"]',
        ) from error
    except OSError as error:
        raise LocalError("WL6001", f"{path}: {error.strerror or error}") from error
    wrong = next((team for team, globs in table.items() if not isinstance(globs, list)), None)
    if wrong is not None:
        raise UsageError("WL1007", f"{path}: {wrong} is not a list", remedy=f'write {wrong} = ["APP", "APP-*"]')
    return [(str(glob), team) for team, globs in table.items() for glob in globs]


def _read_existing(folder: Path, split: str | None) -> EditableRegistry:
    if split:
        raise UsageError("WL1002", "--split does not go with --merge: new apps go into the files that their teams have")
    return WorkingRegistry.find(str(folder / REGISTRY_NAME)).read_editable()


def _print_plan(result: ImportResult) -> None:
    _print_details(result)
    if result.is_merge and result.added:
        count = console.count_noun(len(result.added), "Application")
        console.print_message(f"note: the registry lacks {count} of the source: run 'workloads import --merge' first")
    console.print_message("note: first, publish the registry: 'workloads publish'")
    for environment, steps, notes in plan_environments(result):
        console.print_result(f"Take-over of {environment}:")
        console.print_result("\n".join(format_steps(steps)))
        for note in notes:
            console.print_message(f"note: {note}")


def _write_files(folder: Path, files: Mapping[str, bytes], existing: EditableRegistry | None) -> None:
    before = existing.file_contents() if existing else {}
    write_new_files(folder, {name: data for name, data in files.items() if name not in before})
    replace_registry_files(folder, {name: data for name, data in files.items() if name in before}, before)


def _write_report(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LocalError("WL6001", f"{path} cannot be written: {error.strerror or error}") from error


def _print_details(result: ImportResult) -> None:
    for line in detail_lines(result):
        console.print_message(line)


def _print_report(result: ImportResult, output: Path, *, dry_run: bool) -> None:
    _print_details(result)
    console.print_table(["ENVIRONMENT", "EXACT", "CHANGED"], summary_rows(result))
    for line in result.additions:
        console.print_result(line)
    if not result.files:
        console.print_result("nothing to add: the registry has every Application that can be imported")
        return
    files, teams = ", ".join(str(output / name) for name in result.files), len(result.registry.teams)
    verb = "would write" if dry_run else "wrote"
    counts = f"{console.count_noun(len(result.registry.apps), 'app')} of {console.count_noun(teams, 'team')}"
    if result.additions:
        counts = f"{console.count_noun(len(result.added), 'Application')} added"
    console.print_result(f"{verb} {files}: {counts}")
    if not dry_run:
        review = "what was added" if result.additions else "the teams in apps.toml, add their owners"
        console.print_message(f"next: review {review}, then run 'workloads render' and 'workloads check'")
