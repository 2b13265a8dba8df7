"""Edits of a TOML file in any layout: the intended data, every comment kept, no other line touched."""

from __future__ import annotations

import difflib
import re
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.registry.promotion_lists import ListEntry, read_entries, remove_entry, set_entries
from generator.toml import edit
from generator.toml.document import Document, parse_document
from generator.toml.write import quote_toml_string

HOLDS = ("environments", "prod", "holds")
LAYOUTS = {
    "header": '[environments.prod]\npromotesFrom = ["dev"] # x\napps = [\n  "a",\n]\n# tail\n\n# next\n[teams.x]\n',
    "no list": "# top\n[environments.prod] # p\nlabels = { a = '''\n[teams.y]\n# no comment''' }\n\n[teams.x]\n",
    "sub-tables alone": '# p\n[environments.prod.policy]\npin = "any"\n\n[teams.x]\n',
    "inline": '[environments]\nprod = { promotesFrom = ["dev"], apps = ["a"] } # prod\n[teams.x]\n',
    "inline empty": "[environments]\nprod = {} # prod\n",
    "dotted": 'environments.prod.promotesFrom = ["dev"] # x\nenvironments.prod.labels.a = "b"\n[teams.x]\n',
    "dotted below a header": '[environments]\nprod.apps = ["a"]\ndev.apps = []\n\n[teams.x]\n',
    "no final newline": '[environments.prod]\napps = ["a"]',
    "quoted": '["environments" . \'prod\']\n"apps" = ["a"]\n[teams."x]y"]\n',
    "holds": '[environments.prod]\napps = ["a"]\n\n[environments.prod.holds] # h\nz = "why" # z\n\n# next\n[teams.x]\n',
    "holds inline": '[environments.prod]\napps = ["a"]\nholds = { z = "why", y = "x" } # h\n',
    "holds dotted": '[environments.prod]\nholds.z = "why" # z\napps = ["a"]\n',
    "nothing": "",
    "no environment": "version = 1 # one\n\n[teams.x]\n",
}
comments = re.compile(r"#[^\n]*")


def document(text: str) -> Document:
    return parse_document("apps.toml", text.encode())


def prod(text: str) -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads(text).get("environments", {}).get("prod", {})
    return table


def changed(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if line[0] in "+-" and not line.startswith(("+++", "---"))]


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
def test_entries_come_into_the_list_in_any_layout(text: str) -> None:
    after = set_entries(document(text), "prod", [ListEntry("b", "v1", "why"), ListEntry("a", "v2")]).text
    assert prod(after) == {**prod(text), "apps": ["a@v2", "b@v1"]}
    assert [c for c in comments.findall(after) if c != "# why"] == comments.findall(text)


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
def test_a_value_is_set_changed_and_taken_away_in_any_layout(text: str) -> None:
    once = edit.set_value(document(text), (*HOLDS, "b"), quote_toml_string('a "reason" # no comment')).text
    twice = edit.set_value(document(once), (*HOLDS, "b"), '"another"').text
    holds = prod(text).get("holds", {})
    assert prod(twice) == {**prod(text), "holds": {**holds, "b": "another"}}
    assert len(changed(once, twice)) == 2
    gone = edit.remove_value(document(twice), (*HOLDS, "b")).text
    assert prod(gone).get("holds", {}) == holds
    assert comments.findall(gone) == comments.findall(text)
    if "[environments.prod" in text:
        assert gone == text if text.endswith("\n") else gone == text + "\n"


def test_the_last_value_takes_its_header_along_and_leaves_the_comments_of_what_follows() -> None:
    text = LAYOUTS["holds"]
    assert changed(text, edit.remove_value(document(text), (*HOLDS, "z")).text) == [
        "-[environments.prod.holds] # h", '-z = "why" # z', "-",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ('[environments.prod] # p\nz = "x" # z\n\n[a]\n', "[environments.prod] # p\n\n[a]\n"),
        ('[environments]\nprod = { z = "x" }\n', "[environments]\nprod = {}\n"),
        ('environments = { prod = { z = "x" }, dev = {} }\n', "environments = { prod = {}, dev = {} }\n"),
        ('[environments]\nprod.z = "x" # z\ndev.y = 1\n', "[environments]\nprod = {}\ndev.y = 1\n"),
        ('a = 1\nenvironments.prod.z = "x"\n[b]\n', "a = 1\nenvironments.prod = {}\n[b]\n"),
        ('"environments" . prod . z = "x"\n', '"environments" . prod = {}\n'),
        ('environments.prod.z = "x"\nenvironments.prod.y = 1\n', "environments.prod.y = 1\n"),
        (
            '[environments.prod]\nz = "x"\n[environments.prod.holds]\n',
            "[environments.prod]\n[environments.prod.holds]\n",
        ),
    ],
)
def test_a_table_that_is_to_stay_stays_without_its_last_value(text: str, rest: str) -> None:
    table = HOLDS[:2]
    assert edit.remove_value(document(text), (*table, "z"), keep_table=True).text == rest
    assert prod(rest) == {key: value for key, value in prod(text).items() if key != "z"}


def test_what_is_not_there_is_not_removed() -> None:
    text = LAYOUTS["header"]
    assert edit.remove_value(document(text), (*HOLDS, "b")).text == text
    assert remove_entry(document(text), "prod", "zz").text == text
    assert remove_entry(document(text), "dev", "a").text == text


APPS = (
    '# ours\n[apps.b] # b\nteam = "x"\n\n[apps.b.helm]\nvalues = "x"\n\n# about d\n[apps.d]\nteam = "x"\n# end of d\n'
)


@pytest.mark.parametrize(
    ("name", "before"),
    [("a", "# ours\n[apps.b]"), ("c", "# about d\n[apps.d]"), ("e", None)],
)
def test_a_new_app_comes_in_the_order_of_names(name: str, before: str | None) -> None:
    after = edit.add_table(document(APPS), ("apps", name), {"team": "y"}).text
    block = f'[apps.{name}]\nteam = "y"\n'
    assert f"{block}\n{before}" in after if before else after == f"{APPS}\n{block}"
    assert [line for line in changed(APPS, after) if line.startswith("-")] == []


def test_a_new_app_comes_behind_apps_that_are_in_no_order() -> None:
    text = '[apps.z]\nteam = "x"\n\n[apps.a]\nteam = "x"\n\n# next\n[teams.x]\n'
    assert edit.add_table(document(text), ("apps", "b"), {"team": "y"}).text == text.replace(
        "\n# next", '\n[apps.b]\nteam = "y"\n\n# next'
    )


def test_the_first_app_comes_to_the_end() -> None:
    assert (
        edit.add_table(document("version = 1\n"), ("apps", "b"), {"team": "y"}).text
        == 'version = 1\n\n[apps.b]\nteam = "y"\n'
    )


def test_an_apps_tables_go_together_and_comments_of_others_stay() -> None:
    after = edit.remove_value(document(APPS), ("apps", "b")).text
    assert after == '# ours\n\n# about d\n[apps.d]\nteam = "x"\n# end of d\n'


def test_a_copy_has_all_tables_of_the_original_under_the_new_name() -> None:
    after = edit.copy_table(document(APPS), ("apps", "b"), "c").text
    copy = '[apps.c] # b\nteam = "x"\n\n[apps.c.helm]\nvalues = "x"\n\n'
    assert after == APPS.replace("# about d", f"{copy}# about d")


# Layouts that nobody thought of.

_names = st.sampled_from(["a", "b", "c", "d", "e", "f"])
_pins = st.sampled_from([None, "v1", "main", "3" * 40])
_remark = st.sampled_from(["", " # r", "   # v1.2.0", "\t# two words # and a hash"])
_space = st.sampled_from(["", " ", "\n", "\n  ", "\n\n\t", "\n  # above\n  "])


@st.composite
def _lists(draw: st.DrawFn) -> str:
    names = draw(st.lists(_names, unique=True, max_size=5))
    out = "["
    for index, name in enumerate(names):
        pin = draw(_pins)
        quote = draw(st.sampled_from("\"'"))
        out += draw(_space) + f"{quote}{name}{f'@{pin}' if pin else ''}{quote}"
        comma = index < len(names) - 1 or draw(st.booleans())
        remark = draw(_remark)
        out += draw(st.sampled_from(["", " "])) + ("," if comma else "") + (f"{remark}\n" if remark else "")
    return out + draw(_space) + "]"


@st.composite
def _files(draw: st.DrawFn) -> str:
    listing = draw(st.none() | _lists())
    layout = draw(st.sampled_from(["header", "inline", "dotted", "below"]))
    parts = [f"apps = {listing}"] if listing is not None else []
    hold = 'holds = { z = "why" }' if draw(st.booleans()) else ""
    members = [*parts, *([hold] if hold else []), 'labels.x = "y"']
    gap = draw(st.sampled_from(["\n", "\n\n", "\n# c\n", "\n\n# c\n"]))
    body = {
        "header": f"[environments.prod]{gap}" + gap.join(members),
        "inline": "[environments]\nprod = { " + ", ".join(members) + " }",
        "dotted": gap.join(f"environments.prod.{member}" for member in members),
        "below": f"[environments]{gap}" + gap.join(f"prod.{member}" for member in members),
    }[layout]
    return f"# first\nversion = 1{gap}{body}{gap}[teams.x]{gap}"


@settings(max_examples=150, deadline=None)
@given(_files(), st.lists(st.tuples(_names, _pins), min_size=1, max_size=3, unique_by=lambda e: e[0]), _names)
def test_random_layouts_read_back_to_what_was_meant_and_keep_their_comments(
    text: str, entries: list[tuple[str, str | None]], gone: str
) -> None:
    items = read_entries(document(text), "prod")
    placed = [ListEntry(app, pin, items[app].comment if app in items else "") for app, pin in entries]
    after = set_entries(document(text), "prod", placed).text
    wanted = {item.app: item.pin for item in items.values()} | dict(entries)
    assert {e.partition("@")[0]: e.partition("@")[2] or None for e in prod(after)["apps"]} == wanted
    assert sorted(comments.findall(after)) == sorted(comments.findall(text))
    held = edit.set_value(document(after), (*HOLDS, gone), '"why"').text
    assert prod(held)["holds"][gone] == "why"
    removed = remove_entry(document(held), "prod", gone).text
    assert all(entry.partition("@")[0] != gone for entry in prod(removed)["apps"])
    assert set_entries(document(after), "prod", placed).text == after
    everything = tomllib.loads(removed)
    everything["environments"]["prod"].pop("apps")
    everything["environments"]["prod"].pop("holds")
    original = tomllib.loads(text)
    original["environments"]["prod"].pop("apps", None)
    original["environments"]["prod"].pop("holds", None)
    assert everything == original
