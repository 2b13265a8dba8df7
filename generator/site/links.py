"""Links of the site to the forges of the registry and of the apps, and to Argo CD. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from generator.forges.web_pages import RepositoryPages


@dataclass(frozen=True)
class SiteLinks:
    """Where links lead: the registry's repository, and Argo CD with the namespace of its Applications.

    `job_variables` are those of a CI job, which may name a self-hosted forge. A method returns "" without a page.
    """

    registry_url: str = ""
    argocd_url: str = ""
    argocd_namespace: str = "argocd"
    job_variables: Mapping[str, str] = field(default_factory=dict)

    def commit(self, commit: str) -> str:
        """The page of a commit of the registry."""
        return self.revision(self.registry_url, commit)

    def revision(self, repository: str, revision: str) -> str:
        """The page of a revision of an app's repository."""
        pages = RepositoryPages.find(repository, self.job_variables)
        return pages.revision(revision) if pages else ""

    def compare(self, repository: str, before: str | None, after: str | None) -> str:
        """The page that compares two revisions of an app's repository."""
        pages = RepositoryPages.find(repository, self.job_variables) if before and after else None
        return pages.compare(str(before), str(after)) if pages else ""

    def application(self, environment: str, name: str) -> str:
        """The page of an Application in Argo CD."""
        if not self.argocd_url:
            return ""
        base = self.argocd_url.replace("{environment}", environment).rstrip("/")
        return f"{base}/applications/{quote(self.argocd_namespace)}/{quote(name)}"
