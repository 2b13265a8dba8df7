"""What every table of the registry has in common: closed, read strictly, its fields dated."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from generator.registry.text import Line, Text


class Since(NamedTuple):
    """The Argo CD version, "major.minor", that brought the annotated field."""

    version: str


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    acronyms = {"url": "URL", "id": "ID"}
    return head + "".join(acronyms.get(part, part.capitalize()) for part in rest)


class Table(BaseModel):
    """A closed table of the registry: unknown keys are refused, values are not converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=_camel)


#: What `by_shape` puts into the locations of errors; a key may look like one.
TAGS = frozenset({"<table>", "<list>", "<bool>", "<integer>", "<string>"})

#: The type of the error about a value of no form; its message is what is wanted.
WANTED = "wanted"
_SHAPES = {dict: "table", list: "list", bool: "bool", int: "integer", str: "string"}


def by_shape(wanted: str = "", /, **forms: Any) -> Any:
    """A discriminated union on the TOML shape of a value, so that errors speak of one form only.

    The tags, one of `TAGS` for each form, turn up in error locations. A value of no form is told to be none of what is
    `wanted` (an error of type `WANTED`); where that is left out, it is judged as one of the first form.
    """

    def shape(value: object) -> str | None:
        found = _SHAPES.get(type(value), "")
        if found not in forms and wanted:
            return None
        return f"<{found if found in forms else next(iter(forms))}>"

    members = tuple(Annotated[form, Tag(f"<{name}>")] for name, form in forms.items())
    union: Any = members[0]
    for member in members[1:]:
        union |= member
    if not wanted:
        return Annotated[union, Discriminator(shape)]
    return Annotated[union, Discriminator(shape, custom_error_type=WANTED, custom_error_message=wanted)]


#: Counts and limits: what fits every integer on the way, Helm's floats included.
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
StringMap = dict[Line, Text]
