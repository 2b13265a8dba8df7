"""An import of public repositories: see README.md beside this file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from generator.importing.build import ImportOptions
from generator.importing.import_registry import ImportResult, import_registry
from generator.importing.manifests import ReadOptions

_FOLDER = os.environ.get("WORKLOADS_CORPUS", "")
pytestmark = [
    pytest.mark.skipif(not _FOLDER, reason="WORKLOADS_CORPUS names no folder with public repositories"),
    pytest.mark.skipif(shutil.which("kustomize") is None, reason="kustomize is not on PATH"),
]
_PLACEHOLDERS = {
    "<GITOPS_REPO_URL>": "https://git.example.org/acme/gitops.git",
    "<GITOPS_REPO_GIT_URL>": "https://git.example.org/acme/gitops.git",
    "<CLUSTER_NAME>": "mgmt",
}


class Source(NamedTuple):
    """A folder of a public repository, and how many Applications it has."""

    repository: str
    path: str
    applications: int


_SOURCES = [
    Source("aws-samples+eks-blueprints-workloads", "multi-repo/argo-app-of-apps", 9),
    Source("aws-samples+eks-blueprints-workloads", "envs", 13),
    Source("aws-samples+eks-blueprints-workloads", "teams/team-geordie", 6),
    Source("aws-samples+eks-blueprints-workloads", "security/envs", 2),
    Source("aws-samples+eks-blueprints-workloads", "secure-ingress-cognito/envs", 3),
    Source("aws-samples+eks-blueprints-workloads", "crossplane-argocd-gitops/envs", 1),
    Source("lsst-sqre+phalanx", "environments", 500),
    Source("OCP-on-NERC+nerc-ocp-apps", "clusters", 80),
    Source("argoproj+argoproj-deployments", "argoproj", 19),
    Source("argoproj+argocd-example-apps", "apps", 14),
    Source("konstructio+gitops-template", "aws-github/templates/mgmt", 40),
    Source("konstructio+gitops-template", "google-github/templates/mgmt", 40),
    Source("konstructio+gitops-template", "civo-gitlab/templates/mgmt", 40),
    Source("stuttgart-things+argocd", "", 45),
    Source("ADORSYS-GIS+fineract-gitops", "", 28),
    Source("mitchross+talos-argocd-proxmox", "", 17),
    Source("tmax-cloud+argocd-installer", "", 5),
    Source("operate-first+argocd-apps", "", 91),
    Source("edgelevel+gitops-k8s", "", 13),
    Source("codefresh-contrib+gitops-certification-examples", "", 6),
    Source("rht-labs+ubiquitous-journey", "", 2),
]


def _import(source: Source) -> ImportResult:
    folder = Path(_FOLDER) / source.repository / source.path
    if not folder.is_dir():
        pytest.skip(f"{folder} does not exist")
    return import_registry([("", folder)], ReadOptions(replacements=_PLACEHOLDERS), ImportOptions("3.6"))


def _changed_fields(result: ImportResult) -> Iterator[tuple[str, str, str]]:
    for compared in result.changed:
        if compared.kind == "Application":
            yield from ((change.field, str(change.before), str(change.after)) for change in compared.changes)


@pytest.mark.parametrize("source", _SOURCES, ids=lambda source: f"{source.repository}/{source.path}")
def test_the_applications_of_a_public_repository_stay_what_they_are(source: Source) -> None:
    result = _import(source)
    refused = [each for each in result.not_taken if each.what.startswith("Application ")]
    assert len(result.exact) >= source.applications * 0.9
    assert len(refused) <= (len(result.exact) + len(refused)) * 0.1
    for field, before, after in _changed_fields(result):
        assert (field.endswith("repoURL"), before.rstrip("/")) == (True, after)
