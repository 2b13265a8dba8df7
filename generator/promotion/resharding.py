"""Move an environment's apps into other charts (shards) without deleting a workload.

In Argo CD, an Application in another chart has another parent, and the old parent prunes it with its workload.
Resharding therefore takes three steps: hand the Applications over, so that the old parent does not prune them; move
them; restore their protection and finalizer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from generator.errors import RefusedError, UsageError
from generator.promotion.app_edits import PublishedApplications, RegistryEdit, require_environment
from generator.registry.editable import EditableRegistry
from generator.registry.registry import Environment
from generator.registry.shards import MAX_SHARDS, SHARD_BY_TEAM, find_app_shard
from generator.toml.write import quote_toml_string

ShardSetting = str | int | None


def build_resharding_step(
    editable: EditableRegistry, environment: str, target_shards: ShardSetting, published: PublishedApplications
) -> RegistryEdit:
    """Build the next of the three resharding steps, or an empty edit when done.

    `published` are the last published Applications. Raises UsageError for an unknown environment, RefusedError if
    the published shards are unclear, RegistryError if the environment cannot have `target_shards`.
    """
    env = require_environment(editable, environment)
    moving = _list_moving_applications(editable, replace(env, shards=target_shards), published)
    if not moving:
        return _finish_resharding(editable, env, target_shards)
    step = f"workloads shard {environment} --by {target_shards or 'none'}"
    again = f"once this is published and Argo CD has synced it: {step}"
    if all("handOver" in published[key] for key in moving):
        return _move_applications(editable, env, target_shards, moving, again)
    # Fail now if the second step would be refused.
    editable.with_setting(env.name, "shards", target_shards).revalidate()
    return _hand_over_applications(editable, env, len(moving), published, again)


def _list_moving_applications(
    editable: EditableRegistry, env: Environment, published: PublishedApplications
) -> list[str]:
    """List the published Applications that have to move to another chart."""
    found = []
    for app in editable.registry.list_effective_apps(env.name):
        key = f"{env.name}/{app.app}"
        if key in published and published[key].get("shard", "") != find_app_shard(env, app.team, app.project):
            found.append(key)
    return found


def _hand_over_applications(
    editable: EditableRegistry, env: Environment, count: int, published: PublishedApplications, next_step_hint: str
) -> RegistryEdit:
    after = editable.with_setting(env.name, "shards", _infer_published_shards(editable, env, published))
    after = after.with_setting(env.name, "handOver", True)
    are, their, them = ("is", "its", "it") if count == 1 else ("are", "their", "them")
    done = f"{_format_application_count(count)} {are} handed over: {their} chart no longer deletes {them}"
    message = f"{env.name}: step 1 of 3: {done}"
    return RegistryEdit(after, f"hand over the apps: {env.name}", (), (message, next_step_hint))


def _move_applications(
    editable: EditableRegistry,
    env: Environment,
    target_shards: ShardSetting,
    moving_keys: list[str],
    next_step_hint: str,
) -> RegistryEdit:
    after = editable.with_setting(env.name, "shards", target_shards)
    if not all(env.hands_over(key.partition("/")[2]) for key in moving_keys):
        after = after.with_setting(env.name, "handOver", True)
    moves = "moves to its new chart, and stays" if len(moving_keys) == 1 else "move to their new charts, and stay"
    message = f"{env.name}: step 2 of 3: {_format_application_count(len(moving_keys))} {moves} handed over meanwhile"
    return RegistryEdit(after, f"{_describe_sharding(target_shards)}: {env.name}", (), (message, next_step_hint))


def _finish_resharding(editable: EditableRegistry, env: Environment, target_shards: ShardSetting) -> RegistryEdit:
    """Finish resharding: no Application has to move, so set `shards` and end the hand-over."""
    after = editable.with_setting(env.name, "shards", target_shards).with_setting(env.name, "handOver", None)
    if not env.hand_over:
        return RegistryEdit(after, f"{_describe_sharding(target_shards)}: {env.name}")
    message = f"{env.name}: step 3 of 3: every app is in its chart, and gets its finalizer back"
    return RegistryEdit(after, f"end the hand-over: {env.name}", (), (message,))


def _infer_published_shards(
    editable: EditableRegistry, env: Environment, published: PublishedApplications
) -> ShardSetting:
    """Infer the `shards` setting of the published charts, which stays until every app is handed over."""
    there = {app: published[key] for app in editable.registry.apps if (key := f"{env.name}/{app}") in published}
    shards = {app: identity.get("shard", "") for app, identity in there.items()}
    if not any(shards.values()):
        return None
    if all(shard == editable.registry.apps[app]["team"] for app, shard in shards.items()):
        return SHARD_BY_TEAM
    if env.shards is not None and not _list_moving_applications(editable, env, published):
        return env.shards
    _refuse_changed_teams(editable, env, shards)
    raise RefusedError(
        "WL4107",
        f"environments.{env.name}.shards was changed, and the number of published shards is unknown",
        remedy="put shards back to what is published, and run this again",
    )


def _refuse_changed_teams(editable: EditableRegistry, env: Environment, shards: Mapping[str, str]) -> None:
    """Raise RefusedError if apps changed their team, and with it their shard, since they were published."""
    others = [app for app, shard in shards.items() if shard and shard != editable.registry.apps[app]["team"]]
    if env.shards != SHARD_BY_TEAM or any(shards[app].isdigit() for app in others):
        return
    names = ", ".join(f"{app} (published as {shards[app]}'s)" for app in others[:10])
    raise RefusedError(
        "WL4107",
        f"apps changed their team, and with it their shard, since they were published: {names}",
        remedy=f"keep the app in its team until environments.{env.name}.handOver = "
        f"[{', '.join(map(quote_toml_string, others[:10]))}] is published and synced; then change the team",
    )


def parse_shard_setting(text: str) -> ShardSetting:
    """Parse a user's `--by`: `team`, a number of shards, or `none`, which gives None. Raises UsageError otherwise."""
    if text in (SHARD_BY_TEAM, "none"):
        return SHARD_BY_TEAM if text == SHARD_BY_TEAM else None
    if text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_SHARDS:
        return int(text)
    raise UsageError("WL1004", f"--by {text!r} is neither team, a number from 1 to {MAX_SHARDS}, nor none")


def _describe_sharding(target_shards: ShardSetting) -> str:
    return (
        "divide by team"
        if target_shards == SHARD_BY_TEAM
        else "undivide"
        if target_shards is None
        else f"divide into {target_shards} shards"
    )


def _format_application_count(count: int) -> str:
    return f"{count:,} Application{'' if count == 1 else 's'}"
