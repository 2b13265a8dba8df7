"""Three texts of one registry: what is merged, what conflicts, and what stays of the layout."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from generator.registry.three_way_merge import merge_texts

HEAD = """\
version = 1 # of the format

[workloads]
branch = "main"

[environments.dev]
apps = [
  # the first ones
  "a0", # a0 here
  "a1", # a1 here
  "a2", # a2 here
  "a3", # a3 here
  "a4", # a4 here
]

[environments.prod]
promotesFrom = ["dev"]
apps = []

# Who owns what.
[teams.t]
owners = ["@x/t"] # ask them
repositories = ["https://g.com/t/"]
namespaces = [
  "a0", "a1",
  "rest", # of them
]
"""


def app_table(name: str) -> str:
    return (
        f'\n# about {name}\n[apps.{name}]\nteam = "t"\nrepoURL = "https://g.com/t/{name}.git"\n'
        f'path = "c" # where {name} is\nnamespace = "rest"\ntargetRevision = "main"\n'
    )


BASE = HEAD + "".join(app_table(f"a{n}") for n in range(5))

Edit = Callable[[str, str], str]


def _in_table(text: str, app: str, change: Callable[[str], str]) -> str:
    head, mark, rest = text.partition(f"[apps.{app}]\n")
    body, blank, after = rest.partition("\n\n")
    return head + mark + change(f"{body}\n" if blank else body) + (f"\n{after}" if blank else "")


def pin(text: str, app: str) -> str:
    return re.sub(rf'  "{app}", # .*\n', f'  "{app}@v1", # tag of {app}\n', text)


def drop(text: str, app: str) -> str:
    return re.sub(rf'  "{app}", # .*\n', "", text)


def revise(text: str, app: str) -> str:
    return _in_table(text, app, lambda body: body.replace('"main"', f'"v9" # {app} at nine'))


def unset(text: str, app: str) -> str:
    return _in_table(text, app, lambda body: body.replace('targetRevision = "main"\n', ""))


def label(text: str, app: str) -> str:
    return _in_table(text, app, lambda body: f'{body}labels = {{ of = "{app}", "a.b/c" = "x" }}\n')


def helm(text: str, app: str) -> str:
    return _in_table(text, app, lambda body: f'{body}\n[apps.{app}.helm]\nreleaseName = "r" # of {app}\n')


def leave(text: str, app: str) -> str:
    text = re.sub(rf"\n# about {app}\n\[apps\.{app}\]\n(?:.+\n)+", "", text)
    return drop(text, app)


def onboard(text: str, app: str) -> str:
    text = text.replace('  "rest", # of them\n', f'  "rest", # of them\n  "{app}",\n')
    return text.replace("  # the first ones\n", f'  # the first ones\n  "{app}", # new: {app}\n') + app_table(app)


EDITS: list[Edit] = [pin, drop, revise, unset, label, helm, leave]


def data(text: str) -> dict[str, Any]:
    """What a text holds, lists of entries in the order of names."""
    found = tomllib.loads(text)
    for environment in found["environments"].values():
        environment["apps"].sort()
    for team in found["teams"].values():
        team["namespaces"].sort()
    return found


def edited(text: str, edits: list[tuple[Edit, str]]) -> str:
    for change, app in edits:
        text = change(text, app)
    return text


@st.composite
def two_sides(draw: st.DrawFn) -> tuple[list[tuple[Edit, str]], list[tuple[Edit, str]]]:
    """Edits of two people, no app touched by both."""
    sides: tuple[list[tuple[Edit, str]], list[tuple[Edit, str]]] = ([], [])
    for number in range(5):
        side = draw(st.sampled_from([None, 0, 1]))
        if side is not None:
            sides[side].append((draw(st.sampled_from(EDITS)), f"a{number}"))
    for name in draw(st.lists(st.sampled_from(["audit", "billing", "a0a", "zeta"]), unique=True)):
        sides[draw(st.sampled_from([0, 1]))].append((onboard, name))
    return sides


@given(two_sides())
@example(([(leave, f"a{number}") for number in range(4)], [(leave, "a4")])).via("together they remove every app")
@settings(max_examples=120, deadline=None)
def test_edits_of_different_apps_merge_in_either_order(
    sides: tuple[list[tuple[Edit, str]], list[tuple[Edit, str]]],
) -> None:
    ours, theirs = (edited(BASE, edits) for edits in sides)
    one, other = merge_texts(BASE, ours, theirs), merge_texts(BASE, theirs, ours)
    assert (one.conflicts, other.conflicts) == ((), ())
    assert data(one.text) == data(other.text) == data(edited(edited(BASE, sides[0]), sides[1]))
    gone = {app for change, app in sides[0] if change in (leave, drop)}
    for remark in re.findall(r"# .+", theirs):
        assert remark in one.text or any(app in remark for app in gone) or any(app in remark for _, app in sides[0])
    for change, app in sides[0]:
        if change in (onboard, pin, revise, helm):
            assert all(remark in one.text for remark in re.findall(rf"# .*\b{app}\b.*", ours))


@given(two_sides())
@settings(max_examples=30, deadline=None)
def test_equal_edits_are_no_conflict(sides: tuple[list[tuple[Edit, str]], list[tuple[Edit, str]]]) -> None:
    ours = edited(BASE, sides[0])
    theirs = edited(edited(BASE, sides[0]), sides[1])
    merged = merge_texts(BASE, ours, theirs)
    assert merged.conflicts == ()
    assert merged.text == theirs


@given(two_sides())
@settings(max_examples=30, deadline=None)
def test_an_edit_on_the_base_is_the_edit(sides: tuple[list[tuple[Edit, str]], list[tuple[Edit, str]]]) -> None:
    ours = edited(BASE, sides[0])
    assert merge_texts(BASE, ours, BASE).text == ours
    assert merge_texts(BASE, BASE, ours).text == ours


def test_two_who_onboard_two_apps_never_meet() -> None:
    merged = merge_texts(BASE, onboard(BASE, "audit"), onboard(BASE, "billing"))
    assert merged.conflicts == ()
    assert '  "audit", # new: audit\n' in merged.text
    assert '  "billing", # new: billing\n' in merged.text
    assert "# about audit\n[apps.audit]\n" in merged.text


def test_layout_and_comments_of_the_others_stay() -> None:
    theirs = BASE.replace('branch = "main"', 'branch   =   "trunk" # moved').replace("# Who owns what.", "# Owners\n#")
    merged = merge_texts(BASE, pin(BASE, "a3"), theirs)
    assert merged.text == pin(theirs, "a3")


@pytest.mark.parametrize(
    ("ours", "theirs", "shown"),
    [
        (
            ('branch = "main"', 'branch = "one"'),
            ('branch = "main"', 'branch = "two"'),
            '  workloads.branch: yours "one", the branch\'s "two"',
        ),
        (
            ('"a2",', '"a2@v1",'),
            ('"a2",', '"a2@v2",'),
            '  environments.dev.apps.a2: yours "a2@v1", the branch\'s "a2@v2"',
        ),
        (
            ('  "a2", # a2 here\n', ""),
            ('"a2",', '"a2@v2",'),
            '  environments.dev.apps.a2: yours nothing, the branch\'s "a2@v2"',
        ),
        (
            ('owners = ["@x/t"]', 'owners = "@x/t"'),
            ('owners = ["@x/t"]', 'owners = ["@x/u"]'),
            '  teams.t.owners: yours "@x/t", the branch\'s ["@x/u"]',
        ),
        (
            ("version = 1 ", "version = true "),
            ("version = 1 ", "version = 1.0 "),
            "  version: yours true, the branch's 1.0",
        ),
    ],
)
def test_a_true_conflict_shows_key_and_both_sides(ours: tuple[str, str], theirs: tuple[str, str], shown: str) -> None:
    merged = merge_texts(BASE, BASE.replace(*ours), BASE.replace(*theirs))
    assert [str(conflict) for conflict in merged.conflicts] == [shown]
    assert merged.text == ""


def test_every_conflict_is_shown() -> None:
    ours = pin(BASE, "a1").replace('branch = "main"', 'branch = "one"')
    theirs = ours.replace("@v1", "@v2").replace('"one"', '"two"')
    assert len(merge_texts(BASE, ours, theirs).conflicts) == 2


def test_a_table_that_one_deletes_and_the_other_changes_is_a_conflict() -> None:
    for ours, theirs in ((leave, revise), (revise, leave)):
        (conflict,) = merge_texts(BASE, ours(BASE, "a2"), theirs(BASE, "a2")).conflicts
        assert conflict.key.startswith("apps.a2")


def test_two_apps_of_one_name_are_not_mixed() -> None:
    theirs = onboard(BASE, "audit").replace("audit.git", "other.git").replace("# where audit is", "\nfinalizer='none'")
    keys = [conflict.key for conflict in merge_texts(BASE, onboard(BASE, "audit"), theirs).conflicts]
    assert keys == ["apps.audit.repoURL", "apps.audit.finalizer"]


def test_entries_of_a_list_of_grants_stand_each_for_itself() -> None:
    ours = BASE.replace('"@x/t"', '"@x/t", "@x/ours"').replace('  "a0", "a1",\n', '  "a1",\n')
    theirs = BASE.replace('"@x/t"', '"@x/theirs", "@x/t"').replace('"rest",', '"rest", "vault",')
    team = tomllib.loads(merge_texts(BASE, ours, theirs).text)["teams"]["t"]
    assert team["owners"] == ["@x/theirs", "@x/t", "@x/ours"]
    assert team["namespaces"] == ["a1", "rest", "vault"]


def test_a_list_whose_order_matters_is_one_value() -> None:
    base = BASE.replace("# about a0\n[apps.a0]\n", '[apps.a0]\nhelm.valueFiles = ["a.yaml"]\n')
    ours = base.replace('["a.yaml"]', '["a.yaml", "b.yaml"]')
    theirs = base.replace('["a.yaml"]', '["a.yaml", "c.yaml"]')
    (conflict,) = merge_texts(base, ours, theirs).conflicts
    assert conflict.key == "apps.a0.helm.valueFiles"


def test_a_new_environment_and_a_new_list_arrive() -> None:
    stage = '[environments.stage]\nlabels = { a = "b" }\napps = ["a0"]\n\n'
    ours = BASE.replace("[environments.prod]", f"{stage}[environments.prod]")
    ours = ours.replace('promotesFrom = ["dev"]', 'promotesFrom = ["stage"]')
    merged = merge_texts(BASE, ours, onboard(BASE, "audit"))
    assert merged.conflicts == ()
    found = tomllib.loads(merged.text)
    assert found["environments"]["stage"] == {"labels": {"a": "b"}, "apps": ["a0"]}
    assert found["environments"]["prod"]["promotesFrom"] == ["stage"]


def test_a_hold_of_each_arrives() -> None:
    ours = BASE.replace("# Who owns", '[environments.prod.holds]\na0 = "mine"\n\n# Who owns')
    theirs = BASE.replace("# Who owns", '[environments.prod.holds]\na1 = "theirs"\n\n# Who owns')
    merged = merge_texts(BASE, ours, theirs)
    assert tomllib.loads(merged.text)["environments"]["prod"]["holds"] == {"a0": "mine", "a1": "theirs"}


def test_texts_that_cannot_be_read_conflict() -> None:
    (conflict,) = merge_texts("oops", BASE, onboard(BASE, "audit")).conflicts
    assert conflict.key == "the file"
    assert merge_texts("oops", BASE, "oops").text == BASE


def test_a_registry_that_both_create_is_merged_from_nothing() -> None:
    (conflict,) = merge_texts("", BASE, BASE.replace('branch = "main"', 'branch = "two"')).conflicts
    assert conflict.key == "workloads.branch"


_DEEP = ".".join("a" * 999)
_NAMES = st.sampled_from(["environments", "apps", "teams", "include", "workloads"])
_VALUES = st.sampled_from(["5", '"x"', "[]", "[1]", "{}", "{a = 1}", "true", "1979-05-27", '["a", "a@v1"]', "[{}]"])
_PARTS = st.one_of(
    st.builds("{} = {}\n".format, _NAMES, _VALUES),
    st.builds("[{}.dev]\n{} = {}\n".format, _NAMES, st.sampled_from(["apps", "include", "owners"]), _VALUES),
    st.builds("[[{}]]\na = 1\n".format, _NAMES),
    st.builds("[{}.dev.policy]\nfreeze = {}\n".format, _NAMES, _VALUES),
    st.just(BASE),
    st.just(""),
)


@given(_PARTS, _PARTS, _PARTS)
@example("", "[environments.x]\n", "environments = 5\n")
@example("", "[apps.x]\n", "[environments.dev]\napps = 5\n")
@example("apps = [[1]]\n", 'include = ["a"]\n', "[[include]]\na = 1\n")
@example("[workloads]\na = 1\n", "[workloads]\na = 1\nc = 2\n", f"[workloads]\na = 1\nx = {'1' * 5000}\n")
@example("a = 1\n", "a = 2\n", f"a = 1\nx = {'[' * 2000}{']' * 2000}\n")
@example("a = 1\n", f"a = 2\nx = {'[' * 300}{']' * 300}\n", "a = 1\nb = 1\n")
@example(f"{_DEEP} = 1\nb = 1\n", f"{_DEEP} = 2\nb = 1\n", f"{_DEEP} = 1\nb = 2\n")
@example("a = '\udcff'\n", "a = '\udcff'\nb = 1\n", "a = 1\n")
@example("a.b = 1\n", "[a.b.c]\nd = 1\n[a]\nc = 2\n", "[a]\nb = 1\n[a.d]\nc = 1\n")
def test_texts_of_any_shape_merge_or_conflict(base: str, ours: str, theirs: str) -> None:
    found = merge_texts(base, ours, theirs)
    if found.conflicts:
        assert found.text == ""
    else:
        tomllib.loads(found.text)


# Comments


def commented(text: str, notes: list[tuple[int, bool]], side: str) -> str:
    """The text with a comment above or behind some of its lines."""
    lines = text.split("\n")
    for number, (at, is_above) in enumerate(notes):
        at %= len(lines)
        note = f"# {side} {number}"
        lines[at] = f"{note}\n{lines[at]}" if is_above or "#" in lines[at] else f"{lines[at]} {note}"
    return "\n".join(lines)


_notes = st.lists(st.tuples(st.integers(0, 200), st.booleans()), max_size=4)


@given(two_sides(), _notes, _notes)
@settings(max_examples=150, deadline=None)
def test_the_comments_of_both_sides_are_kept_or_conflict(
    sides: tuple[list[tuple[Edit, str]], list[tuple[Edit, str]]],
    our_notes: list[tuple[int, bool]],
    their_notes: list[tuple[int, bool]],
) -> None:
    ours = commented(edited(BASE, sides[0]), our_notes, "ours")
    theirs = commented(edited(BASE, sides[1]), their_notes, "theirs")
    merged = merge_texts(BASE, ours, theirs)
    if not merged.conflicts:
        assert data(merged.text) == data(edited(edited(BASE, sides[0]), sides[1]))
        for note in re.findall(r"# (?:ours|theirs) \d", ours + theirs):
            assert note in merged.text


def test_a_comment_and_a_promotion_on_neighbouring_lines_merge() -> None:
    ours = BASE.replace('"a2", # a2 here', '"a2", # a2 here, not before the audit')
    ours = ours.replace("[teams.t]", "# Ask security first.\n[teams.t]")
    for first, second in ((ours, pin(BASE, "a3")), (pin(BASE, "a3"), ours)):
        merged = merge_texts(BASE, first, second)
        assert merged.conflicts == ()
        assert merged.text == pin(ours, "a3")


def test_an_edit_of_comments_alone_is_an_edit() -> None:
    ours = BASE.replace("# Who owns what.", "# Who owns what, by contract.").replace("# of the format", "# as agreed")
    theirs = onboard(BASE, "audit")
    expected = theirs.replace("# Who owns what.", "# Who owns what, by contract.")
    assert merge_texts(BASE, ours, theirs).text == expected.replace("# of the format", "# as agreed")


@pytest.mark.parametrize(
    ("ours", "theirs", "shown"),
    [
        (
            ("# ask them", "# ask us"),
            ("# ask them", "# ask nobody"),
            '  teams.t.owners: yours "# ask us", the branch\'s',
        ),
        (
            ("a2 here", "ours"),
            ("a2 here", "theirs"),
            '  environments.dev.apps.a2: yours "ours", the branch\'s "theirs"',
        ),
    ],
)
def test_two_comments_in_one_place_are_a_conflict(ours: tuple[str, str], theirs: tuple[str, str], shown: str) -> None:
    (conflict,) = merge_texts(BASE, BASE.replace(*ours), BASE.replace(*theirs)).conflicts
    assert str(conflict).startswith(shown)


def test_what_one_deletes_and_the_other_comments_is_a_conflict() -> None:
    theirs = BASE.replace("where a2 is", "where a2 is, for now")
    for first, second in ((leave(BASE, "a2"), theirs), (theirs, leave(BASE, "a2"))):
        (conflict,) = merge_texts(BASE, first, second).conflicts
        assert conflict.key == "apps.a2"


def test_a_table_with_a_header_merges_into_an_inline_table() -> None:
    base = BASE.replace("apps = []\n", 'apps = []\nholds = { a0 = "why" }\n')
    ours = base.replace('holds = { a0 = "why" }', 'holds = { a0 = "why", a1 = "ours" }')
    theirs = base.replace('holds = { a0 = "why" }', 'holds = { a0 = "why", a2 = "theirs" } # few')
    merged = merge_texts(base, ours, theirs)
    assert 'holds = { a0 = "why", a2 = "theirs", a1 = "ours" } # few\n' in merged.text


def test_line_ends_of_the_branch_stay() -> None:
    merged = merge_texts(BASE, onboard(BASE, "audit"), pin(BASE, "a3").replace("\n", "\r\n"))
    assert merged.text.count("\r\n") == merged.text.count("\n")
    assert data(merged.text) == data(pin(onboard(BASE, "audit"), "a3"))
