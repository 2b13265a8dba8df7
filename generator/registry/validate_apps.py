"""Validate every app in every environment: Argo CD's rules, tenancy and uniqueness."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from generator.argocd.strings import quoted_excerpt
from generator.registry.argocd_rules import (
    ValidationSettings,
    app_problems,
    find_project_denials,
    pin_problems,
)
from generator.registry.builder import DeclaredApp, RegistryBuilder
from generator.registry.effective import EffectiveApp, Layer, build_base_layer, build_effective_app
from generator.registry.problems import Finding, overlaps_invalid_path, suggest_name
from generator.registry.shards import find_app_shard, is_bootstrap_name, shard_application_name
from generator.registry.table_rules import find_duplicates, find_free_form_tables, find_lossy_values
from generator.registry.tenancy import TenancyValidator, find_privilege_violations
from generator.registry.uniqueness import IdentityClaim, app_destination, find_identity_conflicts
from generator.toml.document import KeyPath


def validate_apps(builder: RegistryBuilder) -> None:
    """Report the problems of each app and the conflicts between apps."""
    validator = _AppValidator(builder)
    running = [claim for name in builder.apps for claim in validator.validate_app(name)]
    for claim, text in find_identity_conflicts(running):
        builder.add_entry_problem(claim.app, claim.environment, text)
    _validate_bootstrap_names(builder, running)
    _validate_project_creators(builder, running)
    _validate_unknown_projects(builder, running)


class _AppValidator:
    """Validates apps one by one and yields their identity claims."""

    def __init__(self, builder: RegistryBuilder) -> None:
        self._builder = builder
        self._base_layer = build_base_layer(builder.defaults)
        team_by_app = {name: str(app.layer["team"]) for name, app in builder.apps.items()}
        self._tenancy = TenancyValidator(builder.teams, builder.settings.argocd, team_by_app, builder.environments)

    def validate_app(self, name: str) -> Iterator[IdentityClaim]:
        """Validate an app in each environment that lists it or that it overrides, or without an environment."""
        builder, app = self._builder, self._builder.apps[name]
        if not _validate_declaration(builder, name, app):
            return
        entries = builder.entries_by_app.get(name, {})
        listed = {env: entry.listing.pin for env, entry in entries.items() if env in builder.environments}
        overridden = {env: None for env in app.layer.get("environments", {}) if env in builder.environments}
        validated: dict[tuple[str | None, str, str], EffectiveApp] = {}
        for env, pin in {**overridden, **(listed or {"": None})}.items():
            # Environments that the app does not override, with equal pins and suffixes, have equal apps and problems.
            same = (pin, self._name_suffix(env), env if env in overridden else "")
            if same in validated:
                merged = replace(validated[same], environment=env)
            else:
                merged = validated[same] = build_effective_app(self._base_layer, name, app.layer, env, pin)
                self._validate_effective_app(app, merged)
            if env in listed:
                builder.effective_by_listing[env, entries[env].listing] = merged
                environment = builder.build_environment(env)
                for text, is_violation in pin_problems(merged, environment.policy.pin):
                    builder.add_entry_problem(name, env, text, is_violation=is_violation)
                project = builder.projects.get(merged.project, {})
                for path, text in find_project_denials(merged, app_destination(merged, environment), project):
                    builder.add_root_problem(("projects", merged.project, *path), text, is_violation=True)
                yield IdentityClaim.for_listed_app(merged, environment)

    def _name_suffix(self, environment: str) -> str:
        return self._builder.environments[environment].name_suffix if environment else ""

    def _validate_effective_app(self, app: DeclaredApp, merged: EffectiveApp) -> None:
        """Report what is wrong with an app, except in the parts of its table that are already reported."""
        settings, env = self._builder.settings, merged.environment
        common = ValidationSettings(settings.argocd.version, frozenset(settings.allow_schemes), self._name_suffix(env))
        invalid_paths = [path[2:] if path[:2] == ("environments", env) else path for path in app.invalid_paths]
        for finding in (*app_problems(merged, common), *self._tenancy.find_violations(merged)):
            if not overlaps_invalid_path(finding.path, invalid_paths):
                self._builder.add_finding(merged.app, env, finding)


def _validate_declaration(builder: RegistryBuilder, name: str, app: DeclaredApp) -> bool:
    """Report the problems of an app's own table, and return whether it can be validated further."""
    at: KeyPath = ("apps", name)
    for path, text in _declaration_problems(app.layer):
        builder.report.add_value_problem(app.document, (*at, *path), text)
    known = builder.declared_names["environments"]
    for env in app.layer.get("environments", {}):
        if env not in known:
            text = f"unknown environment{suggest_name(env, known)}"
            builder.report.add_key_problem(app.document, (*at, "environments", env), text)
    team = app.layer["team"]
    if team not in builder.declared_names["teams"]:
        text = f"unknown team {quoted_excerpt(team)}{suggest_name(team, builder.declared_names['teams'])}"
        builder.report.add_value_problem(app.document, (*at, "team"), text)
    if team not in builder.teams:
        return False
    version = builder.settings.argocd.version
    for path, text, is_violation in find_privilege_violations(app.layer, team, builder.teams[team], version):
        builder.report.add_value_problem(app.document, (*at, *path), text, is_violation=is_violation)
    return True


def _declaration_problems(layer: Layer) -> Iterator[tuple[KeyPath, str]]:
    """Yield the problems of an app's own table, including its environment overrides."""
    yield from find_duplicates(dict(layer))
    overlays = ((("environments", env), overlay) for env, overlay in layer.get("environments", {}).items())
    for at, part in (((), layer), *overlays):
        for place, table in find_free_form_tables(part):
            for path, text in find_lossy_values(table):
                yield (*at, *place, *path), text


def _validate_bootstrap_names(builder: RegistryBuilder, running: list[IdentityClaim]) -> None:
    """Report apps whose Application would replace one that deploys a chart, and charts that share such a name."""
    taken: dict[tuple[str, str], str] = {}
    for claim in running:
        if is_bootstrap_name(claim.application, builder.environments):
            text = f'Application "{claim.application}" is reserved for the charts of the environments: rename the app'
            builder.add_entry_problem(claim.app, claim.environment, text, is_violation=True)
        env = builder.build_environment(claim.environment)
        if env.shards is not None:
            shard = find_app_shard(env, builder.apps[claim.app].layer["team"], claim.project)
            application = shard_application_name(env.name, shard)
            first = taken.setdefault((env.argocd, application), env.name)
            if first != env.name:
                text = f'Application "{application}" is a shard of {first} too: rename the team or environment'
                builder.add_root_problem(("environments", env.name, "shards"), text)


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
            builder.add_finding(claim.app, env, Finding(("createProject",), text))
        else:
            builder.add_root_problem(place, text)


def _validate_unknown_projects(builder: RegistryBuilder, running: list[IdentityClaim]) -> None:
    """Report apps that keep their project from being created, and so would run in whatever project has that name."""
    created = {claim.project for claim in running if claim.creates_project}
    for claim in running:
        layer = builder.apps[claim.app].layer
        overlay = layer.get("environments", {}).get(claim.environment, {})
        if overlay.get("createProject", layer.get("createProject")) is not False or claim.project in created:
            continue
        team = builder.teams[layer["team"]]
        if claim.project not in team.projects and not (team.platform and claim.project == "default"):
            text = (
                f'no chart creates project "{claim.project}": remove createProject, '
                f"or add the project to teams.{layer['team']}.projects in the root file"
            )
            builder.add_finding(claim.app, claim.environment, Finding(("createProject",), text, True))
