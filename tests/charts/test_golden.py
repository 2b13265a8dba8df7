"""Rendered trees byte for byte, and the objects in them against Argo CD's own schemas."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import helm_python
import jsonschema
import pytest
from pydantic import BaseModel

from generator.charts import yaml
from generator.charts.layout import PROJECTS_FOLDER, group_by_chart
from generator.charts.render import RenderedTree
from generator.registry.model import RootFile
from generator.toml.document import parse_document
from tests.charts.rendered import DATA, ROOT, SAMPLE, through_parent, tree_at

EVERY_FIELD = DATA / "golden" / "every-field"
SHARDED = DATA / "golden" / "sharded"
PINS = DATA / "golden" / "pins"
CAPABILITY = DATA / "golden" / "eks-capability"
NAMESPACES = DATA / "golden" / "team-namespaces"
GOLDEN = (EVERY_FIELD, SHARDED, PINS, CAPABILITY, NAMESPACES)
_CRDS = ROOT.parent / "shared" / "argocd-crds"


def _committed(root: Path) -> dict[str, bytes]:
    found = (path for path in root.rglob("*") if path.is_file() and path.name != ".generated.json")
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


@pytest.mark.parametrize(
    ("registry", "golden"),
    [
        (SAMPLE, ROOT / "multi-repo"),
        *(
            (place / "apps.toml", place / "multi-repo")
            for place in (EVERY_FIELD, SHARDED, PINS, CAPABILITY, NAMESPACES)
        ),
    ],
    ids=["sample", "every-field", "sharded", "pins", "eks-capability", "team-namespaces"],
)
def test_the_tree_is_the_committed_one(registry: Path, golden: Path) -> None:
    files, committed = tree_at(registry).files, _committed(golden)
    assert sorted(files) == sorted(committed)
    different = [path for path, data in files.items() if data != committed[path]]
    assert not different, "refresh with: python -m tests.charts.refresh_golden"


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _used(model: type[BaseModel], value: Any) -> Iterator[tuple[type[BaseModel], str]]:
    """Each field of each table that `value`, read as `model`, holds."""
    for key, info in ((str(info.alias), info) for info in model.model_fields.values()):
        if isinstance(value, dict) and key in value:
            yield model, key
            for inner in _models(info.annotation):
                for table in _tables(value[key], inner):
                    yield from _used(inner, table)


def _tables(value: Any, model: type[BaseModel]) -> Iterator[Any]:
    """The tables in a value that may be one, a list of them, or a table of them by name."""
    if isinstance(value, list):
        yield from value
    elif isinstance(value, dict):
        yield value
        yield from (inner for inner in value.values() if isinstance(inner, dict))


def _all(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[tuple[type[BaseModel], str]]:
    if model in seen:
        return
    seen.add(model)
    for info in model.model_fields.values():
        yield model, str(info.alias)
        for inner in _models(info.annotation):
            yield from _all(inner, seen)


def test_the_registry_of_every_field_has_every_field() -> None:
    place = EVERY_FIELD / "apps.toml"
    data = parse_document(place.name, place.read_bytes()).data
    wanted = {
        (model, key)
        for section in ("apps", "projects")
        for top in _models(RootFile.model_fields[section].annotation)
        for model, key in _all(top, set())
    }
    missing = {f"{model.__name__}.{key}" for model, key in wanted - set(_used(RootFile, data))}
    # `spec` is for what no Argo CD known here has, and `track` never reaches Argo CD; an app in one environment
    # takes the same fields as an app. `pins` have a registry of their own.
    named = {name for name in missing if not name.startswith(("AppFields.", "Track."))}
    assert named == {"App.spec", "App.track", "App.pins"}


@functools.cache
def _schema(kind: str) -> Any:
    crd = helm_python.values_from_yaml((_CRDS / f"{kind.lower()}-crd.yaml").read_text(encoding="utf-8"))
    (version,) = crd["spec"]["versions"]
    return jsonschema.Draft202012Validator(_closed(version["schema"]["openAPIV3Schema"]))


def _closed(schema: Any) -> Any:
    """A schema that refuses fields it does not name: Kubernetes would drop them silently."""
    if isinstance(schema, list):
        return [_closed(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(inner) for key, inner in schema.items()}
    opened = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if schema.get("type") == "object" and isinstance(schema.get("properties"), dict) and not opened:
        closed["additionalProperties"] = False
    if schema.get("x-kubernetes-int-or-string"):
        closed.pop("type", None)
    return closed


def _objects(tree: RenderedTree) -> Iterator[dict[str, Any]]:
    charts = group_by_chart(tree.files)
    for environment in {chart.environment for chart in charts}:
        for found in through_parent(charts, environment):
            yield from found.values()
    for path, data in tree.files.items():
        if path.startswith(PROJECTS_FOLDER):
            yield yaml.load(data.decode())


@pytest.mark.parametrize(
    "registry",
    [
        SAMPLE,
        EVERY_FIELD / "apps.toml",
        SHARDED / "apps.toml",
        PINS / "apps.toml",
        CAPABILITY / "apps.toml",
        NAMESPACES / "apps.toml",
    ],
    ids=["sample", "every-field", "sharded", "pins", "eks-capability", "team-namespaces"],
)
def test_every_object_fits_argo_cds_schemas(registry: Path) -> None:
    if not _CRDS.is_dir():
        pytest.skip(f"Argo CD's CRDs are not in {_CRDS}")
    found = list(_objects(tree_at(registry)))
    assert {one["kind"] for one in found} == {"Application", "AppProject"}
    for one in found:
        judged = {**one, "metadata": {}}  # Of its own metadata Kubernetes says nothing in a CRD.
        problems = [
            f"{one['kind']} {one['metadata']['name']} {error.json_path}: {error.message}"
            for error in _schema(one["kind"]).iter_errors(judged)
        ]
        assert not problems


def test_a_pin_sets_the_fields_that_pins_names() -> None:
    def sources(environment: str, app: str) -> list[dict[str, Any]]:
        charts = group_by_chart(tree_at(PINS / "apps.toml").files)
        for found in through_parent(charts, environment):
            for one in found.values():
                if one["kind"] == "Application" and one["metadata"]["name"] == app:
                    spec = one["spec"]
                    return spec.get("sources") or [spec["source"]]
        raise AssertionError(app)

    def seen(app: str) -> list[Any]:
        before, after = sources("dev", app), sources("prod", f"{app}-prod")
        return [*_differences(before, after)]

    assert seen("keycloak") == [((0, "targetRevision"), "24.0.0", "24.0.1")]
    assert seen("redis") == [((0, "targetRevision"), "20.6.0", "20.6.1")]
    assert seen("web") == [((0, "helm", "valuesObject", "image", "tag"), 1.9, "1.10")]
    assert seen("api") == [
        ((0, "helm", "parameters", 0, "forceString"), None, True),
        ((0, "helm", "parameters", 0, "value"), "20261101", "20261128"),
    ]
    digest = "sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"
    old, new = "shop=registry.example.com/shop:1.4.0", f"shop=registry.example.com/shop@{digest}"
    assert seen("shop") == [((0, "kustomize", "images", 0), old, new)]
    assert seen("console") == [
        ((0, "helm", "parameters", 0, "value"), "v2.0.0", "v2.1.0"),
        ((0, "targetRevision"), "v2.0.0", "v2.1.0"),
    ]
    assert seen("ledger") == [((1, "helm", "valuesObject", "images", "ledger.main", "tag"), "1.4.0", "1.5.0")]


def _differences(before: Any, after: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any, Any]]:
    if isinstance(before, list) and isinstance(after, list):
        before, after = dict(enumerate(before)), dict(enumerate(after))
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from _differences(before.get(key), after.get(key), (*path, key))
    elif before != after:
        yield path, before, after
