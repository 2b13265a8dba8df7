"""Generate the JSON Schema of `apps.toml` from the models that validate it."""

from __future__ import annotations

from typing import Any

from generator.registry.model import RootFile


def json_schema() -> dict[str, Any]:
    """Generate the JSON Schema (draft 2020-12) of the root file; the same version always gives the same schema."""

    schema = RootFile.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "apps.toml"}
