"""New TOML text holds exactly the data that it was made from."""

from __future__ import annotations

from typing import Any

import pytest
import tomli
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generator.toml.write import Lines, format_entries, format_table

_SCALARS = st.one_of(
    st.text(max_size=40), st.booleans(), st.integers(-(2**40), 2**40), st.floats(allow_nan=False, allow_infinity=False)
)
_KEYS = st.text('ab.- "é', min_size=1, max_size=4)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3), max_leaves=5
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(_KEYS, _VALUES, max_size=4))
def test_a_table_is_read_back_as_it_was(table: dict[str, Any]) -> None:
    assert tomli.loads(format_table(("apps", "a b"), table)) == {"apps": {"a b": table}}


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(_KEYS, _SCALARS, max_size=4))
def test_entries_are_read_back_as_they_were(table: dict[str, Any]) -> None:
    assert tomli.loads(format_entries(table)) == table


def test_a_small_table_is_one_line_and_a_large_one_a_section() -> None:
    large = {f"key-{index}": "a value of some length" for index in range(5)}
    text = format_table(("apps", "cart"), {"helm": {"parameters": {"replicas": "3"}}, "labels": large})
    assert text.splitlines()[:2] == ["[apps.cart]", 'helm.parameters = { replicas = "3" }']
    assert "[apps.cart.labels]" in text


def test_text_of_several_lines_stays_readable() -> None:
    text = format_table(("apps", "cart"), {"values": 'a: "b"\nc: d\n'})
    assert text == "[apps.cart]\nvalues = '''\na: \"b\"\nc: d\n'''\n"


def test_a_promotion_list_has_one_entry_per_line() -> None:
    assert format_table(("environments", "dev"), {"apps": Lines(["a", "b"])}).endswith('apps = [\n  "a",\n  "b",\n]\n')


def test_null_is_refused() -> None:
    with pytest.raises(ValueError, match="None"):
        format_table(("apps", "cart"), {"a": [None]})
