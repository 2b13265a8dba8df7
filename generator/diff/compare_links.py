"""Link a revision-only difference to the compare page of its forge. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from generator.diff.compare import ABSENT, FieldPath, Manifest, ObjectDifference
from generator.forges.web_pages import RepositoryPages


def list_compare_links(difference: ObjectDifference, job_variables: Mapping[str, str]) -> Iterator[str]:
    """List a compare link for each source whose revision changes; `job_variables` may name a self-hosted forge."""
    for field in difference.fields:
        if field.path[-1:] != ("targetRevision",) or ABSENT in (field.before, field.after):
            continue
        source, former = (_source_at(item, field.path) for item in (difference.after, difference.before))
        if "chart" not in source and source.get("repoURL") == former.get("repoURL"):
            pages = RepositoryPages.find(str(source.get("repoURL", "")), job_variables)
            if pages and (page := pages.compare(str(field.before), str(field.after))):
                yield page


def _source_at(item: Any, path: FieldPath) -> Manifest:
    """The source of an object that contains the field at `path`."""
    for part in path[:-1]:
        if isinstance(item, list):
            named = (one for one in item if isinstance(one, Mapping) and f"[{one.get('name')}]" == part)
            item = item[part] if isinstance(part, int) else next(named, None)
        else:
            item = item.get(part) if isinstance(item, Mapping) else None
    return item if isinstance(item, Mapping) else {}
