"""docs/json.md is generated from docs/json.schema.json; `python -m tests.json_pages` writes it anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.workspace import ROOT

SCHEMA_FILE, PAGE = ROOT / "docs" / "json.schema.json", ROOT / "docs" / "json.md"
_HEAD = """\
# JSON output

Commands with `--json` print one JSON document on stdout. [json.schema.json](json.schema.json) has a JSON Schema for
each, under `$defs`; this page is generated from it. Members may be added; members that are described here keep their
meaning. Times are in ISO 8601, with their zone.
"""


def read_schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return schema


def render_page(schema: dict[str, Any]) -> str:
    """The page: a section for each command, each followed by the objects that it is the first to use."""
    definitions, shown, parts = schema["$defs"], set[str](), [_HEAD]
    for name, described in definitions.items():
        if "title" in described:
            parts.append(_render_command(name, described))
            used = [each for each in dict.fromkeys(_list_references(definitions, described)) if each not in shown]
            shown |= set(used)
            parts += [_render_object(each, definitions[each]) for each in used]
    return "\n".join(parts)


def _render_command(name: str, described: dict[str, Any]) -> str:
    title = described["title"]
    heading = f"`{title}`" if title.startswith("workloads") and "," not in title else title
    content = (
        f"A list of [`{_reference(described['items'])}`](#{_reference(described['items']).lower()}).\n"
        if described["type"] == "array"
        else _render_table(described)
    )
    return f"## {heading}\n\n{described['description']} Schema: `$defs/{name}`.\n\n{content}"


def _render_object(name: str, described: dict[str, Any]) -> str:
    return f"### {name}\n\n{described['description']}\n\n{_render_table(described)}"


def _render_table(described: dict[str, Any]) -> str:
    rows = [
        f"| `{key}`{'' if key in described['required'] else ' (optional)'} | {_describe_type(one)} | {_describe(one)} |"
        for key, one in described["properties"].items()
    ]
    return "\n".join(["| member | type | |", "|---|---|---|", *rows]) + "\n"


def _describe(one: dict[str, Any]) -> str:
    values = f" One of {', '.join(f'`{value}`' for value in one['enum'])}." if "enum" in one else ""
    return str(one["description"]).replace("|", "\\|") + values


def _describe_type(one: dict[str, Any]) -> str:
    if "$ref" in one:
        return f"[{_reference(one)}](#{_reference(one).lower()})"
    kind = one.get("type", "any value")
    if kind == "array":
        return f"list of {_describe_type(one['items'])}"
    if kind == "object":
        return f"table of {_describe_type(one['additionalProperties'])}"
    text = kind if isinstance(kind, str) else " or ".join(kind)
    return "time" + text.removeprefix("string") if one.get("format") == "date-time" else text


def _reference(one: dict[str, Any]) -> str:
    return str(one["$ref"]).rpartition("/")[2]


def _list_references(definitions: dict[str, Any], schema: Any) -> Iterator[str]:
    """The definitions that a schema uses, each before those that it uses itself."""
    if isinstance(schema, dict) and "$ref" in schema:
        yield _reference(schema)
        yield from _list_references(definitions, definitions[_reference(schema)])
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _list_references(definitions, inner)


if __name__ == "__main__":
    PAGE.write_text(render_page(read_schema()), encoding="utf-8")
