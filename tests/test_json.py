"""The JSON output of every command keeps the schema that docs/json.schema.json gives it, with no member besides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest

from generator.cli import workloads as command_group
from generator.diff.context import DANGERS
from generator.registry.reader import read_registry
from tests.importing import layouts
from tests.json_pages import PAGE, read_schema, render_page
from tests.live.sample import healthy, set_field, write_state
from tests.promotion.world import World
from tests.workspace import Run, isolate, runner

_SCHEMA = read_schema()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> World:
    isolate(tmp_path / "home", monkeypatch)
    run: Run = runner(monkeypatch, capsys)
    return World(tmp_path, run, monkeypatch).build()


def _closed(schema: Any) -> Any:
    """The schema with every object closed: a member that it does not describe is an error."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _closed(value) for key, value in schema.items()}
    return {**found, "additionalProperties": False} if isinstance(schema.get("properties"), dict) else found


def _problems(name: str, output: str) -> list[str]:
    schema = {**_closed(_SCHEMA), "$ref": f"#/$defs/{name}"}
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(json.loads(output))]


def _reached(schema: dict[str, Any], data: Any) -> Iterator[str]:
    """The definitions that the data is validated by."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield name
        yield from _reached(_SCHEMA["$defs"][name], data)
    elif isinstance(data, list):
        for item in data:
            yield from _reached(schema.get("items", {}), item)
    elif isinstance(data, dict):
        for key, value in data.items():
            inner = schema.get("properties", {}).get(key, schema.get("additionalProperties", {}))
            yield from _reached(inner, value)


def test_the_page_is_generated_from_the_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(_SCHEMA)
    assert PAGE.read_text(encoding="utf-8") == render_page(_SCHEMA), "refresh with: python -m tests.json_pages"


def test_the_schema_names_every_danger() -> None:
    assert _SCHEMA["$defs"]["danger"]["properties"]["name"]["enum"] == list(DANGERS)


#: Commands in the order in which they are run, each with the schema of its output; a commit follows "*".
_RUNS: list[tuple[str, tuple[str, ...]]] = [
    ("check", ("check",)),
    ("check", ("check", "--base", "HEAD")),
    ("render", ("render", "--dry-run")),
    ("codeowners", ("codeowners",)),
    ("codeownersWritten", ("codeowners", "--write", "--dry-run")),
    ("edit", ("promote", "billing", "--to", "test")),
    ("check", ("check", "--base", "HEAD")),
    ("diff", ("diff", "--base", "HEAD")),
    ("edit", ("promote", "billing", "--to", "test")),
    ("*", ()),
    ("edit", ("promote", "billing", "--to", "dev", "--revision", "v1.1.0")),
    ("*", ()),
    ("edit", ("promote", "--all", "--to", "test")),
    ("diff", ("diff", "--base", "HEAD")),
    ("*", ()),
    ("edit", ("promote", "billing", "--to", "prod", "--override", "soak", "--reason", "outage")),
    ("*", ()),
    ("edit", ("hold", "billing", "--in", "test", "--reason", "pen test")),
    ("*", ()),
    ("status", ("status",)),
    ("why", ("why", "billing")),
    ("edit", ("unhold", "billing", "--in", "test")),
    ("*", ()),
    ("edit", ("rollback", "billing", "--in", "test")),
    ("*", ()),
    ("status", ("status",)),
    ("why", ("why", "ledger")),
    ("edit", ("retire", "ledger", "--in", "test")),
    ("diff", ("diff", "--base", "HEAD")),
    ("*", ()),
    ("status", ("status",)),
    ("edit", ("remove", "ledger", "--in", "test", "--synced")),
    ("diff", ("diff", "--base", "HEAD")),
    ("check", ("check", "--allow-removal", "test/ledger")),
    ("*", ()),
    (
        "edit",
        (
            "add",
            "web-api",
            "--team",
            "shop",
            "--repository",
            "GIT/web.git",
            "--path",
            "x",
            "--namespace",
            "cart",
            "--dry-run",
        ),
    ),
    ("edit", ("migrate", "web", "cart", "--namespace", "cart", "--dry-run")),
    ("edit", ("update", "--dry-run")),
    ("edit", ("shard", "dev", "--by", "team", "--dry-run")),
    ("diff", ("diff", "--base", "HEAD", "--head", "HEAD~8")),
    ("publish", ("hold", "web", "--in", "test", "--reason", "x", "--pull-request")),
    ("drift", ("drift", "--live", "LIVE")),
    ("status", ("status", "--live", "LIVE")),
    ("why", ("why", "billing", "--live", "LIVE", "--in", "dev")),
    ("history", ("history",)),
    ("explain", ("explain", "WL3101")),
    ("metrics", ("metrics",)),
    ("site", ("site", "SITE", "--dry-run")),
    ("init", ("init", "--team", "shop", "--dry-run", "--output", "SITE")),
    ("import", ("import", "APPLICATIONS", "--dry-run", "--output", "SITE")),
    ("doctor", ("doctor",)),
    ("publish", ("publish", "--dry-run")),
    ("publish", ("promote", "web", "--to", "prod", "--override", "soak", "--reason", "x", "--publish", "--dry-run")),
    ("refresh", ("publish", "--refresh-requests", "--dry-run")),
    ("failure", ("hold", "nobody", "--in", "test", "--reason", "x")),
]


def _write_applications(folder: Path) -> Path:
    """A source of which an import changes one Application and does not take the other."""
    slash, refused = layouts.application("slash"), layouts.application("refused")
    slash["spec"]["source"]["repoURL"] += "/"
    refused["metadata"]["finalizers"] = ["example.org/keep"]
    path = folder / "applications.json"
    path.write_text(json.dumps({"kind": "List", "items": [slash, refused]}))
    return path


def _write_live_state(world: World) -> str:
    """A live state in which an app of dev was edited by hand."""
    registry = read_registry(world.checkout / "apps.toml")
    app = registry.find_effective_app("dev", "billing")
    assert app
    item = healthy(registry.environments["dev"], app, "1" * 40)
    return write_state(world.folder / "live.json", [set_field(item, "spec/source/path", "other")])


def test_the_output_of_every_command_keeps_its_schema(world: World) -> None:
    validated, reached = set(), set[str]()
    extra = world.checkout / "multi-repo" / "argo-app-of-apps" / "dev" / "templates" / "extra.yaml"
    extra.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: { name: extra }\n")
    for name, arguments in _RUNS:
        world.at += timedelta(hours=1)
        if name == "*":
            world.commit("change")
            world.push()
            continue
        places = {
            "SITE": str(world.folder / "site"),
            "APPLICATIONS": str(_write_applications(world.folder)),
            "LIVE": f"dev={_write_live_state(world)}",
        }
        given = [places.get(each, each.replace("GIT", world.git_url)) for each in arguments]
        done = world.run(*given, "--json")
        assert (done.code != 0) == (name == "failure"), (arguments, done)
        assert _problems(name, done.out) == [], (arguments, done.out)
        validated.add(arguments[0])
        reached |= {*_reached({"$ref": f"#/$defs/{name}"}, json.loads(done.out))}
    context = click.Context(command_group)
    commands = {name: command_group.get_command(context, name) for name in command_group.list_commands(context)}
    with_json = {
        name for name, command in commands.items() if command and any("--json" in each.opts for each in command.params)
    }
    assert with_json == validated
    assert _SCHEMA["$defs"].keys() - reached == {"problem", "registryCommit"}


def test_an_invalid_registry_is_an_error_with_problems(world: World) -> None:
    (world.checkout / "apps.toml").write_text("version = 1\nunknown = 2\n")
    done = world.run("status", "--json")
    assert _problems("failure", done.out) == []
    assert json.loads(done.out)["error"]["problems"][0]["line"] == 2
