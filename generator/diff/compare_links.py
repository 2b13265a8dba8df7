"""Link a revision-only difference to the compare page of its forge. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from generator.argocd.revisions import is_written_as_range
from generator.argocd.urls import parse_repository_url
from generator.diff.compare import ABSENT, FieldPath, Manifest, ObjectDifference
from generator.forges.detect import detect_forge

_COMPARE_URLS = {"github": "{}/compare/{}...{}", "gitlab": "{}/-/compare/{}...{}", "gitea": "{}/compare/{}...{}"}
_HOST_PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?")


def list_compare_links(difference: ObjectDifference, job_variables: Mapping[str, str]) -> Iterator[str]:
    """List a compare link for each source whose revision changes; `job_variables` may name a self-hosted forge."""
    for field in difference.fields:
        if field.path[-1:] != ("targetRevision",) or ABSENT in (field.before, field.after):
            continue
        source, former = (_source_at(item, field.path) for item in (difference.after, difference.before))
        if "chart" not in source and source.get("repoURL") == former.get("repoURL"):
            yield from _build_compare_link(str(source.get("repoURL", "")), field.before, field.after, job_variables)


def _build_compare_link(url: str, before: object, after: object, job_variables: Mapping[str, str]) -> Iterator[str]:
    where = parse_repository_url(url)
    form = _COMPARE_URLS.get(detect_forge(where, job_variables)) if where else None
    revisions = [_strip_ref_prefix(str(revision)) for revision in (before, after)]
    if (
        where is None
        or form is None
        or not _HOST_PATTERN.fullmatch(where.host)
        or any(map(is_written_as_range, revisions))
    ):
        return
    base = f"https://{where.host}/{quote(where.path, safe='/')}"
    yield form.format(base, *(quote(revision, safe="/") for revision in revisions))


def _source_at(item: Any, path: FieldPath) -> Manifest:
    """The source of an object that contains the field at `path`."""
    for part in path[:-1]:
        if isinstance(item, list):
            named = (one for one in item if isinstance(one, Mapping) and f"[{one.get('name')}]" == part)
            item = item[part] if isinstance(part, int) else next(named, None)
        else:
            item = item.get(part) if isinstance(item, Mapping) else None
    return item if isinstance(item, Mapping) else {}


def _strip_ref_prefix(revision: str) -> str:
    """The branch or tag name without `refs/heads/` or `refs/tags/`."""
    return revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
