"""The JSON Schemas of registry files, for editors: every key with its description and Argo CD's page on it."""

from __future__ import annotations

import functools
import json
import tomllib
from importlib import resources
from typing import Any

from generator.argocd.json_schema import TableSchema
from generator.registry.model import IncludedFile, RootFile

#: The schema's file beside `apps.toml`, and the line that names it there.
SCHEMA_FILE = "apps.schema.json"
SCHEMA_LINE = f"#:schema ./{SCHEMA_FILE}\n"
_DESCRIPTIONS_FILE = "schema_descriptions.toml"
_PAGES = "https://argo-cd.readthedocs.io/en/stable/"


def registry_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the root file; the same version always gives the same schema."""
    return _generate_schema(RootFile, "apps.toml")


def team_file_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a file that `include` names."""
    return _generate_schema(IncludedFile, "apps.toml: a file of a team")


def format_registry_schema() -> bytes:
    """The JSON Schema of the root file as the file that editors read, beside `apps.toml`."""
    return (json.dumps(registry_schema(), indent=2) + "\n").encode()


def _generate_schema(model: type[RootFile | IncludedFile], title: str) -> dict[str, Any]:
    schema = model.model_json_schema(schema_generator=_DescribedSchema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}


class _DescribedSchema(TableSchema):
    """Generates the JSON Schema of tables, with a description for each key."""

    def model_schema(self, schema: Any) -> dict[str, Any]:
        found = super().model_schema(schema)
        found.pop("description", None)  # A docstring is for readers of the code.
        for key, one in found["properties"].items():
            one["description"] = _describe_key(schema["cls"], key, one.pop("since", None))
        return found


def _describe_key(model: type[Any], key: str, since: str | None) -> str:
    """Describe a key by the first of a model's classes that does. Raises KeyError if none does."""
    tables = [table for base in model.__mro__ if (table := _read_descriptions().get(base.__name__)) and key in table]
    if not tables:
        raise KeyError(f"{model.__name__}.{key} is not described in {_DESCRIPTIONS_FILE}")
    own = tables[0][key]
    text, page = own if isinstance(own, list) else (own, tables[0].get("_page"))
    version = f" Since Argo CD {since}." if since else ""
    return f"{text}{version}" + (f"\n\n{_PAGES}{page}" if page else "")


@functools.cache
def _read_descriptions() -> dict[str, dict[str, Any]]:
    return tomllib.loads(resources.files(__package__).joinpath(_DESCRIPTIONS_FILE).read_text(encoding="utf-8"))
