"""Validate the registry as a whole, and every app in every environment: references, Argo CD's rules, tenancy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from generator.argocd.project import ProjectFields
from generator.argocd.strings import quoted_excerpt, revision_problem
from generator.argocd.versions import major_minor
from generator.registry.argocd_rules import (
    ValidationSettings,
    app_problems,
    find_project_denials,
    pin_problems,
    project_problems,
)
from generator.registry.credentials import credential_problems
from generator.registry.effective import AppContext, EffectiveApp, build_base_layer, build_effective_app
from generator.registry.findings import Finding
from generator.registry.metadata_rules import metadata_problems
from generator.registry.model import AppFields, Environment
from generator.registry.problems import find_model_problems, format_position, overlaps_invalid_path, suggest_name
from generator.registry.shards import SHARD_BY_TEAM, shard_application_name
from generator.registry.table_rules import find_duplicates, find_free_form_tables, find_lossy_values
from generator.registry.target_rules import (
    app_problems_of_target,
    argocd_problems,
    environment_problems,
    project_problems_of_target,
)
from generator.registry.team_namespaces import validate_team_namespaces
from generator.registry.tenancy import TenancyValidator, find_privilege_violations, team_ownership_problems
from generator.registry.uniqueness import (
    IdentityClaim,
    app_destination,
    find_helm_key_collisions,
    find_promotion_cycles,
    helm_values_key,
)
from generator.registry.validate_claims import validate_claims
from generator.registry.version_sources import track_problems
from generator.toml.document import KeyPath

if TYPE_CHECKING:
    from generator.registry import registry
    from generator.registry.builder import DeclaredApp, DeclaredEntry, RegistryBuilder
    from generator.registry.model import ArgoCD
    from generator.registry.source_tables import Layer

#: The maximum length of a label value. Argo CD may track objects by a label with the name of the Application.
_MAX_LABEL_LENGTH = 63
#: What may be filled in; other keys of an app are validated as written.
_FIELD_NAMES = {str(info.alias) for info in AppFields.model_fields.values()}


def validate_registry(builder: RegistryBuilder) -> None:
    """Report all problems that can only be found after every file is read."""
    _validate_settings(builder)
    _validate_environments(builder)
    _validate_credentials(builder)
    for name in builder.environments:
        _validate_promotion_list(builder, name)
    _validate_helm_keys(builder)
    _validate_teams(builder)
    _validate_apps(builder)
    validate_team_namespaces(builder)
    _validate_projects(builder)


def _validate_settings(builder: RegistryBuilder) -> None:
    argocd = builder.settings.argocd
    places: dict[KeyPath, ArgoCD] = {("argocd",): argocd}
    places |= {("argocd", "instances", name): argocd.find_instance(name) for name in argocd.instances}
    for path, one in places.items():
        for finding in argocd_problems(one):
            builder.add_root_problem((*path, *finding.path), finding.code, finding.text)
    for at, table in find_free_form_tables(builder.defaults):
        for path, text in find_lossy_values(table):
            builder.add_root_problem(("defaults", *at, *path), "WL2110", text)
    if builder.root is not None:
        for path, text in find_duplicates({key: value for key, value in builder.root.data.items() if key != "apps"}):
            builder.report.add_problem_at_path(builder.root, path, "WL2108", text)


def _validate_environments(builder: RegistryBuilder) -> None:
    for name, env in builder.environments.items():
        at: KeyPath = ("environments", name)
        if env.server and env.cluster:
            builder.add_root_problem(
                (*at, "cluster"), "WL2302", "an environment has both a server and a cluster: keep one"
            )
        for path, code, text in metadata_problems(env.labels, "labels"):
            builder.add_root_problem((*at, "labels", *path), code, text)
        known = builder.declared_names["environments"]
        for index, source in enumerate(env.promotes_from):
            if source not in known:
                _report_unknown_name(builder, (*at, "promotesFrom", index), "environment", source, known)
            elif source in env.promotes_from[:index]:
                text = f'environment "{source}" is listed twice: remove one'
                builder.add_root_problem((*at, "promotesFrom", index), "WL2108", text)
        _validate_target(builder, at, builder.build_environment(name))
        _validate_noted_apps(builder, at, env, {entry.listing.app for entry in builder.entries_by_environment[name]})
        _validate_freezes(builder, at, env)
        if env.shards is not None:
            _validate_shard_name_length(builder, name, env)
    for way in find_promotion_cycles({name: env.promotes_from for name, env in builder.environments.items()}):
        text = f"the promotion order has the cycle {' → '.join(way)}: remove one promotesFrom"
        builder.add_root_problem(("environments", way[0], "promotesFrom"), "WL2202", text)


def _validate_credentials(builder: RegistryBuilder) -> None:
    environments = {name: builder.build_environment(name) for name in builder.environments}
    for finding in credential_problems(builder.settings.credentials, environments):
        builder.add_root_problem(("credentials", *finding.path), finding.code, finding.text)


def _validate_target(builder: RegistryBuilder, parent_path: KeyPath, env: registry.Environment) -> None:
    instances = builder.settings.argocd.instances
    if instances and env.argocd not in {env.name, *instances}:
        _report_unknown_name(builder, (*parent_path, "argocd"), "Argo CD", env.argocd, instances)
    for finding in environment_problems(env):
        builder.add_root_problem((*parent_path, *finding.path), finding.code, finding.text)


def _validate_shard_name_length(builder: RegistryBuilder, name: str, env: Environment) -> None:
    shards = builder.declared_names["teams"] if env.shards == SHARD_BY_TEAM else [str(env.shards)]
    for application in (shard_application_name(name, shard) for shard in shards):
        if len(application) > _MAX_LABEL_LENGTH:
            text = f'Application "{application}" would have {len(application)} characters, but Argo CD allows'
            remedy = "shorten the name of the environment or team"
            builder.add_root_problem(
                ("environments", name, "shards"), "WL2204", f"{text} {_MAX_LABEL_LENGTH}: {remedy}"
            )


def _validate_noted_apps(builder: RegistryBuilder, parent_path: KeyPath, env: Environment, running: set[str]) -> None:
    """Report holds, retirements and hand-overs that name apps which do not exist or do not run."""
    handed_over = env.hand_over if isinstance(env.hand_over, list) else []
    absent = "is not in apps of this environment: remove"
    noted: list[tuple[KeyPath, str, str]] = [
        *((("holds", app), app, "") for app in env.holds),
        *((("retired", app), app, f"{absent} this line") for app in env.retired),
        *((("handOver", i), app, f"{quoted_excerpt(app)} {absent} it") for i, app in enumerate(handed_over)),
    ]
    for place, app, text in noted:
        if app not in builder.declared_names["apps"]:
            _report_unknown_name(builder, (*parent_path, *place), "app", app, builder.declared_names["apps"])
        elif text and app not in running and builder.is_complete:
            builder.add_root_problem((*parent_path, *place), "WL2205", text)


def _report_unknown_name(
    builder: RegistryBuilder, parent_path: KeyPath, kind: str, name: str, known: Mapping[str, object]
) -> None:
    # The name may be declared in a file that could not be read.
    if builder.is_complete:
        builder.add_root_problem(
            parent_path, "WL2109", f"unknown {kind} {quoted_excerpt(name)}{suggest_name(name, known)}"
        )


def _validate_freezes(builder: RegistryBuilder, parent_path: KeyPath, env: Environment) -> None:
    for index, freeze in enumerate(env.policy.freeze):
        place = (*parent_path, "policy", "freeze", index)
        if freeze.from_.tzinfo is None or freeze.until.tzinfo is None:
            text = "a freeze has a time without an offset: write one such as 2026-12-19T00:00:00Z"
            builder.add_root_problem(place, "WL2203", text)
        elif freeze.until <= freeze.from_:
            builder.add_root_problem(place, "WL2203", "until is not after from: correct one of them")


def _validate_promotion_list(builder: RegistryBuilder, name: str) -> None:
    env, listed = builder.environments[name], builder.entries_by_environment
    lower = {entry.listing.app for source in env.promotes_from for entry in listed.get(source, ())}
    seen: dict[str, DeclaredEntry] = {}
    for entry in listed[name]:
        for code, text in _promotion_entry_problems(builder, env, lower, seen, entry):
            builder.report.add_problem_at_path(entry.document, entry.path, code, text)
        _validate_entry_owner(builder, entry)


def _promotion_entry_problems(
    builder: RegistryBuilder,
    env: Environment,
    source_apps: set[str],
    first_entries: dict[str, DeclaredEntry],
    entry: DeclaredEntry,
) -> Iterator[tuple[str, str]]:
    app, pin = entry.listing
    wrong = revision_problem(pin) if pin is not None else None
    if wrong:
        yield "WL2201", f"{quoted_excerpt(entry.text)}: the revision after @ {wrong}"
    first = first_entries.setdefault(app, entry)
    if first is not entry:
        where = format_position(first.document, first.document.value_position(first.path))
        yield "WL2108", f"{quoted_excerpt(app)} is listed twice: first in {where}; keep one of them"
    elif not builder.is_complete:
        return
    elif app not in builder.declared_names["apps"]:
        yield "WL2109", f"unknown app {quoted_excerpt(app)}{suggest_name(app, builder.declared_names['apps'])}"
    elif app not in source_apps and env.promotes_from:
        below = list(dict.fromkeys(env.promotes_from))
        if builder.declared_names["environments"].keys() >= set(below):
            yield (
                "WL2201",
                f'"{app}" is not in {", ".join(below)}, which this environment promotes from: add it there first',
            )


def _validate_entry_owner(builder: RegistryBuilder, entry: DeclaredEntry) -> None:
    """Report an entry for another team's app in a file that belongs to a team."""
    owner = builder.team_by_file.get(entry.document.name)
    declared = builder.apps.get(entry.listing.app)
    if owner and declared and declared.layer["team"] != owner:
        text = (
            f'{quoted_excerpt(entry.text)} is an app of team "{declared.layer["team"]}" in a file of team "{owner}": '
            "list it in the root file, or in a file of its team"
        )
        builder.report.add_problem_at_path(entry.document, entry.path, "WL3207", text)


def _validate_helm_keys(builder: RegistryBuilder) -> None:
    for section, documents in builder.declared_names.items():
        if section == "projects":
            continue
        for name, other in find_helm_key_collisions(documents):
            where = format_position(documents[other], documents[other].key_position((section, other)))
            shared = f"have one name in values.yaml, {helm_values_key(other)}"
            text = f'"{name}" and "{other}" ({where}) {shared}: rename one'
            builder.report.add_key_problem(documents[name], (section, name), "WL2112", text)


def _validate_teams(builder: RegistryBuilder) -> None:
    root_name = PurePosixPath(builder.root.name).name if builder.root else ""
    for finding in team_ownership_problems(builder.teams, builder.settings, root_name, builder.environments):
        builder.add_root_problem(finding.path, finding.code, finding.text)


def _validate_apps(builder: RegistryBuilder) -> None:
    """Report the problems of each app and the conflicts between apps."""
    validator = _AppValidator(builder)
    running = [claim for name in builder.apps for claim in validator.validate_app(name)]
    validate_claims(builder, running)


class _AppValidator:
    """Validates apps one by one and yields their identity claims."""

    def __init__(self, builder: RegistryBuilder) -> None:
        self._builder = builder
        self._base_layer = build_base_layer(builder.defaults, builder.settings.version)
        team_by_app = {name: str(app.layer["team"]) for name, app in builder.apps.items()}
        data = builder.root.data if builder.root else {}
        self._tenancy = TenancyValidator(builder.teams, builder.settings, team_by_app, builder.environments, data)

    def validate_app(self, name: str) -> Iterator[IdentityClaim]:
        """Validate an app in each environment that lists it or that it overrides, or without an environment."""
        builder, app = self._builder, self._builder.apps[name]
        if not _validate_declaration(builder, name, app):
            return
        entries = builder.entries_by_app.get(name, {})
        listed = {env: entry.listing.pin for env, entry in entries.items() if env in builder.environments}
        overridden = {env: None for env in app.layer.get("environments", {}) if env in builder.environments}
        validated: dict[tuple[str | None, str, str], EffectiveApp] = {}
        templated = builder.settings.interpolate and "${" in f"{app.layer}{builder.defaults}"
        for env, pin in {**overridden, **(listed or {"": None})}.items():
            context = self._app_context(env)
            # Environments that the app does not override, with equal pins and suffixes, have equal apps and problems.
            argocd = builder.settings.argocd.instances and env and builder.build_environment(env).argocd
            same = (pin, f"{context.name_suffix} {argocd}", env if env in overridden or templated else "")
            if same in validated:
                merged = replace(validated[same], environment=env)
            else:
                merged = validated[same] = build_effective_app(self._base_layer, name, app.layer, context, pin)
                # An app that runs nowhere has no facts.
                if env or not templated:
                    self._validate_effective_app(app, merged, templated=templated)
            if env in listed:
                builder.effective_by_listing[env, entries[env].listing] = merged
                environment = builder.build_environment(env)
                for code, text in pin_problems(merged, environment.policy.pin):
                    builder.add_entry_problem(name, env, code, text)
                project = builder.projects.get(merged.project, {})
                for path, text in find_project_denials(merged, app_destination(merged, environment), project):
                    builder.add_root_problem(("projects", merged.project, *path), "WL3210", text)
                yield IdentityClaim.for_listed_app(merged, environment)

    def _app_context(self, environment: str) -> AppContext:
        if not environment:
            return AppContext("")
        return self._builder.build_environment(environment).app_context(interpolate=self._builder.settings.interpolate)

    def _validate_effective_app(self, app: DeclaredApp, merged: EffectiveApp, *, templated: bool) -> None:
        """Report what is wrong with an app, except in the parts of its table that are already reported."""
        settings, env = self._builder.settings, merged.environment
        argocd = self._builder.build_environment(env).argocd_settings if env else settings.argocd
        common = ValidationSettings(argocd.version, frozenset(settings.allow_schemes))
        invalid_paths = [path[2:] if path[:2] == ("environments", env) else path for path in app.invalid_paths]
        if templated or (env and argocd.version != self._builder.newest_version):
            for finding in _field_problems(merged, argocd.version):
                self._builder.add_finding(merged.app, env, finding)
                invalid_paths.append(finding.path)
        rules = (
            app_problems(merged, common),
            app_problems_of_target(merged, argocd),
            track_problems(merged),
            self._tenancy.find_violations(merged),
        )
        for finding in chain(*rules):
            if not overlaps_invalid_path(finding.path, invalid_paths):
                self._builder.add_finding(merged.app, env, finding)


def _field_problems(app: EffectiveApp, argocd_version: str) -> Iterator[Finding]:
    """Yield the strings of an app that cannot be filled in, or the fields that are not valid in its environment."""
    unknown = [Finding(each.key, "WL2111", each.problem) for each in app.interpolations if each.problem]
    fields = {key: value for key, value in app.fields.items() if key in _FIELD_NAMES}
    yield from unknown or find_model_problems(AppFields, fields, argocd_version)


def _validate_declaration(builder: RegistryBuilder, name: str, app: DeclaredApp) -> bool:
    """Report the problems of an app's own table, and return whether it can be validated further."""
    at: KeyPath = ("apps", name)
    for path, code, text in _declaration_problems(app.layer):
        builder.report.add_value_problem(app.document, (*at, *path), code, text)
    if "${" in str(app.layer.get("track", "")):
        builder.report.add_value_problem(app.document, (*at, "track"), "WL2111", "cannot have ${…}: write it out")
    known = builder.declared_names["environments"]
    for env in app.layer.get("environments", {}):
        if env not in known:
            text = f"unknown environment{suggest_name(env, known)}"
            builder.report.add_key_problem(app.document, (*at, "environments", env), "WL2109", text)
    team = app.layer["team"]
    if team not in builder.declared_names["teams"]:
        text = f"unknown team {quoted_excerpt(team)}{suggest_name(team, builder.declared_names['teams'])}"
        builder.report.add_value_problem(app.document, (*at, "team"), "WL2109", text)
    if team not in builder.teams:
        return False
    listed = [env for env in builder.entries_by_app.get(name, {}) if env in builder.environments]
    settings = [builder.build_environment(env).argocd_settings for env in listed] or [builder.settings.argocd]
    version = min((one.version for one in settings), key=major_minor)
    for path, code, text in find_privilege_violations(app.layer, team, builder.teams[team], version):
        builder.report.add_value_problem(app.document, (*at, *path), code, text)
    return True


def _declaration_problems(layer: Layer) -> Iterator[Finding]:
    """Yield the problems of an app's own table, including its environment overrides."""
    for path, text in find_duplicates(dict(layer)):
        yield Finding(path, "WL2108", text)
    overlays = ((("environments", env), overlay) for env, overlay in layer.get("environments", {}).items())
    for at, part in (((), layer), *overlays):
        for place, table in find_free_form_tables(part):
            for path, text in find_lossy_values(table):
                yield Finding((*at, *place, *path), "WL2110", text)


def _validate_projects(builder: RegistryBuilder) -> None:
    layers = [builder.defaults]
    for app in builder.apps.values():
        layers += [app.layer, *app.layer.get("environments", {}).values()]
    used = {str(layer["project"]) for layer in layers if "project" in layer} | builder.declared_names["apps"].keys()
    for name, fields in builder.projects.items():
        at: KeyPath = ("projects", name)
        if name not in used and builder.is_complete:
            text = f"is the project of no app{suggest_name(name, used)}: remove it, or set project in an app"
            builder.add_root_problem(at, "WL2314", text)
        found = [*project_problems(name, fields)]
        for argocd in _list_argocds_with_project(builder, name):
            found += project_problems_of_target(fields, argocd)
            if argocd.version != builder.newest_version:
                found += find_model_problems(ProjectFields, fields, argocd.version)
        for path, code, text in dict.fromkeys(found):
            builder.add_root_problem((*at, *path), code, text)


def _list_argocds_with_project(builder: RegistryBuilder, project: str) -> list[ArgoCD]:
    """The distinct settings of every Argo CD in which an app uses a project, or those of all."""
    listed = builder.effective_by_listing.items()
    used = {env for (env, _), app in listed if app.project == project} or builder.environments
    settings = [builder.build_environment(env).argocd_settings for env in used] or [builder.settings.argocd]
    return [one for index, one in enumerate(settings) if one not in settings[:index]]
