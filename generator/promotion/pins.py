"""A revision that runs → the pin that an environment's policy asks for, with the tag that it came from."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from generator.errors import RefusedError
from generator.git.refs import Refs
from generator.registry.effective import EffectiveApp, follows
from generator.registry.registry import Environment
from generator.registry.rules import pin_kind
from generator.registry.text import COMMIT


class Ask(Protocol):
    """Remote repositories, each asked once. The methods raise NetworkError."""

    def prepare(self, urls: Iterable[str]) -> None:
        """Ask several at once."""
        ...

    def refs(self, url: str) -> Refs: ...

    def has(self, url: str, commit: str) -> bool: ...


class Pin(NamedTuple):
    """What an entry says behind its @ (None: nothing), and the tag that a commit came from."""

    revision: str | None
    tag: str = ""


class Wanted(NamedTuple):
    """A revision that is to come to `app`: what runs below, or, `chosen`, what the user named.

    `tag` is where a commit below came from, by its list; `pinned` says that a list below pins it.
    """

    app: EffectiveApp
    revision: str
    tag: str = ""
    pinned: bool = False
    chosen: bool = False

    @property
    def kind(self) -> str:
        """`commit`, `tag` or `branch`, as far as it tells by itself."""
        return pin_kind(self.revision, self.pinned or self.chosen)


def pin_for(wanted: Wanted, environment: Environment, own: str, ask: Ask) -> Pin:
    """The pin that brings `wanted` into `environment`, where the app without a pin would run `own`.

    Repositories are asked only where a branch or tag has to become a commit, a tag's commit has to be proven,
    or the user named the revision. Raises RefusedError for a tag that has moved since, for what no repository
    of the app's has, and for an app that no pin has an effect on; NetworkError.
    """
    repositories = _pinned_repositories(wanted.app)
    if environment.policy.pin == "any" and not wanted.chosen and wanted.kind == "branch" and own == wanted.revision:
        return Pin(None)
    if COMMIT.fullmatch(wanted.revision):
        return Pin(wanted.revision, _proven_tag(wanted, repositories, ask))
    if environment.policy.pin == "commit" and repositories:
        if len(repositories) > 1:
            raise RefusedError(
                f"a commit is of one repository, and its targetRevision is of {' and '.join(repositories)}",
                remedy="give the sources of all but one a targetRevision of their own",
            )
        return Pin(_resolved(repositories[0], wanted.revision, ask), wanted.revision)
    if wanted.chosen:
        for repository in repositories:
            _resolved(repository, wanted.revision, ask)
    return Pin(wanted.revision)


def asked(wanted: Wanted, environment: Environment) -> list[str]:
    """The repositories that `pin_for` may ask."""
    needed = wanted.chosen or wanted.tag or (environment.policy.pin == "commit" and wanted.kind != "commit")
    return repositories(wanted.app) if needed else []


def _pinned_repositories(app: EffectiveApp) -> list[str]:
    if "sourceHydrator" in app.fields:
        raise RefusedError("sourceHydrator.drySource says which revision it runs, and a pin does not change that")
    if app.several and not any(follows(source) for source in app.fields["sources"]):
        raise RefusedError("each of its sources has a targetRevision of its own, and a pin does not change that")
    return repositories(app)


def repositories(app: EffectiveApp) -> list[str]:
    """The git repositories whose revision a pin decides, in order, each once."""
    sources = [source for source in app.fields["sources"] if follows(source)] if app.several else [app.fields]
    urls = [str(source["repoURL"]) for source in sources if "repoURL" in source and "chart" not in source]
    return [url for url in dict.fromkeys(urls) if not url.startswith("oci://")]


def _proven_tag(wanted: Wanted, repositories: list[str], ask: Ask) -> str:
    """The tag of a commit: the one below, if it still is where it was; for a commit that the user named, any."""
    if wanted.chosen:
        found = [url for url in repositories if ask.has(url, wanted.revision)]
        if repositories and not found:
            raise RefusedError(f"{' and '.join(repositories)} has no commit {wanted.revision[:12]}")
        return ask.refs(found[0]).tag_of(wanted.revision) if found else ""
    for repository in repositories if wanted.tag else ():
        # A word that is no tag there is the branch that the commit was taken from, or somebody's remark.
        now = ask.refs(repository).tags.get(wanted.tag)
        if now is not None and now != wanted.revision:
            raise RefusedError(
                f"{wanted.tag} of {repository} has moved from {wanted.revision[:12]} to {now[:12]} since it was "
                "pinned: find out why, then promote what was tested with --revision COMMIT"
            )
    return wanted.tag


def _resolved(repository: str, revision: str, ask: Ask) -> str:
    refs = ask.refs(repository)
    commit = refs.resolve(revision)
    if commit is None:
        raise RefusedError(f"{repository} has no branch or tag {revision}{near(revision, refs)}")
    return commit


def near(revision: str, refs: Refs) -> str:
    """The branches and tags that look like a revision that does not exist, as advice."""
    close = difflib.get_close_matches(revision, refs.names, n=3, cutoff=0.6)
    return f" (did you mean {', '.join(close)}?)" if close else ""
