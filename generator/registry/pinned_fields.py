"""The fields of an app that a pin in a promotion list sets, as `pins` names them. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import Field

from generator.argocd.revisions import is_written_as_range
from generator.argocd.strings import quoted_excerpt, string_validator

if TYPE_CHECKING:
    from generator.toml.syntax import KeyPath

DEFAULT_PINS = ("targetRevision",)
_FORMS = "targetRevision, sources.NAME, helm.parameters.NAME, helm.valuesObject.PATH or kustomize.images.IMAGE"
_FORM_PATTERN = r"targetRevision|(?:sources|helm\.parameters|helm\.valuesObject|kustomize\.images)\..+"
_MAX_LISTED = 8
_VALUE_PATH = re.compile(r'(?:"[^"]+"|[^".]+)(?:\.(?:"[^"]+"|[^".]+))*')
# What `--set`, by which Argo CD hands parameters to Helm, does not leave a text.
_NO_TEXT_FOR_HELM = re.compile(r"[-+]?[0-9]+|true|false|null")


def _form_problem(name: str) -> str | None:
    if re.fullmatch(_FORM_PATTERN, name):
        return None
    return f"{quoted_excerpt(name)} is not a field that a pin can set: write {_FORMS}"


PinnedFieldName = Annotated[
    str, string_validator(_form_problem), Field(json_schema_extra={"pattern": f"^(?:{_FORM_PATTERN})$"})
]


class UnknownFieldError(ValueError):
    """An entry of `pins` names a field that the app does not have; the message says what to do."""


class PinnedField(NamedTuple):
    """A field that a pin sets: its path in the app's fields. `image` is the image whose tag it sets, or empty."""

    path: KeyPath
    image: str = ""

    @property
    def is_revision(self) -> bool:
        """Whether it is the `targetRevision` of the app or of a source."""
        return self.path[-1] == "targetRevision" and "helm" not in self.path

    def read(self, fields: Mapping[str, Any]) -> str:
        """Return the field's value as text; empty if it is not set."""
        value = _value_at(fields, self.path)
        if self.image:
            return read_image_tag(value) if value is not None else ""
        return "" if value is None else str(value)

    def read_image_name(self, fields: Mapping[str, Any]) -> str:
        """The name of the image that Kustomize writes: the new one, if the app gives it another."""
        value = _value_at(fields, self.path)
        return _split_image(value)[1] if value is not None else self.image

    def path_in_source(self, fields: Mapping[str, Any]) -> tuple[str | int, ...]:
        """The path in its source; of a parameter with its `[name]`, and of an image without its place in the list."""
        start = next((at for at, part in enumerate(self.path) if part in ("helm", "kustomize")), len(self.path) - 1)
        path = self.path[start:]
        if self.image:
            return path[:-1]
        if path[1:2] == ("parameters",):
            return (*path[:2], f"[{_value_at(fields, self.path[:-1])['name']}]", "value")
        return path

    def write(self, fields: Mapping[str, Any], pin: str) -> dict[str, Any]:
        """Return the fields of the app with the pin in this one."""
        return dict(_replace_at(fields, self.path[:-1], lambda container: self._set_in(container, pin)))

    def _set_in(self, container: Any, pin: str) -> Any:
        key: Any = self.path[-1]
        if self.image:
            images = list(container or ())
            images[key : key + 1] = [_with_tag(images[key] if key < len(images) else self.image, pin)]
            return images
        changed = {**(container or {}), key: pin}
        if self.is_revision and not is_written_as_range(pin):
            changed.pop("tagPrefix", None)
        if "parameters" in self.path[-3:-2] and _NO_TEXT_FOR_HELM.fullmatch(pin):
            changed["forceString"] = True
        return changed


def write_pin(fields: Mapping[str, Any], names: Iterable[str], pin: str) -> Mapping[str, Any]:
    """Write a pin into each named field of an app; a field that the app does not have is left out."""
    for name in names:
        with suppress(UnknownFieldError):
            fields = find_pinned_field(fields, name).write(fields, pin)
    return fields


def find_pinned_field(fields: Mapping[str, Any], name: str) -> PinnedField:
    """Find the field that an entry of `pins` names. Raises UnknownFieldError if the app does not have it."""
    source: KeyPath = ("sourceHydrator", "drySource") if "sourceHydrator" in fields else ()
    if name.startswith("sources."):
        source, name = _find_source(fields, name)
    elif "sources" in fields and name != "targetRevision":
        labels = " or ".join(f"sources.{label}.{name}" for label in _source_labels(fields)[:2])
        raise UnknownFieldError(f"an app with sources has no {quoted_excerpt(name)}: write {labels}")
    table = _value_at(fields, source) or {}
    for prefix, find in _FINDERS.items():
        if name.startswith(prefix):
            field = find(table, name.removeprefix(prefix))
            return field._replace(path=(*source, *field.path))
    return PinnedField((*source, "targetRevision"))


def _source_labels(fields: Mapping[str, Any]) -> list[str]:
    return [str(source.get("name", index)) for index, source in enumerate(fields.get("sources", ()))]


def _find_source(fields: Mapping[str, Any], name: str) -> tuple[KeyPath, str]:
    """Split `sources.NAME.field` into the path of the source, by its name or index, and the rest."""
    labels = _source_labels(fields)
    rest = name.removeprefix("sources.")
    indexes = {**{str(index): index for index in range(len(labels))}, **{each: at for at, each in enumerate(labels)}}
    for label in sorted(indexes, key=len, reverse=True):
        field = rest.removeprefix(label).removeprefix(".") or "targetRevision"
        known = field == "targetRevision" or field.startswith(tuple(_FINDERS))
        if (rest == label or rest.startswith(f"{label}.")) and known:
            return ("sources", indexes[label]), field
    if not labels:
        raise UnknownFieldError(f"the app has no sources: write {quoted_excerpt('targetRevision')}")
    known_names = ", ".join(f"sources.{label}" for label in labels)
    raise UnknownFieldError(f"{quoted_excerpt(name)} is not a source of the app: write one of {known_names}")


def _find_parameter(source: Mapping[str, Any], name: str) -> PinnedField:
    names = [parameter["name"] for parameter in source.get("helm", {}).get("parameters", ())]
    if name not in names:
        known = f" (it has {', '.join(names[:_MAX_LISTED])})" if names else ""
        text = f"helm.parameters has no {quoted_excerpt(name)}{known}: add it, with the value to use without a pin"
        raise UnknownFieldError(text)
    return PinnedField(("helm", "parameters", names.index(name), "value"))


def _find_value(source: Mapping[str, Any], text: str) -> PinnedField:
    if not _VALUE_PATH.fullmatch(text):
        raise UnknownFieldError(
            f'{quoted_excerpt(text)} is not a path of keys: write image.tag, or "image.tag" for one key'
        )
    keys = [quoted or plain for quoted, plain in re.findall(r'"([^"]+)"|([^".]+)', text)]
    value: Any = source.get("helm", {}).get("valuesObject", {})
    for count, key in enumerate(keys):
        table = ".".join(("helm.valuesObject", *keys[:count]))
        if not isinstance(value, Mapping):
            remedy = f"remove {quoted_excerpt(key)}, or correct the path"
            raise UnknownFieldError(f"{table} is {quoted_excerpt(str(value))}, not a table: {remedy}")
        if value and key not in value and count < len(keys) - 1:
            text = f"{table} has no {quoted_excerpt(key)} (it has {', '.join([*value][:_MAX_LISTED])})"
            raise UnknownFieldError(f"{text}: add it as a table, or correct the path")
        value = value.get(key, {} if count < len(keys) - 1 else "")
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        kind = "a boolean" if isinstance(value, bool) else "a list" if isinstance(value, list) else "a table"
        text = f"helm.valuesObject.{text} is {kind}, and a pin is a string: name the key that holds the tag"
        raise UnknownFieldError(text)
    return PinnedField(("helm", "valuesObject", *keys))


def _find_image(source: Mapping[str, Any], image: str) -> PinnedField:
    images = source.get("kustomize", {}).get("images", ())
    found = (index for index, each in enumerate(images) if image in _split_image(each)[:2])
    return PinnedField(("kustomize", "images", next(found, len(images))), image)


_FINDERS: Mapping[str, Callable[[Mapping[str, Any], str], PinnedField]] = {
    "helm.parameters.": _find_parameter,
    "helm.valuesObject.": _find_value,
    "kustomize.images.": _find_image,
}


def read_image_tag(image: str) -> str:
    """The tag or digest of an image of Kustomize; empty if it has none."""
    return _split_image(image)[2]


def _split_image(text: str) -> tuple[str, str, str]:
    """Split an image of Kustomize, `old=new:tag` or `name@digest`, into old name, new name, and tag or digest."""
    old, _, new = text.rpartition("=")
    name, at, digest = new.partition("@")
    if not at and ":" in name.rpartition("/")[2]:
        name, _, digest = name.rpartition(":")
    return old or name, name, digest


def _with_tag(image: str, pin: str) -> str:
    old, new, _ = _split_image(image)
    return f"{f'{old}=' if old != new else ''}{new}{'@' if pin.startswith('sha256:') else ':'}{pin}"


def _value_at(value: Any, path: Sequence[str | int]) -> Any:
    """The value at a path of keys and indexes; None if it is missing."""
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _replace_at(value: Any, path: Sequence[str | int], change: Callable[[Any], Any]) -> Any:
    """Return `value` with the result of `change` at a path; tables that are missing are added."""
    if not path:
        return change(value)
    key, rest = path[0], path[1:]
    if isinstance(key, int):
        return [_replace_at(inner, rest, change) if at == key else inner for at, inner in enumerate(value)]
    return {**(value or {}), key: _replace_at((value or {}).get(key), rest, change)}
