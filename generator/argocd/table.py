"""The base model of all registry tables, and types that they share."""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Tag,
    ValidationInfo,
)
from pydantic_core import core_schema

from generator.argocd.strings import SingleLineText, WritableText, build_validation_error
from generator.argocd.versions import major_minor, too_new_message


@dataclass(frozen=True)
class since:  # noqa: N801 - reads as a mark: Annotated[str | None, since("2.14")]
    """Marks a field that Argo CD has since `version`: refused where the `argocd_version` of the context is older."""

    version: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        return core_schema.with_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "since": self.version}

    def _check(self, value: Any, info: ValidationInfo) -> Any:
        configured = info.context["argocd_version"] if info.context else self.version
        if value is not None and major_minor(self.version) > major_minor(configured):
            raise build_validation_error(too_new_message(self.version, configured))
        return value


def _to_camel_case(name: str) -> str:
    head, *rest = name.split("_")
    acronyms = {"url": "URL", "id": "ID"}
    return head + "".join(acronyms.get(part, part.capitalize()) for part in rest)


class Table(BaseModel):
    """Base class of registry tables: unknown keys are errors, and values are not converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=_to_camel_case)


#: Tags that `union_by_toml_type` adds to error locations; a key may look the same.
TYPE_TAGS = frozenset({"<table>", "<list>", "<bool>", "<integer>", "<string>"})

#: The pydantic error type for a value of the wrong TOML type; its message names the expected types.
WRONG_TYPE_ERROR = "wanted"
_TOML_TYPES = {dict: "table", list: "list", bool: "bool", int: "integer", str: "string"}


def union_by_toml_type(expected: str = "", /, **forms: Any) -> Any:
    """A union discriminated by the TOML type of a value, so that errors mention one member only.

    The tags, one of `TYPE_TAGS` for each form, appear in error locations. A value of another type is an error of type
    `WRONG_TYPE_ERROR` with the message `expected`; without a message, it is validated as the first form.
    """

    def tag_of_value(value: object) -> str | None:
        found = _TOML_TYPES.get(type(value), "")
        if found not in forms and expected:
            return None
        return f"<{found if found in forms else next(iter(forms))}>"

    union: Any = functools.reduce(operator.or_, (Annotated[form, Tag(f"<{name}>")] for name, form in forms.items()))
    # Without a message, pydantic never uses the error type.
    by_type = Discriminator(tag_of_value, custom_error_type=WRONG_TYPE_ERROR, custom_error_message=expected)
    return Annotated[union, by_type]


#: Counts and limits: fits into every integer type it passes through, and into Helm's floats.
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
StringMap = dict[SingleLineText, WritableText]
