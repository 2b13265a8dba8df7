"""The definitions in a chart's values.schema.json, which refuses an override that would change nothing. Pure."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from generator.argocd.json_schema import TableSchema
from generator.argocd.versions import major_minor
from generator.registry.effective import SOURCE_KEYS
from generator.registry.model import AppFields, RootFile

if TYPE_CHECKING:
    from generator.charts.plan import AppPlan

VALUES_SCHEMA_FILE = "values.schema.json"
JsonSchema = dict[str, Any]
#: Keys of an app in the registry that its entry in values.yaml does not have.
_REGISTRY_KEYS = frozenset({"server", "cluster", "syncWave", "finalizer"})
#: The fields with an app's sources, by its form: an override of another one would change nothing.
_FORMS: Mapping[str, tuple[str, ...]] = {
    "source": SOURCE_KEYS,
    "sources": ("sources",),
    "sourceHydrator": ("sourceHydrator",),
}
#: Keywords that describe a schema and constrain nothing.
_ANNOTATIONS = frozenset({"title", "description", "default", "since"})


def select_app_definition(app: AppPlan) -> str:
    """The name of the definition of an app's values: apps of one form have one."""
    return f"app-with-{app.form}{'-and-destination' if app.own_destination else ''}"


def build_definitions(apps: Iterable[AppPlan], argocd_version: str, *, nullable: bool = False) -> dict[str, JsonSchema]:
    """The definitions of a chart with `apps`, by name, with the fields that this version of Argo CD has.

    With `nullable`, null is a value too: in a parent chart, only the shard knows whether there is something to remove.
    """
    definitions = dict(_define_fields(argocd_version))
    fields = definitions.pop(AppFields.__name__)["properties"]
    for app in apps:
        definitions[select_app_definition(app)] = _define_app(fields, app)
    return {name: _allow_null(one) if nullable else one for name, one in sorted(definitions.items())}


def _define_app(fields: Mapping[str, JsonSchema], app: AppPlan) -> JsonSchema:
    other_forms = {field for form in _FORMS.values() for field in form} - {*_FORMS[app.form]}
    read = {key: one for key, one in fields.items() if key not in other_forms | _REGISTRY_KEYS}
    destination = {"destination": {"$ref": "#/definitions/destination"}} if app.own_destination else {}
    # Null is what an empty text is: the registry's name.
    names = {key: {"type": ["string", "null"]} for key in ("name", "project", "namespace")}
    properties = {**read, **names, **destination}
    return {"type": "object", "properties": properties, "additionalProperties": False}


@functools.cache
def _define_fields(argocd_version: str) -> Mapping[str, JsonSchema]:
    """The definitions of Argo CD's own fields, as Argo CD takes them where the registry also has a shorter form."""
    found = RootFile.model_json_schema(ref_template="#/definitions/{model}", schema_generator=TableSchema)["$defs"]
    definitions = {name: _constraints(one, argocd_version) for name, one in found.items()}
    definitions["Helm"]["properties"]["parameters"] = {"type": "array", "items": {"$ref": "#/definitions/Parameter"}}
    definitions["SyncPolicy"]["properties"]["automated"] = {"$ref": "#/definitions/Automated"}
    # An override of null stops automated sync.
    definitions["SyncPolicy"]["type"] = definitions["Automated"]["type"] = ["object", "null"]
    # An index into the list, such as sources[0].targetRevision, would replace all of it.
    definitions["Source"]["anyOf"] = [{"required": [key]} for key in ("path", "chart", "ref")]
    needed = {*_find_references(definitions, "AppFields"), *_find_references(definitions, "ProjectFields")}
    return {name: one for name, one in definitions.items() if name in needed}


def _constraints(schema: Any, argocd_version: str) -> Any:
    """A schema without annotations, and without fields that this version of Argo CD does not have."""
    if isinstance(schema, list):
        return [_constraints(item, argocd_version) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _constraints(one, argocd_version) for key, one in schema.items() if key not in _ANNOTATIONS}
    if isinstance(schema.get("properties"), dict):
        found["properties"] = {
            key: _constraints(one, argocd_version)
            for key, one in schema["properties"].items()
            if major_minor(one.get("since", "0.0")) <= major_minor(argocd_version)
        }
    return found


def _find_references(definitions: Mapping[str, JsonSchema], name: str) -> Iterator[str]:
    """Yield a definition's name and those of all definitions that it uses."""
    yield name
    for reference in _list_references(definitions[name]):
        yield from _find_references(definitions, reference)


def _list_references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict) and "$ref" in schema:
        yield schema["$ref"].rpartition("/")[2]
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _list_references(inner)


def _allow_null(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_allow_null(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _allow_null(one) for key, one in schema.items()}
    return {**found, "type": [schema["type"], "null"]} if isinstance(schema.get("type"), str) else found
