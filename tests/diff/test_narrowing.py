"""As much of a chart as can differ has every difference of the whole, and no object beside it that is another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generator.charts.file_set import sha256_hex
from generator.charts.layout import HELPERS_FILE, Chart, group_by_chart, is_unittest_suite
from generator.charts.render import RenderedTree
from generator.diff.compare import ObjectDifference, compare_objects, index_objects
from generator.diff.narrowing import ChartContents, narrow_to_changes
from generator.diff.sides import Side
from generator.git.commit_plan import blob_id
from generator.helm import engine as helm
from tests.charts.rendered import sharded, tree_of

APPS = ("a", "b", "c", "d-x", "e")
_VALUES = "argo-app-of-apps/dev/values.yaml"
_B = "argo-app-of-apps/dev/templates/b.yaml"
_HELPERS = f"{Chart('dev').folder}/{HELPERS_FILE}"
_HEAD = """\
version = 1
[environments.dev]
createProjects = true
apps = [{apps}]
[environments.prod]
apps = []
[teams.one]
repositories = ["https://github.com/one/"]
namespaces = ["a", "b", "c", "one-more"]
allow = ["destination"]
[teams.two]
repositories = ["https://github.com/two/"]
namespaces = ["d-x", "e", "two-more"]
allow = ["destination"]
[projects.shared]
description = "{description}"
[projects.e]
description = "Only e"
"""
_APP = '[apps.{name}]\nteam = "{team}"\nrepoURL = "https://github.com/{team}/{repository}"\npath = "chart"\n{more}'
#: What an app may say besides: each alone.
MORE = (
    "", "", "", "syncWave = 5\n", 'namespace = "{team}-more"\n', 'finalizer = "none"\n', 'labels.tier = "one"\n',
    'server = "https://elsewhere"\n', 'helm.values = "a:\\n  - b: c\\n\\n    d: |\\n      apps:\\n    x: y\\n"\n',
)  # fmt: skip


@st.composite
def registries(draw: st.DrawFn) -> str:
    """Up to five apps of two teams, some of them in one project."""
    apps = draw(st.lists(st.sampled_from(APPS), unique=True, max_size=len(APPS)))
    text = _HEAD.format(
        apps=", ".join(f'"{name}"' for name in apps), description=draw(st.sampled_from(["We share", "Ours"]))
    )
    for name in APPS:
        team = "one" if name in "abc" else "two"
        more = draw(st.sampled_from(MORE)).replace("{team}", team)
        if name == "a" or (team == "one" and draw(st.booleans())):
            more = f'project = "shared"\n{more}'
        text += _APP.format(name=name, team=team, repository=draw(st.sampled_from("xy")), more=more)
    return text


#: One change, or as many as it takes to get to another registry.
edits = st.one_of(
    registries(),
    st.sampled_from([("one/x", "one/y"), ("We share", "They share"), ('apps = ["a", ', "apps = ["), ("Only e", "E")]),
)


def side(tree: RenderedTree) -> Side:
    def contents(paths: Iterable[str]) -> Mapping[str, bytes]:
        return {path: tree.files[path] for path in paths}

    ids = {path: blob_id(tree.files[path], 40) for path in tree.files}
    return Side(None, "registry", ids, contents, tree.applications, None, tree.digests)


def edited(one: Side, path: str, edit: Callable[[bytes], bytes]) -> Side:
    """The side with one file edited by hand."""
    files = {
        **one.read_files(one.blob_ids),
        path: edit(b"".join(one.read_files([path] if path in one.blob_ids else []).values())),
    }
    ids = {**one.blob_ids, path: blob_id(files[path], 40)}
    return replace(one, blob_ids=ids, read_files=lambda paths: {each: files[each] for each in paths})


def differing(base: Side, head: Side) -> list[str]:
    prefix = f"{Chart('dev').folder}/"
    paths = sorted(path for path in base.blob_ids.keys() | head.blob_ids.keys() if path.startswith(prefix))
    return [
        path for path in paths if base.blob_ids.get(path) != head.blob_ids.get(path) and not is_unittest_suite(path)
    ]


def whole(one: Side) -> ChartContents:
    return group_by_chart(one.read_files(one.blob_ids))[Chart("dev")]


def templates_of(files: ChartContents) -> set[str]:
    """The templates of apps, without what they share."""
    return {path for path in files if path.startswith("templates/") and path != HELPERS_FILE}


def told(before: ChartContents, after: ChartContents) -> list[ObjectDifference]:
    return compare_objects(index_objects(helm.render_chart(before)), index_objects(helm.render_chart(after)), {}, {})


def narrow(base: Side, head: Side) -> tuple[ChartContents, ChartContents] | None:
    return narrow_to_changes(base, head, "dev", differing(base, head))


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(registries(), edits)
def test_what_differs_is_what_differs_of_the_whole(text: str, edit: str | tuple[str, str]) -> None:
    other = edit if isinstance(edit, str) else text.replace(*edit, 1)
    base, head = side(tree_of(text)), side(tree_of(other))
    parts = narrow(base, head)
    assert parts is not None
    assert told(*parts) == told(whole(base), whole(head))


def _registry(**more: str) -> str:
    apps = ", ".join(f'"{name}"' for name in APPS)
    of = {"a": 'project = "shared"\n', "b": 'project = "shared"\n'}
    return _HEAD.format(apps=apps, description="We share") + "".join(
        _APP.format(name=name, team="one" if name in "abc" else "two", repository=name, more=of.get(name, "") + said)
        for name, said in {**dict.fromkeys(APPS, ""), **more}.items()
    )


@pytest.mark.parametrize(
    ("more", "kept"),
    [({"a": 'targetRevision = "v2"\n'}, {"a", "b"}), ({"d-x": "syncWave = 7\n"}, {"d-x"}), ({}, set[str]())],
)
def test_only_what_is_of_a_touched_project_is_rendered(more: dict[str, str], kept: set[str]) -> None:
    base, head = side(tree_of(_registry())), side(tree_of(_registry(**more)))
    parts = narrow(base, head)
    assert parts is not None
    for files in parts:
        assert templates_of(files) == {f"templates/{app}.yaml" for app in kept}


def test_a_project_that_says_something_else_is_rendered_with_all_its_apps() -> None:
    base = side(tree_of(_registry()))
    parts = narrow(base, side(tree_of(_registry().replace("We share", "They share"))))
    assert parts is not None
    assert templates_of(parts[0]) == {"templates/a.yaml", "templates/b.yaml"}
    assert [difference.key.name for difference in told(*parts)] == ["shared"]


def test_a_move_between_projects_has_both_rendered() -> None:
    base = side(tree_of(_registry()))
    head = side(tree_of(_registry(c='project = "shared"\n')))
    parts = narrow(base, head)
    assert parts is not None
    assert {difference.key.name for difference in told(*parts)} == {"c", "shared"}


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        (_B, b'"name" "b"', b'"name" "z"'),
        (_HELPERS, b"automated:", b"automatic:"),
        (_VALUES, b"one/b", b"one/z"),
        (_VALUES, b"  apps:\n", b"  apps: # all\n"),
    ],
)
def test_what_was_edited_by_hand_has_the_whole_rendered(path: str, before: bytes, after: bytes) -> None:
    head = side(tree_of(_registry()))
    base = edited(head, path, lambda data: data.replace(before, after, 1))
    assert differing(base, head) == [path]
    assert narrow(base, head) is None


def _stray(data: bytes) -> bytes:
    return b"# stray\n"


def test_a_file_that_is_not_ours_has_the_whole_rendered() -> None:
    base, head = side(tree_of(_registry())), side(tree_of(_registry(a="syncWave = 7\n")))
    assert narrow(base, head) is not None
    for path in ("argo-app-of-apps/dev/templates/_stray.tpl", "argo-app-of-apps/dev/templates/stray.yaml"):
        stray = edited(base, path, _stray)
        assert narrow(stray, head) is None
        assert (
            narrow(replace(stray, generated_digests={**base.generated_digests, path: sha256_hex(_stray(b""))}), head)
            is None
        )


_EXTRA = b"""---
{{- with .Values.spec.apps.a }}
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: { name: extra }
{{- end }}
"""


@pytest.mark.parametrize(
    ("path", "more", "kept"),
    [(_B, _EXTRA, True), (_VALUES, b"sourceNamespaces: [x]\n", False), (_VALUES, b"  # end\n", False)],
)
def test_what_was_edited_together_with_the_record_hides_nothing(path: str, more: bytes, kept: bool) -> None:
    head = side(tree_of(_registry(b="")))
    base = replace(edited(head, path, lambda data: data + more), origin="charts")
    base = replace(base, generated_digests={**head.generated_digests, path: sha256_hex(base.read_files([path])[path])})
    parts = narrow(base, head)
    assert (parts is not None) is kept
    assert told(*(parts or (whole(base), whole(head)))) == told(whole(base), whole(head))


def test_what_all_apps_share_has_the_whole_rendered() -> None:
    text = _registry()
    head = side(tree_of(text.replace("[environments.dev]\n", '[environments.dev]\nlabels.tier = "one"\n')))
    assert narrow(side(tree_of(text)), head) is None


def test_where_nothing_was_everything_is_rendered() -> None:
    nothing = Side(None, "nothing", {}, lambda paths: {}, {}, None)
    assert narrow(nothing, side(tree_of(_registry()))) is None


def test_a_divided_environment_is_not_looked_at() -> None:
    text = _registry()
    divided = side(tree_of(sharded(text, '"team"')))
    assert narrow(divided, side(tree_of(sharded(text.replace("one/a", "one/z"), '"team"')))) is None
    assert narrow(side(tree_of(text)), divided) is None
