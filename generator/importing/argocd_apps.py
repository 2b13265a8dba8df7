"""Read the values of the Helm chart argocd-apps, in which Applications and AppProjects are entries of values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from generator.helm import engine as helm

CHART_NAME = "argocd-apps"
_SECTIONS = ("applications", "projects", "applicationsets", "itemTemplates", "extensions")
_APPLICATION = (
    "source",
    "sources",
    "destination",
    "syncPolicy",
    "revisionHistoryLimit",
    "ignoreDifferences",
    "info",
    "sourceHydrator",
)
_PROJECT = (
    "permitOnlyProjectScopedClusters",
    "description",
    "sourceRepos",
    "destinations",
    "clusterResourceWhitelist",
    "clusterResourceBlacklist",
    "namespaceResourceBlacklist",
    "namespaceResourceWhitelist",
    "orphanedResources",
    "roles",
    "syncWindows",
    "signatureKeys",
    "sourceNamespaces",
)
#: Renders what the chart renders, from a table by name (version 2 of the chart) or a list with names (version 1).
_TEMPLATE = """
{{- define "object" }}
{{- $annotations := dict }}
{{- range $key, $value := .data.additionalAnnotations }}{{ $_ := set $annotations $key (toString $value) }}{{ end }}
{{- $metadata := dict "name" (.data.name | default (toString .name)) "namespace" .data.namespace }}
{{- $_ := set $metadata "annotations" $annotations }}
{{- $_ := set $metadata "labels" .data.additionalLabels }}
{{- $_ := set $metadata "finalizers" .data.finalizers }}
{{- dict "apiVersion" "argoproj.io/v1alpha1" "kind" .kind "metadata" $metadata "spec" .spec | toJson }}
{{- end }}
{{- range $name, $data := .Values.applications }}
{{- with $data }}
---
{{- $spec := merge (dict "project" (tpl (toString (.project | default "")) $)) (pick . APPLICATION) }}
{{ include "object" (dict "kind" "Application" "name" $name "data" . "spec" $spec) }}
{{- end }}
{{- end }}
{{- range $name, $data := .Values.projects }}
{{- with $data }}
---
{{ include "object" (dict "kind" "AppProject" "name" $name "data" . "spec" (pick . PROJECT)) }}
{{- end }}
{{- end }}
{{- range $name, $data := .Values.applicationsets }}
{{- with $data }}
---
{{ include "object" (dict "kind" "ApplicationSet" "name" $name "data" . "spec" (dict)) }}
{{- end }}
{{- end }}
{{- range .Values.itemTemplates }}
{{- $template := kindIs "string" .template | ternary .template (toYaml .template) }}
{{- range .items }}
---
{{ tpl $template (set . "Template" $.Template) }}
{{- end }}
{{- end }}
"""


def find_chart_values(values: Mapping[str, Any], key: str = CHART_NAME) -> Mapping[str, Any] | None:
    """The values of the chart, themselves or below the key of a dependency; None if they are those of another chart."""
    below = values.get(key)
    if isinstance(below, dict) and not any(section in values for section in _SECTIONS):
        return below
    has_entries = any(_is_section(values.get(section)) for section in _SECTIONS[:3])
    return values if has_entries or _has_items(values) else None


def may_be_values(text: str) -> bool:
    """Whether a text has a key of the chart's values at its top."""
    return re.search(rf"(?m)^(?:{'|'.join((*_SECTIONS, CHART_NAME))})\s*:", text) is not None


def _is_section(section: Any) -> bool:
    """Whether a section has an entry of an Application, an AppProject or an ApplicationSet."""
    entries = section.values() if isinstance(section, dict) else section if isinstance(section, list) else ()
    return any(
        isinstance(entry, dict) and entry.keys() & {"destination", "destinations", "template"} for entry in entries
    )


def _has_items(values: Mapping[str, Any]) -> bool:
    templates = values.get("itemTemplates")
    return isinstance(templates, list) and any(isinstance(one, dict) and "template" in one for one in templates)


def find_dependency_key(chart_file: str) -> str | None:
    """The key of the values of a dependency on the chart in a Chart.yaml; None if there is none."""
    try:
        dependencies = helm.parse_values(chart_file).get("dependencies")
    except helm.HelmRefusal:
        return None
    for each in dependencies if isinstance(dependencies, list) else ():
        if isinstance(each, dict) and each.get("name") == CHART_NAME:
            return str(each.get("alias") or CHART_NAME)
    return None


def render_values(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the objects that the chart renders with these values. Raises HelmRefusal if Helm does not."""
    template = _TEMPLATE
    for name, fields in (("APPLICATION", _APPLICATION), ("PROJECT", _PROJECT)):
        quoted = " ".join(f'"{field}"' for field in fields)
        template = template.replace(f"pick . {name})", f"pick . {quoted})")
    files = {
        "Chart.yaml": f"apiVersion: v2\nname: {CHART_NAME}\nversion: 0.0.0\n".encode(),
        "templates/objects.yaml": template.encode(),
    }
    for items in helm.render_chart_by_file(files, values).values():
        yield from (item for item in items if isinstance(item.get("metadata"), dict))


def find_entry_line(text: str, name: str) -> int:
    """The line, from 1, at which a values file begins with the entry of this name; 1 if it is not found."""
    found = re.search(rf"""(?m)^\s*(?:-\s+)?(?:name:\s*)?["']?{re.escape(name)}["']?\s*(?::\s*)?(?:#.*)?$""", text)
    return text.count("\n", 0, found.start()) + 1 if found else 1
