"""Build the Application that an environment's chart renders for an app, and find where a live one differs. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from generator.charts.app_projects import NO_FINALIZER, USUAL_SYNC_POLICY
from generator.charts.plan import plan_app
from generator.git.messages import redact
from generator.importing.applications import (
    ADDED_ANNOTATIONS,
    WAVE_ANNOTATION,
    comparable_application,
    list_differences,
)
from generator.live.applications import API_VERSION, LiveApplication
from generator.registry.effective import SOURCE_KEYS, EffectiveApp
from generator.registry.metadata_rules import SYNC_OPTIONS_ANNOTATION
from generator.registry.registry import Environment
from generator.registry.uniqueness import app_destination

_SPEC_FIELDS = ("ignoreDifferences", "info", "revisionHistoryLimit")
_ARGOCD_PREFIX = "argocd.argoproj.io/"


class EditedField(NamedTuple):
    """A field that is not what the chart renders; None stands for no value."""

    field: str
    expected: Any
    live: Any


def build_expected_application(environment: Environment, app: EffectiveApp) -> dict[str, Any]:
    """Build the object that Helm renders of the environment's chart for an app, without overrides."""
    plan = plan_app(environment, app)
    values, field_and_cluster = plan.values, app_destination(app, environment)
    single = {"source": {key: values[key] for key in SOURCE_KEYS if key in values}}
    own_options = {SYNC_OPTIONS_ANNOTATION: plan.sync_options} if plan.sync_options else {}
    return {
        "apiVersion": API_VERSION,
        "kind": "Application",
        "metadata": {
            "name": plan.application,
            "namespace": environment.argocd_settings.namespace,
            "labels": {**environment.labels, **values.get("labels", {})},
            "annotations": {WAVE_ANNOTATION: str(plan.wave), **own_options, **values.get("annotations", {})},
            "finalizers": [] if plan.finalizer == NO_FINALIZER else [plan.finalizer],
        },
        "spec": {
            **(single if plan.form == "source" else {plan.form: values[plan.form]}),
            "syncPolicy": values["syncPolicy"] if plan.own_sync_policy else USUAL_SYNC_POLICY,
            **{key: values[key] for key in _SPEC_FIELDS if key in values},
            **values.get("spec", {}),
            "destination": {**dict([field_and_cluster]), "namespace": plan.namespace},
            "project": plan.project,
        },
    }


def list_edited_fields(expected: Mapping[str, Any], live: LiveApplication) -> list[EditedField]:
    """List the fields of a live Application that differ, as Argo CD acts on them: its defaults equal absent fields."""
    edited = [*_list_edited_spec(expected, live), *_list_edited_metadata(expected["metadata"], live.metadata)]
    return [each._replace(live=_make_printable(each.live)) for each in edited]


def _make_printable(value: Any) -> Any:
    """Mask the credentials in the URLs of a value, and make text of numbers that JSON does not have."""
    if isinstance(value, dict):
        return {key: _make_printable(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_make_printable(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return redact(value) if isinstance(value, str) else value


def _list_edited_spec(expected: Mapping[str, Any], live: LiveApplication) -> Iterator[EditedField]:
    if expected["spec"] == live.spec:
        return
    wanted, found = (comparable_application({"spec": spec}, "")["spec"] for spec in (expected["spec"], live.spec))
    for difference in list_differences(wanted, found, "spec"):
        if not _are_equal_numbers(*difference[1:]):
            yield EditedField(*difference)


def _list_edited_metadata(expected: Mapping[str, Any], live: Mapping[str, Any]) -> Iterator[EditedField]:
    """List what differs of what the chart sets, and further annotations for Argo CD itself: other tools add others."""
    for kind in ("labels", "annotations"):
        wanted, found = expected[kind], live.get(kind) or {}
        more = [key for key in found if key.startswith(_ARGOCD_PREFIX) and key not in ADDED_ANNOTATIONS]
        for key in dict.fromkeys((*wanted, *more)):
            if wanted.get(key) != found.get(key):
                yield EditedField(f"metadata.{kind}[{key}]", wanted.get(key), found.get(key))
    if expected["finalizers"] != live.get("finalizers", []):
        both = (comparable_application({"metadata": each, "spec": {}}, "")["metadata"] for each in (expected, live))
        wanted, found = (each["finalizers"] for each in both)
        if wanted != found:
            yield EditedField("metadata.finalizers", wanted, found)


def _are_equal_numbers(one: object, other: object) -> bool:
    """Whether two values are one number: Helm writes large integers with an exponent."""
    both = isinstance(one, int | float) and isinstance(other, int | float)
    return both and one == other and not isinstance(one, bool) and not isinstance(other, bool)
