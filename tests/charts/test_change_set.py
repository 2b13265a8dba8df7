"""`RenderedTree` against what is there: pure, and by environment where asked."""

from __future__ import annotations

from collections.abc import Mapping

from generator.charts.change_set import ChangeSet, compute_changes
from generator.charts.digests import sha256_hex
from generator.charts.inventory import INVENTORY_FILE, Inventory, build_inventory
from generator.charts.render import RenderedTree

_DEV, _PROD, _PROJECT = (
    "argo-app-of-apps/dev/values.yaml",
    "argo-app-of-apps/prod/values.yaml",
    "argo-app-projects/p.yaml",
)


def _tree(text: bytes) -> RenderedTree:
    files = {_DEV: b"dev " + text, _PROD: b"prod " + text, _PROJECT: b"project " + text, ".gitattributes": b"*\n"}
    return RenderedTree(files, {"dev/a": {"name": text.decode()}, "prod/a": {"name": text.decode()}})


_OLD, _NEW = _tree(b"old"), _tree(b"new")


def _changes(
    tree: RenderedTree, owned: Inventory, there: Mapping[str, bytes], environments: frozenset[str] | None = None
) -> ChangeSet:
    return compute_changes(tree, owned, {path: sha256_hex(data) for path, data in there.items()}.get, environments)


def _on_disk(tree: RenderedTree) -> dict[str, bytes]:
    return {**tree.files, INVENTORY_FILE: build_inventory(tree).to_json_bytes()}


def test_into_an_empty_folder_everything_is_added() -> None:
    change = _changes(_OLD, Inventory(), {})
    assert change.added == _OLD.files
    assert not change.changed
    assert not change.removed
    assert change.files_to_write == _on_disk(_OLD)


def test_where_nothing_differs_there_is_nothing_to_do() -> None:
    change = _changes(_OLD, build_inventory(_OLD), _on_disk(_OLD))
    assert not change
    assert not change.files_to_write


def test_a_missing_record_alone_is_written() -> None:
    change = _changes(_OLD, Inventory(), _OLD.files)
    assert list(change.files_to_write) == [INVENTORY_FILE]
    assert not change.foreign_in_the_way


def test_a_file_that_was_edited_by_hand_is_told() -> None:
    there = {**_on_disk(_OLD), _DEV: b"by hand"}
    assert _changes(_NEW, build_inventory(_OLD), there).edited_by_hand == (_DEV,)
    assert _changes(RenderedTree({}, {}), build_inventory(_OLD), there).edited_by_hand == (_DEV,)
    assert _changes(_OLD, build_inventory(_OLD), there).changed == {_DEV: b"dev old"}


def test_a_file_of_somebody_else_is_told() -> None:
    change = _changes(_OLD, Inventory(), {_DEV: b"mine"})
    assert change.foreign_in_the_way == (_DEV,)
    assert not change.edited_by_hand


def test_only_owned_files_are_removed() -> None:
    there = {**_on_disk(_OLD), "argo-app-of-apps/dev/mine.yaml": b"mine"}
    change = _changes(RenderedTree({}, {}), build_inventory(_OLD), there)
    assert change.removed == tuple(sorted(_OLD.files))


def test_the_charts_of_other_environments_stay_as_they_are() -> None:
    change = _changes(_NEW, build_inventory(_OLD), _on_disk(_OLD), frozenset({"dev"}))
    assert change.changed == {_DEV: b"dev new"}
    assert not change.added
    assert not change.removed
    assert change.inventory.applications == {"dev/a": {"name": "new"}, "prod/a": {"name": "old"}}
    assert change.inventory.files == {**build_inventory(_OLD).files, _DEV: sha256_hex(b"dev new")}


def test_an_edit_in_another_environment_is_still_told_later() -> None:
    there = {**_on_disk(_OLD), _PROD: b"by hand"}
    first = _changes(_NEW, build_inventory(_OLD), there, frozenset({"dev"}))
    assert _PROD not in first.files_to_write
    later = _changes(_NEW, first.inventory, {**there, **first.files_to_write})
    assert later.edited_by_hand == (_PROD,)


def test_one_environment_after_the_other_is_as_good_as_all_at_once() -> None:
    there, owned = _on_disk(_OLD), build_inventory(_OLD)
    for name in ("dev", "prod"):
        change = _changes(_NEW, owned, there, frozenset({name}))
        there.update(change.files_to_write)
        owned = change.inventory
    assert {path: there[path] for path in (_DEV, _PROD)} == {path: _NEW.files[path] for path in (_DEV, _PROD)}
    assert set(_changes(_NEW, owned, there).files_to_write) == {_PROJECT, INVENTORY_FILE}
