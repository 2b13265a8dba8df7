"""Addresses of pages on GitHub, GitLab and Gitea: a commit, a revision, and the comparison of two revisions. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

from generator.argocd.revisions import is_written_as_range
from generator.argocd.urls import parse_repository_url
from generator.forges.detect import detect_forge

_HOST_PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?")
_COMMIT_PATTERN = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_TREE_FOLDERS = {"github": "tree", "gitlab": "-/tree", "gitea": "src"}


class RepositoryPages(NamedTuple):
    """The pages of a repository: `base` is that of the repository itself, `forge` the kind of its server."""

    forge: str
    base: str

    @classmethod
    def find(cls, url: str, job_variables: Mapping[str, str]) -> RepositoryPages | None:
        """Find the pages of the repository at a URL; None if the kind of its server is not known.

        `job_variables` are those of a CI job, which may name a self-hosted forge.
        """
        where = parse_repository_url(url)
        forge = detect_forge(where, job_variables) if where else ""
        if where is None or not forge or not _HOST_PATTERN.fullmatch(where.host):
            return None
        return cls(forge, f"https://{where.host}/{quote(where.path, safe='/')}")

    def compare(self, before: str, after: str) -> str:
        """The page that compares two revisions; empty if one of them is a range of versions."""
        if is_written_as_range(before) or is_written_as_range(after):
            return ""
        revisions = "...".join(quote(_strip_ref_prefix(revision), safe="/") for revision in (before, after))
        return f"{self._folder}/compare/{revisions}"

    def revision(self, revision: str) -> str:
        """The page of a commit, or of the files at a branch or tag; empty for a range of versions."""
        if is_written_as_range(revision):
            return ""
        if _COMMIT_PATTERN.fullmatch(revision):
            return f"{self._folder}/commit/{revision}"
        return f"{self.base}/{_TREE_FOLDERS[self.forge]}/{quote(_strip_ref_prefix(revision), safe='/')}"

    @property
    def _folder(self) -> str:
        return f"{self.base}/-" if self.forge == "gitlab" else self.base


def _strip_ref_prefix(revision: str) -> str:
    """The branch or tag name without `refs/heads/` or `refs/tags/`."""
    return revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
