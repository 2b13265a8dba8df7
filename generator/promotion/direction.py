"""Compare the revision of a source environment with the one of the environment that promotes from it. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from generator.argocd.revisions import compare_versions
from generator.registry.effective import EffectiveApp

if TYPE_CHECKING:
    from generator.promotion.history import History
    from generator.registry.editable import EditableRegistry


class Direction(StrEnum):
    """Where the revision of the source environment stands, seen from the target's."""

    AHEAD = "ahead"
    BEHIND = "behind"
    EQUAL = "equal"
    DIFFERENT = "different"


def compare_phrase(direction: Direction, source: str) -> str:
    """Say how the target compares with its source: `behind test`, `ahead of test`, `differs from test`."""
    phrases = {Direction.AHEAD: "behind", Direction.BEHIND: "ahead of", Direction.EQUAL: "equal to"}
    return f"{phrases.get(direction, 'differs from')} {source}"


class ListedRevision(NamedTuple):
    """The revision that an environment lists for an app, with the tag of a pinned commit, empty if there is none.

    `kind` is `commit`, `tag` or `branch`, and `order` how the app's versions compare: `semver`, `calver` or `date`.
    """

    environment: str
    app: str
    revision: str
    tag: str
    kind: str
    order: str = "semver"

    @property
    def names(self) -> set[str]:
        """The revision and, if there is one, its tag."""
        return {self.revision, self.tag} - {""}


def describe_listed_revision(editable: EditableRegistry, app: EffectiveApp) -> ListedRevision:
    """Return the revision of an effective app in its environment."""
    tag = editable.pinned_tag(app.environment, app.app)
    return ListedRevision(app.environment, app.app, app.revision, tag, app.revision_kind, app.version_order)


def compare_revisions(source: ListedRevision, target: ListedRevision, history: History) -> Direction:
    """Compare the revision of a source environment with the one of the environment that promotes from it.

    A higher version is ahead; without versions, so is what came to the source later than the target's revision did.
    A revision to which the source was rolled back is behind. What a branch holds is unknown: different.
    """
    if source.names & target.names:
        return Direction.EQUAL
    if "branch" in (source.kind, target.kind):
        return Direction.DIFFERENT
    if history.was_rolled_back(source.environment, source.app, source.revision):
        return Direction.BEHIND
    versions = compare_versions(_version_name(source, history), _version_name(target, history), source.order)
    if versions:
        return Direction.AHEAD if versions > 0 else Direction.BEHIND
    return _compare_by_history(source, target, history)


def _version_name(running: ListedRevision, history: History) -> str:
    return running.tag or history.commit_tags.get((running.app, running.revision)) or running.revision


def _compare_by_history(source: ListedRevision, target: ListedRevision, history: History) -> Direction:
    """Compare by when each revision first came to the source environment; uncommitted revisions come last."""
    target_came = history.find_first_run(source.environment, source.app, target.names)
    source_came = history.find_first_run(source.environment, source.app, source.names)
    if target_came is None or source_came == target_came:
        return Direction.DIFFERENT
    return Direction.AHEAD if source_came is None or source_came > target_came else Direction.BEHIND
