"""`workloads teardown`: delete an environment from its Argo CD, in an order that leaves nothing behind."""

from __future__ import annotations

import sys

import click

from generator import console
from generator.cluster.kubectl import Kubectl
from generator.cluster.run_teardown import TeardownRun, prepare_teardown
from generator.cluster.teardown import TeardownChoices, TeardownPlan, format_plan, plan_teardown
from generator.commands.options import registry_option
from generator.errors import RemovalError, UsageError
from generator.registry.problems import require_known_names
from generator.working_registry import WorkingRegistry


@click.command("teardown")
@click.argument("environment", metavar="ENV")
@registry_option
@click.option("--keep-workloads", is_flag=True, help="Delete the Applications, and keep what they deploy.")
@click.option("--delete-namespaces", is_flag=True, help="Delete the namespaces too, with everything in them.")
@click.option(
    "--parent", default="", metavar="NAME", help="The Application that deploys the chart; default: found by its source."
)
@click.option("--run", "runs", is_flag=True, help="Perform and verify the steps in a cluster, with kubectl.")
@click.option("--kubeconfig", default="", metavar="FILE", help="The kubeconfig for kubectl.")
@click.option("--context", default="", metavar="NAME", help="The context in the kubeconfig.")
@click.option("--confirm", default="", metavar="ENV", help="Confirm the deletion by the environment's name.")
@click.option(
    "--timeout",
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="How long one step may take.",
    type=click.IntRange(1),
)
def teardown_command(
    environment: str,
    registry_path: str | None,
    keep_workloads: bool,
    delete_namespaces: bool,
    parent: str,
    runs: bool,
    kubeconfig: str,
    context: str,
    confirm: str,
    timeout: int,
) -> None:
    """Print the order in which an environment is deleted from its Argo CD, each step with its commands and its check.

    With --run, perform the steps in a live cluster and verify each one. An interrupted run can be started again.
    """
    registry = WorkingRegistry.find(registry_path).read()
    require_known_names([environment], registry.environments, "environment")
    if confirm not in ("", environment):
        raise UsageError("WL1004", f"--confirm {confirm} is not the environment {environment}")
    kubectl, choices = Kubectl(kubeconfig, context), TeardownChoices(keep_workloads, delete_namespaces, parent)
    plan = (
        prepare_teardown(registry, environment, choices, kubectl)
        if runs
        else plan_teardown(registry, environment, choices)
    )
    _warn_of_other_users(plan)
    if not runs or not confirm:
        console.print_result("\n".join(format_plan(plan, kubectl.command)))
    if not runs:
        return
    _confirm(plan, confirm)
    TeardownRun(plan, kubectl, console.print_result, timeout).perform()
    console.print_message(f"{environment} is deleted; to forget it, delete [environments.{environment}] from apps.toml")


def _warn_of_other_users(plan: TeardownPlan) -> None:
    for project, users in plan.used_elsewhere.items():
        text = f"its chart creates project {project}, which {', '.join(users)} uses too"
        console.print_message(f"warning: tear down {plan.environment} last: {text}")


def _confirm(plan: TeardownPlan, confirmed: str) -> None:
    """Ask for the environment's name. Raises RemovalError if it is not given."""
    name = plan.environment
    if not confirmed and sys.stdin.isatty():
        confirmed = click.prompt(f"Type {name} to delete it", default="", show_default=False, err=True)
    if confirmed != name:
        raise RemovalError(
            "WL4206",
            f"the deletion of {name} is not confirmed",
            remedy=f"--confirm {name}",
            not_done="nothing was deleted",
        )
