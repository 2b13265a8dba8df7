"""What git knows of the registry: moves, stays, tags, whatever its commits look like."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import tomli

from generator.errors import UsageError
from generator.git.checkout import Checkout
from generator.git.commit_log import open_head_log
from generator.promotion.history import History, RevisionChange, read_history, read_registry_history
from generator.promotion.snapshots import RevisionReader
from generator.working_registry import WorkingRegistry
from tests.git.remotes import git
from tests.promotion.world import World

COMMIT = "3f2a9c1d0b7e4e5f8a6b9c0d1e2f3a4b5c6d7e8f"
APPS = '[apps.a]\ntargetRevision = "main"\n\n[apps.b]\n'


class Place:
    """A repository that holds a registry in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.top = folder
        self.registry = folder / "some" / "place" / "apps.toml"
        self.registry.parent.mkdir(parents=True)
        git(folder, "init", "--quiet")
        self.hours = 0
        self.now = datetime(2026, 11, 20, tzinfo=UTC)

    def commit(self, message: str = "x", *args: str, **files: str) -> str:
        for name, text in files.items():
            path = self.registry.parent / f"{name.replace('__', '/')}.toml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text) if text else path.unlink()
        self.hours += 1
        date = f"2026-11-10T{self.hours:02}:00:00Z"
        git(self.top, "add", "--all")
        dates = {"GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date}
        git(self.top, "commit", "--quiet", "--allow-empty", *args, "-m", message, variables=dates)
        return git(self.top, "rev-parse", "HEAD")

    @property
    def history(self) -> History:
        past = open_head_log(Checkout(self.top))
        assert past is not None
        return read_history(past, WorkingRegistry(self.registry).location, now=self.now)

    def moves(self, **of: Any) -> list[tuple[str, str, str | None, str | None]]:
        return [
            (move.environment, move.app, move.old_revision, move.new_revision)
            for move in self.history.filter_changes(**of)
        ]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "repository").mkdir()
    return Place(tmp_path / "repository")


def test_every_move_with_who_when_why_and_from_where(place: Place) -> None:
    place.commit(apps=APPS + '[environments.dev]\napps = ["a", "b@v1"]\n')
    place.commit(
        "promote a\n\n:100644 \x01not a record\n\nReason: because", apps=APPS + '[environments.dev]\napps = ["a@v2"]\n'
    )
    assert place.moves() == [
        ("dev", "a", None, "main"),
        ("dev", "b", None, "v1"),
        ("dev", "a", "main", "v2"),
        ("dev", "b", "v1", None),
    ]
    last = place.history.revision_changes[-1]
    assert (last.subject, last.reason, last.author) == ("promote a", "because", "Ada")
    assert last.changed_at == datetime(2026, 11, 10, 2, tzinfo=UTC)
    assert last.commit == git(place.top, "rev-parse", "HEAD")


def test_a_revision_that_apps_follow_is_a_move_wherever_it_is_changed(place: Place) -> None:
    lists = '[environments.dev]\napps = ["a", "b"]\n[environments.test]\napps = ["a"]\n'
    place.commit(apps=APPS + lists)
    place.commit(apps=APPS + '[defaults]\ntargetRevision = "v3"\n' + lists)
    place.commit(apps=APPS + '[apps.a.environments.test]\ntargetRevision = "v4"\n' + lists)
    assert place.moves()[3:] == [
        ("dev", "b", "HEAD", "v3"),
        ("dev", "b", "v3", "HEAD"),
        ("test", "a", "main", "v4"),
    ]


def test_included_files_and_only_those(place: Place) -> None:
    root = 'include = ["teams/*.toml"]\n'
    place.commit(
        apps=root, teams__one=APPS + '[environments.dev]\napps = ["a"]\n', other="[environments.x]\napps=['a']"
    )
    place.commit(teams__one="")
    assert place.moves() == [("dev", "a", None, "main"), ("dev", "a", "main", None)]


def test_a_version_that_includes_what_it_may_not_is_read_without_it(place: Place) -> None:
    lists = '[environments.dev]\napps = ["a"]\n'
    place.commit(apps=f'include = ["../x.toml", "/etc/x.toml", "", "a//b.toml", "no*.toml"]\n{APPS}{lists}')
    assert place.moves() == [("dev", "a", None, "main")]


def test_other_files_of_the_repository_are_not_read(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    learn = RevisionReader.read_blobs

    def learned(self: RevisionReader, contents: Mapping[str, bytes], **kind: bool) -> None:
        read.extend(data.decode() for data in contents.values())
        learn(self, contents)

    monkeypatch.setattr(RevisionReader, "read_blobs", learned)
    place.commit(apps='include = ["teams/*.toml"]\n', teams__one="# in", other="# out", teams__more__two="# out")
    assert place.moves() == []
    assert sorted(read) == ["# in", 'include = ["teams/*.toml"]\n']


def test_a_version_that_is_no_toml_says_nothing(place: Place) -> None:
    good = APPS + '[environments.dev]\napps = ["a"]\n'
    for text in (good, "<<<<<<< ours\n" + good, good.replace('"a"', '"a@v2"')):
        place.commit(apps=text)
    assert place.moves() == [("dev", "a", None, "main"), ("dev", "a", "main", "v2")]


def test_a_version_that_nests_without_end_harms_no_other(place: Place) -> None:
    good = APPS + '[environments.dev]\napps = ["a"]\n'
    place.commit(apps=good.replace('targetRevision = "main"', f"targetRevision.{'.'.join('a' * 990)} = 1", 1))
    place.commit(apps=good.replace('"a"', '"a@v2"'))
    assert place.moves()[-1] == ("dev", "a", "HEAD", "v2")


def test_what_looks_like_a_header_inside_of_a_string_is_none(place: Place) -> None:
    text = APPS + '[environments.dev]\napps = ["a"]\nx = """\n[environments.prod]\napps = ["b"]\n"""\n'
    place.commit(apps=text)
    assert place.moves() == [("dev", "a", None, "main")]


def test_windows_line_ends_and_tags(place: Place) -> None:
    text = APPS + f'[environments.dev]\napps = [\n  "a@{COMMIT}", # v1.2.0; remark\n  "b@{COMMIT}", # two words\n]\n'
    place.commit(apps=text)
    place.registry.write_bytes(text.encode().replace(b"\n", b"\r\n"))
    place.commit()
    assert place.history.commit_tags == {("a", COMMIT): "v1.2.0"}
    assert place.history.format_revision("a", COMMIT) == "v1.2.0"
    assert place.history.format_revision("b", COMMIT) == COMMIT[:12]
    assert len(place.history.revision_changes) == 2


def test_a_merge_is_one_change_at_the_time_of_the_merge(place: Place) -> None:
    base = APPS + '[environments.dev]\napps = ["a"]\n'
    place.commit(apps=base)
    git(place.top, "switch", "--quiet", "-c", "side")
    place.commit("side 1", apps=base.replace('"a"', '"a@v1"'))
    place.commit("side 2", apps=base.replace('"a"', '"a@v2"'))
    git(place.top, "switch", "--quiet", "-")
    place.commit("other", elsewhere="x = 1")
    place.hours += 5
    date = f"2026-11-10T{place.hours:02}:00:00Z"
    git(place.top, "merge", "--quiet", "--no-ff", "-m", "merge", "side", variables={"GIT_COMMITTER_DATE": date})
    moves = place.history.filter_changes(app="a")
    assert [(move.new_revision, move.subject, move.changed_at.hour) for move in moves] == [
        ("main", "x", 1),
        ("v2", "side 2", 9),
    ]


def test_no_piece_of_text_is_read_twice(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        place.commit(apps=APPS + f'[environments.dev]\napps = ["a@v{number}"]\n', teams="[apps.c]\n")
    read: list[str] = []
    loads = tomli.loads

    def counted(text: str) -> dict[str, Any]:
        read.append(text)
        return loads(text)

    monkeypatch.setattr("generator.promotion.snapshots.tomli.loads", counted)
    assert len(place.history.revision_changes) == 20
    assert len(read) == len(set(read)) < 30


def test_hundreds_of_versions_of_five_hundred_apps_take_a_second() -> None:
    apps = "".join(f'[apps.app-{n}]\nteam = "x"\ntargetRevision = "main"\n\n' for n in range(500))
    known = RevisionReader()
    for version in range(200):
        entries = "".join(f'  "app-{n}@v{version if n == version % 500 else 0}",\n' for n in range(500))
        known.read_blobs({str(version): f"{apps}[environments.dev]\napps = [\n{entries}]\n".encode()})
        running = known.find_listed_revisions([str(version)])
        assert running is not None
        assert len(running) == 500


def moved(*steps: tuple[int, str | None]) -> History:
    ends = [None, *(after for _, after in steps)]
    when = [datetime(2026, 11, day, tzinfo=UTC) for day, _ in steps]
    return History(
        tuple(
            RevisionChange("prod", "a", ends[n], after, when[n], "Ada", "0" * 40, "", "")
            for n, (_, after) in enumerate(steps)
        )
    )


def test_stays() -> None:
    history = moved((1, "v1"), (2, "v2"), (3, "v1"), (4, None))
    stay = history.find_last_run_interval("prod", "a", "v1")
    assert stay is not None
    assert (stay.since.day, stay.until.day if stay.until else None) == (3, 4)
    assert history.find_last_run_interval("prod", "a", "v3") is None
    assert history.find_last_run_interval("dev", "a", "v1") is None
    assert history.count_changes_since_run("prod", "a", {"v2"}) == 2
    assert history.count_changes_since_run("prod", "a", {"v9"}) is None


@pytest.mark.parametrize(
    ("steps", "current", "earlier"),
    [
        ([(1, "v1"), (2, "v2"), (3, "v3")], "v3", ["v2", "v1"]),
        ([(1, "v1"), (2, "v2"), (3, "v3"), (4, "v2")], "v2", ["v1"]),
        ([(1, "v1"), (2, "v2"), (3, "v1"), (4, "v3")], "v3", ["v1"]),
        ([(1, "v1"), (2, None), (3, "v2")], "v2", ["v1"]),
        ([(1, "v1"), (2, "v2")], "not committed", ["v2", "v1"]),
        ([], "v1", []),
    ],
)
def test_what_ran_before_leaves_out_what_was_rolled_back(
    steps: list[tuple[int, str | None]], current: str, earlier: list[str]
) -> None:
    assert moved(*steps).list_earlier_revisions("prod", "a", current) == earlier


def test_without_a_commit_there_is_no_past(place: Place) -> None:
    assert open_head_log(Checkout(place.top)) is None


def dated(place: Place, author: int, committer: int, *args: str, name: str = "Ada") -> None:
    """Run git with an author's and a committer's hour of 2026-11-10."""
    dates = {
        "GIT_AUTHOR_DATE": f"2026-11-10T{author:02}:00:00Z",
        "GIT_COMMITTER_DATE": f"2026-11-10T{committer:02}:00:00Z",
    }
    git(place.top, *args, variables={**dates, "GIT_AUTHOR_NAME": name})


BASE = APPS + '[environments.dev]\napps = ["a", "b"]\n'


def test_of_a_merge_each_change_has_its_own_author_and_reason(place: Place) -> None:
    place.commit(apps=BASE)
    git(place.top, "switch", "--quiet", "-c", "side")
    place.registry.write_text(BASE.replace('"a"', '"a@v1"'))
    dated(
        place,
        2,
        2,
        "commit",
        "--quiet",
        "-am",
        "a\n\nReason: incident\nPolicy-Override: soak dev/a hotfix",
        name="Bob",
    )
    place.registry.write_text(BASE.replace('"a", "b"', '"a@v1", "b@v2"'))
    dated(place, 3, 3, "commit", "--quiet", "-am", "b", name="Eve")
    git(place.top, "switch", "--quiet", "-")
    dated(place, 9, 9, "merge", "--quiet", "--no-ff", "-m", "Merge pull request #7", "side", name="Merger")
    first, second = place.history.revision_changes[2:]
    assert (first.app, first.author, first.subject, first.reason, first.overrides) == (
        "a", "Bob", "a", "incident", ("soak: hotfix",)
    )  # fmt: skip
    assert (second.app, second.author, second.subject, second.reason) == ("b", "Eve", "b", "")
    assert first.changed_at.hour == second.changed_at.hour == 9
    assert first.commit == git(place.top, "rev-parse", "HEAD")


def test_a_foxtrot_merge_keeps_the_authors_of_the_merged_line(place: Place) -> None:
    place.commit(apps=BASE)
    git(place.top, "switch", "--quiet", "-c", "mine")
    place.commit("mine", elsewhere="x = 1")
    git(place.top, "switch", "--quiet", "-")
    place.registry.write_text(BASE.replace('"a"', '"a@v1"'))
    dated(place, 3, 3, "commit", "--quiet", "-am", "theirs", name="Bob")
    line = git(place.top, "branch", "--show-current")
    git(place.top, "switch", "--quiet", "mine")
    dated(place, 8, 8, "merge", "--quiet", "--no-ff", "-m", f"Merge {line}", line)
    change = place.history.revision_changes[-1]
    assert (change.author, change.subject, change.changed_at.hour) == ("Bob", "theirs", 8)


def test_rebased_and_picked_commits_count_from_when_they_were_committed(place: Place) -> None:
    place.commit(apps=BASE)
    place.registry.write_text(BASE.replace('"a"', '"a@v1"'))
    dated(place, 1, 6, "commit", "--quiet", "-am", "picked", name="Bob")
    change = place.history.revision_changes[-1]
    assert (change.author, change.changed_at.hour) == ("Bob", 6)


def test_a_clock_that_is_behind_does_not_date_a_commit_before_its_parent(place: Place) -> None:
    place.commit(apps=BASE)
    place.hours = 8
    place.commit("other", elsewhere="x = 1")
    place.registry.write_text(BASE.replace('"a"', '"a@v1"'))
    dated(place, 2, 2, "commit", "--quiet", "-am", "behind")
    assert place.history.revision_changes[-1].changed_at == datetime(2026, 11, 10, 9, tzinfo=UTC)


def test_a_clock_that_is_ahead_dates_a_commit_by_the_next_one_or_by_now(place: Place) -> None:
    place.commit(apps=BASE)
    place.now = datetime(2026, 11, 10, 8, tzinfo=UTC)
    place.registry.write_text(BASE.replace('"a"', '"a@v1"'))
    dated(place, 20, 20, "commit", "--quiet", "-am", "ahead")
    assert place.history.revision_changes[-1].changed_at == place.now
    place.hours = 4
    place.commit("next", apps=BASE.replace('"a", "b"', '"a@v1", "b@v1"'))
    assert [change.changed_at.hour for change in place.history.revision_changes[2:]] == [5, 5]


def test_a_local_fast_forward_counts_from_the_merge(place: Place) -> None:
    place.commit(apps=BASE)
    git(place.top, "switch", "--quiet", "-c", "side")
    place.commit("old", apps=BASE.replace('"a"', '"a@v1"'))
    git(place.top, "switch", "--quiet", "-")
    dated(place, 9, 9, "merge", "--quiet", "--ff-only", "side")
    assert place.history.revision_changes[-1].changed_at.hour == 9


def with_remote(place: Place, hour: int) -> Path:
    """Push the branch to a new server, at an hour of the day."""
    server = place.top.parent / "server.git"
    git(place.top, "init", "--quiet", "--bare", str(server))
    git(place.top, "remote", "add", "origin", str(server))
    dated(place, hour, hour, "push", "--quiet", "origin", "HEAD")
    return server


def test_a_commit_that_was_pushed_later_counts_from_the_push(place: Place) -> None:
    place.commit(apps=BASE)
    with_remote(place, 2)
    place.commit("old", apps=BASE.replace('"a"', '"a@v1"'))
    dated(place, 9, 9, "push", "--quiet", "origin", "HEAD")
    assert place.history.revision_changes[-1].changed_at.hour == 9


def test_a_fast_forward_on_the_server_counts_from_when_the_branch_was_last_seen_without_it(place: Place) -> None:
    """The server moved later than that, which no data of Git says."""
    place.commit(apps=BASE)
    server = with_remote(place, 7)
    branch = git(place.top, "branch", "--show-current")
    git(place.top, "switch", "--quiet", "-c", "side")
    place.commit("old", apps=BASE.replace('"a"', '"a@v1"'))
    git(place.top, "push", "--quiet", "origin", "side")
    git(server, "update-ref", f"refs/heads/{branch}", "side")
    git(place.top, "switch", "--quiet", branch)
    dated(place, 12, 12, "fetch", "--quiet", "origin")
    git(place.top, "merge", "--quiet", "--ff-only", f"origin/{branch}")
    assert place.history.revision_changes[-1].changed_at.hour == 7


def test_a_registry_that_was_renamed_keeps_its_history(place: Place) -> None:
    place.commit(apps='include = ["teams/*.toml"]\n' + BASE, teams__one="[environments.dev]\n")
    place.commit(apps='include = ["teams/*.toml"]\n' + BASE.replace('"a"', '"a@v1"'))
    (place.top / "gitops").mkdir()
    git(place.top, "mv", "some/place/apps.toml", "gitops/registry.toml")
    git(place.top, "mv", "some/place/teams", "gitops/teams")
    place.registry = place.top / "gitops" / "registry.toml"
    place.commit("move")
    assert [change[1:] for change in place.moves()] == [("a", None, "main"), ("b", None, "HEAD"), ("a", "main", "v1")]


def test_a_registry_that_is_a_link_is_followed(place: Place) -> None:
    place.commit(apps=BASE)
    git(place.top, "mv", "some/place/apps.toml", "some/place/real.toml")
    place.registry.symlink_to("real.toml")
    place.commit("link")
    assert [change[1:] for change in place.moves()] == [("a", None, "main"), ("b", None, "HEAD")]
    assert {change.subject for change in place.history.revision_changes} == {"x"}


def test_a_link_out_of_the_repository_is_refused(place: Place, tmp_path: Path) -> None:
    place.commit(other="x = 1")
    (tmp_path / "apps.toml").write_text(BASE)
    place.registry.symlink_to(tmp_path / "apps.toml")
    with pytest.raises(UsageError, match="outside of this repository"):
        _ = WorkingRegistry(place.registry).location


@pytest.mark.parametrize("date", ["99999999999 +0000", "253402300800 -1200", "1 +9959", "0 +0000"])
def test_dates_that_python_cannot_hold_are_read(place: Place, date: str) -> None:
    place.commit(apps=BASE)
    place.registry.write_text(BASE.replace('"a"', '"a@v1"'))
    dated(place, 2, 2, "commit", "--quiet", "-am", "odd")
    raw = git(place.top, "cat-file", "commit", "HEAD").replace("\ncommitter ", "\ncommitter x")
    header = re.sub(r"(committer .*> ).*", rf"\g<1>{date}", raw)
    odd = git(place.top, "hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=header + "\n")
    git(place.top, "reset", "--quiet", "--hard", odd)
    assert place.moves()[-1] == ("dev", "a", "main", "v1")
    assert place.history.revision_changes[-1].changed_at >= datetime(2026, 11, 10, 1, tzinfo=UTC)


def test_a_file_that_is_too_large_for_a_registry_is_passed_over(place: Place) -> None:
    place.commit(apps=BASE)
    place.commit(apps=BASE.replace('"a"', '"a@v1"') + "#" * (5 << 20))
    place.commit(apps=BASE.replace('"a"', '"a@v2"'))
    assert place.moves()[2:] == [("dev", "a", "main", "v2")]


def test_holds_are_part_of_the_history(world: World) -> None:
    world.ok("promote", "billing", "--to", "test", "--without-helm")
    world.commit("test")
    world.at += timedelta(hours=1)
    world.ok("hold", "billing", "--in", "test", "--reason", "pen test", "--without-helm")
    world.commit("hold billing: test")
    world.at += timedelta(hours=1)
    world.ok("unhold", "billing", "--in", "test", "--without-helm")
    world.commit("unhold billing: test")
    history = read_registry_history(WorkingRegistry(world.checkout / "apps.toml"))
    note = "2026-11-10 pen test"
    assert [(each.environment, each.app, each.old_note, each.new_note) for each in history.hold_changes] == [
        ("test", "billing", None, note),
        ("test", "billing", note, None),
    ]
    assert [(each.author, each.subject) for each in history.hold_changes] == [
        ("Ada", "hold billing: test"),
        ("Ada", "unhold billing: test"),
    ]


def test_a_change_back_to_an_earlier_revision_is_a_rollback() -> None:
    def change(old: str | None, new: str | None, number: int) -> RevisionChange:
        when = datetime(2026, 11, number, tzinfo=UTC)
        return RevisionChange("prod", "billing", old, new, when, "Ada", f"{number}" * 40, "", "")

    versions = [None, "v1", "v2", "v3", "v2", "v4", "v1", None, "v2"]
    changes = tuple(change(old, new, n) for n, (old, new) in enumerate(itertools.pairwise(versions), 1))
    assert sorted(each.changed_at.day for each in History(changes).rollbacks) == [4, 6]
