"""Reading one TOML file: what is refused and where, and where everything stands in what is read."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
import tomlkit
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from tomlkit.items import AbstractTable, Array, Item

from generator.toml.document import Document, KeyPath, Position, TomlError, format_key_path, parse_document

MIB = 1024 * 1024
KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")


def refusal(raw: bytes | str) -> str:
    """What is wrong with `raw`, a line for each problem: line, column, key (or "text") and what to do."""
    with pytest.raises(TomlError) as caught:
        parse_document("apps.toml", raw.encode() if isinstance(raw, str) else raw)
    return "\n".join(f"{at.line}:{at.column}: {key or 'text'}: {said}" for at, key, said in caught.value.problems)


def read_or_refused(raw: bytes) -> Document | TomlError:
    try:
        return parse_document("apps.toml", raw)
    except TomlError as error:
        return error


def offset(text: str, position: Position) -> int:
    lines = text.split("\n")
    return sum(len(line) + 1 for line in lines[: position.line - 1]) + position.column - 1


def same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and repr(one) == repr(other)


def paths(data: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Every path below `data` with what is there."""
    entries = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in entries:
        yield (*path, key), value
        yield from paths(value, (*path, key))


def value_at(text: str, start: int, accepts: Callable[[Any], bool]) -> bool:
    """Whether the shortest piece of `text` from `start` that is a TOML value is one that `accepts` takes."""
    for end in range(start + 1, len(text) + 1):
        if end == len(text) or text[end] in ",]} \t\n#":
            try:
                value = tomllib.loads("x = " + text[start:end])["x"]
            except (tomllib.TOMLDecodeError, KeyError):
                continue
            if accepts(value):
                return True
    return False


def check_positions(document: Document) -> None:
    """Every key position is at its key, every leaf's value position at its value."""
    for path, value in paths(document.data):
        if isinstance(path[-1], str):
            key = KEY.match(document.text, offset(document.text, document.key_position(path)))
            assert key, path
            assert tomllib.loads(f"{key[0]} = 1") == {path[-1]: 1}
        if not isinstance(value, dict | list):
            start = offset(document.text, document.value_position(path))
            assert value_at(document.text, start, lambda read, value=value: same(read, value)), path  # type: ignore[misc]


# Data


def test_data_is_what_the_parser_reads() -> None:
    text = '# é\nversion = 1\n[apps."a.b"]\nx.y = [1, {z = 2026-01-02}]\n[[list]]\n[[list]]\na = """\n1\n"""\n'
    document = parse_document("apps.toml", text.encode())
    assert document.data == tomllib.loads(text)
    assert (document.name, document.text) == ("apps.toml", text)


def test_crlf_gives_the_same_data_and_positions() -> None:
    text = '[a]\nb = """x\ny"""\nc = [\n  1,\n  2,\n]\n'
    unix, windows = parse_document("a", text.encode()), parse_document("a", text.replace("\n", "\r\n").encode())
    assert unix.data == windows.data
    assert windows.value_position(("a", "c", 1)) == Position(6, 3)


def test_an_empty_file_has_no_data() -> None:
    document = parse_document("a", b"")
    assert document.data == {}
    assert document.value_position(("apps", "x")) == Position(1, 1)


# Positions

PLACES = "\n".join(
    [
        '# "not" = a [key]',
        'top = "]}" # x = 1',
        "[apps.'front.end'.helm]",
        r'parameters = { replicas = "3", "a\u0062" . c = [ 1,',
        "    [2, '''#,'''], # 3",
        "    1979-05-27 07:32:00Z ] }",
        "values.ingress.enabled = true",
        "[[rules]]",
        "[[rules]]",
        "  [rules.sub]",
        '  s = """\\',
        r'    "" \""" "\""""',
        "  t = ''''x''''",
    ]
)


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        (("top",), (2, 1), (2, 7)),
        (("apps",), (3, 2), (3, 2)),
        (("apps", "front.end"), (3, 7), (3, 7)),
        (("apps", "front.end", "helm"), (3, 19), (3, 19)),
        (("apps", "front.end", "helm", "parameters"), (4, 1), (4, 14)),
        (("apps", "front.end", "helm", "parameters", "replicas"), (4, 16), (4, 27)),
        (("apps", "front.end", "helm", "parameters", "ab"), (4, 32), (4, 32)),
        (("apps", "front.end", "helm", "parameters", "ab", "c"), (4, 44), (4, 48)),
        (("apps", "front.end", "helm", "parameters", "ab", "c", 0), (4, 50), (4, 50)),
        (("apps", "front.end", "helm", "parameters", "ab", "c", 1), (5, 5), (5, 5)),
        (("apps", "front.end", "helm", "parameters", "ab", "c", 1, 1), (5, 9), (5, 9)),
        (("apps", "front.end", "helm", "parameters", "ab", "c", 2), (6, 5), (6, 5)),
        (("apps", "front.end", "helm", "values"), (7, 1), (7, 1)),
        (("apps", "front.end", "helm", "values", "ingress", "enabled"), (7, 16), (7, 26)),
        (("rules",), (8, 3), (8, 3)),
        (("rules", 1), (9, 3), (9, 3)),
        (("rules", 1, "sub"), (10, 10), (10, 10)),
        (("rules", 1, "sub", "s"), (11, 3), (11, 7)),
        (("rules", 1, "sub", "t"), (13, 3), (13, 7)),
        (("top", "missing", 3), (2, 1), (2, 7)),
        (("rules", 7), (8, 3), (8, 3)),
        (("rules", "sub"), (8, 3), (8, 3)),
        (("nothing", "here"), (1, 1), (1, 1)),
        ((), (1, 1), (1, 1)),
    ],
)
def test_positions_of_keys_and_values(path: KeyPath, key: tuple[int, int], value: tuple[int, int]) -> None:
    document = parse_document("apps.toml", PLACES.encode())
    assert (document.key_position(path), document.value_position(path)) == (key, value)


def test_a_table_stands_at_its_own_header_even_if_it_was_named_before() -> None:
    assert parse_document("a", b"[a.b]\n[a]\nc = 1\n").key_position(("a",)) == Position(2, 2)


def test_columns_count_characters_and_not_bytes() -> None:
    assert parse_document("a", "a = { é = '' }".replace("é", '"é😀"').encode()).value_position(
        ("a", "é😀")
    ) == Position(1, 14)


scalars = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.dates(date(1000, 1, 1)),
    st.times().map(lambda value: time(value.hour, value.minute, value.second)),
    st.datetimes(datetime(1000, 1, 1), timezones=st.sampled_from([None, UTC])).map(  # noqa: DTZ001
        lambda value: value.replace(microsecond=0)
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.text("'\"\\#[]{}=,.\n ab", max_size=12),
)
keys = st.one_of(st.text("ab-1_", min_size=1, max_size=3), st.text("ab.'\"\\ =#[é\n", max_size=4))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)


def styled(draw: Callable[[st.SearchStrategy[Any]], Any], value: Any) -> Item:
    """`value` as it can stand after "=": strings of all four kinds, arrays on one line or many."""
    if isinstance(value, dict):
        table = tomlkit.inline_table()
        fill(draw, table, value, inline=True)
        return table
    if isinstance(value, list):
        array: Array = tomlkit.array().multiline(draw(st.booleans()))
        array.extend(styled(draw, item) for item in value)
        return array
    if isinstance(value, str):
        for literal, multiline in draw(st.permutations([(False, False), (True, False), (False, True), (True, True)])):
            try:
                text = tomlkit.string(value, literal=literal, multiline=multiline)
                if tomllib.loads(f"x = {text.as_string()}")["x"] == value:
                    return text
            except ValueError:
                continue
    item: Item = tomlkit.item(value)
    return item


def leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not isinstance(value, dict) or not value:
        yield path, value
        return
    for key, item in value.items():
        yield from leaves(item, (*path, key))


def fill(draw: Callable[[Any], Any], table: Any, data: dict[str, Any], *, inline: bool = False) -> None:
    """Put `data` into `table`, each table of it behind a header, in braces or with dotted keys."""
    headed: dict[str, Any] = {}
    for key, value in data.items():
        tables = isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict))
        style = draw(st.sampled_from(["header", "inline", "dotted"])) if tables else "inline"
        if style == "header" and not inline and (isinstance(value, dict) or all(type(v) is dict for v in value)):
            headed[key] = value
        elif style == "dotted" and isinstance(value, dict) and not inline:
            for path, leaf in leaves(value, (key,)):
                table.append(tomlkit.key(list(path)), styled(draw, leaf))
        else:
            table.append(tomlkit.key([key]), styled(draw, value))
    for key, value in headed.items():
        table.append(tomlkit.key([key]), headers(draw, value))


def headers(draw: Callable[[Any], Any], value: Any) -> AbstractTable | Any:
    if isinstance(value, dict):
        table = tomlkit.table()
        fill(draw, table, value)
        return table.indent(draw(st.integers(0, 2))) if draw(st.booleans()) else table
    array = tomlkit.aot()
    for item in value:
        array.append(headers(draw, item))
    return array


@st.composite
def documents(draw: Callable[[Any], Any]) -> str:
    """TOML text of random data in random styles."""
    data = draw(st.dictionaries(keys, values, max_size=4))
    document = tomlkit.document()
    try:
        fill(draw, document, data)
        text = document.as_string()
        assume(tomllib.loads(text) == data)
    except (ValueError, tomlkit.exceptions.TOMLKitError):
        assume(False)
    return text


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(documents())
def test_every_position_points_at_its_key_or_value(text: str) -> None:
    document = parse_document("apps.toml", text.encode())
    assert document.data == tomllib.loads(text)
    check_positions(document)


# Syntax


INLINE = "put an inline table on one line, without a comma at its end"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = v1.2", "1:5: text: not a value: quote it if it is text"),
        ("\n\ta\n", '2:3: text: no "=" after the key: write KEY = VALUE (a KEY of several words in quotes)'),
        ("a = 1 2", "1:7: text: text after the value: quote all of it, or start a new line"),
        (
            "a = 2026-13-45",
            "1:9: text: text after the value: quote all of it, or start a new line",
        ),
        ("a = 2026-02-30", "1:5: text: invalid date or time: correct it, or quote it if it is text"),
        ("a = 07:32:00\n= 1", "2:1: text: not a key, a [table] or a comment: write KEY = VALUE"),
        (
            "a = 1\n<<<<<<< HEAD\nb = 1\n=======\nb = 2\n>>>>>>> other\n",
            "2:1: text: a merge conflict is not resolved, up to line 6: keep what should stay, and delete the lines "
            "that start with <<<<<<<, ======= and >>>>>>>",
        ),
        ("[a", '1:3: text: the table header is not closed: "]" is missing'),
        ("[[a]\n", '1:4: text: the table header is not closed: "]]" is missing'),
        ("[]", "1:2: text: not a key: write letters, digits, - and _, or quote it"),
        (
            "a = [[1,\n[2]\n3]]\n",
            '3:1: text: the array is not closed: "," or "]" is missing here (opened at line 1, column 6)',
        ),
        (
            "a = [\n'x',\n[b]\nc = 1",
            "3:2: text: not a value: quote it if it is text, or close what is opened at line 1, column 5",
        ),
        (
            "a = { b = 1\n}",
            '1:12: text: the inline table is not closed on its line: "," or "}" is missing here '
            "(opened at line 1, column 5)",
        ),
        ("a = {b = 1,}", f"1:12: text: {INLINE}"),
        ("\na = {\n  b = 1\n}", f"2:6: text: {INLINE}"),
        ("a = {b = 1, # more\n}", f"1:13: text: {INLINE}"),
        ("a.\nb = 1", "1:3: text: not a key: write letters, digits, - and _, or quote it"),
        (
            "a = 'x\nb = 'y'",
            "1:7: text: the string is not closed on its line: add the quote, or use three for several lines "
            "(opened at line 1, column 5)",
        ),
        (
            '\na = """x\ny\n',
            "4:1: text: the string is not closed: its closing quote is missing (opened at line 2, column 5)",
        ),
        (r'a = "C:\d"', r"1:10: text: invalid escape: write \\ for a backslash, or put the text in single quotes"),
        (r'a = "\ud800"', "1:12: text: invalid escape: not the number of a Unicode character"),
    ],
)
def test_a_syntax_error_has_its_place_and_advice(text: str, expected: str) -> None:
    assert refusal(text) == expected


@pytest.mark.parametrize("text", ["a = {\nb = 1}", "a = {b = 1,}", r'a = "\e"', r'a = "\x41"', "a = 07:32", "é = 1"])
def test_a_registry_is_toml_1_0_whatever_the_python(text: str) -> None:
    assert refusal(text).startswith("1:")


def test_what_follows_a_syntax_error_is_not_judged() -> None:
    assert refusal("a = 1\nb =\na = 2\n") == "2:4: text: not a value: quote it if it is text"


# Defined twice


def twice(line: int, column: int) -> str:
    return f"defined twice: first at line {line}, column {column}; remove one of them"


def closed(line: int, column: int) -> str:
    return f"has a value, at line {line}, column {column}, that no key can be added to: write all of it in one place"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = 1\nb = 2\n  a = 3\n", f"3:3: a: {twice(1, 1)}"),
        ("a = 1\na = 1\na = 1", f"2:1: a: {twice(1, 1)}\n3:1: a: {twice(1, 1)}"),
        ("[a]\nb = 1\n[a]\nb = 2\n", f"3:2: a: {twice(1, 2)}"),
        ("[a]\n[x.y]\n[a]\n[ x . y ]\n", f"3:2: a: {twice(1, 2)}\n4:7: x.y: {twice(2, 4)}"),
        ("[[a]]\nb.c = 1\n[[a]]\nb.c = 1\nb.c = 2\n", f"5:3: a[1].b.c: {twice(4, 3)}"),
        ("[[a]]\n[a]\n", f"2:2: a: {twice(1, 3)}"),
        ("[a.b]\n[[a]]\n", f"2:3: a: {twice(1, 2)}"),
        ("a.b = 1\n[a]\n", f"2:2: a: {twice(1, 1)}"),
        ("[a.b]\n[a]\nb.c = 1\n", f"3:1: a.b: {twice(1, 4)}"),
        ("a = 1\na.b = 2\n", f"2:1: a: {closed(1, 1)}"),
        ("a = {b = 1}\n[a.c]\n", f"2:2: a: {closed(1, 1)}"),
        ("a = []\n[[a]]\n", f"2:3: a: {twice(1, 1)}"),
        ("a = [{b = 1, b = 2}]", f"1:14: a[0].b: {twice(1, 7)}"),
        ("'x y' = 1\n\"x\\u0020y\" = 2", f'2:1: "x y": {twice(1, 1)}'),
        ("a = {b = 1, b = 2}\nc = 1\nc = 2\nd =\n", f"1:13: a.b: {twice(1, 6)}\n3:1: c: {twice(2, 1)}"),
    ],
)
def test_both_places_of_what_is_defined_twice_are_named(text: str, expected: str) -> None:
    assert refusal(text) == expected


def test_of_very_many_duplicates_the_first_hundred_are_listed() -> None:
    found = refusal("a = 1\n" * 1000).split("\n")
    assert len(found) == 101
    assert found[-1] == "102:1: text: there are more problems like the 100 listed"


LINES = (
    "[a] [b] [a.b] [a.b.c] [b.a] [[a]] [[b]] [[a.b]] [[a.b.c]] a=1 b=1 a.b=1 a.c=1 a.b.c=1 b.a=1 a={} a=[] b=[{}] "
    "a={b=1} b={a.b=1,a.c={}} a={b=1,b=2} a={b={},b.c=1} a.b={} a.b=[{a=1}] a.b.a=[[]]"
)


@settings(deadline=None, max_examples=1000)
@given(st.lists(st.sampled_from(LINES.split()), max_size=9))
@example(["[a.b]", "a=1", "[a]", "b.c=1"])
def test_what_is_defined_twice_is_what_the_parser_refuses_and_its_first_place_too(written: list[str]) -> None:
    text = "\n".join(written)
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        stopped = re.search(r"at line (\d+)", str(error))
        found = refusal(text).split("\n")
        assert all(re.search("defined twice: first|has a value, at", line) for line in found)
        assert found[0].startswith(f"{stopped[1] if stopped else len(written)}:")
    else:
        check_positions(parse_document("apps.toml", text.encode()))


# Encodings


NUL = r"control character U+0000: remove it, or write \u0000 in a string of double quotes"
UTF_16 = "1:1: text: the file is UTF-16 or UTF-32: save it as UTF-8 without BOM"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"\xef\xbb\xbfa = 1", "1:1: text: the file begins with a byte order mark: save it as UTF-8 without BOM"),
        ("a = 1".encode("utf-16"), UTF_16),
        ("a = 1".encode("utf-16-be"), UTF_16),
        ("a = 1".encode("utf-32-le"), UTF_16),
        ("a = 1\r\nb = 'é".encode() + b"\xe9'", "2:7: text: byte 0xe9 is not UTF-8: save the file as UTF-8"),
        (b"a = 1\rb = 2", "1:6: text: a carriage return without a line feed: end lines with LF or CRLF"),
        (b"a = 1\r\n\0", f"2:1: text: {NUL}"),
        (b"# \x1b", "1:3: text: " + NUL.replace("0000", "001B")),
        (b"a = '\x7f'", "1:6: text: " + NUL.replace("0000", "007F")),
    ],
)
def test_what_is_not_plain_utf_8_is_refused(raw: bytes, expected: str) -> None:
    assert refusal(raw) == expected


# Bounds


@pytest.mark.parametrize(
    "text",
    [
        "a" + ".a" * 7 + " = 1",
        "[a" + ".a" * 7 + "]\nb" + ".b" * 7 + " = '" + "a." * 99 + "' # " + "a." * 99,
        "a = " + "[" * 32 + "1" + "]" * 32,
        f"a = [{-(2**63)}, {2**63 - 1}, 0x{'0' * 400}1]",
        'a = """' + "[" * 99 + '\\"""' + "{" * 99 + '"""',
        "a = '" + "x" * 9999 + "'",
        "a = [" + "1.5, " * 99 + "]",
        "#" + " " * (4 * MIB - 1),
    ],
)
def test_what_is_just_within_the_bounds_is_read(text: str) -> None:
    assert parse_document("apps.toml", text.encode()).data == tomllib.loads(text)


LONG_KEY = "a key of more than 8 parts: at most 8 are read"
LONG_WORD = "a number or bare key of more than 512 characters: quote it if it is text"
BRACKETS = "brackets nested deeper than 32 levels: at most 32 are read"
TABLES = "more than 150000 tables, arrays and dots in keys: split the file with include"
TOO_MANY_LINES = "more than 200000 lines: split the file with include"
VALUES = "more than 150000 values: split the file with include"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# '\n'#\\' = \"\\\"#\"\n a" + ".a" * 8 + " = 1", f"3:2: text: {LONG_KEY}"),
        ("[ 'a.b' " + '. "" ' * 8 + "]", f"1:3: text: {LONG_KEY}"),
        ("a = '''\n'''\nb = [" + "[], " * 31 + "[" * 32, f"3:161: text: {BRACKETS}"),
        ("a = " + "{a=" * 33, f"1:101: text: {BRACKETS}"),
        ("a = '1'\nb = " + "1" * 513, f"2:5: text: {LONG_WORD}"),
        ("a = 1." + "1" * 513, f"1:7: text: {LONG_WORD}"),
    ],
)
def test_what_is_beyond_a_bound_is_refused_where_it_is(text: str, expected: str) -> None:
    assert refusal(text) == expected


def test_integers_of_more_than_64_bits_are_refused_each() -> None:
    places = ["1:5: a", "2:14: b[1].c", "3:5: d"]
    expected = [f"{place}: an integer of more than 64 bits: quote it if it is text" for place in places]
    assert refusal(f"a = {2**63}\nb = [1, {{c = {-(2**63) - 1}}}]\nd = 0x{'f' * 17}").split("\n") == expected


def test_dotted_keys_count_as_levels() -> None:
    parts = "a" + ".a" * 7
    text = f"[{parts}]\n{parts} = {{ {parts} = {{ {parts} = []}}}}"
    parse_document("apps.toml", text.encode())
    assert refusal(text.replace("[]}", "[[]]}")).startswith("2:60: a.a.a")


def test_no_message_echoes_more_than_a_name_may_hold() -> None:
    assert len(refusal('"{0}" = 1\n"{0}" = 1'.format("x y" * 999))) < 150


# 4 MiB of each; those that are read up to their end by the parser first take it a second.
HOSTILE: dict[str, tuple[str, str]] = {
    "one byte too many": ("'x' * (4 * MIB + 1)", "1:1 the file is 4194305 bytes; at most 4194304 (4 MiB) are read"),
    "opening brackets": ("'[' * 4 * MIB", f"1:150001 {TABLES}"),
    "nested arrays": ("'a=' + '[' * 100_000", f"1:35 {BRACKETS}"),
    "closing brackets": ("']' * 4 * MIB", "1:1 not a key"),
    "arrays": ("'x=[' + '[],' * (MIB + MIB // 4) + ']'", f"1:450001 {TABLES}"),
    "one dotted key": ("'a.' * 30_000 + 'a = 1'", f"1:1 {LONG_KEY}"),
    "dotted keys": ("''.join(f'{i}.a.a.a.a.a.a.a=1\\n' for i in range(180_000))", f"21429:14 {TABLES}"),
    "quoted dotted key": ("'\"\".' * (MIB + MIB // 4)", f"1:450003 {TABLES}"),
    "tables": ("'[a]\\n' * MIB", f"150001:1 {TABLES}"),
    "keys": ("'a=1\\n' * MIB", f"150001:2 {VALUES}"),
    "duplicates": ("'a=1\\n' * 140_000", "2:1 defined twice: first at line 1, column 1"),
    "integers": ("'x=[' + '1,' * 2 * (MIB - 2)", f"1:300003 {VALUES}"),
    "one integer": ("'x=' + '1' * 4 * (MIB - 1)", f"1:3 {LONG_WORD}"),
    "one float": ("'x=1.' + '1' * 4 * (MIB - 2)", f"1:5 {LONG_WORD}"),
    "double quotes": ("'\"' * 4 * MIB", '1:3 no "=" after the key'),
    "single quotes": ("'\\'\\'\\'\\n' * MIB", f"200001:1 {TOO_MANY_LINES}"),
    "unclosed strings": ("'\"\\n' * 2 * MIB", f"200001:1 {TOO_MANY_LINES}"),
    "comments": ("'#\\n' * (2 * MIB - 20) + 'a.a.a.a.a.a.a.a.a=1'", f"2097133:1 {LONG_KEY}"),
    "escapes": ("'\\\\\\\"' * 2 * MIB", "1:1 not a key"),
    "spaces": ("'a' + ' ' * 4 * (MIB - 1) + '.'", "1:4194303 not a key"),
    "carriage returns": ("'\\r' * 4 * MIB", "1:1 a carriage return"),
}

# The best of three runs: the machine may be busy with something else.
MEASURED = """
import time
from pathlib import Path
from generator.toml.document import TomlError, parse_document
MIB = 1024 * 1024
raw = ({}).encode()
seconds = 2
for _ in range(3):
    start = time.process_time()
    try:
        parse_document("apps.toml", raw)
    except TomlError as error:
        at, _, advice = error.problems[0]
    seconds = min(seconds, time.process_time() - start)
    if seconds <= 1:
        break
# Not ru_maxrss, which a child inherits from whoever started it.
status = Path("/proc/self/status").read_text().split()
kilobytes = status[status.index("VmHWM:") + 1]
print(seconds, kilobytes, f"{{at.line}}:{{at.column}} {{advice}}")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted in other units elsewhere")
@pytest.mark.parametrize("name", HOSTILE)
def test_what_would_exhaust_the_parser_is_refused_within_a_second_and_200_mb(name: str) -> None:
    written, expected = HOSTILE[name]
    ran = subprocess.run(
        [sys.executable, "-c", MEASURED.format(written)], capture_output=True, text=True, check=True, timeout=60
    )
    seconds, kilobytes, said = ran.stdout.split(maxsplit=2)
    assert said.startswith(expected)
    assert float(seconds) <= 1
    assert int(kilobytes) <= 200_000


# Fuzz

SNIPPETS = (
    *(
        "[a]\n",
        "[[a.b]]\n",
        "a = 1\n",
        'b."c d".e = "\\u00e9\\""\n',
        "c = [1, [2], {d = 'x', e.f = 1}]\n",
        "t = 07:32:00\n",
    ),
    *(
        'd = """\n\\\n""\n"""\n',
        "e = '''\n''''\n",
        "f = -1e5 # é\r\n",
        "g = 1979-05-27T07:32:00Z\n",
        "h = 0xfF_f\n",
        "i = nan\n",
    ),
)
mutations = st.lists(
    st.tuples(
        st.integers(0, 200), st.integers(0, 3), st.sampled_from([*"[]{}=,.\"'#\\\n\r \t1ae-\0é", '"""', "'''", "[["])
    ),
    max_size=4,
)


@settings(deadline=None, max_examples=1000)
@given(st.lists(st.sampled_from(SNIPPETS), max_size=8).map("".join), mutations)
def test_damaged_toml_is_read_as_the_parser_reads_it_or_refused(text: str, changes: list[tuple[int, int, str]]) -> None:
    for at, removed, added in changes:
        text = text[:at] + added + text[at + removed :]
    read = read_or_refused(text.encode())
    if isinstance(read, Document):
        assert repr(read.data) == repr(tomllib.loads(text))
        check_positions(read)
    else:
        written = text.split("\n")
        assert all(at.column <= len(written[at.line - 1]) + 1 for at, _, _ in read.problems)
        with pytest.raises(tomllib.TOMLDecodeError):
            tomllib.loads(text)


@settings(deadline=None, max_examples=500)
@given(st.binary(max_size=60))
def test_arbitrary_bytes_raise_nothing_but_toml_errors(raw: bytes) -> None:
    read = read_or_refused(raw)
    assert isinstance(read, Document) or read.problems


# Paths


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), min_size=1, max_size=4))
def test_a_dotted_path_is_a_toml_key(path: list[str]) -> None:
    data: Any = tomllib.loads(format_key_path(tuple(path)) + " = 1")
    for part in path:
        data = data[part]
    assert data == 1


def test_a_dotted_path_shows_places_in_arrays() -> None:
    assert format_key_path(("apps", "a.b", "list", 2, 0, "x")) == 'apps."a.b".list[2][0].x'
    assert format_key_path(()) == ""
