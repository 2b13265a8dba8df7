"""Choose the pin that an environment's policy requires for a revision."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol

from generator.argocd.revisions import CONTENT_ID_PATTERN, shorten_commit
from generator.errors import NetworkError, RefusedError
from generator.registry.effective import EffectiveApp
from generator.registry.registry import Environment
from generator.registry.version_sources import VersionSource, find_version_source

if TYPE_CHECKING:
    from generator.git.remote_refs import RemoteRefs


class RemoteLookup(Protocol):
    """Looks up refs and commits of Git repositories, and versions of charts and images, querying each source once.

    The methods raise NetworkError.
    """

    def prefetch_refs(self, urls: Iterable[str]) -> None:
        """Query several repositories at once."""
        ...

    def read_refs(self, url: str) -> RemoteRefs:
        """Return the branches and tags of a repository."""
        ...

    def has_commit(self, url: str, commit: str) -> bool:
        """Whether a repository has a commit, even one that no branch or tag points at."""
        ...

    def prefetch_versions(self, sources: Iterable[VersionSource]) -> None:
        """Read the versions of several charts and images at once."""
        ...

    def read_versions(self, source: VersionSource) -> list[str]:
        """Return the versions of a chart or image, in no order."""
        ...

    def resolve_digest(self, source: VersionSource, tag: str) -> str | None:
        """Return the digest of a tag in an OCI registry; None if there is no such tag."""
        ...


class Pin(NamedTuple):
    """The revision after @ in a promotion list entry (None: no pin), and the tag of a pinned commit."""

    revision: str | None
    tag: str = ""


class WantedRevision(NamedTuple):
    """The revision to promote for `app`: that of the source environment or, if `user_chosen`, the user's.

    `tag` is the tag of the commit that the source environment pins; `pinned` is True if that environment pins it.
    """

    app: EffectiveApp
    revision: str
    tag: str = ""
    pinned: bool = False
    user_chosen: bool = False

    @property
    def wanted_kind(self) -> str:
        """The kind of revision by its form alone: `commit`, `tag` or `branch`."""
        return self.app.classify_revision(self.revision, self.pinned or self.user_chosen)


def choose_pin(wanted: WantedRevision, environment: Environment, unpinned_revision: str, remotes: RemoteLookup) -> Pin:
    """Choose the pin for `wanted` in `environment`, where the app runs `unpinned_revision` if not pinned.

    Queries repositories only to resolve a branch or tag to a commit, to verify the commit of a tag, or to check a
    revision that the user named. Raises RefusedError if a tag has moved, if no repository of the app has the
    revision, or if a pin has no effect on the app; NetworkError.
    """
    repositories = _require_pinnable_repositories(wanted.app)
    if (
        environment.policy.pin == "any"
        and not wanted.user_chosen
        and wanted.wanted_kind == "branch"
        and unpinned_revision == wanted.revision
    ):
        return Pin(None)
    if CONTENT_ID_PATTERN.fullmatch(wanted.revision):
        return Pin(wanted.revision, _verify_tag(wanted, repositories, remotes))
    if environment.policy.pin == "commit" and repositories:
        if len(repositories) > 1:
            raise RefusedError(
                "WL3106",
                f"a commit pin is for one repository, and this app has {' and '.join(repositories)}",
                remedy="set targetRevision in all sources but one",
            )
        return Pin(_resolve_to_commit(repositories[0], wanted.revision, remotes), wanted.revision)
    source = find_version_source(wanted.app)
    if environment.policy.pin == "commit" and wanted.app.takes_commits and source and source.kind == "oci":
        digest = remotes.resolve_digest(source, wanted.revision)
        if digest is None:
            raise RefusedError("WL3105", f"{source.location} has no tag {wanted.revision}")
        return Pin(digest, wanted.revision)
    for repository in repositories:
        if environment.policy.pin == "tag" and wanted.wanted_kind == "tag":
            _require_tag(repository, wanted.revision, remotes)
        elif wanted.user_chosen:
            _resolve_to_commit(repository, wanted.revision, remotes)
    return Pin(wanted.revision)


def verify_version(wanted: WantedRevision, remotes: RemoteLookup) -> str:
    """Check that the version of a chart or image that the user named exists; return why that is not known, or "".

    Raises RefusedError if it does not exist.
    """
    source = find_version_source(wanted.app)
    if not wanted.user_chosen or wanted.wanted_kind != "tag" or source is None or source.kind == "git":
        return ""
    try:
        versions = remotes.read_versions(source)
    except NetworkError as error:
        return f"{wanted.app.app}: not verified that {wanted.revision} exists: {error.message}"
    if wanted.revision not in versions:
        close = difflib.get_close_matches(wanted.revision, versions, n=3, cutoff=0.6)
        hint = f" (did you mean {', '.join(close)}?)" if close else ""
        what = f"chart {source.chart} of {source.location}" if source.kind == "helm" else source.location
        raise RefusedError("WL3105", f"{what} has no version {wanted.revision}{hint}")
    return ""


def list_repositories_to_query(wanted: WantedRevision, environment: Environment) -> list[str]:
    """List the repositories that `choose_pin` may query."""
    needed = wanted.user_chosen or wanted.tag or (environment.policy.pin != "any" and wanted.wanted_kind != "commit")
    return list_pinned_repositories(wanted.app) if needed else []


def _require_pinnable_repositories(app: EffectiveApp) -> list[str]:
    if not app.has_pinnable_field:
        raise RefusedError(
            "WL3106",
            "each source has its own targetRevision, and a pin does not change that: "
            'name the source that it is for, pins = ["sources.NAME"]',
        )
    return list_pinned_repositories(app)


def names_tag(app: EffectiveApp, tag: str, remotes: RemoteLookup) -> bool:
    """Whether a tag of the app's repository or artifact is the commit or digest that the app runs. May query it."""
    return app.revision in (found for _, found in _resolve_tag(app, tag, remotes))


def _resolve_tag(app: EffectiveApp, tag: str, remotes: RemoteLookup) -> Iterator[tuple[str, str | None]]:
    """Yield each repository or artifact of which a pin sets the revision, with the commit or digest of a tag there."""
    source = find_version_source(app)
    if source is not None and source.kind == "oci" and app.takes_commits:
        yield source.location, remotes.resolve_digest(source, tag)
    for url in list_pinned_repositories(app):
        yield url, remotes.read_refs(url).tags.get(tag)


def list_pinned_repositories(app: EffectiveApp) -> list[str]:
    """List the Git repositories whose revision a pin sets, in order, without duplicates."""
    urls = [str(source["repoURL"]) for source in app.pinned_sources if "repoURL" in source and "chart" not in source]
    return [url for url in dict.fromkeys(urls) if not url.startswith("oci://")]


def _verify_tag(wanted: WantedRevision, repositories: list[str], remotes: RemoteLookup) -> str:
    """Return the tag of a commit: the source environment's if it has not moved, or any for a user's commit."""
    if wanted.user_chosen:
        found = [url for url in repositories if remotes.has_commit(url, wanted.revision)]
        if repositories and not found:
            raise RefusedError("WL3105", f"{' and '.join(repositories)} has no commit {wanted.revision[:12]}")
        return remotes.read_refs(found[0]).find_tag(wanted.revision) if found else ""
    for repository, now in _resolve_tag(wanted.app, wanted.tag, remotes) if wanted.tag else ():
        # A word that is not a tag is the commit's branch or a remark.
        if now is not None and now != wanted.revision:
            raise RefusedError(
                "WL3107",
                f"tag {wanted.tag} of {repository} has moved from {shorten_commit(wanted.revision)} to "
                f"{shorten_commit(now)} since it was pinned: find out why, then promote what was tested with "
                "--revision COMMIT",
            )
    return wanted.tag


def _require_tag(repository: str, revision: str, remotes: RemoteLookup) -> None:
    refs = remotes.read_refs(repository)
    if not refs.has_tag(revision):
        kind = "also a branch" if revision in refs.tags else "a branch" if revision in refs.branches else "unknown"
        hint = suggest_revisions(revision, refs) if kind == "unknown" else ""
        raise RefusedError("WL3105", f"{repository} has no tag {revision}: it is {kind} there{hint}")


def _resolve_to_commit(repository: str, revision: str, remotes: RemoteLookup) -> str:
    refs = remotes.read_refs(repository)
    commit = refs.resolve_ref(revision)
    if commit is None:
        raise RefusedError("WL3105", f"{repository} has no branch or tag {revision}{suggest_revisions(revision, refs)}")
    return commit


_SHORT_COMMIT = re.compile("[0-9a-f]{6,39}")


def suggest_revisions(revision: str, refs: RemoteRefs) -> str:
    """Format a hint for an unknown revision, such as ` (did you mean v1.2.0?)`; empty if no branch or tag is near."""
    if not refs.ref_names:
        return " (the repository is empty: it has no branch and no tag yet)"
    if _SHORT_COMMIT.fullmatch(revision):
        known = sorted(
            {commit for commit in (*refs.tags.values(), *refs.branches.values()) if commit.startswith(revision)}
        )
        hint = f": {known[0]}" if len(known) == 1 else ""
        return f" (a remote repository cannot be asked for a shortened commit ID: give all 40 digits{hint})"
    close = difflib.get_close_matches(revision, refs.ref_names, n=3, cutoff=0.6)
    return f" (did you mean {', '.join(close)}?)" if close else ""
