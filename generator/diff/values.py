"""Show how a value changes: lines of texts, elements of lists, keys of tables, cut around the change. Pure."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from generator.argocd.revisions import compare_versions
from generator.diff.compare import ABSENT, FieldDifference, format_field_path
from generator.registry.pinned_fields import read_image_tag

#: Longer values are cut around the change; JSON has all of them.
MAX_VALUE_LENGTH = 120
#: The unchanged characters, or lines, that are kept before a change.
_CONTEXT_CHARACTERS, _CONTEXT_LINES = 24, 1
#: At most this many lines are shown for one value.
MAX_LINES = 30


class ValueLine(NamedTuple):
    """A line of a value: removed (`-`), added (`+`) or unchanged (a space)."""

    sign: str
    text: str


class FieldChange(NamedTuple):
    """How a field changes: in one line as `before → after` in `summary`, or as `lines`."""

    path: str
    summary: str
    lines: tuple[ValueLine, ...] = ()


def describe_field(difference: FieldDifference) -> FieldChange:
    """Describe how a field changes, as short as its values allow."""
    path, before, after = format_field_path(difference.path), difference.before, difference.after
    pair = _find_changed_image(difference)
    if pair is None and all(isinstance(value, list) or value is ABSENT for value in (before, after)):
        old, new = ([] if value is ABSENT else value for value in (before, after))
        return FieldChange(path, "", tuple(_limit_lines(_compare_lists(old, new))))
    if any(isinstance(value, str) and "\n" in value for value in (before, after)):
        return FieldChange(path, "", tuple(_limit_lines(_compare_lines(_text_lines(before), _text_lines(after)))))
    if isinstance(before, Mapping) or isinstance(after, Mapping):
        leaves = [*_list_leaves("-", before), *_list_leaves("+", after)]
        return FieldChange(path, "", tuple(_limit_lines(leaves)))
    direction, (before, after) = describe_direction(difference), pair or (before, after)
    summary = " → ".join(cut_around_change(_format_scalar(before), _format_scalar(after)))
    return FieldChange(path, f"{summary} ({direction})" if direction else summary)


def describe_direction(difference: FieldDifference) -> str:
    """Whether a version goes `forward`, `back` or `sideways`; empty if the field holds none."""
    before, after = map(read_image_tag, _find_changed_image(difference) or ("", ""))
    if not before:
        before, after = str(difference.before), str(difference.after)
    order = compare_versions(after, before, difference.version_order) if difference.version_order else None
    return "" if order is None else "forward" if order > 0 else "back" if order < 0 else "sideways"


def _find_changed_image(difference: FieldDifference) -> tuple[str, str] | None:
    """The image of a pinned list of images before and after, if no other one changed."""
    before, after = difference.before, difference.after
    lists = isinstance(before, list) and isinstance(after, list) and len(before) == len(after)
    if not (difference.version_order and lists):
        return None
    changed = [(str(old), str(new)) for old, new in zip(before, after, strict=True) if old != new]
    return changed[0] if len(changed) == 1 else None


def cut_around_change(before: str, after: str, limit: int = MAX_VALUE_LENGTH) -> tuple[str, str]:
    """Cut two different texts to `limit` characters, so that both show where they differ."""
    if len(before) <= limit and len(after) <= limit:
        return before, after
    start = max(0, _common_length(before, after) - _CONTEXT_CHARACTERS)
    ends = len(before), len(after)
    if max(ends) - start > limit:
        # The end that both share is cut too, where that is enough.
        shared = _common_length(before[start:][::-1], after[start:][::-1])
        cut = max(0, shared - _CONTEXT_CHARACTERS)
        ends = len(before) - cut, len(after) - cut
    return _cut(before, start, ends[0], limit), _cut(after, start, ends[1], limit)


def _common_length(one: str, other: str) -> int:
    """The number of characters that both texts begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (left, right) in pairs if left != right), min(len(one), len(other)))


def _cut(text: str, start: int, end: int, limit: int) -> str:
    end = min(end, start + limit)
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"


def _compare_lists(before: list[Any], after: list[Any]) -> Iterator[ValueLine]:
    old, new = ([_format_item(item) for item in items] for items in (before, after))
    joined = ", ".join(old), ", ".join(new)
    is_reordered = sorted(old) == sorted(new)
    if is_reordered and len(joined[0]) <= MAX_VALUE_LENGTH:
        yield from _replace_lines([joined[0]], [joined[1]])
        return
    if is_reordered:
        yield ValueLine(" ", "the same entries in another order")
    yield from _compare_lines(old, new, context=0)


def _compare_lines(before: list[str], after: list[str], context: int = _CONTEXT_LINES) -> Iterator[ValueLine]:
    groups = difflib.SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(context)
    for number, group in enumerate(groups):
        if number and context:
            yield ValueLine(" ", "…")
        for tag, old_start, old_end, new_start, new_end in group:
            if tag == "equal":
                yield from (
                    ValueLine(" ", _cut(line, 0, len(line), MAX_VALUE_LENGTH)) for line in before[old_start:old_end]
                )
            else:
                yield from _replace_lines(before[old_start:old_end], after[new_start:new_end])


def _replace_lines(old: list[str], new: list[str]) -> Iterator[ValueLine]:
    """Removed and added lines, those of the same position cut around their change."""
    pairs = [cut_around_change(one, other) for one, other in zip(old, new, strict=False)]
    yield from (ValueLine("-", one) for one, _ in pairs)
    yield from (ValueLine("-", _cut(line, 0, len(line), MAX_VALUE_LENGTH)) for line in old[len(pairs) :])
    yield from (ValueLine("+", other) for _, other in pairs)
    yield from (ValueLine("+", _cut(line, 0, len(line), MAX_VALUE_LENGTH)) for line in new[len(pairs) :])


def _format_item(item: Any) -> str:
    """An element of a list on one line: `namespace: shop, server: https://kubernetes.default.svc`."""
    if isinstance(item, Mapping) and item:
        return ", ".join(f"{name}: {_format_json(value)}" for name, value in item.items())
    return _format_json(item)


def _text_lines(value: Any) -> list[str]:
    return [] if value is ABSENT else str(value).splitlines() if isinstance(value, str) else [_format_json(value)]


def _list_leaves(sign: str, value: Any, path: str = "") -> Iterator[ValueLine]:
    """List the leaves of a table, one line each: `crds.enabled: true`."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _list_leaves(sign, inner, f"{path}.{name}" if path else str(name))
    elif value is not ABSENT:
        text = _format_scalar(value)
        yield from (ValueLine(sign, line) for line in (f"{path}: {text}" if path else text).splitlines())


def _limit_lines(lines: Iterable[ValueLine]) -> Iterator[ValueLine]:
    """Keep at most MAX_LINES lines, some of each sign, and count the rest."""
    found = list(lines)
    if len(found) <= MAX_LINES:
        yield from found
        return
    kept = _select_lines(found)
    yield from (line for index, line in enumerate(found) if index in kept)
    yield ValueLine(" ", f"… and {len(found) - len(kept)} more lines")


def _select_lines(lines: list[ValueLine]) -> set[int]:
    """The indexes of the lines to keep: half of the room for each sign, so that both sides are seen."""
    kept: set[int] = set()
    for sign in "-+":
        kept.update([index for index, line in enumerate(lines) if line.sign == sign][: MAX_LINES // 2])
    return kept


def _format_scalar(value: Any) -> str:
    return "(none)" if value is ABSENT else value if isinstance(value, str) and value else _format_json(value)


def _format_json(value: Any) -> str:
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
