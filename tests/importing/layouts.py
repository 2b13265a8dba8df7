"""Small invented layouts of Argo CD's objects, of each kind that an import reads."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any


def application(name: str, **spec: Any) -> dict[str, Any]:
    """An Application that syncs by hand and has no finalizer; `spec` replaces fields of its spec."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": {
            "project": "shop",
            "source": {"repoURL": "https://git.example.org/shop/web.git", "path": "deploy", "targetRevision": "main"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
            **spec,
        },
    }


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write files below a folder, and return it."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text))
    return folder


#: A Helm app of apps with one values file for each environment.
HELM_CHART = {
    "Chart.yaml": "apiVersion: v2\nname: apps\nversion: 1.0.0\n",
    "values.yaml": "apps: {}\nsuffix: ''\n",
    "values-dev.yaml": "suffix: -dev\napps:\n  cart: {revision: main, prune: true}\n  tax: {revision: main}\n",
    "values-prod.yaml": "suffix: -prod\napps:\n  cart: {revision: v1.2.0}\n",
    "templates/applications.yaml": """\
        {{- range $name, $app := .Values.apps }}
        ---
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          name: {{ $name }}
          namespace: argocd
          finalizers: [resources-finalizer.argocd.argoproj.io]
        spec:
          project: shop
          source:
            repoURL: https://git.example.org/shop/{{ $name }}.git
            path: chart
            targetRevision: {{ $app.revision }}
            helm:
              valueFiles: [values{{ $.Values.suffix }}.yaml]
          destination:
            server: https://kubernetes.default.svc
            namespace: {{ $name }}
          {{- if $app.prune }}
          syncPolicy:
            automated: {prune: true}
          {{- end }}
        {{- end }}
        """,
}

#: Plain files of two environments, with a project.
PLAIN_FOLDERS = {
    f"{env}/{name}": text
    for env in ("dev", "prod")
    for name, text in {
        "web.yaml": f"""\
            apiVersion: argoproj.io/v1alpha1
            kind: Application
            metadata:
              name: web
              namespace: argocd
              labels: {{env: {env}}}
            spec:
              project: shop
              source:
                repoURL: https://git.example.org/shop/web.git
                path: deploy/{env}
                targetRevision: HEAD
              destination:
                name: {env}-cluster
                namespace: shop
              syncPolicy:
                automated: {{selfHeal: true}}
                syncOptions: [CreateNamespace=true]
            """,
        "project.yaml": """\
            # The team's project.
            apiVersion: argoproj.io/v1alpha1
            kind: AppProject
            metadata:
              name: shop
              namespace: argocd
            spec:
              sourceRepos: ['https://git.example.org/shop/*']
              destinations:
                - {name: '*', namespace: shop}
              clusterResourceWhitelist:
                - {group: '', kind: Namespace}
            """,
        "unrelated.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n",
    }.items()
}

#: An overlay that changes an Application of its base.
KUSTOMIZATION = {
    "base/kustomization.yaml": "resources: [web.yaml]\n",
    "base/web.yaml": """\
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata: {name: web, namespace: argocd}
        spec:
          project: shop
          source: {repoURL: 'https://git.example.org/shop/web.git', path: deploy, targetRevision: main}
          destination: {server: 'https://kubernetes.default.svc', namespace: shop}
        """,
    "prod/kustomization.yaml": """\
        resources: [../base]
        patches:
          - target: {kind: Application, name: web}
            patch: |-
              - {op: replace, path: /spec/source/targetRevision, value: v2.0.0}
        """,
}
