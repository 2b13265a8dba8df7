"""JSON Schemas of the tables, as TOML and YAML have them: a key that is not set is absent, never null."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema


class TableSchema(GenerateJsonSchema):
    """Generates the JSON Schema of tables without null, without defaults of null, and without made-up titles."""

    def nullable_schema(self, schema: Any) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: Any) -> dict[str, Any]:
        found = super().default_schema(schema)
        return {key: value for key, value in found.items() if (key, value) != ("default", None)}

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False
