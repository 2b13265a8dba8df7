"""A difference in nothing but revisions → where the forge shows what lies between them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from generator.forges.access import kind, place
from generator.registry.effective import is_range
from generator.review.compare import Difference
from generator.review.danger import revision_alone, source_of

_COMPARE = {"github": "{}/compare/{}...{}", "gitlab": "{}/-/compare/{}...{}"}
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?")


def links(difference: Difference, environment: Mapping[str, str]) -> Iterator[str]:
    """A link for each source that moved, on GitHub and GitLab; `environment` names a forge of the job's own."""
    if not revision_alone(difference):
        return
    for field in difference.fields:
        source = source_of(difference, field.path)
        if "chart" not in source:
            yield from _link(str(source.get("repoURL", "")), field.before, field.after, environment)


def _link(url: str, before: object, after: object, environment: Mapping[str, str]) -> Iterator[str]:
    where = place(url)
    form = _COMPARE.get(kind(where, environment)) if where else None
    revisions = [_short(str(revision)) for revision in (before, after)]
    if where is None or form is None or not _HOST.fullmatch(where.host) or any(map(is_range, revisions)):
        return
    base = f"https://{where.host}/{quote(where.path, safe='/')}"
    yield form.format(base, *(quote(revision, safe="/") for revision in revisions))


def _short(revision: str) -> str:
    """A revision as a forge's address has it."""
    return revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
