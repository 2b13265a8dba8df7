"""`workloads doctor`: check what the other commands need here."""

from __future__ import annotations

import click

from generator import console
from generator.commands.options import json_option, registry_option
from generator.errors import LocalError
from generator.publishing.diagnosis import diagnose
from generator.working_registry import WorkingRegistry


@click.command("doctor")
@registry_option
@json_option
@click.option("--offline", is_flag=True, help="Do not query the workloads repository and the app repositories.")
def doctor_command(registry_path: str | None, as_json: bool, offline: bool) -> int:
    """Check Git, Helm, the registry, the checkout, Argo CD's version and access to every repository.

    Exit status: 9 if something is wrong; warnings do not count.
    """
    findings = []
    for finding in diagnose(WorkingRegistry.find(registry_path), offline=offline):
        findings.append(finding)
        if not as_json:
            console.print_result(str(finding))
            if finding.hint and finding.level != "ok":
                console.print_result(f"  hint: {finding.hint}")
    if as_json:
        console.print_json([finding._asdict() for finding in findings])
    return LocalError.exit_code if any(finding.level == "error" for finding in findings) else 0
