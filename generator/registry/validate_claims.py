"""Validate what the apps of all environments occupy together in each Argo CD."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from generator.registry.findings import Finding
from generator.registry.shards import find_app_shard, is_bootstrap_name, shard_application_name
from generator.registry.target_rules import MAX_CAPABILITY_APPLICATIONS
from generator.registry.uniqueness import IdentityClaim, find_identity_conflicts

if TYPE_CHECKING:
    from generator.registry.builder import RegistryBuilder
    from generator.toml.document import KeyPath


def validate_claims(builder: RegistryBuilder, running: list[IdentityClaim]) -> None:
    """Report the conflicts between apps, `running` in every environment."""
    for claim, text in find_identity_conflicts(running):
        builder.add_entry_problem(claim.app, claim.environment, "WL2401", text)
    _validate_capability_sizes(builder, running)
    _validate_bootstrap_names(builder, running)
    _validate_project_creators(builder, running)
    _validate_unknown_projects(builder, running)
    _note_shared_namespaces(builder, running)


def _validate_capability_sizes(builder: RegistryBuilder, running: list[IdentityClaim]) -> None:
    """Report the environments with which a managed Argo CD of EKS gets too many Applications."""
    counts: Counter[str] = Counter()
    for name in builder.environments:
        env = builder.build_environment(name)
        own = [claim for claim in running if claim.environment == name]
        shards = {find_app_shard(env, builder.apps[claim.app].layer["team"], claim.project) for claim in own} - {""}
        counts[env.argocd] += len(own) + len(shards)
        if env.argocd_settings.is_eks_capability and counts[env.argocd] > MAX_CAPABILITY_APPLICATIONS:
            text = f'Argo CD "{env.argocd}" would have {counts[env.argocd]:,} Applications, and the EKS Capability has'
            remedy = "run this environment in another one"
            builder.add_root_problem(
                ("environments", name, "apps"), "WL2312", f"{text} {MAX_CAPABILITY_APPLICATIONS:,}: {remedy}"
            )


def _validate_bootstrap_names(builder: RegistryBuilder, running: list[IdentityClaim]) -> None:
    """Report apps whose Application would replace one that deploys a chart, and charts that share such a name."""
    taken: dict[tuple[str, str], str] = {}
    for claim in running:
        if is_bootstrap_name(claim.application, builder.environments):
            text = f'Application "{claim.application}" is reserved for the charts of the environments: rename the app'
            builder.add_entry_problem(claim.app, claim.environment, "WL3211", text)
        env = builder.build_environment(claim.environment)
        if env.shards is not None:
            shard = find_app_shard(env, builder.apps[claim.app].layer["team"], claim.project)
            application = shard_application_name(env.name, shard)
            first = taken.setdefault((env.argocd, application), env.name)
            if first != env.name:
                text = f'Application "{application}" is a shard of {first} too: rename the team or environment'
                builder.add_root_problem(("environments", env.name, "shards"), "WL2204", text)


def _validate_project_creators(builder: RegistryBuilder, running: list[IdentityClaim]) -> None:
    """Report projects that two charts of one Argo CD create: each would undo the changes of the other."""
    creators: dict[tuple[str, str], str] = {}
    told: set[KeyPath] = set()
    for claim in filter(lambda claim: claim.creates_project, running):
        env = claim.environment
        first = creators.setdefault((claim.argocd, claim.project), env)
        place: KeyPath = ("environments", env, "createProjects")
        if first == env or place in told:
            continue
        told.add(place)
        text = f'Argo CD "{claim.argocd}" has project "{claim.project}" from {first}: create it in one of the two environments'  # noqa: E501
        if claim.app_creates_project:
            builder.add_finding(claim.app, env, Finding(("createProject",), "WL2314", text))
        else:
            builder.add_root_problem(place, "WL2314", text)


def _validate_unknown_projects(builder: RegistryBuilder, running: list[IdentityClaim]) -> None:
    """Report apps whose project no chart of their Argo CD creates, so that they fail, or run in what has that name.

    Where no chart creates a project at all, they are created from the plain manifests.
    """
    created = {(claim.argocd, claim.project) for claim in running if claim.creates_project}
    creating = {argocd for argocd, _ in created}
    for claim in running:
        layer = builder.apps[claim.app].layer
        overlay = layer.get("environments", {}).get(claim.environment, {})
        forbidden = overlay.get("createProject", layer.get("createProject")) is False
        existing = builder.build_environment(claim.environment).argocd_settings.existing_projects
        known = (claim.argocd, claim.project) in created or claim.project in (*existing, "default")
        if not known and (forbidden or claim.argocd in creating):
            text = (
                f'no chart creates project "{claim.project}" in Argo CD "{claim.argocd}": '
                f"{'remove createProject' if forbidden else 'set createProject = true'}, or, if something else creates "
                "it, add it to argocd.existingProjects in the root file"
            )
            builder.add_finding(
                claim.app, claim.environment, Finding(("createProject",), "WL3212" if forbidden else "WL2314", text)
            )


def _note_shared_namespaces(builder: RegistryBuilder, running: list[IdentityClaim]) -> None:
    """Note apps that Helm renders for two environments into one namespace, with different releases."""
    seen: dict[tuple[object, ...], IdentityClaim] = {}
    for claim in (claim for claim in running if claim.releases):
        other = seen.setdefault((claim.argocd, claim.cluster, claim.namespace, claim.app), claim)
        if other is not claim:
            entry = builder.entries_by_app[claim.app][claim.environment]
            text = (
                f"{claim.app} has the same cluster and namespace as in {other.environment}: objects whose names do not "
                "contain the Helm release are one object, which each environment overwrites and deletes"
            )
            builder.report.add_note(entry.document, entry.path, text)
