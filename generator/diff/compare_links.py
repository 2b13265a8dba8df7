"""Link a revision-only difference to the compare page of its forge. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from generator.diff.compare import ObjectDifference
from generator.diff.dangers import changes_only_revisions, source_at
from generator.forges.detect import detect_forge, parse_repository_url
from generator.registry.effective import is_version_range

_COMPARE_URLS = {"github": "{}/compare/{}...{}", "gitlab": "{}/-/compare/{}...{}"}
_HOST_PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?")


def list_compare_links(difference: ObjectDifference, job_variables: Mapping[str, str]) -> Iterator[str]:
    """List a compare link for each changed source on GitHub or GitLab; `job_variables` may name a self-hosted forge."""
    if not changes_only_revisions(difference):
        return
    for field in difference.fields:
        source = source_at(difference, field.path)
        if "chart" not in source:
            yield from _build_compare_link(str(source.get("repoURL", "")), field.before, field.after, job_variables)


def _build_compare_link(url: str, before: object, after: object, job_variables: Mapping[str, str]) -> Iterator[str]:
    where = parse_repository_url(url)
    form = _COMPARE_URLS.get(detect_forge(where, job_variables)) if where else None
    revisions = [_strip_ref_prefix(str(revision)) for revision in (before, after)]
    if (
        where is None
        or form is None
        or not _HOST_PATTERN.fullmatch(where.host)
        or any(map(is_version_range, revisions))
    ):
        return
    base = f"https://{where.host}/{quote(where.path, safe='/')}"
    yield form.format(base, *(quote(revision, safe="/") for revision in revisions))


def _strip_ref_prefix(revision: str) -> str:
    """The branch or tag name without `refs/heads/` or `refs/tags/`."""
    return revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
