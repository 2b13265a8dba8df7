"""The YAML writer: whatever it writes, YAML 1.1, YAML 1.2 and Helm's Go parser read back as it was."""

from __future__ import annotations

import math
from typing import Any

import helm_python
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from generator.charts import yaml
from tests.charts.test_values_file import NUMBERS, STRINGS, same

_TEXT = (
    st.text(max_size=40) | st.sampled_from(STRINGS) | st.text(alphabet=" \t\n\r-#:ab\u0085\u2028\ufeff", max_size=12)
)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_SCALAR = _TEXT | st.booleans() | st.integers(-(2**53), 2**53) | _FLOATS
_VALUE = st.recursive(
    _SCALAR,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)
_MAPPING = st.dictionaries(_TEXT, _VALUE, max_size=6)


def _ruamel(text: str, version: tuple[int, int]) -> Any:
    reader = YAML(typ="safe", pure=True)
    reader.version = version
    return reader.load(text)


def _all_read_back(value: dict[str, Any]) -> None:
    text = yaml.dump(value)
    for version in ((1, 2), (1, 1)):
        assert same(value, _ruamel(text, version) or {})
    assert same(value, helm_python.values_from_yaml(text) or {})


@given(_MAPPING)
@settings(max_examples=200, deadline=None)
def test_every_reader_reads_back_what_was_written(value: dict[str, Any]) -> None:
    _all_read_back(value)


@given(_MAPPING)
@settings(max_examples=100, deadline=None)
def test_every_reader_reads_back_what_was_written_on_one_line(value: dict[str, Any]) -> None:
    for text in (yaml.dump_inline(value), yaml.dump_lines(value)):
        for version in ((1, 1), (1, 2)):
            assert same(value, _ruamel(text, version) or {})
        assert same(value, helm_python.values_from_yaml(text) or {})


def test_known_values_are_read_back() -> None:
    flat = dict(enumerate([*STRINGS, *NUMBERS, True, False, [], {}]))
    _all_read_back({"flat": {f"k{key}": value for key, value in flat.items()}, "list": list(flat.values())})
    _all_read_back({text: {text: [text, [text], {text: text}]} for text in STRINGS})


@given(
    st.lists(st.sampled_from(["", " ", "  ", "a", "#", "-", "b ", "\t", "a: b", "---", "..."]), min_size=1, max_size=6)
)
@settings(max_examples=200, deadline=None)
def test_text_of_several_lines_is_read_back(lines: list[str]) -> None:
    text = "\n".join(lines)
    _all_read_back({"text": text, "list": [text, {"deep": [text]}], "last": text})


def test_the_same_value_gives_the_same_text_in_its_own_order() -> None:
    assert yaml.dump({"b": 1, "a": [1, {"c": "x"}]}) == 'b: 1\na:\n  - 1\n  - c: "x"\n'


def test_floats_stay_floats_and_integers_integers() -> None:
    found = _ruamel(yaml.dump({"a": 1.0, "b": 1, "c": 1e16, "d": 5e-324}), (1, 1))
    assert [type(value) for value in found.values()] == [float, int, float, float]
    assert math.isclose(found["c"], 1e16)


@pytest.mark.parametrize("text", ["a: [", "a: b: c", "\t- a", "a: *b", "a: 1\na: 2"])
def test_what_is_not_yaml_is_refused(text: str) -> None:
    with pytest.raises(yaml.YamlError):
        yaml.load(text)


def test_every_document_of_a_stream_is_read() -> None:
    assert yaml.load_all("---\na: 1\n---\n---\n# none\n---\nb: 2\n") == [{"a": 1}, {"b": 2}]
    assert yaml.load("") is None
