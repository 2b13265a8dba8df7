"""Any sequence of operations leaves a registry that reads, and says what a plain account of them says."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from generator.charts.chart_folder import EMPTY_FOLDER, overlay_tree
from generator.charts.plan import plan_charts
from generator.charts.render import render_plan
from generator.errors import RefusedError, UsageError
from generator.git.remote_refs import RemoteRefs
from generator.helm.verify import verify_charts
from generator.promotion import app_edits as operations
from generator.promotion.app_edits import RegistryEdit
from generator.promotion.history import History, RevisionChange
from generator.promotion.policy import PromotionContext
from generator.promotion.promote import PromotionRequest, promote_apps
from generator.promotion.snapshots import RevisionReader
from generator.publishing.removal_guard import find_removals
from generator.registry.editable import EditableRegistry, read_editable_registry
from generator.registry.files import MemoryFiles
from generator.registry.version_sources import VersionSource

APPS = ("api", "billing", "web")
ENVS = ("dev", "test", "prod")
TAGS = ("v1.0.0", "v1.1.0", "v2.0.0")
ROOT = """\
version = 1
include = ["web.toml"]

[environments]
dev.apps = ["billing", "api@v1.0.0"] # dev

[environments.test]
promotesFrom = ["dev"]

# Customers.
[environments.prod]
promotesFrom = ["test"]
policy = { pin = "commit", soak = "2h" }

[teams.one]
repositories = ["https://example.com/one/"]
namespaces = ["api", "billing"]

[teams.two]
files = ["web.toml"]
repositories = ["https://example.com/two/"]
namespaces = ["web"]

[apps.api]
team = "one"
repoURL = "https://example.com/one/api.git"
path = "x"

[apps.billing] # the money
team = "one"
repoURL = "https://example.com/one/billing.git"
path = "x"
targetRevision = "v1.0.0"
"""
WEB = """\
# The web's own.
[environments.dev]
apps = [
  # always the newest
  "web",
]

[apps.web]
team = "two"
repoURL = "https://example.com/two/web.git"
path = "x"
targetRevision = "v1.0.0"
"""


def commit(tag: str) -> str:
    return f"{TAGS.index(tag) + 1:040x}"


class Remote:
    """Every repository has the same tags."""

    def prefetch_refs(self, urls: Iterable[str]) -> None:
        pass

    def read_refs(self, url: str) -> RemoteRefs:
        return RemoteRefs("main", {"main": commit(TAGS[-1])}, {tag: commit(tag) for tag in TAGS})

    def has_commit(self, url: str, commit: str) -> bool:
        return True

    def prefetch_versions(self, sources: Iterable[VersionSource]) -> None:
        """Nothing to do."""

    def read_versions(self, source: VersionSource) -> list[str]:
        raise AssertionError(source)

    def resolve_digest(self, source: VersionSource, tag: str) -> str | None:
        raise AssertionError(source)


def tag_of(revision: str) -> str:
    """The tag that a revision is, however it is written."""
    return next((tag for tag in TAGS if revision in (tag, commit(tag))), revision)


class Life(RuleBasedStateMachine):
    """`runs`, `held` and `retired` are the plain account; `published` is what Argo CD was last given."""

    with_helm = False

    def __init__(self) -> None:
        super().__init__()
        self.book: EditableRegistry = read_editable_registry(
            MemoryFiles({"apps.toml": ROOT.encode(), "web.toml": WEB.encode()}), "apps.toml"
        )
        self.now = datetime(2026, 11, 1, tzinfo=UTC)
        self.runs = {("dev", app): "v1.0.0" for app in APPS}
        self.held: set[tuple[str, str]] = set()
        self.retired: set[tuple[str, str]] = set()
        self.gone: set[str] = set()
        self.facts = RevisionReader()
        self.history = History()
        self.before: dict[tuple[str, str], str] = {}
        self.published: dict[str, Any] = {}
        self.comments = self._comments()
        self._commit()
        self.publish()

    def _comments(self) -> list[str]:
        texts = "".join(document.text for document in self.book.documents.values())
        return [line.partition("#")[2].strip() for line in texts.splitlines() if "#" in line and " # v" not in line]

    def _commit(self) -> None:
        """Read the registry again, as git's history and the next command will."""
        self.book = self.book.revalidate()
        self.now += timedelta(minutes=40)
        texts = {f"{self.now}{name}": data for name, data in self.book.file_contents().items()}
        self.facts.read_blobs(texts)
        after = dict(self.facts.find_listed_revisions(texts) or {})
        moved = [key for key in sorted(self.before.keys() | after.keys()) if self.before.get(key) != after.get(key)]
        moves = [RevisionChange(*k, self.before.get(k), after.get(k), self.now, "Ada", "0" * 40, "", "") for k in moved]
        self.history = History((*self.history.revision_changes, *moves), self.facts.tag_by_commit)
        self.before = after

    def _carry_out(self, edited: RegistryEdit) -> None:
        self.book = edited.editable
        self._commit()

    @property
    def _ground(self) -> PromotionContext:
        return PromotionContext(self.history, self.now, Remote())

    def _in_order(self, environment: str, app: str, tag: str) -> bool:
        below = ENVS[ENVS.index(environment) - 1]
        return environment == "dev" or any(
            tag_of(move.new_revision or "") == tag for move in self.history.filter_changes(app, below)
        )

    @rule(app=st.sampled_from(APPS), tag=st.sampled_from(TAGS))
    def bring_into_dev(self, app: str, tag: str) -> None:
        key = ("dev", app)
        refused = key in self.held or key in self.retired
        same = self.runs.get(key) == tag
        try:
            edited = promote_apps(self.book, PromotionRequest((app,), ("dev",), revision=tag), self._ground)
        except RefusedError:
            assert refused
            return
        except UsageError:
            assert app in self.gone
            return
        assert same or not refused
        self.runs[key] = tag
        self._carry_out(edited)

    @rule(app=st.sampled_from(APPS), to=st.sampled_from(ENVS[1:]))
    def promote_on_schedule(self, app: str, to: str) -> None:
        if app in self.gone:
            return
        edited = promote_apps(self.book, PromotionRequest((app,), (to,), ready_only=True), self._ground)
        key, before = (to, app), self.runs.get((to, app))
        self._carry_out(edited)
        after = tag_of(self.before[key]) if key in self.before else None
        if after != before:
            assert before is not None
            assert after is not None
            assert TAGS.index(after) > TAGS.index(before)
            assert key not in self.held | self.retired
            self.runs[key] = after

    @rule(app=st.sampled_from(APPS), to=st.sampled_from(ENVS[1:]))
    def promote_by_name(self, app: str, to: str) -> None:
        below, key = (ENVS[ENVS.index(to) - 1], app), (to, app)
        wanted = self.runs.get(below)
        changes = self.history.filter_changes(app, below[0])
        soaked = to != "prod" or (bool(changes) and self.now - changes[-1].changed_at >= timedelta(hours=2))
        may = wanted is not None and soaked and key not in self.held | self.retired
        try:
            edited = promote_apps(self.book, PromotionRequest((app,), (to,)), self._ground)
        except RefusedError:
            assert not may
            return
        except UsageError:
            assert app in self.gone
            return
        assert may or (wanted is not None and self.runs.get(key) == wanted)
        self.runs[key] = wanted or ""
        self._carry_out(edited)

    @rule(app=st.sampled_from(APPS), environment=st.sampled_from(ENVS))
    def roll_back(self, app: str, environment: str) -> None:
        try:
            edited = operations.roll_back_app(
                self.book, app, environment, None, self.history, self.now, "bad", Remote()
            )
        except UsageError:
            return
        ran = {move.new_revision for move in self.history.filter_changes(app, environment)}
        self._carry_out(edited)
        now = self.before[environment, app]
        assert now in ran or tag_of(now) in {tag_of(revision or "") for revision in ran}
        assert tag_of(now) != self.runs[environment, app]
        self.runs[environment, app] = tag_of(now)
        self.held.add((environment, app))

    @rule(app=st.sampled_from(APPS), environment=st.sampled_from(ENVS))
    def hold(self, app: str, environment: str) -> None:
        if app not in self.gone:
            self._carry_out(operations.hold_apps(self.book, (app,), environment, 'say "no" # really', self.now))
            self.held.add((environment, app))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        environment, app = data.draw(st.sampled_from(sorted(self.held)))
        self._carry_out(operations.unhold_apps(self.book, (app,), environment))
        self.held.discard((environment, app))

    @rule(app=st.sampled_from(APPS), environment=st.sampled_from(ENVS))
    def retire(self, app: str, environment: str) -> None:
        above = ENVS[ENVS.index(environment) + 1 :][:1]
        may = (environment, app) in self.runs and not any((env, app) in self.runs for env in above)
        try:
            edited = operations.retire_app(self.book, app, environment, "", self.now)
        except (RefusedError, UsageError):
            assert not may
            return
        self.retired.add((environment, app))
        self._carry_out(edited)

    @precondition(lambda self: self.retired)
    @rule(data=st.data())
    def keep(self, data: st.DataObject) -> None:
        environment, app = data.draw(st.sampled_from(sorted(self.retired)))
        self._carry_out(operations.unretire_app(self.book, app, environment))
        self.retired.discard((environment, app))

    @precondition(lambda self: self.retired)
    @rule(data=st.data(), forget=st.booleans())
    def remove(self, data: st.DataObject, forget: bool) -> None:
        environment, app = data.draw(st.sampled_from(sorted(self.retired)))
        last = [env for env in ENVS if (env, app) in self.runs] == [environment]
        try:
            edited = operations.remove_retired_app(self.book, app, environment, self.published, forget and last)
        except RefusedError:
            above = ENVS[ENVS.index(environment) + 1 :][:1]
            unpublished = "retired" not in self.published.get(f"{environment}/{app}", {})
            assert unpublished or any((env, app) in self.runs for env in above)
            return
        for account in (self.held, self.retired):
            account.discard((environment, app))
        del self.runs[environment, app]
        if forget and last:
            self.gone.add(app)
            self.held = {key for key in self.held if key[1] != app}
        self._carry_out(edited)

    @rule()
    def publish(self) -> None:
        tree = render_plan(plan_charts(self.book.registry))
        assert not find_removals(self.published, tree.applications), "an operation deletes a workload"
        self.published = {key: dict(value) for key, value in tree.applications.items()}
        if self.with_helm:
            verify_charts(overlay_tree(tree, EMPTY_FOLDER), self.book.registry)

    @invariant()
    def the_registry_says_what_the_account_says(self) -> None:
        assert {key: tag_of(revision) for key, revision in self.before.items()} == self.runs
        registry = self.book.registry.environments
        assert {(env, app) for env in ENVS for app in registry[env].holds} == self.held
        assert {(env, app) for env in ENVS for app in registry[env].retired} == self.retired

    @invariant()
    def what_customers_get_is_a_commit_with_its_tag(self) -> None:
        for env, app in self.runs:
            item = self.book.find_entry(env, app)
            if env == "prod" and item is not None:
                assert item.pin == commit(item.tag_comment)

    @invariant()
    def comments_stay(self) -> None:
        kept = self._comments()
        assert all(comment in kept for comment in self.comments if comment != "the money")


Life.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestLife = Life.TestCase


class LifeWithHelm(Life):
    """The same, each published state judged by Helm."""

    with_helm = True


LifeWithHelm.TestCase.settings = settings(max_examples=4, stateful_step_count=10, deadline=None)
TestLifeWithHelm = LifeWithHelm.TestCase
