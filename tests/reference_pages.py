"""The pages of the reference that are generated; `python -m tests.reference_pages` writes them again."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from generator.cli import COMMANDS
from generator.cli import workloads as command_group
from generator.error_codes import read_error_codes
from generator.registry.json_schema import registry_schema
from generator.toml.document import format_key_path
from generator.toml.write import format_value
from tests.workspace import ROOT

Schema = Mapping[str, Any]

_ERRORS_HEAD = """\
# Error codes

Every error has a code, at the end of its first line: `error: unknown app "shop" [WL1005]`. `workloads explain
WL1005` prints the section of this page without a network; with `--json`, the output has the `code`. A code keeps its
meaning. Where this documentation is published, set `WORKLOADS_DOCS_URL` to its address in your shell or CI: each error
then ends with a link to its section.
"""
AREAS = {
    "1": "Command line",
    "2": "Registry",
    "3": "Policy, tenancy and ownership",
    "4": "Removals",
    "5": "Git, remotes and clusters",
    "6": "This machine",
    "7": "Helm and chart files",
    "8": "Import",
}
_COMMANDS_HEAD = """\
# Commands

Every command with its options, as `workloads COMMAND --help` prints them. Each also takes `-v`/`--verbose` (print each
git and helm command), `-q`/`--quiet` (results and errors only), `--color auto|always|never` and `-h`/`--help`.
What they have in common, such as the exit status, is in [The command line](cli.md).
"""
#: Options of every command, described once at the head of the page.
_COMMON_OPTIONS = {"--verbose", "--quiet", "--color", "--help"}
_KEYS_HEAD = """\
# Every key

Every key of `apps.toml`, by table, from the JSON Schema that `workloads schema` prints. [The registry](registry.md)
explains the format and its rules. A key that Argo CD has too keeps Argo CD's name and meaning, with a link to its
documentation. A key without a default is optional, unless its table says that it is required.
"""
#: Registries in which examples are looked up, the most readable first.
_EXAMPLES = [
    ROOT / "examples" / "every-setting.toml",
    ROOT / "examples" / "monorepo.toml",
    *sorted((ROOT / "tests" / "data" / "golden").glob("*/apps.toml")),
]
#: Models with the keys of another one, which is described instead.
_SAME_KEYS = {"AppDefaults": "App", "AppFields": "App", "ArgoCD": "ArgoCDSettings"}
_SINCE = re.compile(r" Since Argo CD ([0-9.]+)\.")
_MAX_EXAMPLE_LENGTH = 100


def render_errors() -> str:
    """The error codes: a section for each area, with a section for each code."""
    codes, parts = read_error_codes(), [_ERRORS_HEAD]
    for digit, area in AREAS.items():
        parts.append(f"## {area}\n")
        parts += [
            f"### {one.code}\n\n**{one.title}.** {one.why}\n\n*What to do:* {one.fix}\n"
            for one in codes.values()
            if one.code[2] == digit
        ]
    return "\n".join(parts)


def render_commands() -> str:
    """The commands: a list of all, and a section for each."""
    rows = [f"| [`workloads {name}`](#workloads-{name}) | {_cell(line)} |" for name, line in COMMANDS.items()]
    parts = [_COMMANDS_HEAD, "\n".join(["| command | |", "|---|---|", *rows, ""])]
    context = click.Context(command_group, info_name="workloads", **command_group.context_settings)
    for name in COMMANDS:
        command = command_group.get_command(context, name)
        assert command is not None
        parts.append(_render_command(command, click.Context(command, info_name=name, parent=context)))
    return "\n".join(parts)


def _render_command(command: click.Command, context: click.Context) -> str:
    usage = " ".join(command.collect_usage_pieces(context))
    options = [each for each in command.params if isinstance(each, click.Option)]
    rows = [
        f"| {_option_names(each)} | {_cell(each.help or '')}{_option_default(each)} |"
        for each in options
        if not each.hidden and not _COMMON_OPTIONS & {*each.opts}
    ]
    table = "\n".join(["", "| option | |", "|---|---|", *rows]) if rows else ""
    return (
        f"## workloads {command.name}\n\n```\n{context.command_path} {usage}\n```\n\n{_help_text(command)}\n{table}\n"
    )


def _help_text(command: click.Command) -> str:
    """The help of a command as Markdown; a paragraph after \\b keeps its lines."""
    paragraphs = (command.help or "").split("\n\n")
    return "\n\n".join(
        f"```\n{text.removeprefix(chr(8)).strip(chr(10))}\n```"
        if text.startswith("\b")
        else _escape(" ".join(text.split()))
        for text in paragraphs
    )


def _option_names(option: click.Option) -> str:
    value = "" if option.is_flag or option.count else f" {option.make_metavar(click.Context(click.Command('x')))}"
    return ", ".join(f"`{name}{value}`".replace("|", "\\|") for name in option.opts)


def _option_default(option: click.Option) -> str:
    required = " Required." if option.required else ""
    return f" Default: `{option.default}`." if option.show_default and not required else required


def render_keys() -> str:
    """Every key of a registry: a table of keys for each table, with its place."""
    schema = registry_schema()
    examples = _collect_examples(schema)
    parts = [_KEYS_HEAD]
    for model, place in _list_tables(schema).items():
        table = schema if model == "RootFile" else schema["$defs"][model]
        required = f" Required: {', '.join(f'`{key}`' for key in table['required'])}." if "required" in table else ""
        keys = {
            key: one
            for key, one in table["properties"].items()
            if key not in schema["$defs"].get(_SAME_KEYS.get(model, ""), {"properties": {}})["properties"]
        }
        heading = f"## {place}\n\n"
        if model in _SAME_KEYS:
            other = _list_tables(schema)[_SAME_KEYS[model]]
            missing = schema["$defs"][_SAME_KEYS[model]]["properties"].keys() - table["properties"].keys()
            without = f", without {', '.join(f'`{key}`' for key in sorted(missing))}" if missing else ""
            heading += f"The keys of [{other}](#{_anchor(other)}){without}.\n\n"
        rows = [_render_key(model, key, one, schema, examples) for key, one in keys.items()]
        parts.append((heading + (f"{required.strip()}\n\n" if required else "") + _key_table(rows)).rstrip("\n") + "\n")
    return "\n".join(parts)


def _key_table(rows: list[str]) -> str:
    return "\n".join(["| key | type | |", "|---|---|---|", *rows, ""]) if rows else ""


def _render_key(model: str, key: str, one: Schema, schema: Schema, examples: Mapping[tuple[str, str], Any]) -> str:
    text, _, page = str(one["description"]).partition("\n\n")
    since = _SINCE.search(text)
    parts = [_cell(_SINCE.sub("", text))]
    if one.get("default") not in ("", [], {}, None):
        parts.append(f"Default: {_code(one['default'])}.")
    if since:
        parts.append(f"Since Argo CD {since[1]}.")
    if page:
        parts.append(f"[Argo CD]({page})")
    example = _find_example(examples, model, key)
    if example is not None:
        shown = f"{key} = {_literal(example)}"
        if len(shown) <= _MAX_EXAMPLE_LENGTH and not isinstance(example, dict):
            parts.append(f"<br>`{_cell(shown)}`")
    return f"| `{key}` | {_describe_type(one, schema)} | {' '.join(parts)} |"


def _describe_type(one: Schema, schema: Schema) -> str:
    """A type in words, with a link to the table of a model."""
    if "$ref" in one:
        place = _list_tables(schema)[_model_name(one)]
        return f"[table](#{_anchor(place)})"
    if choices := one.get("oneOf") or one.get("anyOf"):
        return " or ".join(dict.fromkeys(_describe_type(each, schema) for each in choices))
    if "enum" in one:
        return " or ".join(_code(each) for each in one["enum"])
    if "const" in one:
        return _code(one["const"])
    if one.get("type") == "array":
        return f"list of {_describe_type(one['items'], schema)}"
    if isinstance(one.get("additionalProperties"), dict):
        return f"{_describe_type(one['additionalProperties'], schema)} by name"
    return {"object": "any table", None: "any value"}.get(one.get("type"), str(one.get("format", one.get("type"))))


def _list_tables(schema: Schema) -> dict[str, str]:
    """The place of each model, `[apps.NAME.helm]`, in the order of the root file; the parts of a table follow it."""
    places = {"RootFile": "The root file"}

    def add(path: str, table: Schema) -> None:
        for key, one in table["properties"].items():
            for model, suffix in _referenced_models(one):
                if model not in places:
                    place = f"{path}.{key}{suffix}".lstrip(".").replace("environments.NAME", "environments.ENV")
                    shown = place.replace("[]", "")
                    places[model] = f"`[[{shown}]]`" if suffix.endswith("[]") else f"`[{shown}]`"
                    if model not in _SAME_KEYS:
                        add(place, schema["$defs"][model])

    add("", schema)
    return places


def _referenced_models(one: Schema, suffix: str = "") -> Iterator[tuple[str, str]]:
    if "$ref" in one:
        yield _model_name(one), suffix
    for each in (*one.get("oneOf", ()), *one.get("anyOf", ())):
        yield from _referenced_models(each, suffix)
    if one.get("type") == "array":
        yield from _referenced_models(one["items"], f"{suffix}[]")
    if isinstance(one.get("additionalProperties"), dict):
        yield from _referenced_models(one["additionalProperties"], f"{suffix}.NAME")


def _collect_examples(schema: Schema) -> dict[tuple[str, str], Any]:
    """The first value of each key in the registries of examples, by model and key."""
    found: dict[tuple[str, str], Any] = {}
    for path in _EXAMPLES:
        _collect_values(schema, schema, tomllib.loads(path.read_text(encoding="utf-8")), "RootFile", found)
    return found


def _collect_values(schema: Schema, one: Schema, value: Any, model: str, found: dict[tuple[str, str], Any]) -> None:
    if "$ref" in one:
        model = _model_name(one)
        one = schema["$defs"][model]
    for each in (*one.get("oneOf", ()), *one.get("anyOf", ())):
        _collect_values(schema, each, value, model, found)
    if isinstance(value, list):
        for inner in value if "items" in one else ():
            _collect_values(schema, one["items"], inner, model, found)
    for key, inner in value.items() if isinstance(value, dict) else ():
        if key in one.get("properties", {}):
            found.setdefault((_SAME_KEYS.get(model, model), key), inner)
            found.setdefault(("", key), inner)
            _collect_values(schema, one["properties"][key], inner, model, found)
        elif isinstance(one.get("additionalProperties"), dict):
            _collect_values(schema, one["additionalProperties"], inner, model, found)


def _find_example(examples: Mapping[tuple[str, str], Any], model: str, key: str) -> Any:
    """The value of a key in its own table, or in another table that has the same key."""
    return examples.get((_SAME_KEYS.get(model, model), key), examples.get(("", key)))


def list_keys_without_example() -> list[tuple[str, str]]:
    """The keys that no registry of the examples has."""
    schema = registry_schema()
    examples = _collect_examples(schema)
    tables = {"RootFile": schema, **schema["$defs"]}
    return [
        (model, key)
        for model, table in tables.items()
        for key in table["properties"]
        if _find_example(examples, model, key) is None
    ]


def _literal(value: Any) -> str:
    """A value as TOML, on one line."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{format_key_path((key,))} = {_literal(one)}' for key, one in value.items())} }}"
    return format_value(value)


def _model_name(one: Schema) -> str:
    return str(one["$ref"]).rpartition("/")[2]


def _anchor(place: str) -> str:
    return re.sub(r"[^\w -]", "", place.lower()).replace(" ", "-")


def _code(value: Any) -> str:
    return f"`{_cell(_literal(value))}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _escape(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*")


PAGES = {"errors.md": render_errors, "commands.md": render_commands, "reference-registry.md": render_keys}


def page_path(name: str) -> Path:
    """Where a generated page is."""
    return ROOT / "docs" / name


if __name__ == "__main__":
    for _name, _render in PAGES.items():
        page_path(_name).write_text(_render(), encoding="utf-8")
